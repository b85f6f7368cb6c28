#include "core/bytes.hpp"

#include <catch2/catch.hpp>
#include <tuple>

using namespace hearth;

using buffer = std::vector<std::byte>;

TEST_CASE("varints keep every magnitude and refuse what no writer makes") {
  for (unsigned shift = 0; shift < 64; ++shift)
    for (const std::uint64_t number :
         {std::uint64_t{1} << shift, (std::uint64_t{1} << shift) - 1, ~std::uint64_t{0} >> shift}) {
      buffer bytes;
      byte_writer(bytes).varint(number);
      byte_reader in(bytes);
      REQUIRE(in.varint() == number);
      REQUIRE(in.done());
    }
  const std::vector<std::vector<unsigned>> refused{
      {},
      {0x80},
      {0x80, 0x00},
      {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02},
      {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01}};
  for (const auto& wrong : refused) {
    buffer bytes;
    for (const auto byte : wrong)
      bytes.push_back(static_cast<std::byte>(byte));
    byte_reader in(bytes);
    std::ignore = in.varint();
    REQUIRE_FALSE(in.ok());
  }
}
