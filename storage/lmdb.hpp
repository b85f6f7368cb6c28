#pragma once
// LMDB behind RAII and result<T>: environments, transactions, cursors. The only header of Hearth
// that includes <lmdb.h>.
//
// Environments are opened with MDB_NOTLS and LMDB's default, fully synced commits. Readers are
// pooled: a finished read transaction is reset and its slot in the reader table renewed by the
// next one, which costs nanoseconds and touches no lock of LMDB.
#include <lmdb.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/disk.hpp"
#include "core/error.hpp"

namespace hearth::storage::lmdb {

/// A named table. Valid as long as its environment; usable from any thread.
using table = MDB_dbi;

/// LMDB's own tables, present in every environment: what is free, and the names of the others.
inline constexpr table free_pages = 0;
inline constexpr table table_names = 1;

class environment;
class cursor;

/// A key or value in place. Valid until the transaction's next write, or its end.
using bytes = byte_span;

/// Asks the system to read a part of the file, without waiting for it: without that, pages are read
/// one by one when they are looked at.
void will_need(bytes part) noexcept;

/// What both kinds of transaction can do. One thread at a time.
class transaction {
 public:
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;
  transaction(transaction&& other) noexcept
      : environment_(std::move(other.environment_)),
        handle_(std::exchange(other.handle_, nullptr)) {}

  [[nodiscard]] result<std::optional<bytes>> get(table in, bytes key) const;
  [[nodiscard]] result<cursor> open_cursor(table in) const;
  /// Entries and pages of one table.
  [[nodiscard]] result<MDB_stat> statistics(table of) const;
  [[nodiscard]] const std::shared_ptr<environment>& owner() const noexcept { return environment_; }
  [[nodiscard]] MDB_txn* handle() const noexcept { return handle_; }

 protected:
  transaction(std::shared_ptr<environment> owner, MDB_txn* handle) noexcept
      : environment_(std::move(owner)), handle_(handle) {}
  ~transaction() = default;

  std::shared_ptr<environment> environment_;
  MDB_txn* handle_ = nullptr;
};

/// A snapshot. Returns its reader slot to the pool when destroyed.
class read_transaction : public transaction {
 public:
  read_transaction(std::shared_ptr<environment> owner, MDB_txn* handle) noexcept
      : transaction(std::move(owner), handle) {}
  read_transaction(read_transaction&&) noexcept = default;
  ~read_transaction();

  /// Moves on to the newest snapshot, letting a map grow that waits to. Every cursor must have been
  /// closed.
  [[nodiscard]] result<void> renew();
};

/// The one writer of an environment. Begun, used and ended on one thread; aborts unless committed.
class write_transaction : public transaction {
 public:
  write_transaction(std::shared_ptr<environment> owner, MDB_txn* handle) noexcept
      : transaction(std::move(owner), handle) {}
  write_transaction(write_transaction&&) noexcept = default;
  ~write_transaction();

  /// `flags` as in mdb_put: MDB_APPEND for keys after the last one, MDB_NOOVERWRITE.
  [[nodiscard]] result<void> put(table in, bytes key, bytes value, unsigned flags = 0);
  /// Space for a value of `size` bytes, not initialized; fill all of it before the next write.
  [[nodiscard]] result<std::span<std::byte>> reserve(table in, bytes key, std::size_t size,
                                                     unsigned flags = 0);
  /// Answers whether the key was there.
  [[nodiscard]] result<bool> erase(table from, bytes key);
  [[nodiscard]] result<void> clear(table which);
  /// Opens a table. One that is missing is created, or else errc::corruption: every table is made
  /// with its environment.
  [[nodiscard]] result<table> open_table(const char* name, bool create);
  /// On disk when it answers. The transaction has ended either way.
  [[nodiscard]] result<void> commit();
};

/// Walks one table. Must not outlive its transaction.
class cursor {
 public:
  cursor(std::shared_ptr<environment> owner, MDB_cursor* handle) noexcept
      : environment_(std::move(owner)), handle_(handle) {}
  cursor(cursor&& other) noexcept
      : environment_(std::move(other.environment_)), handle_(std::exchange(other.handle_, nullptr)),
        key_(other.key_), value_(other.value_) {}
  cursor& operator=(cursor&& other) noexcept {
    std::swap(environment_, other.environment_);
    std::swap(handle_, other.handle_);
    key_ = other.key_;
    value_ = other.value_;
    return *this;
  }
  ~cursor();

  // Each answers whether there is such an entry; key() and value() are its.
  [[nodiscard]] result<bool> first() { return move(MDB_FIRST); }
  [[nodiscard]] result<bool> last() { return move(MDB_LAST); }
  [[nodiscard]] result<bool> next() { return move(MDB_NEXT); }
  [[nodiscard]] result<bool> previous() { return move(MDB_PREV); }
  [[nodiscard]] result<bool> find(bytes key) { return seek(MDB_SET_KEY, key); }
  [[nodiscard]] result<bool> lower_bound(bytes key) { return seek(MDB_SET_RANGE, key); }
  /// The last entry whose key is not after `key`.
  [[nodiscard]] result<bool> at_or_before(bytes key);

