#include "core/filter/scalar.hpp"

#include <cmath>
#include <string>
#include <variant>

namespace hearth::inline core {

namespace {

// Numbers share a class, so that 1 and 1.0 sort next to each other.
scalar_kind class_of(const scalar& item) noexcept {
  return item.kind == scalar_kind::float64 ? scalar_kind::int64 : item.kind;
}

std::partial_ordering compare_numbers(const scalar& a, const scalar& b) noexcept {
  if (a.kind == scalar_kind::int64)
    return b.kind == scalar_kind::int64 ? a.number <=> b.number : compare_exactly(a.number, b.real);
  return b.kind == scalar_kind::float64 ? a.real <=> b.real
                                        : 0 <=> compare_exactly(b.number, a.real);
}

scalar real_scalar(double number) noexcept {
  return {.kind = std::isnan(number) ? scalar_kind::none : scalar_kind::float64, .real = number};
}

}  // namespace

scalar scalar_of(const value& operand) noexcept {
  struct converter {
    scalar operator()(std::monostate) const { return {.kind = scalar_kind::null}; }
    scalar operator()(bool flag) const { return {.kind = scalar_kind::boolean, .number = flag}; }
    scalar operator()(std::int64_t number) const {
      return {.kind = scalar_kind::int64, .number = number};
    }
    scalar operator()(double number) const { return real_scalar(number); }
    scalar operator()(const std::string& text) const {
      return {.kind = scalar_kind::string, .text = text};
    }
    scalar operator()(timestamp moment) const {
      return {.kind = scalar_kind::timestamp, .number = moment.microseconds};
    }
    scalar operator()(geo_point point) const {
      return {.kind = scalar_kind::geo_point, .place = point};
    }
    scalar operator()(const value_list&) const { return {}; }
    scalar operator()(const value_map&) const { return {}; }
  };
  return std::visit(converter(), operand.data());
}

scalar read_scalar(byte_reader& in, value_tag tag) noexcept {
  switch (tag) {
  case value_tag::null:
    return {.kind = scalar_kind::null};
  case value_tag::no:
  case value_tag::yes:
    return {.kind = scalar_kind::boolean, .number = tag == value_tag::yes};
  case value_tag::int64:
    return {.kind = scalar_kind::int64, .number = read_int64(in)};
  case value_tag::float64:
    return real_scalar(in.f64());
  case value_tag::string:
    return {.kind = scalar_kind::string, .text = in.text()};
  case value_tag::timestamp:
    return {.kind = scalar_kind::timestamp, .number = read_timestamp(in).microseconds};
  case value_tag::geo_point:
    return {.kind = scalar_kind::geo_point, .place = read_geo_point(in)};
  case value_tag::list:
  case value_tag::map:
    break;
  }
  skip_content(in, tag);
  return {};
}

std::partial_ordering compare(const scalar& a, const scalar& b) noexcept {
  if (class_of(a) != class_of(b))
    return std::partial_ordering::unordered;
  switch (a.kind) {
  case scalar_kind::none:
    return std::partial_ordering::unordered;
  case scalar_kind::null:
    return std::partial_ordering::equivalent;
  case scalar_kind::boolean:
  case scalar_kind::timestamp:
    return a.number <=> b.number;
  case scalar_kind::int64:
  case scalar_kind::float64:
    return compare_numbers(a, b);
  case scalar_kind::string:
    return a.text <=> b.text;
  case scalar_kind::geo_point:
    return a.place.lat != b.place.lat ? a.place.lat <=> b.place.lat : a.place.lon <=> b.place.lon;
  }
  return std::partial_ordering::unordered;
}

bool sorts_before(const scalar& a, const scalar& b) noexcept {
  return class_of(a) != class_of(b) ? class_of(a) < class_of(b) : compare(a, b) < 0;
}

std::partial_ordering compare_exactly(std::int64_t whole, double real) noexcept {
  constexpr double two_to_63 = 9'223'372'036'854'775'808.0;
  if (std::isnan(real))
    return std::partial_ordering::unordered;
  if (real >= two_to_63)
    return std::partial_ordering::less;
  if (real < -two_to_63)
    return std::partial_ordering::greater;
  // In this range the integral part is an int64, and what is cut off decides between equals.
  const double integral = std::trunc(real);
  const auto truncated = static_cast<std::int64_t>(integral);
  if (whole != truncated)
    return whole <=> truncated;
  return 0.0 <=> real - integral;
}

}  // namespace hearth::inline core
