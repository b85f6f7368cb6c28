// Entries of the indexes of fields and words: what they lead to is there, and has that value.
#include <algorithm>

#include "core/format.hpp"
#include "storage/attributes/attribute_keys.hpp"
#include "storage/attributes/row_block.hpp"
#include "storage/check/checker.hpp"
#include "storage/text/text_reader.hpp"

namespace hearth::storage {

namespace {

constexpr std::string_view field_hint =
    "take the index of the field away and give it again: it is then built anew";
constexpr std::string_view words_hint =
    "alter the text fields to none and back: the text index is then built anew";

}  // namespace

result<bool> checker::check_attributes() {
  std::uint64_t looked = 0;
  HEARTH_TRY(const bool over,
             walk(source_.from.attributes.entries, [&](byte_span key, byte_span data) {
               ++looked;
               return note(check_attribute_entry(key, data), field_hint);
             }));
  looked_at("field index entries", looked);
  return over;
}

result<void> checker::check_attribute_entry(byte_span key, byte_span data) {
  const auto parts = parse_attribute_key(key);
  const auto rows = row_block_view::open(key, data);
  if (!parts || !rows) {
    report("an entry of a field index is damaged", field_hint);
    return {};
  }
  const auto field = std::ranges::find(fields_.indexed, parts->field, &attribute_field::number);
  // Of one that is being removed; or notes about damaged records, which are gone or reported.
  if (field == fields_.indexed.end() || parts->kind == attribute_kind::left_behind ||
      parts->kind == attribute_kind::unread)
    return {};
  std::vector<row_id> members;
  const bool sound = rows->for_each_run([&](std::uint32_t first, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i)
      members.push_back(parts->block * block_rows + first + i);
  });
  if (!sound)
    report("an entry of a field index is damaged", field_hint);
  for (const auto row : members) {
    HEARTH_TRY(const bool agrees, has_value(*field, row, parts->kind, parts->value));
    if (!agrees)
      report(core::format("the index of {} has row {} under a value that it does not have",
                          field->is_all_rows() ? "all records" : path_text(field->path), row),
             field_hint);
  }
  return {};
}

// Records that cannot be read count as having it: they are reported elsewhere.
result<bool> checker::has_value(const attribute_field& field, row_id row, attribute_kind kind,
                                byte_span value) {
  const auto of_row = encode_row(row);
  HEARTH_TRY(const auto stored, source_.in.get(source_.from.records, of_row));
  if (!stored)
    return false;
  if (field.is_all_rows())
    return true;
  const auto metadata = encoded_metadata(row, *stored);
  if (!metadata || !find_values(*metadata, field.path, values_))
    return true;
  if (kind == attribute_kind::rows)
    return values_.exists;
  if (kind == attribute_kind::lists)
    return values_.lists;
  if (kind == attribute_kind::mixed)
    return values_.lists && values_.others;
  attribute_bytes encoded;
  return std::ranges::any_of(values_.items, [&](const scalar& item) {
    encoded.clear();
    append_attribute(item, encoded);
    return !encoded.empty() && encoded[0] == static_cast<std::byte>(kind) &&
           std::ranges::equal(byte_span(encoded).subspan(1), value);
  });
}

result<bool> checker::check_words() {
  std::uint64_t looked = 0;
  HEARTH_TRY(const bool over, walk(source_.from.text.postings, [&](byte_span key, byte_span) {
               ++looked;
               constexpr std::size_t head = sizeof(std::uint32_t);
               const std::string_view text(reinterpret_cast<const char*>(key.data()), key.size());
               const auto end = text.find('\0', head);
               if (key.size() <= head || end == std::string_view::npos || end == head) {
                 report("a key of the text index is damaged", words_hint);
                 return result<void>();
               }
               if (end + 1 < text.size())
                 return result<void>();  // a block, which its term leads to
               return note(
                   check_term(read_big_endian<std::uint32_t>(key), text.substr(head, end - head)),
                   words_hint);
             }));
  looked_at("text index entries", looked);
  // Each word of a record was found there: what is more belongs to no record.
  if (over && unchanged() && at_.counts_words != 0 && at_.count > at_.words)
    report(core::format("records are found by {} words; they have {}", at_.count, at_.words),
           words_hint);
  return over;
}

result<void> checker::check_term(std::uint32_t field, std::string_view term) {
  if (std::ranges::none_of(texts_,
                           [field](const auto& each) { return each.state.number == field; }))
    return {};  // being removed
  const text_reader reader(source_.in, source_.from.text);
  HEARTH_TRY(auto postings, reader.open(field, term));
  if (!postings)
    return {};
  posting_block block;
  std::uint64_t rows = 0;
  row_id next = 0;
  for (;;) {
    HEARTH_TRY(const bool found, postings->seek(next));
    if (!found)
      break;
    HEARTH_CHECK(postings->decode(block));
    for (const auto row : std::span(block.rows).first(block.count)) {
      HEARTH_TRY(const bool there, has_record(row));
      if (!there)
        report(core::format("row {} is found by a word, and there is no such record", row),
               words_hint);
    }
    rows += block.count;
    at_.count += block.count;
    next = postings->head().last + 1;
  }
  if (rows != postings->documents())
    report(core::format("a word has {} rows; {} are counted", rows, postings->documents()),
           words_hint);
  return {};
}

}  // namespace hearth::storage
