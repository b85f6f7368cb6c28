#pragma once
// One value that is neither list nor map, where it stands: what filters compare.
#include <compare>
#include <cstdint>
#include <string_view>

#include "core/geo.hpp"
#include "core/metadata_codec.hpp"

namespace hearth::inline core {

/// Values of different kinds are never equal and have no order. int64 and float64 are one kind.
enum class scalar_kind : std::uint8_t {
  none,  ///< a list, a map, NaN: equal to nothing
  null,
  boolean,
  int64,
  float64,
  string,
  timestamp,
  geo_point,
};

struct scalar {
  scalar_kind kind = scalar_kind::none;
  std::int64_t number = 0;  ///< of boolean, int64 and timestamp
  double real = 0;          ///< of float64
  std::string_view text{};  ///< of string; lives as long as what it was read from
  geo_point place{};        ///< of geo_point
};

[[nodiscard]] scalar scalar_of(const value& operand) noexcept;

/// Reads the content behind `tag`; steps over lists and maps.
[[nodiscard]] scalar read_scalar(byte_reader& in, value_tag tag) noexcept;

/// Numbers by their exact mathematical value, strings by their bytes; unordered if the kinds
/// differ. Kinds without an order (booleans, places) get one here, so that lists of them can be
/// sorted.
[[nodiscard]] std::partial_ordering compare(const scalar& a, const scalar& b) noexcept;

/// A total order over all scalars that agrees with compare() where that has an answer.
/// Precondition: neither is `none`.
[[nodiscard]] bool sorts_before(const scalar& a, const scalar& b) noexcept;

/// An integer and a float64 by their mathematical values. Unordered for NaN.
[[nodiscard]] std::partial_ordering compare_exactly(std::int64_t whole, double real) noexcept;

}  // namespace hearth::inline core
