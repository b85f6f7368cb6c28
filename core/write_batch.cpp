#include "core/write_batch.hpp"

#include <algorithm>

#include "core/duplicate_finder.hpp"
#include "core/validation.hpp"

namespace hearth::inline core {

namespace {

constexpr const char* split_hint = "split it into smaller batches";

std::size_t id_size(const record_id& id) noexcept {
  return id.is_number() ? sizeof(std::uint64_t) : id.text().size();
}

// Bytes of everything but metadata, which has to be walked.
std::size_t flat_size(const write_batch& batch) noexcept {
  auto bytes = batch.vectors.view().values().size_bytes() + value_bytes(batch.keys) +
               payload_bytes(batch.queue);
  for (const auto& column : batch.named)
    bytes += column.vectors.view().values().size_bytes();
  for (const auto& id : batch.ids)
    bytes += id_size(id);
  for (const auto& text : batch.texts)
    bytes += text ? text->size() : 0;
  return bytes;
}

std::string field_of(const named_vectors& column) {
  return core::format("named_vectors['{}']", printable(column.name));
}

result<void> check_column(std::string_view name, std::size_t size, std::size_t rows) {
  if (size == 0 || size == rows)
    return {};
  return fail(errc::invalid_argument,
              core::format("{} has {} rows; the batch has {}", name, size, rows),
              "give one entry per id, or leave the column out");
}

// Which columns are there, and whether they agree with each other and with the kind of write.
result<void> check_where(const write_batch& batch) {
  if (batch.kind != write_kind::update && batch.kind != write_kind::erase)
    return fail(errc::invalid_argument, "only an update and a delete take a filter");
  if (!batch.ids.empty() || !batch.expected.empty() || batch.gives_vectors())
    return fail(errc::invalid_argument,
                "a write with a filter takes neither ids nor versions nor vectors");
  const bool erases = batch.kind == write_kind::erase;
  if (erases ? !batch.metadata.empty() || !batch.texts.empty()
             : batch.metadata.size() > 1 || batch.texts.size() > 1 ||
                   batch.metadata.size() + batch.texts.size() == 0)
    return fail(errc::invalid_argument,
                erases ? "a delete takes a filter and nothing else"
                       : "an update with a filter takes one row of metadata, one text, or both");
  return validate(*batch.where);
}

result<void> check_shape(const write_batch& batch) {
  if (batch.where)
    return check_where(batch);
  const auto rows = batch.rows();
  if (rows == 0)
    return fail(errc::invalid_argument, "the batch has no rows");
  if (rows > limits::batch_rows)
    return fail(errc::limit_exceeded,
                core::format("the batch has {} rows; the limit is {}", rows, limits::batch_rows),
                split_hint);
  const bool assigns = batch.kind == write_kind::add || batch.kind == write_kind::upsert;
  if (batch.ids.empty() && !assigns)
    return fail(errc::invalid_argument, "ids is empty", "update and delete name their records");
  const bool has_columns = batch.gives_vectors() || !batch.metadata.empty() || !batch.texts.empty();
  if (batch.kind == write_kind::erase && has_columns)
    return fail(errc::invalid_argument, "a delete takes ids and nothing else");
  if (batch.kind == write_kind::update && !has_columns)
    return fail(errc::invalid_argument, "the update changes nothing",
                "give at least one of vectors, metadata and texts");
  HEARTH_CHECK(check_column("vectors", batch.vectors.rows(), rows));
  for (const auto& column : batch.named) {
    const auto field = field_of(column);
    if (column.vectors.empty())
      return fail(errc::invalid_argument, core::format("{} is empty", field),
                  "give one vector per id, or leave the column out");
    HEARTH_CHECK(check_column(field, column.vectors.rows(), rows));
  }
  HEARTH_CHECK(check_column("metadata", batch.metadata.size(), rows));
  if (!batch.expected.empty() && batch.ids.empty())
    return fail(errc::invalid_argument, "versions are given, but no ids");
  HEARTH_CHECK(check_column("versions", batch.expected.size(), rows));
  return check_column("texts", batch.texts.size(), rows);
}

result<void> check_vectors(const write_batch& batch, const namespace_config& config) {
  if (!batch.vectors.empty()) {
    HEARTH_CHECK(config.vector_number({}));
    HEARTH_CHECK(validation::check_vectors(batch.vectors.view(), config.dimension));
  }
  std::vector<bool> given(config.vector_count());
  for (const auto& column : batch.named) {
    if (column.name.empty())
      return fail(errc::invalid_argument, "named_vectors has a column without a name",
                  "the vector without a name goes into vectors");
    HEARTH_TRY(const auto number, config.vector_number(column.name));
    if (given[number])
      return fail(errc::invalid_argument, core::format("{} is given twice", field_of(column)));
    given[number] = true;
    auto valid =
        validation::check_vectors(column.vectors.view(), config.named[number - 1].dimension);
    if (!valid) {
      valid.error().message = core::format("{}: {}", field_of(column), valid.error().message);
      return valid;
    }
  }
  return {};
}

result<void> check_ids(const write_batch& batch) {
  for (std::size_t row = 0; row < batch.ids.size(); ++row)
    if (!validation::is_valid_id(batch.ids[row]))
      return validate_id(batch.ids[row], core::format("ids[{}]", row));
  if (const auto twice = find_duplicate(batch.ids))
    return fail(errc::invalid_argument,
                core::format("id {} appears twice in the batch (rows {} and {})",
                             to_string(batch.ids[twice->first]), twice->first, twice->second),
                "a batch names each record once");
  return {};
}

result<void> check_texts(const write_batch& batch) {
  for (std::size_t row = 0; row < batch.texts.size(); ++row) {
    const auto& text = batch.texts[row];
    if (!text)
      continue;
    if (text->size() > limits::text_bytes)
      return validation::too_large(core::format("texts[{}] is", row), text->size(),
                                   limits::text_bytes);
    if (!is_utf8(*text))
      return fail(errc::invalid_argument, core::format("texts[{}] is not valid UTF-8", row));
  }
  return {};
}

result<void> batch_too_large(std::size_t bytes) {
  return validation::too_large("the batch is", bytes, limits::batch_bytes, split_hint);
}

}  // namespace

std::size_t write_batch::rows() const noexcept {
  if (!ids.empty())
    return ids.size();
  auto most = std::max({vectors.rows(), metadata.size(), texts.size()});
  for (const auto& column : named)
    most = std::max(most, column.vectors.rows());
  return most;
}

std::size_t batch_size(const write_batch& batch) noexcept {
  auto bytes = flat_size(batch);
  for (const auto& metadata : batch.metadata)
    bytes += metadata_size(metadata);
  return bytes;
}

result<void> validate(const write_batch& batch, const namespace_config& config) {
  HEARTH_CHECK(validate(batch.keys));
  HEARTH_CHECK(validate(batch.queue));
  if (batch.ack == durability::interval && leases_any(batch.queue))
    return fail(errc::invalid_argument, "a lease takes durability sync",
                "an item would be leased twice if the daemon died before the lease is on disk");
  if (!batch.without_records())
    HEARTH_CHECK(check_shape(batch));
  auto bytes = flat_size(batch);
  if (bytes > limits::batch_bytes)
    return batch_too_large(bytes);
  HEARTH_CHECK(check_ids(batch));
  HEARTH_CHECK(check_vectors(batch, config));
  for (std::size_t row = 0; row < batch.metadata.size(); ++row) {
    std::size_t row_bytes = 0;
    if (!validation::is_valid_metadata(batch.metadata[row], row_bytes))
      return validate_metadata(batch.metadata[row], core::format("metadata[{}]", row));
    bytes += row_bytes;
  }
  if (bytes > limits::batch_bytes)
    return batch_too_large(bytes);
  return check_texts(batch);
}

}  // namespace hearth::inline core
