#pragma once
// One namespace on disk: an LMDB environment with its records, packed vectors and change table.
// docs/storage_format.md describes the tables and codecs.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/administration.hpp"
#include "core/change_feed.hpp"
#include "core/clock.hpp"
#include "core/filter/compiled_filter.hpp"
#include "core/log.hpp"
#include "core/postings.hpp"
#include "core/query.hpp"
#include "core/row_set.hpp"
#include "core/write_batch.hpp"
#include "storage/transaction/transaction_batch.hpp"

namespace hearth::storage {

/// Row numbers rise, are never reused, and change when a record's vector changes.
using row_id = std::uint64_t;

/// Rows that got a vector.
struct added_vectors {
  std::vector<row_id> rows;  ///< rising
  matrix vectors;            ///< rows.size() rows
};

/// What a batch did to vectors: what the indexes have to follow.
struct row_changes {
  std::vector<row_id> added;  ///< rising; rows that got any vector
  /// By number, as namespace_config::vector; empty where changes() was asked.
  std::vector<added_vectors> vectors;
  std::vector<row_id> removed;  ///< rising; some may never have had a vector
  lsn_t lsn = 0;
};

struct applied_batch {
  write_result result;
  row_changes changes;
  std::size_t rewritten_bytes = 0;  ///< of records that an update wrote again, beyond the batch
  bool idle = false;                ///< leases found nothing, and that was all: nothing to commit
};

struct store_identity {
  std::uint64_t uuid[2]{};  ///< random, made with the environment
};

struct file_usage {
  std::uint64_t used_bytes = 0;  ///< pages in use
  std::uint64_t file_bytes = 0;
};

/// A metadata field with an index.
struct indexed_field {
  field_path path;
  bool ready = false;    ///< false: it is being built, and used for the rows that it has
  row_id rows_done = 0;  ///< the last row that it has, while it is being built
};

/// A field with a text index.
struct searchable_field {
  std::string name;
  std::uint32_t number = 0;  ///< in the tables
  bool ready = false;        ///< false: it is being built, and not to be searched
  row_id rows_done = 0;      ///< the last row that it has, while it is being built
};

namespace lmdb {
class transaction;
}
struct text_tables;
/// Where the postings are.
struct text_snapshot {
  const lmdb::transaction* in = nullptr;
  const text_tables* tables = nullptr;
};

/// The records that match a filter.
struct selection {
  row_set rows;               ///< all of them, and no others
  bool exact = false;         ///< indexes alone knew; otherwise records were read
  std::uint64_t scanned = 0;  ///< records read
  std::string how;            ///< for people: "index of tag, year; 120 records"
};

/// An order of records by a field, and the part of it that is wanted.
struct row_order {
  bool descending = false;
  std::size_t offset = 0;
  std::size_t limit = 0;
};

enum class name_kind : std::uint8_t {
  record_numbers = 1,  ///< records whose ids are consecutive numbers
  record = 2,          ///< a record whose id is a string
  key = 3,             ///< of the key-value side
};

/// Something that a batch changed, by name.
struct changed_name {
  lsn_t lsn = 0;
  name_kind kind = name_kind::record;
  bool erased = false;      ///< or else put: inserted, replaced or updated
  std::uint64_t first = 0;  ///< of record_numbers
  std::uint64_t count = 1;  ///< likewise; 1 for the other kinds
  std::string_view text;    ///< the id or the key; valid during the visit
};

/// Answers whether to go on.
using visit_change = std::function<result<bool>(const changed_name&)>;

/// A consistent snapshot of the namespace. vectors() and for_each_vector() are about the vector of
/// one number; records come with all of theirs. Keep it for less than a second: it pins old pages.
/// Used by one thread at a time; made and destroyed on any thread.
class read_view {
 public:
  virtual ~read_view() = default;

  [[nodiscard]] virtual lsn_t lsn() const = 0;
  /// Rows from here on are not part of it.
  [[nodiscard]] virtual row_id row_limit() const = 0;
  /// The same snapshot once more, about the vector of this number; it never moves to a newer one.
  /// Both are used by one thread at a time together, and the snapshot ends with the last of them.
  [[nodiscard]] virtual std::unique_ptr<read_view> fork(std::size_t vector) const = 0;
  [[nodiscard]] virtual std::uint64_t record_count() const = 0;
  /// Records with the vector of this number.
  [[nodiscard]] virtual std::uint64_t vector_count(std::size_t vector) const = 0;

  /// limit_exceeded when the answer outgrows `max_bytes`.
  [[nodiscard]] virtual result<get_result> get(const get_query& query, std::size_t max_bytes) = 0;
  /// One page in the order of ids, of the rows in `among` or of all (null); query.where and
  /// query.order_by are not looked at. `max_bytes` ends a page early (never before its first
  /// record).
  [[nodiscard]] virtual result<scan_page> scan(const scan_query& query, std::size_t max_bytes,
                                               const row_set* among = nullptr) = 0;

