// What users type: refused, or a tree whose text form parses to the same tree again.
#include <string_view>

#include "engine/text/text_query.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace hearth::engine::text;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)plain_text_query(text);
  const auto query = parse_text_query(text);
  if (!query)
    return 0;
  const auto again = parse_text_query(to_string(*query));
  // Backslashes can make the text form longer than what may be read.
  if (again)
    hearth::fuzz::require(*again == *query, "a printed query parses back to the same tree");
  else
    hearth::fuzz::require(again.error().code == hearth::errc::limit_exceeded,
                          "a printed query parses");
  return 0;
}
