#pragma once
// Builds indexes over records that are already there, and removes indexes, step by step.
#include "storage/attributes/attribute_tables.hpp"

namespace hearth::storage {

struct build_limits {
  std::size_t records = 5000;  ///< looked at in one step; or four times as many entries removed
  std::size_t bytes = std::size_t{8} << 20;  ///< of the records looked at
};

struct build_progress {
  bool more = false;
  bool wrote = false;
};

/// One step in the open transaction: how far it came is part of it, so a crash loses nothing but
/// the step. `records` is the table of records.
[[nodiscard]] result<build_progress> build_attributes(lmdb::write_transaction& in,
                                                      lmdb::table records,
                                                      const attribute_tables& to,
                                                      const build_limits& limits);

}  // namespace hearth::storage