  /// The record of each row as of this snapshot, with its columns appended to `out`; rows that no
  /// longer exist are skipped. Answers, for each row, whether it was there; limit_exceeded when the
  /// columns outgrow `max_bytes`.
  [[nodiscard]] virtual result<std::vector<bool>> resolve(std::span<const row_id> rows,
                                                          const field_set& fields,
                                                          std::size_t max_bytes,
                                                          record_columns& out) = 0;

  /// See storage/keyvalue/key_writes.hpp.
  [[nodiscard]] virtual result<key_result> get_keys(const key_query& query,
                                                    std::size_t max_bytes) = 0;
  [[nodiscard]] virtual result<key_page> scan_keys(const key_scan& query,
                                                   std::size_t max_bytes) = 0;

  /// See storage/queue/queue_reads.hpp.
  [[nodiscard]] virtual result<queue_result> get_queues(const queue_query& query) = 0;
  [[nodiscard]] virtual result<item_page> scan_items(const item_scan& query,
                                                     std::size_t max_bytes) = 0;

  /// The row of each record; 0 for one that is not there.
  [[nodiscard]] virtual result<std::vector<row_id>> rows_of(std::span<const record_id> ids) = 0;

  /// Copies vectors of rows (rising order) to `out`; answers whether each was there.
  [[nodiscard]] virtual result<std::vector<bool>> vectors(std::span<const row_id> rows,
                                                          float* out) = 0;

  /// Calls `visit` with blocks of live rows and their vectors in rising order, starting after
  /// `after`, until it answers false or the rows end. A vector that fails its checksum is
  /// errc::corruption naming the row. Blocks are valid during the call only.
  ///
  /// After half a second the scan moves to newer snapshots between blocks, and the view with it, so
  /// that no old pages are pinned: rows that stay are visited exactly once, rows added after the
  /// view was made are not, rows erased meanwhile may be. lsn() and the counts stay what they were,
  /// so that replaying changes(lsn()) from a new view catches up.
  [[nodiscard]] virtual result<void>
  for_each_vector(row_id after,
                  const std::function<bool(std::span<const row_id>, matrix_view)>& visit) = 0;

  /// The records that match `wanted` (the errors of validate()). Stays on one snapshot however long
  /// it takes: without an index that helps, as long as reading all records does.
  [[nodiscard]] virtual result<selection> select(const filter& wanted) = 0;
  /// Whether each record matches; false for rows that are gone.
  [[nodiscard]] virtual result<bool> matches(row_id row, const compiled_filter& wanted) = 0;
  [[nodiscard]] virtual result<std::vector<bool>> matches(std::span<const row_id> rows,
                                                          const compiled_filter& wanted) = 0;

  /// The values of a field with the numbers of records that have them, most frequent first and
  /// equally frequent ones in their order; at most `limit`. Of the records in `among`, or of all
  /// (null). Without a finished index, these records are read.
  [[nodiscard]] virtual result<std::vector<facet>>
  facets(const field_path& path, const row_set* among, std::size_t limit) = 0;
  /// The rows of `among`, or all (null), by the least value of the field that each has (descending:
  /// the greatest): null, bools, numbers, timestamps, strings, geo points. Records without a value
  /// come last, equal ones by row. Without a finished index, these records are read.
  [[nodiscard]] virtual result<std::vector<row_id>>
  rows_in_order(const field_path& path, const row_order& order, const row_set* among) = 0;

  /// The text index as of this snapshot. Valid as long as the view.
  [[nodiscard]] virtual text_snapshot text() const = 0;
  /// The fields that are searched by text.
  [[nodiscard]] virtual result<std::vector<searchable_field>> searchable_fields() = 0;

  /// The fields with an index, by path.
  [[nodiscard]] virtual result<std::vector<indexed_field>> indexed_fields() = 0;

  /// Changes with LSN in (after, after + limit], oldest first, without vectors. errc::not_found if
  /// history after `after` was trimmed: then rebuild.
  [[nodiscard]] virtual result<std::vector<row_changes>> changes(lsn_t after,
                                                                 std::size_t limit) = 0;
  /// Everything that batches after `after` changed, by name: see storage/change_log.hpp.
  [[nodiscard]] virtual result<void> for_each_change(lsn_t after, const visit_change& visit) = 0;
  /// The named readers of changes, by name.
  [[nodiscard]] virtual result<std::vector<feed_consumer>> consumers() = 0;
};

/// Splits a text into what it is found by. What it answers is valid until the next call. One thread
/// at a time.
using tokenize_text = std::function<std::span<const text_token>(std::string_view text)>;
/// Makes one for the language and the stop words of a namespace. invalid_argument for a language
/// that there is none of.
using make_tokenizer = std::function<result<tokenize_text>(const text_settings&)>;

/// See namespace_store_options::history_batches.
inline constexpr std::uint64_t consumer_history = 10;

struct namespace_store_options {
  std::shared_ptr<logger> log = null_logger();
  std::uint64_t map_bytes = std::uint64_t{1} << 40;  ///< the largest file possible; 16 TiB at most
  /// Batches whose changes are kept at least; for consumers that are not so far, up to
  /// consumer_history times as many.
  std::uint64_t history_batches = 100'000;
  /// Without it, a namespace with text fields takes no writes (unsupported).
  storage::make_tokenizer make_tokenizer;
  /// A text index that was made with another one is made anew.
  std::string tokenizer_version;
  const clock_source* clock = &system_clock();  ///< of queues
  /// Runs before each LMDB commit; an error makes the commit fail. Tests only.
  std::function<result<void>()> before_commit;
};

/// Thread rule: apply, update_consumer, commit, set_config, index_fields, drop_field_index,
/// maintain and copy_compacted belong to one thread (the writer), which also destroys the store if
/// it left a transaction open; every other member is thread-safe. A directory is open at most once
/// per process, counting views that outlive their store.
class namespace_store {
 public:
  virtual ~namespace_store() = default;

