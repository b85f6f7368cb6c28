// Threat: files from elsewhere. A damaged .npy must be refused, and must never be read past its
// end.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "core/limits.hpp"
#include "tests/tools/temp_dir.hpp"
#include "tools/npy.hpp"

using namespace hearth;
using namespace hearth::tools;

namespace {

std::string npy(const std::string& dict, const std::string& data, char version = 1) {
  std::string header = "\x93NUMPY";
  header += version;
  header += '\0';
  const auto size = dict.size();
  const std::size_t bytes = version == 1 ? 2 : 4;
  for (std::size_t i = 0; i < bytes; ++i)
    header += static_cast<char>(size >> (8 * i) & 0xff);
  return header + dict + data;
}

std::string dict(const std::string& descr, const std::string& shape, bool fortran = false) {
  return "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") +
         ", 'shape': " + shape + ", }\n";
}

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

result<npy_header> parse(const std::string& file) {
  return parse_npy_header(std::as_bytes(std::span(file)), file.size());
}

std::vector<float> read_all(const std::string& file) {
  const temp_dir dir;
  const auto path = dir.write("a.npy", file);
  auto reader = npy_reader::open(path);
  REQUIRE(reader.has_value());
  auto rows = reader->read(1'000);
  REQUIRE(rows.has_value());
  const auto values = rows->view().values();
  return {values.begin(), values.end()};
}

}  // namespace

TEST_CASE("npy: float32, float64 and float16 arrays read as the same floats") {
  const std::vector<float> want{1, -2.5F, 0, 65504, 0.5F, -0.25F};
  CHECK(read_all(npy(dict("<f4", "(2, 3)"), bytes_of(want))) == want);
  CHECK(read_all(npy(dict("<f8", "(3, 2)"),
                     bytes_of(std::vector<double>(want.begin(), want.end())))) == want);
  const std::vector<std::uint16_t> halves{0x3c00, 0xc100, 0x0000, 0x7bff, 0x3800, 0xb400};
  CHECK(read_all(npy(dict("<f2", "(6,)"), bytes_of(halves))) == want);
}

TEST_CASE("npy: header versions 2 and 3 have a four-byte length") {
  const std::vector<float> want{1, 2};
  for (const char version : {'\2', '\3'})
    CHECK(read_all(npy(dict("<f4", "(1, 2)"), bytes_of(want), version)) == want);
}

TEST_CASE("npy: every half converts to the float of the same value") {
  CHECK(half_to_float(0x0001) == 0x1p-24F);
  CHECK(half_to_float(0x03ff) == 1023 * 0x1p-24F);
  CHECK(half_to_float(0x0400) == 0x1p-14F);
  CHECK(half_to_float(0x8001) == -0x1p-24F);
  CHECK(std::signbit(half_to_float(0x8000)));
  CHECK(half_to_float(0x7c00) == std::numeric_limits<float>::infinity());
  CHECK(std::isnan(half_to_float(0x7e00)));
  // All finite ones against the definition.
  for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const int exponent = static_cast<int>(bits >> 10);
    const double mantissa = bits & 0x3ff;
    const double want =
        exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    REQUIRE(double{half_to_float(static_cast<std::uint16_t>(bits))} == want);
  }
}

TEST_CASE("npy: a reader answers rows in blocks, from any row on, and none after the last") {
  const temp_dir dir;
  std::vector<float> values;
  for (int i = 0; i < 20; ++i)
    values.push_back(static_cast<float>(i));
  const auto path = dir.write("a.npy", npy(dict("<f4", "(10, 2)"), bytes_of(values)));
  auto reader = npy_reader::open(path);
  REQUIRE(reader.has_value());
  CHECK(reader->read(3)->rows() == 3);
  CHECK(reader->read(100)->rows() == 7);
  CHECK(reader->read(100)->rows() == 0);
  reader->seek(9);
  const auto last = reader->read(1);
  CHECK(last->view().row(0)[1] == 19);
}

