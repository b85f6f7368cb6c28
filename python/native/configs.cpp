#include "python/native/configs.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "python/native/errors.hpp"
#include "python/native/queries.hpp"
#include "python/native/values.hpp"

namespace hearth::python {

namespace {

py::dict vector_dict(const vector_config& config) {
  py::dict dict;
  dict["dimension"] = config.dimension;
  dict["distance"] = std::string(to_string(config.distance));
  dict["index"] = std::string(to_string(config.index.kind));
  dict["m"] = config.index.m;
  dict["ef_construction"] = config.index.ef_construction;
  dict["ef_search"] = config.index.ef_search;
  dict["seed"] = config.index.seed;
  dict["quantization"] = std::string(to_string(config.index.quantization));
  dict["memory"] = std::string(to_string(config.index.memory));
  dict["nlist"] = config.index.nlist;
  dict["nprobe"] = config.index.nprobe;
  dict["nbits"] = config.index.nbits;
  return dict;
}

}  // namespace

py::dict config_dict(const namespace_config& config) {
  auto dict = vector_dict(config.vector(0));
  dict["shards"] = config.shards;
  dict["embedder"] = config.embedder;
  py::list schema;
  for (const auto& rule : config.schema)
    schema.append(py::make_tuple(text_of(rule.path), std::string(to_string(rule.type)),
                                 rule.required, rule.indexed));
  dict["schema"] = schema;
  py::list text_fields;
  for (const auto& field : config.text.fields)
    text_fields.append(py::make_tuple(text_of(field.field), field.weight));
  dict["text_fields"] = text_fields;
  dict["language"] = config.text.language;
  py::list stop_words;
  for (const auto& word : config.text.stop_words)
    stop_words.append(text_of(word));
  dict["stop_words"] = stop_words;
  py::dict named;
  for (const auto& each : config.named)
    named[py::str(each.name)] = vector_dict(each);
  dict["named_vectors"] = named;
  return dict;
}

namespace {

// (serving, rows done, rows in all, failure), or None.
py::object rebuild_tuple(const std::optional<index_rebuild>& rebuild, vector_config serving) {
  if (!rebuild)
    return py::none();
  serving.distance = rebuild->distance;
  serving.index = rebuild->params;
  return py::make_tuple(vector_dict(serving), rebuild->rows_done, rebuild->rows_total,
                        text_of(rebuild->failure));
}

}  // namespace

py::object info_dict(const namespace_info& info) {
  py::dict dict;
  dict["name"] = info.name;
  dict["config"] = config_dict(info.config);
  dict["count"] = info.count;
  dict["vectors"] = info.vectors;
  dict["lsn"] = info.lsn;
  dict["durable_lsn"] = info.durable_lsn;
  dict["index"] = std::string(state_name(info.vector(0)));
  dict["indexed"] = info.indexed;
  dict["fresh"] = info.fresh;
  dict["file_bytes"] = info.file_bytes;
  dict["index_bytes"] = info.index_bytes;
  dict["read_only"] = info.read_only;
  dict["read_only_reason"] = text_of(info.read_only_reason);
  dict["tuning"] = py::none();
  if (info.tuning)
    dict["tuning"] = py::make_tuple(info.tuning->done, info.tuning->most);
  dict["rebuild"] = rebuild_tuple(info.rebuild, info.config.vector(0));
  py::dict named;
  for (std::size_t i = 0; i < std::min(info.named.size(), info.config.named.size()); ++i) {
    const auto& each = info.named[i];
    named[py::str(each.name)] =
        py::make_tuple(each.vectors, std::string(state_name(each)), each.indexed, each.fresh,
                       each.index_bytes, rebuild_tuple(each.rebuild, info.config.named[i]));
  }
  dict["named_vectors"] = named;
  return dict;
}

namespace {

// [(path, type, required, indexed)]
std::vector<field_rule> rules_from(const py::object& schema) {
  std::vector<field_rule> rules;
  for (const auto& each : schema) {
    const auto parts = py::cast<py::tuple>(each);
    rules.push_back({utf8_of(parts[0], "schema"),
                     unwrap(field_type_from_string(utf8_of(parts[1], "schema"))),
                     py::cast<bool>(parts[2]), py::cast<bool>(parts[3])});
  }
  return rules;
}

// What namespace_request and vector_request have in common.
template <class Request>
void read_vector(const py::dict& settings, Request& request) {
  request.dimension = number_setting<std::uint32_t>(settings, "dimension");
  if (const auto distance = text_setting(settings, "distance"))
    request.distance = unwrap(distance_from_string(*distance));
  if (const auto index = text_setting(settings, "index"))
    request.kind = unwrap(index_kind_from_string(*index));
  request.m = number_setting<std::uint32_t>(settings, "m");
  request.ef_construction = number_setting<std::uint32_t>(settings, "ef_construction");
  request.ef_search = number_setting<std::uint32_t>(settings, "ef_search");
  request.seed = number_setting<std::uint64_t>(settings, "seed");
  if (const auto quantization = text_setting(settings, "quantization"))
    request.quantization = unwrap(quantization_from_string(*quantization));
  if (const auto memory = text_setting(settings, "memory"))
    request.memory = unwrap(memory_from_string(*memory));
  request.nlist = number_setting<std::uint32_t>(settings, "nlist");
  request.nprobe = number_setting<std::uint32_t>(settings, "nprobe");
  request.nbits = number_setting<std::uint32_t>(settings, "nbits");
}

// {name: settings}
std::vector<vector_request> named_from(const py::dict& named) {
  std::vector<vector_request> requests;
  for (const auto& [name, settings] : named) {
    auto& request = requests.emplace_back();
    request.name = utf8_of(name, "named_vectors");
    read_vector(py::cast<py::dict>(settings), request);
  }
  return requests;
}

}  // namespace

namespace_request request_from(const py::dict& settings) {
  namespace_request request;
  read_vector(settings, request);
  request.shards = number_setting<std::uint32_t>(settings, "shards");
  request.embedder = text_setting(settings, "embedder");
  if (const auto schema = setting(settings, "schema"); !schema.is_none())
    request.schema = rules_from(schema);
  if (const auto fields = setting(settings, "text_fields"); !fields.is_none())
    request.text_fields = weights_from(fields);
  request.language = text_setting(settings, "language");
  if (const auto words = setting(settings, "stop_words"); !words.is_none()) {
    request.stop_words.emplace();
    for (const auto& word : words)
      request.stop_words->push_back(utf8_of(word, "stop_words"));
  }
  if (const auto named = setting(settings, "named_vectors"); !named.is_none())
    request.named = named_from(py::cast<py::dict>(named));
  return request;
}

}  // namespace hearth::python
