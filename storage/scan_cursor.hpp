#pragma once
// Cursors of scans of records: the id of the last record as text, so that they pass unchanged
// wherever text passes.
#include <string>

#include "core/record_id.hpp"

namespace hearth::storage {

[[nodiscard]] std::string make_cursor(const record_id& id);
/// invalid_argument for what make_cursor does not answer. Precondition: it is not empty.
[[nodiscard]] result<record_id> parse_cursor(const std::string& cursor);

}  // namespace hearth::storage
