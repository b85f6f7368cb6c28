#include "storage/lmdb.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "core/format.hpp"
#include "core/posix_error.hpp"
#include "storage/lmdb_file_check.hpp"

namespace hearth::storage::lmdb {

namespace {

constexpr std::size_t pooled_readers = 64;
constexpr std::uint64_t smallest_map = std::uint64_t{1} << 30;
constexpr std::uint64_t map_growth = 4;
// Scans renew their snapshot every half second; who holds one while asking for another waits in
// vain.
constexpr std::chrono::seconds growth_patience{1};
constexpr std::chrono::seconds growth_pause{5};
// LMDB answers a short write with EIO; with less than this left, the disk is the reason.
constexpr std::uint64_t full_disk_bytes = std::uint64_t{1} << 20;

using file_identity = std::pair<std::uint64_t, std::uint64_t>;

struct open_environments {
  std::mutex mutex;
  std::set<file_identity> directories;
};

open_environments& registry() {
  static open_environments instance;
  return instance;
}

MDB_val to_val(bytes data) noexcept {
  return {data.size(), const_cast<std::byte*>(data.data())};  // LMDB takes no const, writes nothing
}

bytes to_bytes(const MDB_val& value) noexcept {
  return {static_cast<const std::byte*>(value.mv_data), value.mv_size};
}

bool disk_is_full(const std::filesystem::path& directory) noexcept {
  struct statvfs state {};
  return ::statvfs(directory.c_str(), &state) == 0 &&
         std::uint64_t{state.f_bavail} * state.f_frsize < full_disk_bytes;
}

// LMDB maps its table of readers from a file with holes in it; on a full disk the first reader
// would be a SIGBUS. Closed again before LMDB locks the file: closing later would drop its locks.
result<void> reserve_reader_table(const std::filesystem::path& file, unsigned readers) {
  constexpr std::size_t reader_bytes = 64;
  const auto bytes = static_cast<off_t>((readers + 2) * reader_bytes);
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0)
    return std::unexpected(posix_error(errno, core::format("open {}", file.string())));
  const int code = ::posix_fallocate(fd, 0, bytes);
  ::close(fd);
  if (code != 0 && code != EOPNOTSUPP && code != EINVAL)
    return std::unexpected(posix_error(code, core::format("write {}", file.string())));
  return {};
}

}  // namespace

// transaction

result<std::optional<bytes>> transaction::get(table in, bytes key) const {
  auto lmdb_key = to_val(key);
  MDB_val value{};
  const int code = mdb_get(handle_, in, &lmdb_key, &value);
  if (code == MDB_NOTFOUND)
    return std::optional<bytes>{};
  if (code != MDB_SUCCESS)
    return std::unexpected(environment_->error_from(code, "read"));
  return std::optional<bytes>(to_bytes(value));
}

result<cursor> transaction::open_cursor(table in) const {
  MDB_cursor* opened = nullptr;
  const int code = mdb_cursor_open(handle_, in, &opened);
  if (code != MDB_SUCCESS)
    return std::unexpected(environment_->error_from(code, "open a cursor"));
  return cursor(environment_, opened);
}

void will_need(bytes part) noexcept {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto start = reinterpret_cast<std::uintptr_t>(part.data()) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(part.data()) + part.size();
  if (!part.empty())
    (void)::madvise(reinterpret_cast<void*>(start),  // NOLINT(performance-no-int-to-ptr): a page
                    end - start, MADV_WILLNEED);
}

result<MDB_stat> transaction::statistics(table of) const {
  MDB_stat numbers{};
  const int code = mdb_stat(handle_, of, &numbers);
  if (code != MDB_SUCCESS)
    return std::unexpected(environment_->error_from(code, "read table statistics"));
  return numbers;
}

read_transaction::~read_transaction() {
  if (handle_ != nullptr)
    environment_->release(handle_);
}

result<void> read_transaction::renew() {
  mdb_txn_reset(handle_);
  const int code = environment_->renew(handle_);
  if (code != MDB_SUCCESS)
    return std::unexpected(environment_->error_from(code, "renew a read transaction"));
  return {};
}

write_transaction::~write_transaction() {
  if (handle_ == nullptr)
    return;
  mdb_txn_abort(handle_);
  environment_->end();
}

