#pragma once
// A check of all that a namespace has on disk, in steps. Each step reads one snapshot for a bounded
// time and answers a cursor. What it cannot read it reports and passes over, so one damaged value
// hides no other one.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/administration.hpp"
#include "storage/attributes/attribute_keys.hpp"
#include "storage/attributes/attribute_tables.hpp"
#include "storage/attributes/attribute_values.hpp"
#include "storage/keys.hpp"
#include "storage/record_codec.hpp"
#include "storage/tables.hpp"
#include "storage/text/text_index.hpp"
#include "storage/vector_table.hpp"

namespace hearth::storage {

/// What is looked at, in this order.
enum class check_stage : std::uint8_t {
  state,       ///< what "meta" says, and the sizes of tables
  records,     ///< records, their ids, vectors, words and values of indexed fields
  ids,         ///< ids lead to their records
  vectors,     ///< per vector: chunks and tail
  changes,     ///< history
  keys,        ///< the key-value side
  attributes,  ///< entries of field indexes lead to records with that value
  words,       ///< entries of text indexes lead to records
  queues,      ///< items, their payloads, and their order
  end,
};

/// Where a check is. Counts can be compared only if nobody has written since it began.
struct check_cursor {
  check_stage stage = check_stage::state;
  std::uint64_t part = 0;          ///< of the stage: the number of the vector
  lsn_t began = 0;                 ///< LSN of the first snapshot
  std::uint64_t count = 0;         ///< of what the stage counts, so far
  std::uint64_t done = 0;          ///< entries looked at, of all stages
  std::uint64_t words = 0;         ///< words of records, each once per record and field
  std::uint64_t counts_words = 0;  ///< 1: `words` are all that the text indexes should have
  std::string key{};               ///< the last entry of the stage that was looked at

  [[nodiscard]] std::string encode() const;
  [[nodiscard]] static std::optional<check_cursor> decode(std::string_view text,
                                                          std::size_t vectors);
};

/// What a check reads.
struct check_source {
  const lmdb::transaction& in;
  const tables& from;
  const namespace_config& config;
  id_hash hash = default_id_hash;
  tokenize_text tokenize{};  ///< none: words are not compared
};

/// One step. Thread rule: one thread.
class checker {
 public:
  checker(const check_source& source, check_cursor at, std::chrono::milliseconds budget)
      : source_(source), at_(std::move(at)), ends_(std::chrono::steady_clock::now() + budget) {}

  /// Errors are those of reading at all; what is damaged is in the answer.
  [[nodiscard]] result<check_step> run();

 private:
  struct text_field {
    text_index_field state;
    field_path path;  // empty: the text of the record
  };

  // Each answers whether the stage is over; otherwise at_.key says where to go on.
  [[nodiscard]] result<bool> run_stage();
  [[nodiscard]] result<bool> check_state();
  [[nodiscard]] result<bool> check_records();
  [[nodiscard]] result<bool> check_ids();
  [[nodiscard]] result<bool> check_vectors();
  [[nodiscard]] result<bool> check_changes();
  [[nodiscard]] result<void> check_change(change_position position, byte_span data) const;
  [[nodiscard]] result<bool> check_keys();
  [[nodiscard]] result<bool> check_attributes();
  [[nodiscard]] result<bool> check_words();
  [[nodiscard]] result<bool> check_queues();

  [[nodiscard]] result<void> prepare();
  [[nodiscard]] result<void> take_text_fields();
  void next_stage();

  [[nodiscard]] result<void> check_record(row_id row, byte_span data);
  [[nodiscard]] result<void> check_id_of(row_id row, const stored_record& record);
  [[nodiscard]] result<void> check_values_of(row_id row, byte_span metadata);
  [[nodiscard]] result<void> check_value(row_id row, const attribute_field& field,
                                         attribute_bytes& key);
  [[nodiscard]] result<void> check_words_of(row_id row, const stored_record& record);
  [[nodiscard]] result<void> check_id_entry(byte_span key, byte_span data);
  [[nodiscard]] result<bool> check_chunks(row_id& after);
  [[nodiscard]] result<void> check_chunk(row_id first_row, byte_span data, row_id& after);
  [[nodiscard]] result<bool> check_tail(row_id after);
  [[nodiscard]] result<void> check_row_of_vector(row_id row);
  [[nodiscard]] result<void> check_attribute_entry(byte_span key, byte_span data);
  [[nodiscard]] result<bool> has_value(const attribute_field& field, row_id row,
                                       attribute_kind kind, byte_span value);
  [[nodiscard]] result<void> check_item(byte_span key);
  [[nodiscard]] result<void> check_term(std::uint32_t field, std::string_view term);

  [[nodiscard]] result<bool> has_record(row_id row) const;
  /// Calls `visit(key, value)` for the entries of a table behind at_.key until time is over.
  template <class Visit>
  [[nodiscard]] result<bool> walk(lmdb::table which, Visit&& visit);
  [[nodiscard]] bool out_of_time() const noexcept {
    return std::chrono::steady_clock::now() >= ends_;
  }
  /// Nobody has written since the check began.
  [[nodiscard]] bool unchanged() const noexcept { return at_.began == state_.lsn; }
  void report(std::string what, std::string_view hint);
  /// Reports what is damaged; passes other errors on.
  [[nodiscard]] result<void> note(result<void> outcome, std::string_view hint);
  void looked_at(std::string_view what, std::uint64_t count);
  [[nodiscard]] std::string_view where() const;

  const check_source source_;
  check_cursor at_;
  const std::chrono::steady_clock::time_point ends_;
  check_step step_;
  store_state state_;
  attribute_fields fields_;
  std::vector<text_field> texts_;
  std::vector<vector_reader> readers_;  // of vector 0, when records are looked at
  attribute_values values_;
  std::uint64_t total_ = 0;
};

template <class Visit>
result<bool> checker::walk(lmdb::table which, Visit&& visit) {
  HEARTH_TRY(auto entries, source_.in.open_cursor(which));
  const auto last = lmdb::as_key(at_.key);
  HEARTH_TRY(bool found, at_.key.empty() ? entries.first() : entries.lower_bound(last));
  if (found && !at_.key.empty() && compare_keys(entries.key(), last) == 0) {
    HEARTH_TRY(found, entries.next());
  }
  while (found) {
    const auto key = entries.key();
    at_.key.assign(reinterpret_cast<const char*>(key.data()), key.size());
    ++at_.done;
    HEARTH_CHECK(visit(key, entries.value()));
    if (out_of_time())
      return false;
    HEARTH_TRY(found, entries.next());
  }
  return true;
}

}  // namespace hearth::storage
