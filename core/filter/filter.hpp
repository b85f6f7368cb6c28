#pragma once
// Filters on metadata as data: a tree that three front ends make (the operators below, dicts, text)
// and that compiled_filter evaluates. docs/filters.md says what everything means.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../error.hpp"
#include "../geo.hpp"
#include "../value.hpp"
#include "field_path.hpp"

namespace hearth::inline core {

/// What a node does. "Not equal", "not in" and "does not exist" are negations of their opposites.
enum class filter_op : std::uint8_t {
  conjunction = 1,  ///< every part; without parts it matches everything
  disjunction = 2,  ///< at least one part
  negation = 3,     ///< not the one part
  equal = 4,        ///< one operand
  greater = 5,      ///< one operand with an order: a number, string or timestamp
  greater_equal = 6,
  less = 7,
  less_equal = 8,
  one_of = 9,       ///< any number of operands; without operands it matches nothing
  contains = 10,    ///< one operand: an element of a list, or a part of a string
  prefix = 11,      ///< one operand, a string
  exists = 12,      ///< no operand
  geo_radius = 13,  ///< two operands: center, and float64 metres
  geo_box = 14,     ///< two operands: south-west and north-east corner
};

/// A node and what is below it. Regular; comparison is by content. Front ends make a normal form:
/// no conjunction directly inside of a conjunction, none with one part, likewise for disjunctions.
struct filter {
  filter_op op = filter_op::conjunction;
  std::vector<filter> parts{};    ///< of conjunction, disjunction and negation
  field_path path{};              ///< of everything else
  std::vector<value> operands{};  ///< of everything else: neither lists nor maps

  friend bool operator==(const filter&, const filter&) = default;
};

/// Every part, or one of the parts, in normal form.
[[nodiscard]] filter all_of(std::vector<filter> parts);
[[nodiscard]] filter any_of(std::vector<filter> parts);

[[nodiscard]] filter operator&&(filter left, filter right);
[[nodiscard]] filter operator||(filter left, filter right);
[[nodiscard]] filter operator!(filter inner);

/// A field, waiting for a comparison. Made by K().
class filter_key {
 public:
  explicit filter_key(field_path path) : path_(std::move(path)) {}

  [[nodiscard]] filter in(std::vector<value> values) const;
  [[nodiscard]] filter not_in(std::vector<value> values) const;
  [[nodiscard]] filter contains(value item) const;
  [[nodiscard]] filter prefix(std::string text) const;
  [[nodiscard]] filter exists() const;
  [[nodiscard]] filter geo_radius(geo_point center, double metres) const;
  [[nodiscard]] filter geo_box(geo_point south_west, geo_point north_east) const;

  [[nodiscard]] friend filter operator==(const filter_key& key, value operand) {
    return key.compare(filter_op::equal, std::move(operand));
  }
  [[nodiscard]] friend filter operator!=(const filter_key& key, value operand) {
    return !key.compare(filter_op::equal, std::move(operand));
  }
  [[nodiscard]] friend filter operator>(const filter_key& key, value operand) {
    return key.compare(filter_op::greater, std::move(operand));
  }
  [[nodiscard]] friend filter operator>=(const filter_key& key, value operand) {
    return key.compare(filter_op::greater_equal, std::move(operand));
  }
  [[nodiscard]] friend filter operator<(const filter_key& key, value operand) {
    return key.compare(filter_op::less, std::move(operand));
  }
  [[nodiscard]] friend filter operator<=(const filter_key& key, value operand) {
    return key.compare(filter_op::less_equal, std::move(operand));
  }

 private:
  [[nodiscard]] filter compare(filter_op op, value operand) const;

  field_path path_;
};

/// `K("year") >= 2020 && K("tag").in({"a", "b"})`. `path` is read as parse_path does; one that is
/// malformed makes a filter that validate() refuses.
[[nodiscard]] filter_key K(std::string_view path);  // NOLINT(readability-identifier-naming)

/// Checks the limits (limits::filter_*) and every node. invalid_argument or limit_exceeded; the
/// message names the position: "filter.$and[1].$not.year.$gt: a bool has no order".
[[nodiscard]] result<void> validate(const filter& tree);

/// The filter in the text form that parse_filter() reads back as the same tree, on one line unless
/// a string in it has line breaks. Precondition: validate() accepts it.
[[nodiscard]] std::string to_string(const filter& tree);

}  // namespace hearth::inline core