  /// Creates the directory and environment. already_exists if there is one.
  [[nodiscard]] static result<std::unique_ptr<namespace_store>>
  create(const std::filesystem::path& directory, const namespace_config& config,
         const namespace_store_options& options);

  /// Opens and checks: format version (unsupported when newer), file size against the last page,
  /// stale readers, recorded configuration. corruption, not_found, io_error.
  [[nodiscard]] static result<std::unique_ptr<namespace_store>>
  open(const std::filesystem::path& directory, const namespace_store_options& options);

  [[nodiscard]] virtual namespace_config config() const = 0;
  /// Takes over another distance and new index parameters (anything else is config_mismatch),
  /// durably. Commits what is open.
  [[nodiscard]] virtual result<void> set_config(const namespace_config& config) = 0;
  [[nodiscard]] virtual store_identity identity() const = 0;
  [[nodiscard]] virtual const std::filesystem::path& directory() const = 0;

  /// Applies a validated batch to the open transaction, beginning one if there is none. On error
  /// the batch has left no trace and the others in the transaction are untouched (already_exists,
  /// not_found, limit_exceeded); an LMDB failure aborts the transaction and makes the store
  /// read-only.
  [[nodiscard]] virtual result<applied_batch> apply(const write_batch& batch) = 0;
  /// The same for what a transaction commits, under one LSN; conflict if what it has read was
  /// changed since its snapshot, also by batches that are applied and not committed yet.
  [[nodiscard]] virtual result<applied_batch> apply(const transaction_batch& committed) = 0;
  /// Does what the request asks for in the open transaction, beginning one if there is none, and
  /// answers the position of the consumer; on disk with the next commit(). Errors as apply(), and
  /// invalid_argument for a position that is ahead of the namespace.
  [[nodiscard]] virtual result<feed_position> update_consumer(const consumer_request& request) = 0;
  /// Commits the open transaction (none: answers the durable LSN). On failure everything since the
  /// last commit is gone and the store is read-only until reopened.
  [[nodiscard]] virtual result<lsn_t> commit() = 0;
  /// Gives fields an index, durably; those that have one keep it. Upkeep builds it from the records
  /// that are there, and it is used as far as it is. Commits what is open. invalid_argument for a
  /// path that is none, limit_exceeded for too many.
  [[nodiscard]] virtual result<void> index_fields(std::span<const field_path> fields) = 0;
  /// Takes the index away, durably; upkeep gives its space back. Commits what is open. not_found if
  /// there is none.
  [[nodiscard]] virtual result<void> drop_field_index(const field_path& field) = 0;
  /// Drops history that neither `keep_after` nor a consumer nor history_batches keeps, seals and
  /// compacts vector chunks, builds and removes indexes of fields, in one bounded transaction of
  /// its own, after committing what is open. Answers true if there is more to do; writes nothing if
  /// there is nothing to do.
  [[nodiscard]] virtual result<bool> maintain(lsn_t keep_after) = 0;
  /// Commits what is open and copies the file without its free pages to where
  /// storage/compaction.hpp takes it from. Nothing may be written until that is in place, or given
  /// up. no_space if the copy does not fit beside the file.
  [[nodiscard]] virtual result<void> copy_compacted() = 0;

  /// Of the vectors, those of this number (namespace_config::vector). Precondition: there is one.
  [[nodiscard]] virtual result<std::unique_ptr<read_view>> read(std::size_t vector = 0) const = 0;
  [[nodiscard]] virtual lsn_t durable_lsn() const = 0;
  /// Why writes are refused; empty while they are not.
  [[nodiscard]] virtual std::optional<error> read_only_reason() const = 0;
  [[nodiscard]] virtual file_usage usage() const = 0;
  /// What the file knows of the namespace's statistics; the other fields are as by default.
  [[nodiscard]] virtual result<namespace_stats> stats() const = 0;
  /// One step of a check of all that is stored, in one snapshot for about `budget`. `cursor` is
  /// empty at first, then what the step before answered; `next` is empty after the last step.
  /// invalid_argument for a cursor that is none.
  [[nodiscard]] virtual result<check_step> check(std::string_view cursor,
                                                 std::chrono::milliseconds budget) const = 0;
};

}  // namespace hearth::storage
