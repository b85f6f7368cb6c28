#include "storage/keyvalue/key_number.hpp"

#include <charconv>

#include "core/format.hpp"

namespace hearth::storage {

result<std::int64_t> add_to_number(std::string_view value, std::int64_t amount,
                                   std::string_view field) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == value.data() + value.size();
  if (value.empty() || !whole)
    return fail(errc::invalid_argument, core::format("{} is not a whole number in decimal", field));
  std::int64_t sum = 0;
  if (__builtin_add_overflow(number, amount, &sum))
    return fail(errc::invalid_argument,
                core::format("{}: {} and {} are more than 64 bits hold", field, number, amount));
  return sum;
}

}  // namespace hearth::storage
