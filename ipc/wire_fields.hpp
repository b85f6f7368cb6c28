#pragma once
// The small change of the conversions between wire and core: texts, enumerators, sizes.
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/format.hpp"
#include "ipc/schema.hpp"

namespace hearth::ipc::wire {

// Structs of a fixed size, their pointers and list tags; generous, as it is an upper bound.
inline constexpr std::size_t fixed_words = 96;

constexpr std::size_t text_words(std::string_view text) {
  return text.size() / 8 + 1;
}

inline std::string text_of(capnp::Text::Reader from) {
  return {from.begin(), from.size()};
}

inline std::unexpected<error> bad_enum(std::string_view field, unsigned number) {
  return fail(errc::invalid_argument,
              core::format("{} is {}, which this version does not know", field, number));
}

inline std::unexpected<error> over_limit(std::string_view field, std::size_t actual,
                                         std::size_t limit, std::string_view unit) {
  return fail(errc::limit_exceeded,
              core::format("{} has {} {}; the limit is {}", field, actual, unit, limit));
}

inline result<std::string> read_text(capnp::Text::Reader from, std::string_view field,
                                     std::size_t limit) {
  if (from.size() > limit)
    return over_limit(field, from.size(), limit, "bytes");
  return text_of(from);
}

// Enumerators have the numbers of core's, so one check of the range serves all.
template <class Core, class Wire>
result<Core> read_enum(Wire from, std::string_view field, Core last) {
  const auto number = static_cast<unsigned>(from);
  if (number == 0 || number > static_cast<unsigned>(last))
    return bad_enum(field, number);
  return static_cast<Core>(number);
}

inline capnp::Text::Reader to_text(std::string_view from) {
  // A Text::Reader promises a terminating NUL; a std::string has it, and every caller passes one.
  return {from.data(), from.size()};
}

}  // namespace hearth::ipc::wire
