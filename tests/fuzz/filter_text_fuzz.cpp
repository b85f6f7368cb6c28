// Any text is a filter that reads back from its own text, or an error that says where.
#include <string_view>

#include "core/filter/filter_text.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace hearth;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tree = parse_filter(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!tree) {
    fuzz::require(!tree.error().message.empty(), "an error has a message");
    return 0;
  }
  fuzz::require(validate(*tree).has_value(), "what was parsed is valid");
  const auto again = parse_filter(to_string(*tree));
  fuzz::require(again.has_value() && *again == *tree, "a filter reads back from its text");
  return 0;
}
