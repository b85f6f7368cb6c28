#include "core/error.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <string>

using namespace hearth;

namespace {

constexpr errc all[] = {
    errc::invalid_argument,  errc::dimension_mismatch, errc::not_found,   errc::already_exists,
    errc::config_mismatch,   errc::limit_exceeded,     errc::unsupported, errc::permission_denied,
    errc::protocol_mismatch, errc::cursor_too_old,     errc::busy,        errc::conflict,
    errc::timeout,           errc::unavailable,        errc::cancelled,   errc::corruption,
    errc::io_error,          errc::no_space,           errc::read_only,   errc::internal};

result<int> half(int number) {
  if (number % 2 != 0)
    return fail(errc::invalid_argument, "odd", "give an even number");
  return number / 2;
}

result<int> quarter(int number) {
  HEARTH_TRY(const auto first, half(number));
  HEARTH_TRY(const auto second, half(first));
  return second;
}

result<void> check_twice(int number) {
  HEARTH_CHECK(half(number));
  HEARTH_CHECK(half(number + 2));
  return {};
}

}  // namespace

TEST_CASE("every code has a name of its own and survives the wire as a number") {
  std::set<std::string_view> names;
  for (const auto code : all) {
    CHECK(names.insert(to_string(code)).second);
    CHECK(errc_from_number(static_cast<std::uint16_t>(code)) == code);
  }
}

TEST_CASE("numbers that no code has become internal") {
  for (const unsigned number : {0U, 11U, 31U, 37U, 63U, 69U, 255U, 65'535U})
    CHECK(errc_from_number(static_cast<std::uint16_t>(number)) == errc::internal);
}

TEST_CASE("codes fall into the three groups") {
  CHECK(group_of(errc::invalid_argument) == error_group::caller);
  CHECK(group_of(errc::protocol_mismatch) == error_group::caller);
  CHECK(group_of(errc::busy) == error_group::retry);
  CHECK(group_of(errc::cancelled) == error_group::retry);
  CHECK(group_of(errc::corruption) == error_group::service);
  CHECK(group_of(errc::internal) == error_group::service);
}

TEST_CASE("an error prints its code, message and hint") {
  CHECK(to_string(error{errc::busy, "the queue is full", "try again", 5}) ==
        "busy: the queue is full (try again)");
  CHECK(to_string(error{errc::not_found, "no such id", "", 0}) == "not_found: no such id");
}

TEST_CASE("HEARTH_TRY and HEARTH_CHECK pass values on and errors up") {
  CHECK(quarter(8) == 2);
  REQUIRE_FALSE(quarter(6).has_value());
  CHECK(quarter(6).error() == error{errc::invalid_argument, "odd", "give an even number", 0});
  CHECK(check_twice(2).has_value());
  CHECK_FALSE(check_twice(3).has_value());
}
