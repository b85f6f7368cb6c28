#include "core/metadata_codec.hpp"

#include <catch2/catch.hpp>

#include "core/limits.hpp"

using namespace hearth;

namespace {

using buffer = std::vector<std::byte>;

buffer encoded(const value_map& metadata) {
  buffer bytes;
  byte_writer out(bytes);
  encode_metadata(metadata, out);
  return bytes;
}

value_map one_of_each() {
  return {{"bool", true},
          {"float", -0.5},
          {"int", INT64_MIN},
          {"list", value_list{1, value_list{}, value_map{{"x", "y"}}}},
          {"map", value_map{{"a", value_map{{"b", 2}}}, {"z", nullptr}}},
          {"no", false},
          {"null", nullptr},
          {"place", geo_point{1.5, -2.5}},
          {"text", "caf\xc3\xa9"},
          {"when", timestamp{-1}}};
}

}  // namespace

TEST_CASE("metadata of every type reads back") {
  for (const auto& metadata : {value_map{}, one_of_each(), value_map{{"", "empty key"}}}) {
    const auto bytes = encoded(metadata);
    byte_reader in(bytes);
    CHECK(decode_metadata(in) == metadata);
    CHECK(in.done());
  }
}

TEST_CASE("encoding says whether readers of format 2 know every type") {
  const auto is_newer = [](const value_map& metadata) {
    buffer bytes;
    byte_writer out(bytes);
    return encode_metadata(metadata, out);
  };
  CHECK_FALSE(is_newer({{"a", value_list{1, "x", value_map{{"b", 0.5}}}}}));
  CHECK(is_newer({{"a", value_list{1, value_map{{"b", timestamp{}}}}}}));
  CHECK(is_newer({{"a", geo_point{}}}));
}

TEST_CASE("a key is found in place, and what is not there is not") {
  const auto metadata = one_of_each();
  const auto bytes = encoded(metadata);
  for (const auto& [key, item] : metadata) {
    byte_reader in(bytes);
    INFO(key);
    REQUIRE(find_key(in, key));
    // Skipping from here to the end meets exactly the values that follow.
    auto rest = metadata.upper_bound(key);
    skip_value(in);
    for (; rest != metadata.end(); ++rest) {
      CHECK(in.text() == rest->first);
      skip_value(in);
    }
    CHECK(in.done());
  }
  for (const auto* key : {"", "a", "boolx", "zzz", "lis", "list "}) {
    byte_reader in(bytes);
    CHECK_FALSE(find_key(in, key));
    CHECK(in.ok());
  }
}

TEST_CASE("a time or a place that cannot be stored is not read") {
  for (const auto& item : value_list{timestamp{INT64_MAX}, geo_point{91, 0}, geo_point{0, -181}}) {
    const auto bytes = encoded({{"k", item}});
    byte_reader in(bytes);
    std::ignore = decode_metadata(in);
    CHECK_FALSE(in.ok());
  }
}

TEST_CASE("torn metadata fails however it is read") {
  const auto whole = encoded(one_of_each());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const byte_span torn = std::span(whole).first(size);
    byte_reader decoded(torn);
    std::ignore = decode_metadata(decoded);
    CHECK_FALSE(decoded.ok());
    byte_reader walked(torn);
    CHECK_FALSE(find_key(walked, "zzz"));
    CHECK_FALSE(walked.ok());
  }
}

TEST_CASE("lists in lists are skipped without going deeper than metadata may nest") {
  buffer bytes;
  byte_writer out(bytes);
  out.varint(1);
  out.text("k");
  for (int i = 0; i < 1'000'000; ++i) {
    out.u8(static_cast<std::uint8_t>(value_tag::list));
    out.varint(1);
  }
  out.u8(0);
  byte_reader in(bytes);
  CHECK_FALSE(find_key(in, "l"));
  CHECK_FALSE(in.ok());
}

TEST_CASE("a count beyond the bytes that are there is not believed") {
  for (const auto tag : {value_tag::list, value_tag::map}) {
    buffer bytes;
    byte_writer out(bytes);
    out.u8(static_cast<std::uint8_t>(tag));
    out.varint(UINT64_MAX);
    byte_reader in(bytes);
    skip_value(in);
    CHECK_FALSE(in.ok());
  }
}
