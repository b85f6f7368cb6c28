// Any text is a table that reads back from its own text, or an error that says where.
#include <string_view>

#include "core/toon.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace hearth;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto table = parse_toon(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!table) {
    fuzz::require(!table.error().message.empty(), "an error has a message");
    return 0;
  }
  const auto text = write_toon(*table);
  fuzz::require(text.has_value(), "what was parsed has a text");
  const auto again = parse_toon(*text);
  // Texts are compared: NaN is not equal to itself.
  fuzz::require(again.has_value() && write_toon(*again) == text,
                "a table reads back from its text");
  return 0;
}
