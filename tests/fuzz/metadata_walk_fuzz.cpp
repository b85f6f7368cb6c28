// Filters on any bytes: what decodes as metadata is judged as the oracle judges the decoded map,
// and on what does not, the walk ends without harm. The first two bytes choose the filter.
#include <cstring>

#include "core/filter/compiled_filter.hpp"
#include "core/metadata_codec.hpp"
#include "tests/core/filter/oracle.hpp"
#include "tests/core/filter/random_filters.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace hearth;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::uint16_t seed = 0;
  if (size < sizeof seed)
    return 0;
  std::memcpy(&seed, data, sizeof seed);
  const auto tree = test::random_filters(seed).tree();
  const auto compiled = compiled_filter::compile(tree);
  fuzz::require(compiled.has_value(), "random filters are valid");
  const auto bytes = fuzz::bytes_of(data, size).subspan(sizeof seed);
  const auto verdict = compiled->matches(bytes);

  byte_reader in(bytes);
  const auto metadata = decode_metadata(in);
  if (bytes.empty() || !in.done())
    return 0;
  const bool expected = test::matches(tree, metadata);
  fuzz::require(verdict == (expected ? filter_verdict::yes : filter_verdict::no),
                "the walk and the oracle agree");
  return 0;
}
