#include "core/key_value.hpp"

#include <catch2/catch.hpp>

using namespace hearth;

namespace {

std::string refused(const result<void>& outcome) {
  REQUIRE_FALSE(outcome.has_value());
  return outcome.error().message;
}

}  // namespace

TEST_CASE("keys and values have limits, and messages that name them") {
  const std::string longest(limits::key_bytes, 'k');
  CHECK(validate(std::vector<key_write>{{.key = longest}, {.key = ""}}));
  CHECK(refused(validate(std::vector<key_write>{{.key = "a"}, {.key = longest + "k"}})) ==
        "keys[1] is 65537 bytes; the limit is 65536 bytes");
  CHECK(refused(validate(std::vector<key_write>{{.key = "a", .value = "1"}, {.key = "a"}})) ==
        "key 'a' appears twice in the batch");
  CHECK(refused(validate(std::vector<key_write>{
                    {.key = "a", .change = key_change::erase, .value = "1"}}))
            .starts_with("keys[0] has a value"));
  std::vector<key_write> many(limits::batch_key_bytes / limits::key_bytes + 1);
  for (std::size_t i = 0; i < many.size(); ++i)
    many[i].key = std::to_string(i) + longest.substr(4);
  CHECK(refused(validate(many)).starts_with("the keys of the call are"));
}

TEST_CASE("questions about keys have limits, too") {
  CHECK(validate(key_query{{"a", "a"}}));
  CHECK(refused(validate(key_query{{std::string(limits::key_bytes + 1, 'k')}}))
            .starts_with("keys[0] is"));
  CHECK(validate(key_scan{}));
  CHECK(refused(validate(key_scan{.limit = 0})).starts_with("limit is 0"));
  const std::string longer(limits::key_bytes + 1, 'k');
  CHECK(refused(validate(key_scan{.start = longer})).starts_with("start is"));
  CHECK(refused(validate(key_scan{.end = longer})).starts_with("end is"));
  CHECK(refused(validate(key_scan{.prefix = longer})).starts_with("prefix is"));
  const std::string cursor(key_cursor_bytes, 'k');
  CHECK(validate(key_scan{.cursor = cursor}));
  CHECK(refused(validate(key_scan{.cursor = cursor + "k"})).starts_with("cursor is"));
  const std::string delimiter(key_delimiter_bytes, '/');
  CHECK(validate(key_scan{.delimiter = delimiter}));
  CHECK(refused(validate(key_scan{.delimiter = delimiter + "/"})).starts_with("delimiter is"));
}

TEST_CASE("prefixes that a batch erases go with puts, and with nothing that they would hide") {
  const auto prefix = [](std::string key) {
    return key_write{.key = std::move(key), .change = key_change::erase_prefix};
  };
  const auto erase = [](std::string key) {
    return key_write{.key = std::move(key), .change = key_change::erase};
  };
  const auto add = [](std::string key) {
    return key_write{.key = std::move(key), .change = key_change::add, .amount = 1};
  };
  using writes = std::vector<key_write>;
  CHECK(validate(writes{prefix("a/"),
                        {.key = "a/b", .value = "1"},
                        {.key = "a/", .value = "2"},
                        erase("a"),
                        add("b"),
                        prefix("b/"),
                        erase("a0")}));
  CHECK(refused(validate(writes{erase("a/b"), prefix("a/")})) ==
        "keys[0]: 'a/b' begins with 'a/', which the same batch erases");
  CHECK(refused(validate(writes{prefix(""), add("n")})) ==
        "keys[1]: 'n' begins with '', which the same batch erases");
  CHECK(refused(validate(writes{prefix("a/"), prefix("a/b"), prefix("0")}))
            .starts_with("prefix 'a/b' is erased together with prefix 'a/'"));
  CHECK(refused(validate(writes{prefix("a"), prefix("a")})).starts_with("prefix 'a' is erased"));
  auto versioned = prefix("a");
  versioned.expected = 1;
  CHECK(refused(validate(writes{versioned})).starts_with("keys[0] is a prefix"));
  auto valued = prefix("a");
  valued.value = "1";
  CHECK(refused(validate(writes{valued})).starts_with("keys[0] has a value"));
}
