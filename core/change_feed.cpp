#include "core/change_feed.hpp"

#include <charconv>
#include <cmath>

#include "core/limits.hpp"
#include "core/validation.hpp"
#include "core/value.hpp"

namespace hearth::inline core {

namespace {

result<void> check_near(const near_condition& near, const namespace_config& config) {
  HEARTH_TRY(const auto number, config.vector_number(near.vector_name));
  if (near.vector.rows() != 1)
    return fail(errc::invalid_argument,
                core::format("near has {} vectors; it takes one", near.vector.rows()));
  HEARTH_CHECK(validation::check_vectors(near.vector.view(), config.vector(number).dimension));
  if (std::isnan(near.radius))
    return fail(errc::invalid_argument, "near.radius is not a number");
  return {};
}

// The whole of `text` as a number.
bool read_number(std::string_view text, std::uint64_t& number) {
  const auto* const begin = text.data();
  const auto* const end = begin + text.size();
  const auto parsed = std::from_chars(begin, end, number);
  return parsed.ec == std::errc{} && parsed.ptr == end && !text.empty();
}

}  // namespace

result<void> validate(const change_query& query, const namespace_config& config) {
  HEARTH_CHECK(validation::in_range("limit", query.limit, 1, limits::feed_changes));
  HEARTH_CHECK(validation::in_range("wait_ms", query.wait_ms, 0, limits::feed_wait_ms));
  if (query.where)
    HEARTH_CHECK(validate(*query.where));
  if (query.near)
    HEARTH_CHECK(check_near(*query.near, config));
  if (query.prefix.size() > limits::key_bytes)
    return validation::too_large("prefix is", query.prefix.size(), limits::key_bytes);
  return {};
}

result<void> validate(const consumer_request& request) {
  const auto& name = request.name;
  if (name.empty() || !is_utf8(name))
    return fail(errc::invalid_argument, name.empty() ? "the name of the consumer is empty"
                                                     : "the name of the consumer is not UTF-8");
  if (name.size() > limits::consumer_bytes)
    return validation::too_large("the name of the consumer is", name.size(),
                                 limits::consumer_bytes);
  if (request.action == consumer_action::acknowledge && !request.position)
    return fail(errc::invalid_argument, "an acknowledgement needs a position",
                "give the position of the last change that was dealt with");
  return {};
}

std::string to_string(const feed_position& position) {
  return position.skip == 0 ? core::format("{}", position.lsn)
                            : core::format("{}+{}", position.lsn, position.skip);
}

result<feed_position> feed_position_from_string(std::string_view text) {
  const auto plus = text.find('+');
  feed_position position;
  const bool lsn = read_number(text.substr(0, plus), position.lsn);
  const bool skip =
      plus == std::string_view::npos || read_number(text.substr(plus + 1), position.skip);
  if (!lsn || !skip)
    return fail(errc::invalid_argument, "cursor is not one that a feed answered",
                "a cursor is an LSN like 57, or a place in the batch behind it like 57+3");
  return position;
}

}  // namespace hearth::inline core
