#include "python/native/queries.hpp"

#include <pybind11/stl.h>

#include <string_view>
#include <utility>
#include <vector>

#include "python/native/buffers.hpp"
#include "python/native/errors.hpp"
#include "python/native/filters.hpp"
#include "python/native/values.hpp"

namespace hearth::python {

namespace {

// None, or (distance, index, ef, nprobe, rounds, exact, walk seconds, exact seconds, seconds,
// [(step, rows, candidates, seconds)], filter).
py::object explanation_from(const std::optional<search_explanation>& said) {
  if (!said)
    return py::none();
  const auto seconds = [](std::uint64_t time_us) { return static_cast<double>(time_us) / 1e6; };
  py::list stages;
  for (const auto& stage : said->stages)
    stages.append(py::make_tuple(std::string(to_string(stage.step)), stage.rows, stage.candidates,
                                 seconds(stage.time_us)));
  return py::make_tuple(std::string(to_string(said->distance)), std::string(to_string(said->kind)),
                        said->ef, said->nprobe, said->rounds, said->exact, said->walk_us / 1e6,
                        said->exact_us / 1e6, seconds(said->time_us), stages, said->filter);
}

template <class T>
T value_or(const py::dict& options, const char* name, T otherwise) {
  const auto given = setting(options, name);
  return given.is_none() ? otherwise : py::cast<T>(given);
}

// Texts as the caller gave them; one for a single query.
void read_text(const py::dict& options, search_query& query) {
  const auto texts = setting(options, "texts");
  if (texts.is_none())
    return;
  auto& text = query.text.emplace();
  for (const auto& each : texts)
    text.queries.push_back(utf8_of(each, "text"));
  text.operators = value_or(options, "text_operators", false);
  text.fields = weights_from(setting(options, "text_fields"));
}

void read_fusion(const py::dict& options, fusion_options& fusion) {
  if (const auto kind = text_setting(options, "fusion"))
    fusion.kind = unwrap(fusion_from_string(*kind));
  fusion.vector_weight = value_or(options, "vector_weight", fusion.vector_weight);
  fusion.text_weight = value_or(options, "text_weight", fusion.text_weight);
  fusion.rank_constant = value_or(options, "rank_constant", fusion.rank_constant);
  fusion.depth = number_setting<std::uint32_t>(options, "candidates").value_or(0);
}

}  // namespace

py::object setting(const py::dict& settings, const char* name) {
  auto* const found = PyDict_GetItemString(settings.ptr(), name);
  return found == nullptr ? py::object(py::none()) : py::reinterpret_borrow<py::object>(found);
}

// The number of `settings[name]`, if it is given. Ranges that fit the wire; core checks the rest.
template <class Number>
std::optional<Number> number_setting(const py::dict& settings, const char* name) {
  const auto given = setting(settings, name);
  if (given.is_none())
    return std::nullopt;
  const auto id = id_from(given, name);
  if (!id.is_number())
    throw py::type_error(std::string(name) + " must be an int");
  if (id.number() > std::numeric_limits<Number>::max())
    throw native_error(errc::invalid_argument,
                       std::string(name) + " is " + std::to_string(id.number()) +
                           "; the largest is " +
                           std::to_string(std::numeric_limits<Number>::max()));
  return static_cast<Number>(id.number());
}

template std::optional<std::uint32_t> number_setting(const py::dict&, const char*);
template std::optional<std::uint64_t> number_setting(const py::dict&, const char*);

std::optional<std::string> text_setting(const py::dict& settings, const char* name) {
  const auto given = setting(settings, name);
  return !given.is_none() ? text_from(given, name) : std::nullopt;
}

field_set fields_from(const py::object& include) {
  field_set fields;
  if (PyUnicode_Check(include.ptr()) != 0)
    throw py::type_error("include is a list of columns, not one str");
  for (const auto& name : include) {
    const auto column = py::cast<std::string_view>(name);
    if (column == "vectors")
      fields.vectors = true;
    else if (column == "metadata")
      fields.metadata = true;
    else if (column == "texts")
      fields.texts = true;
    else
      throw native_error(errc::invalid_argument,
                         "include has '" + std::string(column) + "', which is no column",
                         "columns are: vectors, metadata, texts");
  }
  return fields;
}

std::optional<filter> where_from(const py::object& where) {
  return where.is_none() ? std::nullopt : std::optional(filter_from(where));
}

std::vector<field_weight> weights_from(const py::object& fields) {
  std::vector<field_weight> weights;
  if (fields.is_none())
    return weights;
  for (const auto& each : fields) {
    const auto pair = py::cast<py::tuple>(each);
    weights.push_back({utf8_of(pair[0], "text_fields"), py::cast<double>(pair[1])});
  }
  return weights;
}

search_query search_from(const py::object& vectors, const py::dict& options,
                         const py::object& include, bool many) {
  search_query query;
  if (!vectors.is_none())
    query.vectors =
        matrix_from(vectors, many ? "queries" : "query",
                    many ? shape_rule::many_vectors : shape_rule::one_vector, ownership::copy);
  query.k = number_setting<std::uint32_t>(options, "k").value_or(query.k);
  query.ef = number_setting<std::uint32_t>(options, "ef").value_or(0);
  query.nprobe = number_setting<std::uint32_t>(options, "nprobe").value_or(0);
  query.vector_name = text_setting(options, "vector_name").value_or("");
  query.exact = value_or(options, "exact", false);
  query.explain = value_or(options, "explain", false);
  query.fields = fields_from(include);
  query.where = where_from(setting(options, "where"));
  read_text(options, query);
  read_fusion(options, query.fusion);
  if (const auto like = setting(options, "like"); !like.is_none())
    query.like = ids_from(like);
  if (const auto unlike = setting(options, "unlike"); !unlike.is_none())
    query.unlike = ids_from(unlike);
  query.offset = number_setting<std::uint32_t>(options, "offset").value_or(0);
  if (const auto bound = setting(options, "max_distance"); !bound.is_none())
    query.max_distance = py::cast<float>(bound);
  if (const auto bound = setting(options, "min_score"); !bound.is_none())
    query.min_score = py::cast<double>(bound);
  if (const auto field = text_setting(options, "group_by"))
    query.group = {*field, number_setting<std::uint32_t>(options, "group_limit").value_or(1)};
  if (const auto balance = setting(options, "diversity"); !balance.is_none())
    query.diversity = {py::cast<double>(balance),
                       number_setting<std::uint32_t>(options, "diversity_candidates").value_or(0)};
  return query;
}

// [(name, vectors, has_vector)], or None.
static py::object named_list(const std::vector<vector_column>& named, const field_set& fields) {
  if (!fields.vectors)
    return py::none();
  py::list listed;
  for (const auto& column : named)
    listed.append(
        py::make_tuple(column.name, array_from(column.vectors), array_from(column.has_vector)));
  return listed;
}

// (ids, versions, metadata, texts, vectors, has_vector, named); a column not asked for is None.
py::object columns_tuple(record_columns columns, const field_set& fields) {
  const py::object absent = py::none();
  return py::make_tuple(column_from(columns.ids), array_from(std::move(columns.versions)),
                        fields.metadata ? py::object(list_from(columns.metadata)) : absent,
                        fields.texts ? py::object(list_from(columns.texts)) : absent,
                        fields.vectors ? array_from(columns.vectors) : absent,
                        fields.vectors ? array_from(columns.has_vector) : absent,
                        named_list(columns.named, fields));
}

py::object hits_tuple(search_result found, const field_set& fields, bool many) {
  const py::object absent = py::none();
  auto& hits = found.hits;
  const bool scored = !found.scores.empty();
  py::object groups = absent;
  if (!found.groups.empty()) {
    py::list listed;
    for (const auto& each : found.groups)
      listed.append(object_from(each));
    groups = listed;
  }
  return py::make_tuple(many ? array_from(std::move(found.offsets)) : absent, column_from(hits.ids),
                        array_from(std::move(found.distances)),
                        fields.metadata ? py::object(list_from(hits.metadata)) : absent,
                        fields.texts ? py::object(list_from(hits.texts)) : absent,
                        fields.vectors ? array_from(hits.vectors) : absent,
                        explanation_from(found.explanation),
                        scored ? array_from(std::move(found.scores)) : absent,
                        scored ? array_from(std::move(found.text_scores)) : absent, groups,
                        named_list(hits.named, fields));
}

}  // namespace hearth::python
