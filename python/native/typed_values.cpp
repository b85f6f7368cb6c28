#include "python/native/typed_values.hpp"

#include <datetime.h>

#include <utility>

#include "python/native/errors.hpp"

namespace hearth::python {

namespace {

constexpr std::int64_t microseconds_per_second = 1'000'000;
constexpr std::int64_t seconds_per_day = 86'400;

// Set by load_types and kept for good: they must outlive the interpreter's shutdown.
const py::object* epoch = nullptr;  // 1970-01-01T00:00:00Z
const py::object* geo_point_class = nullptr;

}  // namespace

void load_types() {
  PyDateTime_IMPORT;
  if (PyDateTimeAPI == nullptr)
    throw py::error_already_set();
  auto first = py::reinterpret_steal<py::object>(PyDateTimeAPI->DateTime_FromDateAndTime(
      1970, 1, 1, 0, 0, 0, 0, PyDateTime_TimeZone_UTC, PyDateTimeAPI->DateTimeType));
  if (!first)
    throw py::error_already_set();
  epoch = new py::object(std::move(first));
  geo_point_class = new py::object(py::module_::import("hearth._values").attr("GeoPoint"));
}

bool is_datetime(py::handle object) {
  return PyDateTime_Check(object.ptr()) != 0;
}

bool is_geo_point(py::handle object) {
  return py::isinstance(object, *geo_point_class);
}

bool is_numpy_time(py::handle numpy_scalar) {
  const auto kind = py::cast<std::string>(numpy_scalar.attr("dtype").attr("kind"));
  return kind == "M" || kind == "m";
}

timestamp timestamp_from(py::handle datetime, const std::string& field) {
  // utcoffset() and not tzinfo: a time zone may leave it open.
  if (datetime.attr("utcoffset")().is_none())
    throw native_error(
        errc::invalid_argument, field + " is a datetime without a time zone",
        "say which moment it is: datetime(..., tzinfo=timezone.utc), or .astimezone()");
  // Python takes the offset into account.
  const py::object since = datetime - *epoch;
  if (PyDelta_Check(since.ptr()) == 0)
    throw py::type_error(field + " does not subtract from a datetime as datetimes do");
  const std::int64_t seconds = PyDateTime_DELTA_GET_DAYS(since.ptr()) * seconds_per_day +
                               PyDateTime_DELTA_GET_SECONDS(since.ptr());
  return {seconds * microseconds_per_second + PyDateTime_DELTA_GET_MICROSECONDS(since.ptr())};
}

geo_point geo_point_from(py::handle object) {
  return {py::cast<double>(object.attr("lat")), py::cast<double>(object.attr("lon"))};
}

py::object datetime_from(timestamp moment) {
  std::int64_t seconds = moment.microseconds / microseconds_per_second;
  std::int64_t rest = moment.microseconds % microseconds_per_second;
  if (rest < 0) {
    rest += microseconds_per_second;
    --seconds;
  }
  const auto since = py::reinterpret_steal<py::object>(
      PyDelta_FromDSU(static_cast<int>(seconds / seconds_per_day),
                      static_cast<int>(seconds % seconds_per_day), static_cast<int>(rest)));
  if (!since)
    throw py::error_already_set();
  return *epoch + since;
}

py::object object_from(geo_point point) {
  return (*geo_point_class)(point.lat, point.lon);
}

}  // namespace hearth::python
