#include "storage/text/posting_editor.hpp"

#include <algorithm>

#include "core/format.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"

namespace hearth::storage {

namespace {

// Below the first a block looks for a neighbour; they join if that leaves room for more.
constexpr std::size_t small_block = posting_block_rows / 4;
constexpr std::size_t joined_block = posting_block_rows * 3 / 4;
// A term with blocks becomes a single block at half of what it grew beyond.
constexpr std::uint64_t folded_rows = posting_block_rows / 2;

// How many of `postings` the next block takes.
std::size_t piece(std::span<const posting> postings, std::size_t rows) {
  std::uint64_t occurrences = 0;
  std::size_t count = 0;
  while (count < std::min(postings.size(), rows)) {
    occurrences += postings[count].frequency;
    if (count > 0 && occurrences > block_occurrences)
      break;
    ++count;
  }
  return count;
}

bool fits_one_block(std::span<const posting> postings) {
  return piece(postings, posting_block_rows) == postings.size();
}

}  // namespace

std::unexpected<error> posting_editor::damaged() const {
  return corrupt(core::format("the full-text index of field {}, term \"{}\",", term_->field(),
                              printable(term_->term())));
}

result<byte_span> posting_editor::checked_value(lmdb::table in, byte_span key) {
  HEARTH_TRY(const auto value, transaction_.get(in, key));
  if (!value || !open_checked(*value, text_seed(key)).ok())
    return damaged();
  return value->subspan(checksum_bytes);
}

result<void> posting_editor::load(byte_reader body, byte_span key, posting_list& out) {
  const auto block = open_block(body);
  if (!block || !decode_block(*block, block_))
    return damaged();
  HEARTH_TRY(const auto stored, checked_value(tables_.positions, key));
  const auto& copy = copies_.emplace_back(stored.begin(), stored.end());
  if (!split_positions(copy, std::span(block_.frequencies).first(block_.count), cuts_))
    return damaged();
  for (std::size_t i = 0; i < block_.count; ++i)
    out.push_back({block_.rows[i], block_.frequencies[i], block_.lengths[i], cuts_[i]});
  return {};
}

// From before_ to after_.
result<void> posting_editor::merge(std::span<const posting_change> changes) {
  after_.clear();
  auto next = before_.begin();
  for (const auto& change : changes) {
    const auto at = std::lower_bound(next, before_.end(), change.to.row,
                                     [](const posting& a, row_id row) { return a.row < row; });
    after_.insert(after_.end(), next, at);
    next = at;
    const bool found = next != before_.end() && next->row == change.to.row;
    if (found != change.expected)
      return damaged();
    next += found ? 1 : 0;
    if (change.present)
      after_.push_back(change.to);
  }
  after_.insert(after_.end(), next, before_.end());
  return {};
}

result<void> posting_editor::write_block(std::string_view key, std::span<const posting> postings,
                                         const term_head* head) {
  const auto bytes = lmdb::as_key(key);
  begin_checked(buffer_);
  byte_writer out(buffer_);
  if (head != nullptr)
    encode_term_head(*head, out);
  encode_block(postings, out);
  finish_checked(buffer_, text_seed(bytes));
  HEARTH_CHECK(transaction_.put(tables_.postings, bytes, buffer_));
  begin_checked(buffer_);
  for (const auto& each : postings)
    out.bytes(each.positions);
  finish_checked(buffer_, text_seed(bytes));
  return transaction_.put(tables_.positions, bytes, buffer_);
}

result<void> posting_editor::write_blocks(std::span<const posting> postings, bool evenly) {
  auto rows = posting_block_rows;
  if (evenly) {
    const auto blocks = (postings.size() + posting_block_rows - 1) / posting_block_rows;
    rows = (postings.size() + blocks - 1) / blocks;
  }
  while (!postings.empty()) {
    const auto count = piece(postings, rows);
    HEARTH_CHECK(write_block(term_->block(postings.front().row), postings.first(count), nullptr));
    postings = postings.subspan(count);
  }
  return {};
}

// Writes a term that has no blocks, or whose blocks have been erased.
result<void> posting_editor::write_term(std::span<const posting> postings) {
  term_head head{postings.size(), fits_one_block(postings), {}};
  const auto key = term_->bytes();
  if (head.single)
    return write_block({reinterpret_cast<const char*>(key.data()), key.size()}, postings, &head);
  frontier_builder impacts;
  for (const auto& each : postings)
    impacts.add({each.frequency, each.length});
  head.frontier = impacts.build(term_impacts);
  begin_checked(buffer_);
  byte_writer out(buffer_);
  encode_term_head(head, out);
  finish_checked(buffer_, text_seed(key));
  HEARTH_CHECK(transaction_.put(tables_.postings, key, buffer_));
  return write_blocks(postings, false);
}

result<void> posting_editor::erase_block(std::string_view key) {
  HEARTH_TRY(const bool postings, transaction_.erase(tables_.postings, lmdb::as_key(key)));
  HEARTH_TRY(const bool positions, transaction_.erase(tables_.positions, lmdb::as_key(key)));
  if (!postings || !positions)
    return damaged();
  return {};
}

result<void> posting_editor::edit(const term_key& term, std::span<const posting_change> changes) {
  term_ = &term;
  copies_.clear();
  small_.clear();
  before_.clear();
  HEARTH_TRY(const auto value, transaction_.get(tables_.postings, term.bytes()));
  if (!value) {
    HEARTH_CHECK(merge(changes));
    return after_.empty() ? result<void>() : write_term(after_);
  }
  auto body = open_checked(*value, text_seed(term.bytes()));
  const auto head = decode_term_head(body);
  if (!head)
    return damaged();
  return head->single ? edit_single(body, changes) : edit_blocks(*head, changes);
}

result<void> posting_editor::edit_single(byte_reader body,
                                         std::span<const posting_change> changes) {
  const auto key = term_->bytes();
  HEARTH_CHECK(load(body, key, before_));
  HEARTH_CHECK(merge(changes));
  if (after_.empty())
    return erase_block({reinterpret_cast<const char*>(key.data()), key.size()});
  if (!fits_one_block(after_)) {
    HEARTH_TRY(const bool erased, transaction_.erase(tables_.positions, key));
    if (!erased)
      return damaged();
  }
  return write_term(after_);
}

result<std::size_t> posting_editor::edit_block(std::span<const posting_change> changes,
                                               frontier_builder& impacts) {
  std::optional<row_id> limit;  // where the block after it begins
  std::string key;
  {
    HEARTH_TRY(auto cursor, transaction_.open_cursor(tables_.postings));
    HEARTH_TRY(bool found, cursor.at_or_before(lmdb::as_key(term_->block(changes[0].to.row))));
    if (found && !term_->row_of(cursor.key())) {  // the row is before the first block
      HEARTH_TRY(found, cursor.lower_bound(lmdb::as_key(term_->block(0))));
    }
    const auto first = found ? term_->row_of(cursor.key()) : std::nullopt;
    if (!first)
      return damaged();
    key = term_->block(*first);
    before_.clear();
    copies_.clear();
    HEARTH_CHECK(
        load(open_checked(cursor.value(), text_seed(cursor.key())), cursor.key(), before_));
    if (before_.front().row != *first)
      return damaged();
    HEARTH_TRY(const bool more, cursor.next());
    if (more)
      limit = term_->row_of(cursor.key());
  }
  const auto end =
      limit ? std::ranges::lower_bound(changes, *limit, {},
                                       [](const posting_change& each) { return each.to.row; })
            : changes.end();
  const auto count = static_cast<std::size_t>(end - changes.begin());
  HEARTH_CHECK(merge(changes.first(count)));
  bool lost = false;
  for (const auto& change : changes.first(count)) {
    lost |= !change.present;
    if (change.present)
      impacts.add({change.to.frequency, change.to.length});
  }
  const bool appends = !limit && changes[0].to.row > before_.back().row;
  if (after_.empty() || after_.front().row != before_.front().row)
    HEARTH_CHECK(erase_block(key));
  if (after_.empty())
    return count;
  if (lost && after_.size() < small_block)
    small_.push_back(after_.front().row);
  HEARTH_CHECK(write_blocks(after_, !appends));
  return count;
}

result<void> posting_editor::edit_blocks(term_head head, std::span<const posting_change> changes) {
  frontier_builder impacts;
  for (const auto& point : head.frontier)
    impacts.add(point);
  std::uint64_t gained = 0;
  std::uint64_t lost = 0;
  for (const auto& change : changes) {
    gained += change.present && !change.expected ? 1 : 0;
    lost += !change.present && change.expected ? 1 : 0;
  }
  if (lost > head.documents + gained)
    return damaged();
  head.documents += gained;
  head.documents -= lost;
  if (lost > 0 && head.documents <= folded_rows + gained)
    return rewrite(head.documents + lost - gained, changes);
  while (!changes.empty()) {
    HEARTH_TRY(const auto done, edit_block(changes, impacts));
    changes = changes.subspan(done);
  }
  for (const auto row : small_)
    HEARTH_CHECK(join_neighbours(row));
  head.frontier = impacts.build(term_impacts);
  begin_checked(buffer_);
  byte_writer out(buffer_);
  encode_term_head(head, out);
  finish_checked(buffer_, text_seed(term_->bytes()));
  return transaction_.put(tables_.postings, term_->bytes(), buffer_);
}

result<void> posting_editor::rewrite(std::uint64_t documents,
                                     std::span<const posting_change> changes) {
  std::vector<std::string> keys;
  before_.clear();
  {
    HEARTH_TRY(auto cursor, transaction_.open_cursor(tables_.postings));
    HEARTH_TRY(bool more, cursor.lower_bound(lmdb::as_key(term_->block(0))));
    while (more) {
      const auto row = term_->row_of(cursor.key());
      if (!row)
        break;
      const auto had = before_.size();
      HEARTH_CHECK(
          load(open_checked(cursor.value(), text_seed(cursor.key())), cursor.key(), before_));
      if (before_[had].row != *row || (had > 0 && before_[had - 1].row >= *row) ||
          before_.size() > documents)
        return damaged();
      keys.push_back(term_->block(*row));
      HEARTH_TRY(more, cursor.next());
    }
  }
  if (before_.size() != documents)
    return damaged();
  HEARTH_CHECK(merge(changes));
  for (const auto& key : keys)
    HEARTH_CHECK(erase_block(key));
  if (!after_.empty())
    return write_term(after_);
  HEARTH_TRY(const bool erased, transaction_.erase(tables_.postings, term_->bytes()));
  return erased ? result<void>() : damaged();
}

result<void> posting_editor::join_neighbours(row_id row) {
  std::optional<row_id> before;
  std::optional<row_id> behind;
  {
    HEARTH_TRY(auto cursor, transaction_.open_cursor(tables_.postings));
    HEARTH_TRY(const bool found, cursor.find(lmdb::as_key(term_->block(row))));
    if (!found)
      return {};  // it has joined another one
    HEARTH_TRY(const bool any_before, cursor.previous());
    if (any_before)
      before = term_->row_of(cursor.key());
    HEARTH_TRY(const bool again, cursor.find(lmdb::as_key(term_->block(row))));
    HEARTH_TRY(const bool any_behind, cursor.next());
    if (again && any_behind)
      behind = term_->row_of(cursor.key());
  }
  if (behind)
    HEARTH_CHECK(join(row, *behind));
  if (before)
    HEARTH_CHECK(join(*before, row));
  return {};
}

result<bool> posting_editor::join(row_id first, row_id second) {
  const auto first_key = term_->block(first);
  const auto second_key = term_->block(second);
  before_.clear();
  copies_.clear();
  for (const auto& key : {first_key, second_key}) {
    const auto bytes = lmdb::as_key(key);
    HEARTH_TRY(const auto body, checked_value(tables_.postings, bytes));
    byte_reader counted(body);
    const auto block = open_block(counted);
    if (!block)
      return damaged();
    if (before_.size() + block->head.count > joined_block)
      return false;
    HEARTH_CHECK(load(byte_reader(body), bytes, before_));
  }
  if (!fits_one_block(before_))
    return false;
  HEARTH_CHECK(erase_block(second_key));
  HEARTH_CHECK(write_block(first_key, before_, nullptr));
  return true;
}

}  // namespace hearth::storage
