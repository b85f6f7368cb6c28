#pragma once
// What searches ask and answer, between Python and core.
#include <pybind11/pybind11.h>

#include <limits>
#include <optional>
#include <string>

#include "core/database.hpp"

namespace hearth::python {

namespace py = pybind11;

/// The number of `settings[name]`, if it is given and not None. Ranges that fit the wire; core
/// checks the rest.
template <class Number>
[[nodiscard]] std::optional<Number> number_setting(const py::dict& settings, const char* name);
[[nodiscard]] std::optional<std::string> text_setting(const py::dict& settings, const char* name);
/// None if it is missing or None.
[[nodiscard]] py::object setting(const py::dict& settings, const char* name);

[[nodiscard]] field_set fields_from(const py::object& include);
/// A Filter, a dict or a str; none for None.
[[nodiscard]] std::optional<filter> where_from(const py::object& where);
/// [(field, weight)].
[[nodiscard]] std::vector<field_weight> weights_from(const py::object& fields);

/// `vectors`: None, one vector, or a matrix where `many`. Options are those of
/// _calls.search_options.
[[nodiscard]] search_query search_from(const py::object& vectors, const py::dict& options,
                                       const py::object& include, bool many);

/// (offsets, ids, distances, metadata, texts, vectors, explanation, scores, text scores, groups); a
/// single query has no offsets, and what is not there is None.
[[nodiscard]] py::object hits_tuple(search_result found, const field_set& fields, bool many);
/// (ids, versions, metadata, texts, vectors, has_vector); a column not asked for is None.
[[nodiscard]] py::object columns_tuple(record_columns columns, const field_set& fields);

}  // namespace hearth::python