  [[nodiscard]] bytes key() const noexcept;
  [[nodiscard]] bytes value() const noexcept;

  /// Removes the current entry; next() then answers the one behind it.
  [[nodiscard]] result<void> erase();

 private:
  [[nodiscard]] result<bool> move(MDB_cursor_op operation);
  [[nodiscard]] result<bool> seek(MDB_cursor_op operation, bytes key);

  std::shared_ptr<environment> environment_;
  MDB_cursor* handle_ = nullptr;
  MDB_val key_{};
  MDB_val value_{};
};

/// Of an environment as a whole.
struct environment_numbers {
  std::uint32_t page_bytes = 0;
  std::uint64_t pages = 0;              ///< up to the last one in use
  std::uint32_t readers = 0;            ///< snapshots that are read
  std::uint64_t oldest_reader_lag = 0;  ///< commits since the oldest of them began; 0 without any
};

struct environment_options {
  std::uint64_t map_bytes = std::uint64_t{1} << 40;  ///< the largest file possible
  /// Address space taken at once. It quadruples, up to map_bytes, as the file comes close: a
  /// process has 128 TiB of it for all its environments.
  std::uint64_t first_map_bytes = std::uint64_t{16} << 30;
  unsigned max_tables = 80;
  unsigned max_readers = 1024;
  bool create = false;  ///< already_exists if there is one, instead of not_found if there is none
};

/// One open LMDB environment. Thread-safe apart from the transactions themselves. A directory is
/// open at most once per process: LMDB's file locks do not survive a second opening (busy).
class environment : public std::enable_shared_from_this<environment> {
 public:
  [[nodiscard]] static result<std::shared_ptr<environment>>
  open(const std::filesystem::path& directory, const environment_options& options);
  ~environment();
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;

  /// busy when every reader slot is taken.
  [[nodiscard]] result<read_transaction> begin_read();
  /// Waits for the writing transaction of another thread or process. Grows a map that is nearly
  /// full, if no snapshot is open, and may wait a second for that; or else a later one does.
  [[nodiscard]] result<write_transaction> begin_write();

  /// Frees reader slots of processes that died; answers how many.
  [[nodiscard]] result<int> clear_stale_readers();
  /// The address space it has now; less than first_map_bytes if the system refused.
  [[nodiscard]] std::uint64_t map_bytes() const noexcept { return map_bytes_; }
  [[nodiscard]] std::uint64_t file_bytes() const noexcept;
  [[nodiscard]] result<environment_numbers> numbers() const;
  /// Writes a copy without free pages to an empty file. Reads and commits may go on; what is
  /// committed meanwhile is not in the copy.
  [[nodiscard]] result<void> copy_compacted(int file) const;
  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }

  /// An LMDB code or errno as an error: no_space for a full map or disk (LMDB reports a disk that
  /// filled up in mid-write as EIO), corruption, busy, io_error.
  [[nodiscard]] error error_from(int code, std::string_view action) const;

 private:
  friend class read_transaction;
  friend class write_transaction;
  explicit environment(std::filesystem::path directory) : directory_(std::move(directory)) {}
  [[nodiscard]] result<void> open_handle(const environment_options& options);
  [[nodiscard]] std::uint64_t unused_bytes() const noexcept;
  void grow_if_needed(std::unique_lock<std::mutex>& lock);
  void grow_map() noexcept;
  /// Counts a snapshot, after giving a map that waits to grow its chance; leave() counts it off.
  void enter_read(std::unique_lock<std::mutex>& lock);
  void leave() noexcept;
  [[nodiscard]] int renew(MDB_txn* reader);
  void end() noexcept;
  void release(MDB_txn* reader) noexcept;

  std::filesystem::path directory_;
  MDB_env* handle_ = nullptr;
  std::atomic<std::uint64_t> map_bytes_ = 0;
  std::uint64_t largest_map_ = 0;
  std::optional<std::pair<std::uint64_t, std::uint64_t>> registration_;  // device and inode
  std::mutex mutex_;            // guards what follows, and the map's growth
  std::vector<MDB_txn*> pool_;  // reset readers, each still owning its slot
  std::size_t transactions_ = 0;
  bool growth_waits_ = false;
  std::atomic<bool> unusable_ = false;  // lost its map
  std::chrono::steady_clock::time_point next_growth_;
  std::condition_variable changed_;  // the two above
};

/// `text` as a key.
[[nodiscard]] inline bytes as_key(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace hearth::storage::lmdb
