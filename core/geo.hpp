#pragma once
// Places on the Earth, taken as a sphere.

namespace hearth::inline core {

/// Latitude and longitude in degrees (WGS 84), north and east positive.
struct geo_point {
  double lat = 0;
  double lon = 0;

  friend bool operator==(const geo_point&, const geo_point&) = default;
};

/// Latitude in -90..90, longitude in -180..180; false for NaN.
[[nodiscard]] constexpr bool is_valid(geo_point point) noexcept {
  return point.lat >= -90 && point.lat <= 90 && point.lon >= -180 && point.lon <= 180;
}

/// Metres between two valid points along a great circle: the haversine formula on a sphere with the
/// Earth's mean radius (6,371,008.8 m), which is within 0.6 % of the ellipsoid.
[[nodiscard]] double geo_distance(geo_point a, geo_point b) noexcept;

/// What lies between two parallels and, going east from `south_west` to `north_east`, between two
/// meridians; the borders belong to it. If south_west.lon > north_east.lon, it reaches across the
/// antimeridian.
struct geo_box {
  geo_point south_west;
  geo_point north_east;

  friend bool operator==(const geo_box&, const geo_box&) = default;

  /// Longitudes 180 and -180 are the same meridian.
  [[nodiscard]] bool contains(geo_point point) const noexcept;
};

}  // namespace hearth::inline core
