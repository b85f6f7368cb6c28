#pragma once
// The key-value side of a namespace: an ordered map from bytes to bytes that changes in the same
// transactions as its records.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "error.hpp"
#include "key_columns.hpp"
#include "limits.hpp"
#include "record.hpp"

namespace hearth::inline core {

enum class key_change : std::uint8_t {
  put = 1,    ///< insert or replace
  erase = 2,  ///< remove; a key that is not there is counted, not an error
  add = 3,    ///< add to the whole number that the value says in decimal; a missing one is 0
  /// Remove every key that begins with `key`. Happens before the puts of its batch, wherever it
  /// stands among them, so that one batch can replace a subtree; an add or erase of a key that
  /// begins like this has no place in the same batch. At most limits::erased_keys per batch.
  erase_prefix = 4,
};

/// One change of one key. Keys and values are bytes: an empty value is not a missing one, an empty
/// key is a key.
struct key_write {
  std::string key{};
  key_change change = key_change::put;
  std::string value{};      ///< of put
  std::int64_t amount = 0;  ///< of add
  /// Compare and set: the version that the key has to have (0: it must not be there), or the whole
  /// batch is refused with conflict.
  std::optional<lsn_t> expected{};

  friend bool operator==(const key_write&, const key_write&) = default;
};

struct key_value {
  std::string key{};
  std::string value{};
  lsn_t version = 0;  ///< LSN of the batch that wrote it

  friend bool operator==(const key_value&, const key_value&) = default;
};

struct key_query {
  std::vector<std::string> keys{};
  bool values = true;  ///< false: only whether they are there, and their versions
};

struct key_result {
  std::vector<std::optional<key_value>> found{};  ///< one per key that was asked for
};

/// One page of a walk in the order of bytes. The cursor is opaque and survives concurrent writes:
/// keys that exist throughout the scan appear exactly once.
struct key_scan {
  std::string start{};               ///< first key
  std::optional<std::string> end{};  ///< first key that is not part of it any more
  std::string prefix{};              ///< only keys that begin like this
  bool reverse = false;              ///< from the last key to the first
  bool values = true;
  std::uint32_t limit = 1000;  ///< keys per page; the reply may hold fewer to stay in bounds
  std::string cursor{};        ///< empty: the first page
  /// Not empty: a listing of names, as of the entries of a directory. A name is a key up to the
  /// first delimiter behind the prefix; one that has a backslash in front that is not itself behind
  /// one does not count (core/key_path.hpp). Each name is one entry, however many keys go on behind
  /// it: they are stepped over, not read. A name is met where its own key is, or else where the
  /// keys below it are; it appears exactly once unless its own key is written or erased meanwhile.
  std::string delimiter{};
};

/// What there is of a name in a listing.
struct key_name {
  static constexpr std::uint8_t has_value = 1;  ///< the name is a key
  static constexpr std::uint8_t has_more = 2;   ///< keys go on behind the name and the delimiter
};

struct key_page {
  key_columns entries{};  ///< of a name that is no key: no value, version 0
  std::string next{};     ///< empty: this was the last page
  /// Of a scan with a delimiter: for each entry, the flags of key_name.
  std::vector<std::uint8_t> names{};
};

/// The longest delimiter and the longest cursor, in bytes.
inline constexpr std::size_t key_delimiter_bytes = 64;
inline constexpr std::size_t key_cursor_bytes = limits::key_bytes + key_delimiter_bytes + 16;

/// Checks sizes and counts, that no key is named twice and that prefixes to erase and other changes
/// do not contradict each other. Messages name the field and the limit.
[[nodiscard]] result<void> validate(const std::vector<key_write>& writes);
[[nodiscard]] result<void> validate(const key_query& query);
[[nodiscard]] result<void> validate(const key_scan& scan);

/// Bytes of the values, which count into limits::batch_bytes. Keys have a limit of their own.
[[nodiscard]] std::size_t value_bytes(const std::vector<key_write>& writes) noexcept;

}  // namespace hearth::inline core
