#pragma once
// Listings of names: scans with a delimiter.
#include <optional>
#include <string>
#include <string_view>

#include "core/key_value.hpp"
#include "storage/keyvalue/key_range.hpp"
#include "storage/lmdb.hpp"

namespace hearth::storage {

struct tables;

/// Keys in their order, as a listing walks them.
class key_walk {
 public:
  virtual ~key_walk() = default;

  // Each answers whether there is such a key.

  /// The first key that is not before `bound`.
  [[nodiscard]] virtual result<bool> seek(std::string_view bound) = 0;
  /// The last key that is before `bound`; nothing: the last of all.
  [[nodiscard]] virtual result<bool> seek_before(const std::optional<std::string>& bound) = 0;
  [[nodiscard]] virtual result<bool> next() = 0;
  [[nodiscard]] virtual result<bool> previous() = 0;

  /// Where the walk is.
  [[nodiscard]] virtual std::string key() const = 0;
  /// What is there; the value only if it is asked for.
  [[nodiscard]] virtual result<key_value> entry(bool value) = 0;

  // These do not move it.

  /// What is under any key; nothing if it is not there.
  [[nodiscard]] virtual result<std::optional<key_value>> find(const std::string& key,
                                                              bool value) = 0;
  /// Whether a key begins like this.
  [[nodiscard]] virtual result<bool> any_below(const std::string& prefix) = 0;
};

/// One page of names. Takes one or two look-ups for a name, however many keys go on behind it.
/// `max_bytes` ends the page early, never before its first name. `lsn` is of the snapshot that the
/// walk is over.
/// Precondition: scan.delimiter is not empty.
[[nodiscard]] result<key_page> list_names(key_walk& keys, lsn_t lsn, const key_scan& scan,
                                          std::size_t max_bytes);
/// Of the keys that are stored.
[[nodiscard]] result<key_page> list_names(const lmdb::transaction& in, const tables& from,
                                          const key_scan& scan, std::size_t max_bytes);

/// The keys on which a listing up to the page with this `next` depends, beside the names it
/// answered and what is below them: a name may be left out of a page because it is on another one.
[[nodiscard]] key_range covered_names(const key_scan& scan, const std::string& next);

}  // namespace hearth::storage