result<void> write_transaction::put(table in, bytes key, bytes value, unsigned flags) {
  auto lmdb_key = to_val(key);
  auto lmdb_value = to_val(value);
  const int code = mdb_put(handle_, in, &lmdb_key, &lmdb_value, flags);
  if (code != MDB_SUCCESS)
    return std::unexpected(environment_->error_from(code, "write"));
  return {};
}

result<std::span<std::byte>> write_transaction::reserve(table in, bytes key, std::size_t size,
                                                        unsigned flags) {
  auto lmdb_key = to_val(key);
  MDB_val value{size, nullptr};
  const int code = mdb_put(handle_, in, &lmdb_key, &value, flags | MDB_RESERVE);
  if (code != MDB_SUCCESS)
    return std::unexpected(environment_->error_from(code, "write"));
  return std::span(static_cast<std::byte*>(value.mv_data), size);
}

result<bool> write_transaction::erase(table from, bytes key) {
  auto lmdb_key = to_val(key);
  const int code = mdb_del(handle_, from, &lmdb_key, nullptr);
  if (code == MDB_NOTFOUND)
    return false;
  if (code != MDB_SUCCESS)
    return std::unexpected(environment_->error_from(code, "erase"));
  return true;
}

result<void> write_transaction::clear(table which) {
  const int code = mdb_drop(handle_, which, 0);
  if (code != MDB_SUCCESS)
    return std::unexpected(environment_->error_from(code, "empty a table"));
  return {};
}

result<table> write_transaction::open_table(const char* name, bool create) {
  table opened = 0;
  const int code = mdb_dbi_open(handle_, name, create ? MDB_CREATE : 0, &opened);
  if (code == MDB_NOTFOUND || code == MDB_INCOMPATIBLE)
    return fail(errc::corruption,
                core::format("{} has no table \"{}\"", environment_->directory().string(), name),
                "it is not a store of Hearth, or was damaged; restore it from a backup");
  if (code != MDB_SUCCESS)
    return std::unexpected(environment_->error_from(code, core::format("open table \"{}\"", name)));
  return opened;
}

result<void> write_transaction::commit() {
  const int code = mdb_txn_commit(std::exchange(handle_, nullptr));
  environment_->end();
  if (code != MDB_SUCCESS)
    return std::unexpected(environment_->error_from(code, "commit"));
  return {};
}

// cursor

cursor::~cursor() {
  if (handle_ != nullptr)
    mdb_cursor_close(handle_);
}

result<bool> cursor::move(MDB_cursor_op operation) {
  const int code = mdb_cursor_get(handle_, &key_, &value_, operation);
  if (code == MDB_NOTFOUND)
    return false;
  if (code != MDB_SUCCESS)
    return std::unexpected(environment_->error_from(code, "read"));
  return true;
}

result<bool> cursor::seek(MDB_cursor_op operation, bytes key) {
  key_ = to_val(key);
  return move(operation);
}

result<bool> cursor::at_or_before(bytes key) {
  HEARTH_TRY(const bool found, lower_bound(key));
  if (!found)
    return last();
  if (std::ranges::equal(this->key(), key))
    return true;
  return previous();
}

bytes cursor::key() const noexcept {
  return to_bytes(key_);
}

bytes cursor::value() const noexcept {
  return to_bytes(value_);
}

result<void> cursor::erase() {
  const int code = mdb_cursor_del(handle_, 0);
  if (code != MDB_SUCCESS)
    return std::unexpected(environment_->error_from(code, "erase"));
  return {};
}

// environment

result<std::shared_ptr<environment>> environment::open(const std::filesystem::path& directory,
                                                       const environment_options& options) {
  std::shared_ptr<environment> opened(new environment(directory));
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0)
    return std::unexpected(posix_error(errno, core::format("open {}", directory.string())));

  const file_identity identity(status.st_dev, status.st_ino);
  {
    const std::scoped_lock lock(registry().mutex);
    if (!registry().directories.insert(identity).second)
      return fail(errc::busy,
                  core::format("{} is already open in this process", directory.string()),
                  "close it first, or share the open one");
  }
  opened->registration_ = identity;

  HEARTH_TRY(const auto state, check_file(directory / "data.mdb"));
  if (options.create && state == file_state::usable)
    return fail(errc::already_exists, core::format("{} holds a database", directory.string()));
  if (!options.create && state == file_state::missing)
    return fail(errc::not_found, core::format("{} holds no database", directory.string()));
  if (!options.create && state == file_state::empty)
    return fail(errc::corruption, core::format("{}/data.mdb is empty", directory.string()),
                "restore the store from a backup");
  HEARTH_CHECK(opened->open_handle(options));
  return opened;
}

