#include "storage/scan_cursor.hpp"

#include <charconv>

#include "core/format.hpp"
#include "core/limits.hpp"

namespace hearth::storage {

std::string make_cursor(const record_id& id) {
  return id.is_number() ? core::format("n{}", id.number()) : "s" + id.text();
}

result<record_id> parse_cursor(const std::string& cursor) {
  if (cursor[0] == 's' && cursor.size() > 1 && cursor.size() <= limits::id_bytes + 1)
    return record_id(cursor.substr(1));
  std::uint64_t number = 0;
  const auto* const end = cursor.data() + cursor.size();
  const auto parsed = std::from_chars(cursor.data() + 1, end, number);
  if (cursor[0] != 'n' || parsed.ec != std::errc{} || parsed.ptr != end)
    return fail(errc::invalid_argument, "cursor is not one that a scan answered",
                "start without a cursor");
  return record_id(number);
}

}  // namespace hearth::storage
