#pragma once
// What a transaction depends on that has scanned keys.
#include "core/key_value.hpp"
#include "storage/transaction/read_set.hpp"

namespace hearth::storage {

/// Enters the keys that a page was made of: those in the range that it covers, there or not. A page
/// of a listing depends also on each of its names and on what is below them, which may be outside.
void add_scan(read_set& reads, const key_scan& scan, const key_page& page);

}  // namespace hearth::storage
