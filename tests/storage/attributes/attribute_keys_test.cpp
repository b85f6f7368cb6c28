#include "storage/attributes/attribute_keys.hpp"

#include <cmath>
#include <limits>
#include <random>

#include <catch2/catch.hpp>

using namespace hearth;
using namespace hearth::storage;

namespace {

class random_values {
 public:
  value next() {
    switch (random_() % 8) {
    case 0:
      return random_() % 2 == 0 ? value() : value(random_() % 2 == 0);
    case 1:
      return whole();
    case 2:
      return static_cast<double>(whole());
    case 3:
      return real();
    case 4:
      return timestamp{whole() / 64};
    case 5:
      return geo_point{degrees(90), degrees(180)};
    default:
      return text();
    }
  }

 private:
  // Around powers of two, where doubles begin to have gaps.
  std::int64_t whole() {
    const auto shift = random_() % 64;
    const auto near = (std::uint64_t{1} << shift) + random_() % 5 - 2;
    return static_cast<std::int64_t>(random_() % 2 == 0 ? near : ~near + 1);
  }
  double real() {
    const double special[]{0.0,
                           -0.0,
                           std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity(),
                           0x1p63,
                           -0x1p63,
                           5e-324,
                           0.5};
    if (random_() % 2 == 0)
      return special[random_() % std::size(special)];
    const auto number = std::bit_cast<double>(random_());
    return std::isnan(number) ? 1 : number;
  }
  double degrees(double bound) {
    return random_() % 4 == 0 ? 0 : std::uniform_real_distribution<double>(-bound, bound)(random_);
  }
  std::string text() {
    std::string made(random_() % 3 == 0 ? 490 + random_() % 12 : random_() % 5, 'x');
    for (auto& c : made)
      if (random_() % 64 == 0 || made.size() < 5)
        c = "\0\1ab\x7f"[random_() % 5];
    for (auto left = random_() % 3; left > 0; --left)
      made.push_back("\0a"[random_() % 2]);
    return made;
  }

  std::mt19937_64 random_{7};
};

attribute_bytes encode(const value& item, std::size_t limit = attribute_value_bytes) {
  attribute_bytes bytes;
  append_attribute(scalar_of(item), bytes, limit);
  return bytes;
}

bool is_whole(const value& item) {
  attribute_bytes bytes;
  return append_attribute(scalar_of(item), bytes);
}

int sign(std::partial_ordering order) {
  return order < 0 ? -1 : order > 0 ? 1 : 0;
}

}  // namespace

TEST_CASE("keys of values are in the order of the values") {
  random_values values;
  std::vector<value> all(1500);
  for (auto& item : all)
    item = values.next();
  for (const auto& a : all)
    for (const auto& b : all) {
      const auto order = compare(scalar_of(a), scalar_of(b));
      const auto left = encode(a);
      const auto right = encode(b);
      const int keys = left < right ? -1 : left == right ? 0 : 1;
      if (order == std::partial_ordering::unordered) {
        REQUIRE(keys != 0);
      } else if (keys != sign(order)) {
        REQUIRE(keys == 0);  // two strings that were both cut
        REQUIRE_FALSE(is_whole(a));
        REQUIRE_FALSE(is_whole(b));
      }
      if (left.size() < right.size() && std::equal(left.begin(), left.end(), right.begin()))
        FAIL("one key begins with another");
    }
}

TEST_CASE("kinds are in the order in which rows of mixed kinds are listed") {
  const value_list rising{nullptr,      false, true, -1e300, 5,          5.5,
                          timestamp{0}, "",    "a",  "b",    geo_point{}};
  for (std::size_t i = 1; i < rising.size(); ++i)
    REQUIRE(encode(rising[i - 1]) < encode(rising[i]));
}

TEST_CASE("values come out of keys as they went in, whole numbers as integers") {
  random_values values;
  for (int i = 0; i < 5000; ++i) {
    const auto item = values.next();
    auto bytes = encode(item);
    const auto kind = static_cast<attribute_kind>(bytes.front());
    const auto decoded = decode_attribute(kind, byte_span(bytes).subspan(1));
    REQUIRE(decoded);
    REQUIRE(decoded->cut == !is_whole(item));
    if (decoded->cut) {
      REQUIRE(item.get_if<std::string>()->starts_with(*decoded->item.get_if<std::string>()));
      REQUIRE(item != decoded->item);
    } else {
      REQUIRE(sign(compare(scalar_of(decoded->item), scalar_of(item))) == 0);
      if (item.get_if<double>() == nullptr)
        REQUIRE(decoded->item == item);
    }
  }
  for (const value& whole : value_list{5.0, -0.0, -0x1p63}) {
    auto bytes = encode(whole);
    REQUIRE(decode_attribute(attribute_kind::number, byte_span(bytes).subspan(1))
                ->item.get_if<std::int64_t>() != nullptr);
  }
}

TEST_CASE("a key is at most as long as LMDB takes, and comes apart again") {
  attribute_bytes key;
  begin_attribute(0x01020304, attribute_kind::rows, key);
  key.pop_back();
  append_attribute(scalar_of(std::string(1000, '\0')), key);
  append_block(0x0A0B'0C0D'0E0F, key);
  REQUIRE(key.size() <= key_limit);
  REQUIRE(key.size() >= key_limit - 1);
  const auto parts = parse_attribute_key(key);
  REQUIRE(parts);
  REQUIRE(parts->field == 0x01020304);
  REQUIRE(parts->kind == attribute_kind::string);
  REQUIRE(parts->block == 0x0A0B'0C0D'0E0F);
  REQUIRE(decode_attribute(parts->kind, parts->value)->cut);
  for (std::size_t size = 0; size < attribute_head_bytes + block_key_bytes; ++size)
    REQUIRE_FALSE(parse_attribute_key(byte_span(key).first(size)));
}

TEST_CASE(
    "all strings that begin with a text, and no others, have keys that begin with its start") {
  random_values values;
  std::vector<std::string> texts;
  while (texts.size() < 400)
    if (const auto item = values.next(); const auto* text = item.get_if<std::string>())
      texts.push_back(*text);
  for (const auto& text : texts)
    for (const auto length : {std::size_t{0}, std::size_t{1}, std::size_t{497}, std::size_t{499}}) {
      const auto start = text.substr(0, length);
      attribute_bytes from;
      const bool whole = append_string_start(start, from);
      const auto until = behind(from);
      for (const auto& other : texts) {
        const auto key = encode(other);
        const bool inside = key >= from && key < until;
        if (inside != other.starts_with(start)) {
          REQUIRE(inside);
          REQUIRE_FALSE(whole);
        }
      }
    }
}

TEST_CASE("bytes that are no value are refused") {
  std::mt19937_64 random(3);
  for (int i = 0; i < 20'000; ++i) {
    std::vector<std::byte> bytes(random() % 24);
    for (auto& byte : bytes)
      byte = static_cast<std::byte>(random() % 4 == 0 ? 0 : random());
    const auto kind = static_cast<attribute_kind>(random() % 24);
    if (const auto decoded = decode_attribute(kind, bytes))
      REQUIRE(kind >= attribute_kind::null);
  }
  REQUIRE_FALSE(decode_place(encode(geo_point{10, 20})));
}