// Asks for less address space while the system refuses: RLIMIT_AS, or very many open environments.
result<void> environment::open_handle(const environment_options& options) {
  HEARTH_CHECK(reserve_reader_table(directory_ / "lock.mdb", options.max_readers));
  const auto needed = std::max(smallest_map, 2 * file_bytes());
  largest_map_ = options.map_bytes;
  map_bytes_ =
      std::min(options.map_bytes, std::max(options.first_map_bytes, map_growth * file_bytes()));
  for (;;) {
    int code = mdb_env_create(&handle_);
    if (code != MDB_SUCCESS)
      return std::unexpected(error_from(code, "create an environment"));
    code = mdb_env_set_mapsize(handle_, map_bytes_);
    if (code == MDB_SUCCESS)
      code = mdb_env_set_maxdbs(handle_, options.max_tables);
    if (code == MDB_SUCCESS)
      code = mdb_env_set_maxreaders(handle_, options.max_readers);
    if (code == MDB_SUCCESS)
      // Most reads are of one page somewhere; the others say what they will need.
      code = mdb_env_open(handle_, directory_.c_str(), MDB_NOTLS | MDB_NORDAHEAD, 0600);
    if (code == MDB_SUCCESS) {
      MDB_envinfo state{};
      if (mdb_env_info(handle_, &state) == MDB_SUCCESS)
        map_bytes_ = state.me_mapsize;  // a larger file has a larger map
      return {};
    }
    mdb_env_close(std::exchange(handle_, nullptr));  // as LMDB asks after a failed open
    if (code != ENOMEM || map_bytes_ / 4 < needed)
      return std::unexpected(error_from(code, "open"));
    map_bytes_ = map_bytes_ / 4;
  }
}

// How much of the map no page has been in yet.
std::uint64_t environment::unused_bytes() const noexcept {
  MDB_envinfo state{};
  MDB_stat pages{};
  if (unusable_ || mdb_env_info(handle_, &state) != MDB_SUCCESS ||
      mdb_env_stat(handle_, &pages) != MDB_SUCCESS)
    return map_bytes_;
  return map_bytes_ - (state.me_last_pgno + 1) * pages.ms_psize;
}

// From three quarters on the map grows at the first moment without a transaction; from seven
// eighths on readers are held up for that, now and then.
void environment::grow_if_needed(std::unique_lock<std::mutex>& lock) {
  if (map_bytes_ >= largest_map_ || unused_bytes() > map_bytes_ / 4)
    return;
  const auto now = std::chrono::steady_clock::now();
  if (transactions_ > 0) {
    if (unused_bytes() > map_bytes_ / 8 || now < next_growth_)
      return;
    growth_waits_ = true;
    changed_.wait_for(lock, growth_patience, [&] { return transactions_ == 0; });
    growth_waits_ = false;
    changed_.notify_all();
  }
  if (transactions_ == 0)
    grow_map();
  next_growth_ = now + growth_pause;
}

