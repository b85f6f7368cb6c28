#pragma once
// Timestamps as datetime.datetime and geo points as hearth.GeoPoint. All functions need the GIL.
#include <pybind11/pybind11.h>

#include <string>

#include "core/value.hpp"

namespace hearth::python {

namespace py = pybind11;

/// Finds the classes. Call it once, while the module is initialized.
void load_types();

[[nodiscard]] bool is_datetime(py::handle object);
[[nodiscard]] bool is_geo_point(py::handle object);
/// numpy.datetime64 or timedelta64, which have no time zone and may count anything.
[[nodiscard]] bool is_numpy_time(py::handle numpy_scalar);

/// Throws native_error(invalid_argument) naming `field` for a datetime without a time zone.
[[nodiscard]] timestamp timestamp_from(py::handle datetime, const std::string& field);
[[nodiscard]] geo_point geo_point_from(py::handle object);

/// A datetime in UTC. Precondition: `moment` is valid, as everything that was stored is.
[[nodiscard]] py::object datetime_from(timestamp moment);
[[nodiscard]] py::object object_from(geo_point point);

}  // namespace hearth::python
