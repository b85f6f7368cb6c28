#include "storage/text/text_reader.hpp"

#include <algorithm>
#include <cstring>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"

namespace hearth::storage {

result<text_statistics> read_text_statistics(const lmdb::transaction& in, const text_tables& from,
                                             std::uint32_t field) {
  const auto key = term_prefix(field, {});
  HEARTH_TRY(const auto value, in.get(from.stats, lmdb::as_key(key)));
  text_statistics numbers;
  if (!value)
    return numbers;
  auto body = open_checked(*value, text_seed(lmdb::as_key(key)));
  numbers.documents = body.varint();
  numbers.total_length = body.varint();
  if (!body.done() || numbers.documents == 0 || numbers.total_length < numbers.documents)
    return corrupt(core::format("the full-text index of field {}", field));
  return numbers;
}

result<void> write_text_statistics(lmdb::write_transaction& in, const text_tables& to,
                                   std::uint32_t field, const text_statistics& numbers) {
  const auto name = term_prefix(field, {});
  const auto key = lmdb::as_key(name);
  if (numbers.documents == 0) {
    HEARTH_CHECK(in.erase(to.stats, key));
    return {};
  }
  std::vector<std::byte> value;
  begin_checked(value);
  byte_writer out(value);
  out.varint(numbers.documents);
  out.varint(numbers.total_length);
  finish_checked(value, text_seed(key));
  return in.put(to.stats, key, value);
}

std::unexpected<error> posting_cursor::damaged() const {
  return corrupt(core::format("the full-text index of field {}, term \"{}\",", term_.field(),
                              printable(term_.term())));
}

// Takes over the block that the cursor is at; false if it is behind the last one.
result<bool> posting_cursor::load() {
  const auto row = term_.row_of(cursor_->key());
  if (!row) {
    ended_ = true;
    return false;
  }
  auto body = open_checked(cursor_->value(), text_seed(cursor_->key()));
  const auto block = body.ok() ? open_block(body) : std::nullopt;
  if (!block || block->head.first != *row || (started_ && *row <= block_.head.last))
    return damaged();
  block_ = *block;
  started_ = true;
  return true;
}

result<bool> posting_cursor::seek(row_id row) {
  if (ended_)
    return false;
  if (started_ && block_.head.last >= row)
    return true;
  if (!cursor_) {
    started_ = true;
    ended_ = block_.head.last < row;
    return !ended_;
  }
  // Most often it is the next one.
  if (started_) {
    HEARTH_TRY(const bool more, cursor_->next());
    ended_ = !more;
    if (ended_)
      return false;
    HEARTH_TRY(const bool loaded, load());
    if (!loaded || block_.head.last >= row)
      return loaded;
  }
  const auto current = block_.head.first;
  HEARTH_TRY(bool found, cursor_->at_or_before(lmdb::as_key(term_.block(row))));
  if (found && !term_.row_of(cursor_->key())) {  // before the first block
    HEARTH_TRY(found, cursor_->next());
  }
  if (!found)
    return damaged();
  const bool moved = !started_ || term_.row_of(cursor_->key()) != current;
  if (moved) {
    HEARTH_TRY(const bool loaded, load());
    if (!loaded || block_.head.last >= row)
      return loaded;
  }
  HEARTH_TRY(const bool more, cursor_->next());
  ended_ = !more;
  if (ended_)
    return false;
  return load();
}

result<void> posting_cursor::decode(posting_block& out) const {
  if (!decode_block(block_, out))
    return damaged();
  return {};
}

result<void> posting_cursor::positions(const posting_block& decoded,
                                       std::vector<byte_span>& out) const {
  const auto name = cursor_ ? term_.block(block_.head.first) : std::string();
  const auto key = cursor_ ? lmdb::as_key(name) : term_.bytes();
  HEARTH_TRY(const auto value, transaction_->get(tables_->positions, key));
  if (!value)
    return damaged();
  auto body = open_checked(*value, text_seed(key));
  if (!body.ok() || !split_positions(body.bytes(body.remaining()),
                                     std::span(decoded.frequencies).first(decoded.count), out))
    return damaged();
  return {};
}

result<std::optional<posting_cursor>> text_reader::open(std::uint32_t field,
                                                        std::string_view term) const {
  if (term.empty() || term.size() > limits::text_term_bytes ||
      term.find('\0') != std::string_view::npos)
    return std::optional<posting_cursor>();
  posting_cursor opened(transaction_, tables_, term_key(field, term));
  const auto key = opened.term_.bytes();
  HEARTH_TRY(const auto value, transaction_.get(tables_.postings, key));
  if (!value)
    return std::optional<posting_cursor>();
  auto body = open_checked(*value, text_seed(key));
  const auto head = decode_term_head(body);
  if (!head)
    return opened.damaged();
  opened.documents_ = head->documents;
  opened.frontier_ = head->frontier;
  if (head->single) {
    const auto block = open_block(body);
    if (!block || block->head.count != head->documents)
      return opened.damaged();
    opened.block_ = *block;
    opened.frontier_ = block->head.frontier;
  } else {
    HEARTH_TRY(opened.cursor_, transaction_.open_cursor(tables_.postings));
  }
  return std::optional<posting_cursor>(std::move(opened));
}

result<std::vector<std::string>> text_reader::terms(std::uint32_t field, std::string_view prefix,
                                                    std::size_t limit) const {
  std::vector<std::string> found;
  if (prefix.size() > limits::text_term_bytes || prefix.find('\0') != std::string_view::npos)
    return found;
  const auto begin = term_prefix(field, prefix);
  HEARTH_TRY(auto cursor, transaction_.open_cursor(tables_.postings));
  HEARTH_TRY(bool more, cursor.lower_bound(lmdb::as_key(begin)));
  while (more && found.size() < limit) {
    const auto bytes = cursor.key();
    const std::string_view key(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!key.starts_with(begin))
      break;
    const auto end = key.find('\0', sizeof field);
    if (end == std::string_view::npos || end == sizeof field)
      return corrupt(core::format("the full-text index of field {}", field));
    const term_key term(field, key.substr(sizeof field, end - sizeof field));
    found.emplace_back(term.term());
    HEARTH_TRY(more, cursor.next());
    if (more && term.row_of(cursor.key())) {
      HEARTH_TRY(more, cursor.lower_bound(lmdb::as_key(term.behind())));
    }
  }
  return found;
}

}  // namespace hearth::storage
