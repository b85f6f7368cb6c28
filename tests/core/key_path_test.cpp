#include "core/key_path.hpp"

#include <catch2/catch.hpp>
#include <random>

using namespace hearth;
using segments = std::vector<std::string>;

TEST_CASE("ordinary keys are paths as they are") {
  CHECK(encode_path(segments{"users", "alice", "email"}) == "users/alice/email");
  CHECK(*decode_path("users/alice/email") == segments{"users", "alice", "email"});
  CHECK(*decode_path("") == segments{""});
  CHECK(*decode_path("/") == segments{"", ""});
  CHECK(*decode_path("a//") == segments{"a", "", ""});
  CHECK(path_prefix({}).empty());
  CHECK(path_prefix(segments{"a", "b/c"}) == "a/b\\/c/");
}

TEST_CASE("slashes and backslashes in a segment are escaped") {
  CHECK(encode_path(segments{"a/b", "\\", "/"}) == R"(a\/b/\\/\/)");
  CHECK(*decode_path(R"(a\/b/\\/\/)") == segments{"a/b", "\\", "/"});
  for (const auto* key : {"\\", "a\\", "a/\\b", "\\\\\\"}) {
    const auto refused = decode_path(key);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::invalid_argument);
  }
}

TEST_CASE("every list of segments has a key of its own and comes back from it") {
  std::mt19937 random(7);  // NOLINT: the same lists every time
  const std::string letters("a/\\\0\xff", 5);
  for (int round = 0; round < 20'000; ++round) {
    segments path(1 + random() % 4);
    for (auto& segment : path)
      for (auto length = random() % 5; length > 0; --length)
        segment += letters[random() % letters.size()];
    const auto key = encode_path(path);
    REQUIRE(*decode_path(key) == path);
    // What lies below is what begins with the prefix, and the first name there is a segment.
    auto child = path;
    child.emplace_back("x/");
    const auto below = encode_path(child);
    const auto prefix = path_prefix(path);
    REQUIRE(below.starts_with(prefix));
    REQUIRE(find_delimiter(below, prefix.size(), path_delimiter) == std::string::npos);
    child.emplace_back("y");
    REQUIRE(find_delimiter(encode_path(child), prefix.size(), path_delimiter) == below.size());
  }
}
