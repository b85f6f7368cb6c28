#pragma once
// The values under a path in encoded metadata, as filters see them.
#include <vector>

#include "core/filter/field_path.hpp"
#include "core/filter/scalar.hpp"

namespace hearth::storage {

/// What a path leads to. Elements of lists count as values, and their lists and maps do not.
struct attribute_values {
  std::vector<scalar> items;  ///< none of them is `none`; texts live as long as the metadata
  bool exists = false;        ///< as the filter op
  bool lists = false;         ///< among what it leads to is a list
  bool others = false;        ///< and something that is none

  void clear() noexcept {
    items.clear();
    exists = lists = others = false;
  }
};

/// Replaces `out`. False if the bytes are no metadata; no bytes stand for an empty map.
[[nodiscard]] bool find_values(byte_span metadata, const field_path& path, attribute_values& out);

}  // namespace hearth::storage
