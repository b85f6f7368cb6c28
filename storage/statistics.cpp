// A namespace's file in numbers.
#include "storage/compaction.hpp"
#include "storage/keyvalue/key_writes.hpp"
#include "storage/namespace_store_impl.hpp"

namespace hearth::storage {

namespace {

std::uint64_t pages_of(const MDB_stat& numbers) noexcept {
  return numbers.ms_branch_pages + numbers.ms_leaf_pages + numbers.ms_overflow_pages;
}

// LMDB's list of free pages: by the transaction that freed them, their number and they themselves.
result<std::uint64_t> count_free_pages(const lmdb::transaction& in) {
  HEARTH_TRY(auto lists, in.open_cursor(lmdb::free_pages));
  std::uint64_t pages = 0;
  HEARTH_TRY(bool found, lists.first());
  while (found) {
    std::size_t count = 0;
    if (lists.value().size() >= sizeof count)
      std::memcpy(&count, lists.value().data(), sizeof count);
    pages += count;
    HEARTH_TRY(found, lists.next());
  }
  return pages;
}

}  // namespace

std::vector<lmdb_namespace_store::named_table> lmdb_namespace_store::all_tables() const {
  std::vector<named_table> all = {{"(free pages)", lmdb::free_pages},
                                  {"(table names)", lmdb::table_names},
                                  {"meta", tables_.meta},
                                  {"keys", tables_.keys},
                                  {"consumers", tables_.consumers},
                                  {"queue names", tables_.queues.names},
                                  {"queue items", tables_.queues.items},
                                  {"queue payloads", tables_.queues.payloads},
                                  {"queue order", tables_.queues.order},
                                  {"ids", tables_.ids},
                                  {"records", tables_.records},
                                  {"changes", tables_.changes},
                                  {"fields", tables_.attributes.fields},
                                  {"attributes", tables_.attributes.entries},
                                  {"text_postings", tables_.text.postings},
                                  {"text_positions", tables_.text.positions},
                                  {"text_stats", tables_.text.stats}};
  for (std::size_t number = 0; number < shapes_->size(); ++number) {
    const auto& vector = tables_.vectors[number];
    const auto suffix = number == 0 ? std::string() : ":" + (*shapes_)[number].name;
    all.push_back({"tail" + suffix, vector.tail});
    all.push_back({"chunks" + suffix, vector.chunks});
    all.push_back({"dead" + suffix, vector.dead});
  }
  return all;
}

file_usage lmdb_namespace_store::usage() const {
  file_usage usage{0, environment_->file_bytes()};
  const auto snapshot = environment_->begin_read();
  if (!snapshot)
    return usage;
  for (const auto& [name, which] : all_tables()) {
    const auto numbers = snapshot->statistics(which);
    if (numbers)
      usage.used_bytes += pages_of(*numbers) * numbers->ms_psize;
  }
  usage.used_bytes += 2 * std::size_t{4096};  // meta pages
  return usage;
}

result<namespace_stats> lmdb_namespace_store::stats() const {
  namespace_stats answer;
  HEARTH_TRY(const auto file, environment_->numbers());  // before there is a snapshot of its own
  HEARTH_TRY(const auto snapshot, environment_->begin_read());
  HEARTH_TRY(const auto state, read_state(snapshot, tables_));
  HEARTH_TRY(const auto keys, read_key_state(snapshot, tables_));
  answer.records = state.records;
  answer.keys = keys.count;
  answer.file_bytes = environment_->file_bytes();
  answer.page_bytes = file.page_bytes;
  answer.readers = file.readers;
  answer.oldest_reader_lag = file.oldest_reader_lag;
  for (auto& [name, which] : all_tables()) {
    HEARTH_TRY(const auto numbers, snapshot.statistics(which));
    answer.live_pages += pages_of(numbers);
    answer.tables.push_back({std::move(name), numbers.ms_entries, pages_of(numbers)});
  }
  answer.live_pages += 2;  // meta pages
  HEARTH_TRY(answer.free_pages, count_free_pages(snapshot));
  HEARTH_TRY(auto changes, snapshot.open_cursor(tables_.changes));
  HEARTH_TRY(const bool found, changes.first());
  if (const auto first = found ? decode_change(changes.key()) : std::nullopt)
    answer.oldest_lsn = first->lsn;
  return answer;
}

result<void> lmdb_namespace_store::copy_compacted() {
  HEARTH_CHECK(commit());
  HEARTH_CHECK(check_writable());
  return write_compacted(*environment_, usage().used_bytes);
}

}  // namespace hearth::storage
