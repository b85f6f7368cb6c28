// hearth._native: the C++ client for Python, and nothing that is not in the C++ client.
#include <pybind11/pybind11.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/limits.hpp"
#include "engine/advice/index_advice.hpp"
#include "engine/text/lexical_embedder.hpp"
#include "python/native/buffers.hpp"
#include "python/native/completion_queue.hpp"
#include "python/native/errors.hpp"
#include "python/native/filters.hpp"
#include "python/native/handles.hpp"
#include "python/native/tables.hpp"
#include "python/native/typed_values.hpp"
#include "python/native/values.hpp"
#include "python/native/write_job.hpp"

namespace hearth::python {

namespace {

py::object embed_lexical(const py::list& texts, std::uint32_t dimension) {
  std::vector<std::string> owned;
  owned.reserve(texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto text = text_from(texts[i], "texts[" + std::to_string(i) + "]");
    if (!text)
      throw py::type_error("texts[" + std::to_string(i) + "] is None");
    owned.push_back(*std::move(text));
  }
  const std::vector<std::string_view> views(owned.begin(), owned.end());
  auto embedded = [&] {
    const py::gil_scoped_release unlocked;
    return engine::text::embed_lexical(views, dimension);
  }();
  return array_from(unwrap(std::move(embedded)));
}

// What makes a namespace have the index: arguments of Store.namespace.
py::dict settings_from(const index_params& params) {
  py::dict settings;
  settings["index"] = std::string(to_string(params.kind));
  if (params.kind == index_kind::hnsw) {
    settings["m"] = params.m;
    settings["ef_construction"] = params.ef_construction;
    settings["ef_search"] = params.ef_search;
    settings["quantization"] = std::string(to_string(params.quantization));
    settings["memory"] = std::string(to_string(params.memory));
  }
  return settings;
}

// (settings, memory_bytes, recall, searches_per_second, build_seconds, fits, reasons)
py::object suggest_index(std::uint64_t n, std::uint32_t dimension, std::uint64_t memory,
                         double recall) {
  const auto advice = unwrap(engine::advice::suggest_index(
      {.rows = n, .dimension = dimension, .memory_bytes = memory, .recall = recall}));
  py::list reasons;
  for (const auto& reason : advice.reasons)
    reasons.append(text_of(reason));
  return py::make_tuple(settings_from(advice.params), advice.memory_bytes, advice.recall,
                        advice.searches_per_second, advice.build_seconds, advice.fits, reasons);
}

}  // namespace

PYBIND11_MODULE(_native, module) {
  module.doc() = "Native part of hearth. Not a public interface: import hearth instead.";
  module.attr("version") = HEARTH_VERSION;
  module.attr("batch_bytes") = limits::batch_bytes;
  module.attr("lexical_embedder_name") = std::string(engine::text::lexical_embedder_name);
  module.attr("lexical_default_dimension") = engine::text::lexical_default_dimension;
  load_types();
  bind_errors(module);
  bind_completion_queue(module);
  bind_write_job(module);
  bind_handles(module);
  bind_filters(module);
  bind_tables(module);
  module.def("suggest_index", &suggest_index, py::arg("n"), py::arg("dimension"), py::arg("memory"),
             py::arg("recall"));
  module.def("embed_lexical", &embed_lexical, py::arg("texts"), py::arg("dimension"));
}

}  // namespace hearth::python
