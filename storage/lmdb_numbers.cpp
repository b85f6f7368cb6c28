// What LMDB knows of an environment as a whole, and copies of it.
#include <algorithm>
#include <charconv>
#include <limits>
#include <string_view>

#include "storage/lmdb.hpp"

namespace hearth::storage::lmdb {

namespace {

struct reader_table {
  std::uint32_t readers = 0;
  std::uint64_t oldest = std::numeric_limits<std::uint64_t>::max();  // transaction
};

// LMDB prints its table: a head, and per slot process, thread and transaction, the last of them "-"
// while the slot is not in use.
int take_reader(const char* line, void* context) {
  auto& found = *static_cast<reader_table*>(context);
  std::string_view text(line);
  text = text.substr(0, text.find_last_not_of(" \n") + 1);
  const auto last = text.substr(text.find_last_of(' ') + 1);
  std::uint64_t transaction = 0;
  const auto parsed = std::from_chars(last.data(), last.data() + last.size(), transaction);
  if (parsed.ec == std::errc{} && parsed.ptr == last.data() + last.size()) {
    ++found.readers;
    found.oldest = std::min(found.oldest, transaction);
  }
  return 0;
}

}  // namespace

result<environment_numbers> environment::numbers() const {
  MDB_envinfo state{};
  MDB_stat pages{};
  reader_table readers;
  int code = mdb_env_info(handle_, &state);
  if (code == MDB_SUCCESS)
    code = mdb_env_stat(handle_, &pages);
  if (code == MDB_SUCCESS && mdb_reader_list(handle_, take_reader, &readers) < 0)
    code = EIO;
  if (code != MDB_SUCCESS)
    return std::unexpected(error_from(code, "look at the state"));
  environment_numbers numbers;
  numbers.page_bytes = pages.ms_psize;
  numbers.pages = state.me_last_pgno + 1;
  numbers.readers = readers.readers;
  if (readers.readers > 0 && state.me_last_txnid > readers.oldest)
    numbers.oldest_reader_lag = state.me_last_txnid - readers.oldest;
  return numbers;
}

result<void> environment::copy_compacted(int file) const {
  const int code = mdb_env_copyfd2(handle_, file, MDB_CP_COMPACT);
  if (code != MDB_SUCCESS)
    return std::unexpected(error_from(code, "copy"));
  return {};
}

}  // namespace hearth::storage::lmdb
