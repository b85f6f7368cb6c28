#include "actors/text_source.hpp"

#include <utility>

#include "storage/corruption.hpp"

namespace hearth::actors {

namespace {

class stored_list final : public engine::text::posting_list {
 public:
  explicit stored_list(storage::posting_cursor cursor) : cursor_(std::move(cursor)) {}

  [[nodiscard]] std::uint64_t documents() const override { return cursor_.documents(); }
  [[nodiscard]] const impact_frontier& frontier() const override { return cursor_.frontier(); }
  [[nodiscard]] result<bool> seek(engine::text::row_id row) override { return cursor_.seek(row); }
  [[nodiscard]] const posting_block_head& head() const override { return cursor_.head(); }
  [[nodiscard]] result<void> decode(posting_block& out) override { return cursor_.decode(out); }

  [[nodiscard]] result<void> positions(const posting_block& block,
                                       engine::text::position_block& out) override {
    HEARTH_CHECK(cursor_.positions(block, rows_));
    out.positions.clear();
    out.ends.clear();
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (!storage::decode_positions(rows_[i], row_) || row_.size() != block.frequencies[i])
        return storage::corrupt("a position of the full-text index");
      out.positions.insert(out.positions.end(), row_.begin(), row_.end());
      out.ends.push_back(out.positions.size());
    }
    return {};
  }

 private:
  storage::posting_cursor cursor_;
  std::vector<byte_span> rows_;
  std::vector<std::uint32_t> row_;
};

}  // namespace

result<std::unique_ptr<engine::text::posting_list>> text_source::open(std::uint32_t field,
                                                                      std::string_view term) {
  HEARTH_TRY(auto cursor, reader_.open(field, term));
  if (!cursor)
    return nullptr;
  return std::make_unique<stored_list>(*std::move(cursor));
}

}  // namespace hearth::actors
