#pragma once
// The tables of a namespace's environment and what its table `meta` holds.
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "core/bytes.hpp"
#include "core/limits.hpp"
#include "core/namespace_config.hpp"
#include "storage/attributes/attribute_tables.hpp"
#include "storage/lmdb.hpp"
#include "storage/namespace_store.hpp"
#include "storage/queue/queue_codec.hpp"
#include "storage/text/text_tables.hpp"

namespace hearth::storage {

/// What this build writes; refused when a file says a higher one. Format 1 has shorter index
/// parameters in its `config` and is read as well; writing the configuration makes it format 2.
inline constexpr std::uint64_t namespace_format = 6;
/// The first format with attribute indexes, which an older build would not keep up to date.
inline constexpr std::uint64_t attributes_format = 4;
/// The first format whose change table names what changed. Every write makes a namespace one of it.
inline constexpr std::uint64_t change_names_format = 6;
/// The first format with queues. A namespace of an older one becomes one of it by its first item.
inline constexpr std::uint64_t queue_format = 6;

/// Where the vectors of one name are.
struct vector_tables {
  lmdb::table tail = 0;    ///< row → vector not yet sealed
  lmdb::table chunks = 0;  ///< first row → sealed chunk
  lmdb::table dead = 0;    ///< first row of a chunk → which of its rows are dead
};

struct tables {
  lmdb::table meta = 0;         ///< name → checked value
  lmdb::table ids = 0;          ///< encoded id → where its record is
  lmdb::table records = 0;      ///< row → record without its vector
  lmdb::table changes = 0;      ///< lsn, part → what a batch changed
  attribute_tables attributes;  ///< indexes of metadata
  text_tables text;             ///< full text
  lmdb::table keys = 0;         ///< the key-value side: see keyvalue/key_tree.hpp
  queue_tables queues;
  lmdb::table consumers = 0;  ///< name → how far a reader of the change feed has got
  /// By number, as namespace_config::vector: as many as the namespace has.
  std::array<vector_tables, 1 + limits::named_vectors> vectors{};

  /// Opens them all, or creates them and writes the format version. Opening checks the version
  /// first, and creates the tables that older formats lack. Handles count once `in` has committed.
  [[nodiscard]] static result<tables> open(lmdb::write_transaction& in, bool create);
  /// The same for the vectors that the configuration names. After open().
  [[nodiscard]] result<void> open_named(lmdb::write_transaction& in, const namespace_config& config,
                                        bool create);
};

/// Numbers that change with every batch, stored as one value in the same transaction.
struct vector_counts {
  std::uint64_t live = 0;
  std::uint64_t in_tail = 0;

  friend bool operator==(const vector_counts&, const vector_counts&) = default;
};

struct store_state {
  lsn_t lsn = 0;
  row_id next_row = 1;
  std::uint64_t next_id = 0;  ///< above every numeric id below assigned_id_limit
  std::uint64_t records = 0;
  std::vector<vector_counts> vectors = std::vector<vector_counts>(1);  ///< by number

  friend bool operator==(const store_state&, const store_state&) = default;
};

/// Numeric ids from here on are the user's alone: assigned ids stay below, so that one huge id
/// does not use up all that could be assigned.
inline constexpr std::uint64_t assigned_id_limit = std::uint64_t{1} << 63;

[[nodiscard]] result<store_state> read_state(const lmdb::transaction& in, const tables& from);
[[nodiscard]] result<void> write_state(lmdb::write_transaction& in, const tables& to,
                                       const store_state& state);

[[nodiscard]] result<namespace_config> read_config(const lmdb::transaction& in, const tables& from);
/// Also writes the format version, because an older build cannot read what this one writes.
[[nodiscard]] result<void> write_config(lmdb::write_transaction& in, const tables& to,
                                        const namespace_config& config);

/// Another entry of the table `meta`; nothing if it is missing.
[[nodiscard]] result<std::optional<byte_reader>> read_meta(const lmdb::transaction& in,
                                                           lmdb::table meta, std::string_view key);
[[nodiscard]] result<void> write_meta(lmdb::write_transaction& in, lmdb::table meta,
                                      std::string_view key,
                                      const std::function<void(byte_writer&)>& encode);

[[nodiscard]] result<store_identity> read_identity(const lmdb::transaction& in, const tables& from);
[[nodiscard]] result<void> write_identity(lmdb::write_transaction& in, const tables& to,
                                          const store_identity& identity);

/// unsupported, naming both versions, if the recorded one is newer than `supported`.
[[nodiscard]] result<void> check_format(const lmdb::transaction& in, lmdb::table meta,
                                        std::uint64_t supported);
[[nodiscard]] result<void> write_format(lmdb::write_transaction& in, lmdb::table meta,
                                        std::uint64_t version);
/// Records `version` unless the recorded one is as new.
[[nodiscard]] result<void> raise_format(lmdb::write_transaction& in, lmdb::table meta,
                                        std::uint64_t version);

}  // namespace hearth::storage
