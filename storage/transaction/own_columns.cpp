#include "storage/transaction/own_columns.hpp"

#include "core/format.hpp"

namespace hearth::storage {

namespace {

constexpr std::size_t record_overhead = 32;

matrix& column(record_columns& of, std::size_t number) {
  return number == 0 ? of.vectors : of.named[number - 1].vectors;
}
std::vector<bool>& presence(record_columns& of, std::size_t number) {
  return number == 0 ? of.has_vector : of.named[number - 1].has_vector;
}

}  // namespace

own_columns::own_columns(record_columns& out, const field_set& fields,
                         const namespace_config& config, std::size_t max_bytes)
    : out_(out), fields_(fields), config_(config), max_bytes_(max_bytes) {
  if (!fields_.vectors)
    return;
  if (out_.named.empty())
    for (const auto& vector : config_.named)
      out_.named.push_back({vector.name, {}, {}});
  for (std::size_t number = 0; number < config_.vector_count(); ++number) {
    const auto before = column(out_, number).view().values();
    values_.emplace_back(before.begin(), before.end());
  }
}

void own_columns::add_vector(std::size_t number, std::span<const float> values) {
  auto& all = values_[number];
  all.insert(all.end(), values.begin(), values.end());
  if (values.empty())
    all.resize(all.size() + config_.vector(number).dimension);
  presence(out_, number).push_back(!values.empty());
}

void own_columns::add(const record_columns& from, std::size_t at) {
  out_.ids.push_back(from.ids[at]);
  out_.versions.push_back(from.versions[at]);
  if (fields_.metadata)
    out_.metadata.push_back(from.metadata[at]);
  if (fields_.texts)
    out_.texts.push_back(from.texts[at]);
  for (std::size_t number = 0; number < values_.size(); ++number) {
    const auto& there = number == 0 ? from.has_vector : from.named[number - 1].has_vector;
    const auto& vectors = number == 0 ? from.vectors : from.named[number - 1].vectors;
    add_vector(number, there[at] ? vectors.view().row(at) : std::span<const float>());
  }
}

result<void> own_columns::add(const record_id& id, const written_record& record) {
  bytes_ += record_overhead + (id.is_number() ? 0 : id.text().size()) +
            (fields_.metadata ? metadata_size(record.metadata) : 0) +
            (fields_.texts && record.text ? record.text->size() : 0);
  for (std::size_t number = 0; number < values_.size(); ++number)
    bytes_ += config_.vector(number).dimension * sizeof(float);
  if (bytes_ > max_bytes_)
    return fail(errc::limit_exceeded,
                core::format("the records asked for take more than {}", format_bytes(max_bytes_)),
                "ask for fewer rows or fewer columns at a time");
  out_.ids.push_back(id);
  out_.versions.push_back(0);
  if (fields_.metadata)
    out_.metadata.push_back(record.metadata);
  if (fields_.texts)
    out_.texts.push_back(record.text);
  for (std::size_t number = 0; number < values_.size(); ++number)
    add_vector(number, record.vectors[number]);
  return {};
}

void own_columns::finish() {
  for (std::size_t number = 0; number < values_.size(); ++number)
    column(out_, number) = matrix(std::move(values_[number]), presence(out_, number).size(),
                                  config_.vector(number).dimension);
}

}  // namespace hearth::storage
