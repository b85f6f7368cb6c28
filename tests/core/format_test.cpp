#include "core/format.hpp"

#include <catch2/catch.hpp>

using hearth::format_bytes;

TEST_CASE("sizes are printed for people") {
  CHECK(format_bytes(0) == "0 bytes");
  CHECK(format_bytes(1) == "1 byte");
  CHECK(format_bytes(1023) == "1023 bytes");
  CHECK(format_bytes(1024) == "1 KiB");
  CHECK(format_bytes(1536) == "1.5 KiB");
  CHECK(format_bytes(1024 * 1024 - 1) == "1 MiB");
  CHECK(format_bytes(1024 * 1024) == "1 MiB");
  CHECK(format_bytes(1468006) == "1.4 MiB");
  CHECK(format_bytes(std::uint64_t{64} << 20) == "64 MiB");
  CHECK(format_bytes(std::uint64_t{3} << 30) == "3 GiB");
  CHECK(format_bytes(~std::uint64_t{0}) == "16 EiB");
}

TEST_CASE("format writes what fmt would") {
  CHECK(hearth::core::format("{} of {:.1f}", 3, 2.25) == "3 of 2.2");
  CHECK(hearth::core::format("{}", hearth::core::join(std::initializer_list<int>{1, 2}, "+")) ==
        "1+2");
}

TEST_CASE("printable text neither moves a terminal nor breaks UTF-8 nor grows") {
  using hearth::printable;
  CHECK(printable("plain caf\xc3\xa9") == "plain caf\xc3\xa9");
  CHECK(printable("a\nb\x1b[2J\x7f") == "a\\x0ab\\x1b[2J\\x7f");
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");
  CHECK(printable(std::string_view("a\0b", 3)) == "a\\x00b");
  CHECK(printable(std::string(64, 'x')) == std::string(64, 'x'));
  CHECK(printable(std::string(65, 'x')) == std::string(64, 'x') + "\xe2\x80\xa6");
  CHECK(printable("caf\xc3\xa9", 4) == "caf\xe2\x80\xa6");  // not half of the é
  CHECK(printable("ab\ncd", 5) == "ab\xe2\x80\xa6");        // nor half of an escape
  CHECK(printable("", 0).empty());
}
