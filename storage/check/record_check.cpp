// Records and what is made of them: each record's id, vector, words and values lead to it.
#include <algorithm>
#include <set>

#include "core/format.hpp"
#include "storage/attributes/attribute_keys.hpp"
#include "storage/attributes/row_block.hpp"
#include "storage/check/checker.hpp"
#include "storage/id_table.hpp"
#include "storage/text/field_text.hpp"
#include "storage/text/text_reader.hpp"

namespace hearth::storage {

namespace {

constexpr std::string_view record_hint = "write the record again, or delete it";
constexpr std::string_view vector_hint = "write the record's vector again, or delete the record";
constexpr std::string_view field_hint =
    "take the index of the field away and give it again: it is then built anew";
constexpr std::string_view words_hint =
    "alter the text fields to none and back: the text index is then built anew";

}  // namespace

result<bool> checker::check_records() {
  if (source_.config.has_vector(0)) {
    HEARTH_TRY(auto reader,
               vector_reader::open(source_.in, source_.from.vectors[0], source_.config.dimension));
    readers_.push_back(std::move(reader));
  }
  std::uint64_t looked = 0;
  HEARTH_TRY(const bool over, walk(source_.from.records, [&](byte_span key, byte_span data) {
               ++looked;
               const auto row = decode_row(key);
               if (!row || *row >= state_.next_row) {
                 report("a key of the table of records is damaged", record_hint);
                 return result<void>();
               }
               return check_record(*row, data);
             }));
  looked_at("records", looked);
  return over;
}

result<void> checker::check_record(row_id row, byte_span data) {
  const auto record = decode_record(row, data, {});
  if (!record)
    return note(std::unexpected(record.error()), record_hint);
  HEARTH_CHECK(note(check_id_of(row, *record), record_hint));
  if (record->has_vector && readers_.empty()) {
    report(core::format("row {} says that it has a vector, and there is none", row), record_hint);
  } else if (record->has_vector) {
    std::vector<float> vector(source_.config.dimension);
    const auto found = readers_[0].copy(row, vector.data());
    if (!found)
      HEARTH_CHECK(note(std::unexpected(found.error()), vector_hint));
    else if (!*found)
      report(core::format("row {} has lost its vector", row), vector_hint);
  }
  if (!fields_.indexed.empty()) {
    HEARTH_TRY(const auto metadata, encoded_metadata(row, data));
    HEARTH_CHECK(note(check_values_of(row, metadata), field_hint));
  }
  // Damaged entries are reported once, with their index, and not by every record.
  const auto words = check_words_of(row, *record);
  if (words || words.error().code != errc::corruption)
    return words;
  at_.counts_words = 0;
  return {};
}

result<void> checker::check_id_of(row_id row, const stored_record& record) {
  const id_key key(record.id, source_.hash);
  HEARTH_TRY(const auto entry, find_id(source_.in, source_.from, record.id, key.bytes()));
  if (!entry || entry->row != row)
    report(core::format("row {} is not the one that id {} leads to", row, to_string(record.id)),
           record_hint);
  else if (entry->has_vector != record.has_vector)
    report(core::format("row {} and its id disagree whether there is a vector", row), record_hint);
  return {};
}

// As attribute_writer enters it.
result<void> checker::check_values_of(row_id row, byte_span metadata) {
  attribute_bytes key;
  for (const auto& field : fields_.indexed) {
    if (row > field.done)
      continue;  // its index is being built
    const auto marked = [&](attribute_kind kind) {
      begin_attribute(field.number, kind, key);
      return check_value(row, field, key);
    };
    if (field.is_all_rows()) {
      HEARTH_CHECK(marked(attribute_kind::rows));
      continue;
    }
    if (!find_values(metadata, field.path, values_))
      continue;
    if (values_.exists)
      HEARTH_CHECK(marked(attribute_kind::rows));
    if (values_.lists)
      HEARTH_CHECK(marked(attribute_kind::lists));
    if (values_.lists && values_.others)
      HEARTH_CHECK(marked(attribute_kind::mixed));
    for (const auto& item : values_.items) {
      begin_attribute(field.number, attribute_kind::rows, key);
      key.pop_back();  // the value brings its kind
      append_attribute(item, key);
      HEARTH_CHECK(check_value(row, field, key));
    }
  }
  return {};
}

// `key` is without its block, which is appended.
result<void> checker::check_value(row_id row, const attribute_field& field, attribute_bytes& key) {
  append_block(row >> block_bits, key);
  HEARTH_TRY(const auto data, source_.in.get(source_.from.attributes.entries, key));
  bool there = false;
  if (data) {
    const auto view = row_block_view::open(key, *data);
    if (!view)
      return {};  // reported with the entries
    const auto low = static_cast<std::uint32_t>(row % block_rows);
    const bool sound = view->for_each_run([&](std::uint32_t first, std::uint32_t count) {
      there = there || (low >= first && low - first < count);
    });
    if (!sound)
      return {};  // likewise
  }
  if (!there)
    report(core::format("row {} is missing in the index of {}", row,
                        field.is_all_rows() ? "all records" : path_text(field.path)),
           field_hint);
  return {};
}

result<void> checker::check_words_of(row_id row, const stored_record& record) {
  const text_reader reader(source_.in, source_.from.text);
  posting_block block;
  for (const auto& [field, path] : texts_) {
    if (row > field.done)
      continue;
    std::string joined;
    if (!path.empty())
      joined = text_at(record.metadata, path);
    const std::string_view words =
        !path.empty() ? std::string_view(joined)
                      : (record.text ? std::string_view(*record.text) : std::string_view());
    if (words.empty())
      continue;
    std::set<std::string, std::less<>> terms;
    for (const auto& token : source_.tokenize(words))
      terms.emplace(token.term);
    at_.words += terms.size();
    for (const auto& term : terms) {
      HEARTH_TRY(auto postings, reader.open(field.number, term));
      bool there = false;
      if (postings) {
        HEARTH_TRY(const bool found, postings->seek(row));
        if (found) {
          HEARTH_CHECK(postings->decode(block));
          const auto rows = std::span(block.rows).first(block.count);
          there = std::ranges::find(rows, row) != rows.end();
        }
      }
      if (!there)
        report(core::format("row {} is missing under a word of \"{}\"", row, field.name),
               words_hint);
    }
  }
  return {};
}

result<bool> checker::check_ids() {
  std::uint64_t looked = 0;
  HEARTH_TRY(const bool over, walk(source_.from.ids, [&](byte_span key, byte_span data) {
               ++looked;
               return note(check_id_entry(key, data), record_hint);
             }));
  looked_at("ids", looked);
  if (over && unchanged() && at_.count != state_.records)
    report(
        core::format("{} ids lead to records; {} records are counted", at_.count, state_.records),
        record_hint);
  return over;
}

result<void> checker::check_id_entry(byte_span key, byte_span data) {
  HEARTH_TRY(const auto entries, decode_id_entries(key, data));
  for (const auto& entry : entries) {
    ++at_.count;
    const auto of_row = encode_row(entry.row);
    HEARTH_TRY(const auto stored, source_.in.get(source_.from.records, of_row));
    if (!stored) {
      report(core::format("an id leads to row {}, and there is no such record", entry.row),
             record_hint);
      continue;
    }
    const auto record = decode_record(entry.row, *stored, {.metadata = false, .text = false});
    if (!record)
      continue;  // reported with the records
    const id_key own(record->id, source_.hash);
    if (compare_keys(own.bytes(), key) != 0)
      report(core::format("another id than {} leads to row {}", to_string(record->id), entry.row),
             record_hint);
  }
  return {};
}

}  // namespace hearth::storage
