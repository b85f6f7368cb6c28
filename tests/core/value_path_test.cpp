#include "core/value_path.hpp"

#include <catch2/catch.hpp>

using namespace hearth;

TEST_CASE("a path leads through maps to a value, or nowhere") {
  const value_map metadata = {
      {"a", 1}, {"b", value_map{{"c", value_map{{"d", "deep"}}}}}, {"l", value_list{value_map{}}}};
  CHECK(*value_at(metadata, {"a"}) == value(1));
  CHECK(*value_at(metadata, {"b", "c", "d"}) == value("deep"));
  CHECK(value_at(metadata, {"b", "c"})->get_if<value_map>() != nullptr);
  CHECK(value_at(metadata, {"a", "b"}) == nullptr);
  CHECK(value_at(metadata, {"b", "x"}) == nullptr);
  CHECK(value_at(metadata, {"l", "c"}) == nullptr);
}