TEST_CASE("npy: arrays that are not vectors are refused with what to do") {
  const std::string data(64, '\0');
  const auto code = [&](const std::string& header) {
    const auto parsed = parse(npy(header, data));
    REQUIRE_FALSE(parsed.has_value());
    CHECK_FALSE(parsed.error().message.empty());
    return parsed.error().code;
  };
  CHECK(code(dict("<i4", "(4, 4)")) == errc::unsupported);
  CHECK(code(dict(">f4", "(4, 4)")) == errc::unsupported);
  CHECK(code(dict("<f4", "(2, 2, 4)")) == errc::unsupported);
  CHECK(code(dict("<f4", "()")) == errc::unsupported);
  CHECK(code(dict("<f4", "(4, 4)", true)) == errc::unsupported);
  CHECK(code(dict("<f4", "(16, 0)")) == errc::limit_exceeded);
  CHECK(code(dict("<f4", "(1, 65537)")) == errc::limit_exceeded);
  CHECK(code("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (16,), }") ==
        errc::unsupported);
}

TEST_CASE("npy: a shape that does not fit the file is corruption, overflow included") {
  const std::string data(64, '\0');
  for (const auto* shape : {"(4, 3)", "(5, 4)", "(4, 5)", "(17,)", "(4611686018427387904, 4)",
                            "(18446744073709551615, 4)", "(9223372036854775809, 2)", "(0, 4)"}) {
    INFO(shape);
    const auto parsed = parse(npy(dict("<f4", shape), data));
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == errc::corruption);
  }
  const auto beyond = parse(npy(dict("<f4", "(99999999999999999999, 4)"), data));
  CHECK(beyond.error().code == errc::corruption);
}

TEST_CASE("npy: broken headers are corruption") {
  for (const std::string& header :
       {std::string(), std::string("{"), std::string("}"), std::string("{}"),
        std::string("{'descr'}"), std::string("{'descr': '<f4}"),
        std::string("{'descr': '<f4', 'fortran_order': False}"),
        std::string("{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}"),
        std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} extra"),
        std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"),
        std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (1"),
        std::string("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}"),
        std::string("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 1}")}) {
    INFO(header);
    const auto parsed = parse(npy(header, std::string(4, '\0')));
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code == errc::corruption);
  }
}

TEST_CASE("npy: a file cut off at any byte is refused") {
  const auto whole = npy(dict("<f4", "(3, 2)"), std::string(24, 'x'));
  REQUIRE(parse(whole).has_value());
  for (std::size_t size = 0; size < whole.size(); ++size)
    REQUIRE_FALSE(parse(whole.substr(0, size)).has_value());
}

TEST_CASE("npy: with any bit of the header flipped, what is accepted fits the file") {
  const auto whole = npy(dict("<f4", "(3, 2)"), std::string(24, 'x'));
  const auto header_bytes = whole.size() - 24;
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < header_bytes * 8; ++bit) {
    auto damaged = whole;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    const auto parsed = parse(damaged);
    if (!parsed) {
      ++refused;
      continue;
    }
    const auto bytes = parsed->rows * parsed->dimension * size_of(parsed->type);
    REQUIRE(parsed->data_offset + bytes == damaged.size());
  }
  // A few flips are harmless (a space becomes a newline's worth of nothing, "<f4" becomes nothing
  // known); most are not.
  CHECK(refused > header_bytes * 7);
}

TEST_CASE("npy: random bytes behind the magic string never crash the parser") {
  std::mt19937 random(5);
  for (int round = 0; round < 3'000; ++round) {
    std::string file = "\x93NUMPY";
    file += '\1';
    file += '\0';
    const auto size = random() % 200;
    file += static_cast<char>(size);
    file += '\0';
    const std::string alphabet = "{}'\":,() \n0123456789descrfotan_hpT<f4";
    for (std::size_t i = 0; i < size; ++i)
      file += alphabet[random() % alphabet.size()];
    const auto parsed = parse(file);
    if (parsed)
      REQUIRE(parsed->data_offset <= file.size());
  }
}

TEST_CASE("npy: a written header reads back, and its length does not depend on the row count") {
  const auto none = make_npy_header(0, 384);
  const auto many = make_npy_header(123'456'789'012, 65'536);
  CHECK(none.size() == many.size());
  CHECK(none.size() % 64 == 0);
  const auto parsed = parse(make_npy_header(2, 3) + std::string(24, '\0'));
  REQUIRE(parsed.has_value());
  CHECK(parsed->rows == 2);
  CHECK(parsed->dimension == 3);
  CHECK(parsed->type == npy_type::float32);
}

TEST_CASE("npy: a file that is not there is not_found, and a directory no crash") {
  const temp_dir dir;
  CHECK(npy_reader::open(dir.path() / "nothing.npy").error().code == errc::not_found);
  CHECK_FALSE(npy_reader::open(dir.path()).has_value());
}
