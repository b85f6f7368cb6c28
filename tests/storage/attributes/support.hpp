#pragma once
// What the tests of attribute indexes share.
#include <map>
#include <string>

#include "storage/attributes/attribute_reader.hpp"
#include "tests/core/filter/oracle.hpp"
#include "tests/core/filter/random_filters.hpp"
#include "tests/storage/support.hpp"

namespace hearth::storage::test {

/// Records with metadata and without vectors.
inline write_batch metadata_batch(write_kind kind, std::vector<record_id> ids,
                                  std::vector<value_map> metadata) {
  auto batch = batch_of(kind, std::move(ids));
  batch.metadata = std::move(metadata);
  return batch;
}

/// The entries of table `attributes`.
inline std::uint64_t entries_of(const namespace_store& store) {
  const auto& environment = dynamic_cast<const lmdb_namespace_store&>(store).environment();
  auto transaction = need(environment->begin_write());
  const auto tables = need(attribute_tables::open(transaction));
  return need(transaction.statistics(tables.entries)).ms_entries;
}

/// A copy of a table.
inline std::map<std::vector<std::byte>, std::vector<std::byte>> dump_in(const lmdb::transaction& in,
                                                                        lmdb::table which) {
  std::map<std::vector<std::byte>, std::vector<std::byte>> all;
  auto entries = need(in.open_cursor(which));
  for (bool found = need(entries.first()); found; found = need(entries.next()))
    all.emplace(std::vector(entries.key().begin(), entries.key().end()),
                std::vector(entries.value().begin(), entries.value().end()));
  return all;
}

/// The same for table `attributes` of a store, or table `attribute_fields`.
inline std::map<std::vector<std::byte>, std::vector<std::byte>>
dump(const namespace_store& store, lmdb::table attribute_tables::*which) {
  const auto& environment = dynamic_cast<const lmdb_namespace_store&>(store).environment();
  auto transaction = need(environment->begin_write());
  const auto tables = need(attribute_tables::open(transaction));
  return dump_in(transaction, tables.*which);
}

}  // namespace hearth::storage::test
