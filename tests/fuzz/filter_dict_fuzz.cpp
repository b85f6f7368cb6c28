// Any dict is a filter that reads back from its text, or an error. The dict comes as encoded
// metadata, because every value_map can be written that way.
#include "core/filter/filter_dict.hpp"
#include "core/filter/filter_text.hpp"
#include "core/metadata_codec.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace hearth;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  byte_reader in(fuzz::bytes_of(data, size));
  const auto dict = decode_metadata(in);
  const auto tree = parse_filter(dict);
  if (!tree) {
    fuzz::require(!tree.error().message.empty(), "an error has a message");
    return 0;
  }
  fuzz::require(validate(*tree).has_value(), "what was parsed is valid");
  const auto again = parse_filter(to_string(*tree));
  fuzz::require(again.has_value() && *again == *tree, "a filter reads back from its text");
  return 0;
}
