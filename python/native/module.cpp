// hearth._native: the C++ client for Python, and nothing that is not in the C++ client.
#include <pybind11/pybind11.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/limits.hpp"
#include "engine/text/lexical_embedder.hpp"
#include "python/native/buffers.hpp"
#include "python/native/completion_queue.hpp"
#include "python/native/errors.hpp"
#include "python/native/filters.hpp"
#include "python/native/handles.hpp"
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
  module.def("embed_lexical", &embed_lexical, py::arg("texts"), py::arg("dimension"));
}

}  // namespace hearth::python