// LMDB gives the old map back before it asks for the new one, and cannot go on without a map: so
// what it will ask for is tried out first.
void environment::grow_map() noexcept {
  const auto wanted = std::min(largest_map_, map_growth * map_bytes_);
  void* const trial =
      ::mmap(nullptr, wanted, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (trial == MAP_FAILED)
    return;  // the writer uses what is left
  ::munmap(trial, wanted);
  if (mdb_env_set_mapsize(handle_, wanted) == MDB_SUCCESS)
    map_bytes_ = wanted;
  else
    unusable_ = true;
}

environment::~environment() {
  for (auto* reader : pool_)
    mdb_txn_abort(reader);
  if (handle_ != nullptr)
    mdb_env_close(handle_);
  if (registration_) {
    const std::scoped_lock lock(registry().mutex);
    registry().directories.erase(*registration_);
  }
}

void environment::enter_read(std::unique_lock<std::mutex>& lock) {
  if (growth_waits_)
    changed_.wait_for(lock, growth_patience, [&] { return !growth_waits_; });
  ++transactions_;
}

void environment::leave() noexcept {
  --transactions_;
  if (growth_waits_)
    changed_.notify_all();
}

result<read_transaction> environment::begin_read() {
  MDB_txn* reader = nullptr;
  {
    std::unique_lock lock(mutex_);
    enter_read(lock);
    if (!pool_.empty()) {
      reader = pool_.back();
      pool_.pop_back();
    }
  }
  const bool pooled = reader != nullptr;
  const int code = unusable_ ? MDB_PANIC
                   : pooled  ? mdb_txn_renew(reader)
                             : mdb_txn_begin(handle_, nullptr, MDB_RDONLY, &reader);
  if (code != MDB_SUCCESS) {
    if (pooled)
      mdb_txn_abort(reader);
    end();
    return std::unexpected(error_from(code, "begin a read transaction"));
  }
  return read_transaction(shared_from_this(), reader);
}

result<write_transaction> environment::begin_write() {
  {
    std::unique_lock lock(mutex_);
    grow_if_needed(lock);
    ++transactions_;
  }
  MDB_txn* writer = nullptr;
  const int code = unusable_ ? MDB_PANIC : mdb_txn_begin(handle_, nullptr, 0, &writer);
  if (code != MDB_SUCCESS) {
    end();
    return std::unexpected(error_from(code, "begin a write transaction"));
  }
  return write_transaction(shared_from_this(), writer);
}

int environment::renew(MDB_txn* reader) {
  std::unique_lock lock(mutex_);
  leave();
  enter_read(lock);
  return unusable_ ? MDB_PANIC : mdb_txn_renew(reader);
}

void environment::end() noexcept {
  const std::scoped_lock lock(mutex_);
  leave();
}

void environment::release(MDB_txn* reader) noexcept {
  mdb_txn_reset(reader);
  {
    const std::scoped_lock lock(mutex_);
    leave();
    if (pool_.size() < pooled_readers) {
      try {
        pool_.push_back(reader);
        return;
      } catch (const std::bad_alloc&) {  // then give the slot back instead
      }
    }
  }
  mdb_txn_abort(reader);
}

result<int> environment::clear_stale_readers() {
  int cleared = 0;
  const int code = mdb_reader_check(handle_, &cleared);
  if (code != MDB_SUCCESS)
    return std::unexpected(error_from(code, "check for stale readers"));
  return cleared;
}

std::uint64_t environment::file_bytes() const noexcept {
  struct stat status {};
  return ::stat((directory_ / "data.mdb").c_str(), &status) == 0
             ? static_cast<std::uint64_t>(status.st_size)
             : 0;
}

error environment::error_from(int code, std::string_view action) const {
  const auto where = directory_.string();
  const auto failed = [&](errc kind, std::string hint) {
    return error{kind, core::format("cannot {} in {}: {}", action, where, mdb_strerror(code)),
                 std::move(hint), 0};
  };
  switch (code) {
  case MDB_MAP_FULL:
    return {errc::no_space,
            core::format("cannot {} in {}: the map of {} is full", action, where,
                         format_bytes(map_bytes_)),
            "erase records, or open with a larger map_bytes", 0};
  case MDB_READERS_FULL:
    return failed(errc::busy, "too many reads at once; try again");
  case MDB_CORRUPTED:
  case MDB_PAGE_NOTFOUND:
  case MDB_INVALID:
  case MDB_CURSOR_FULL:
    return failed(errc::corruption, "restore the store from a backup");
  case MDB_VERSION_MISMATCH:
    return failed(errc::unsupported, "the file was written by another version of LMDB");
  case MDB_PANIC:
    return failed(errc::io_error, "an earlier write failed badly; close and reopen it");
  case ENOSPC:
  case EDQUOT:
  case EIO:
    if (code != EIO || disk_is_full(directory_))
      return {errc::no_space, core::format("cannot {} in {}: the disk is full", action, where),
              "free some disk space, then close and reopen it", 0};
    return failed(errc::io_error, "look at the system's log for disk errors");
  case EFBIG:
    return failed(errc::no_space, "raise the limit of file sizes (ulimit -f)");
  case EACCES:
  case EPERM:
  case EROFS:
    return failed(errc::permission_denied, "check who owns the store's files");
  case EAGAIN:
  case EMFILE:
  case ENFILE:
    return failed(errc::busy, "the system is short of files or locks; try again");
  default:
    return failed(errc::io_error, {});
  }
}

}  // namespace hearth::storage::lmdb
