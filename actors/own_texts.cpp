#include "actors/own_texts.hpp"

#include <algorithm>

#include "core/field_rules.hpp"
#include "storage/text/field_text.hpp"

namespace hearth::actors {

namespace {

using engine::text::posting_list;
using engine::text::row_id;

// A list whose term occurs in more rows than it has.
class counted_list final : public posting_list {
 public:
  counted_list(std::unique_ptr<posting_list> list, std::uint64_t documents)
      : list_(std::move(list)), documents_(documents) {}

  std::uint64_t documents() const override { return documents_; }
  const impact_frontier& frontier() const override { return list_->frontier(); }
  result<bool> seek(row_id row) override { return list_->seek(row); }
  const posting_block_head& head() const override { return list_->head(); }
  result<void> decode(posting_block& out) override { return list_->decode(out); }
  result<void> positions(const posting_block& block, engine::text::position_block& out) override {
    return list_->positions(block, out);
  }

 private:
  std::unique_ptr<posting_list> list_;
  const std::uint64_t documents_;
};

std::vector<engine::text::memory_posting> rows_of(std::span<const own_texts::posting> postings) {
  std::vector<engine::text::memory_posting> rows;
  rows.reserve(postings.size());
  for (const auto& each : postings)
    rows.push_back(each.where);
  return rows;
}

class own_list final : public posting_list {
 public:
  explicit own_list(std::span<const own_texts::posting> postings)
      : postings_(postings), rows_(rows_of(postings)) {}

  std::uint64_t documents() const override { return rows_.documents(); }
  const impact_frontier& frontier() const override { return rows_.frontier(); }
  result<bool> seek(row_id row) override { return rows_.seek(row); }
  const posting_block_head& head() const override { return rows_.head(); }
  result<void> decode(posting_block& out) override { return rows_.decode(out); }
  result<void> positions(const posting_block& block, engine::text::position_block& out) override {
    out.positions.clear();
    out.ends.clear();
    for (std::size_t i = 0; i < block.count; ++i) {
      const auto at =
          std::ranges::lower_bound(postings_, block.rows[i], {},
                                   [](const own_texts::posting& each) { return each.where.row; });
      out.positions.insert(out.positions.end(), at->positions.begin(), at->positions.end());
      out.ends.push_back(out.positions.size());
    }
    return {};
  }

 private:
  std::span<const own_texts::posting> postings_;
  engine::text::memory_postings rows_;
};

}  // namespace

result<own_texts> own_texts::analyze(const storage::own_rows& own,
                                     std::span<const engine::text::searched_field> fields,
                                     const storage::tokenize_text& tokenize) {
  own_texts all;
  for (const auto& field : fields) {
    field_path path;
    if (field.name != record_text_field) {
      HEARTH_TRY(path, parse_path(field.name));
    }
    for (row_id row = storage::own_rows::first; own.has(row); ++row) {
      const auto& record = *own.at(row).record;
      const auto text =
          path.empty() ? record.text.value_or("") : storage::text_at(record.metadata, path);
      all.add(row, field.number, tokenize(text));
    }
  }
  return all;
}

void own_texts::add(storage::row_id row, std::uint32_t field, std::span<const text_token> tokens) {
  if (tokens.empty())
    return;
  const auto length = static_cast<std::uint32_t>(tokens.size());
  auto& counted = statistics_[field];
  ++counted.documents;
  counted.total_length += length;
  for (const auto& token : tokens) {
    auto& of_term = postings_[{field, std::string(token.term)}];
    if (of_term.empty() || of_term.back().where.row != row)
      of_term.push_back({{row, 0, length}, {}});
    ++of_term.back().where.frequency;
    of_term.back().positions.push_back(token.position);
  }
}

text_statistics own_texts::statistics(std::uint32_t field) const {
  const auto found = statistics_.find(field);
  return found == statistics_.end() ? text_statistics{} : found->second;
}

std::span<const own_texts::posting> own_texts::find(std::uint32_t field,
                                                    std::string_view term) const {
  const auto found = postings_.find({field, std::string(term)});
  return found == postings_.end() ? std::span<const posting>() : found->second;
}

std::vector<std::string> own_texts::terms(std::uint32_t field, std::string_view prefix,
                                          std::size_t limit) const {
  std::vector<std::string> found;
  for (auto at = postings_.lower_bound({field, std::string(prefix)});
       at != postings_.end() && at->first.first == field && at->first.second.starts_with(prefix) &&
       found.size() < limit;
       ++at)
    found.push_back(at->first.second);
  return found;
}

result<text_statistics> joint_source::statistics(std::uint32_t field) {
  HEARTH_TRY(auto both, stored_.statistics(field));
  const auto own = own_.statistics(field);
  both.documents += own.documents;
  both.total_length += own.total_length;
  return both;
}

result<std::unique_ptr<posting_list>> joint_source::open(std::uint32_t field,
                                                         std::string_view term) {
  const auto own = own_.find(field, term);
  HEARTH_TRY(auto list, stored_.open(field, term));
  const auto documents = (list ? list->documents() : 0) + own.size();
  if (lists_ == side::own)
    list = own.empty() ? nullptr : std::make_unique<own_list>(own);
  if (!list)
    return nullptr;
  return std::make_unique<counted_list>(std::move(list), documents);
}

result<std::vector<std::string>> joint_source::terms(std::uint32_t field, std::string_view prefix,
                                                     std::size_t limit) {
  HEARTH_TRY(auto stored, stored_.terms(field, prefix, limit));
  const auto own = own_.terms(field, prefix, limit);
  std::vector<std::string> both;
  std::ranges::set_union(stored, own, std::back_inserter(both));
  both.resize(std::min(both.size(), limit));
  return both;
}

}  // namespace hearth::actors
