#pragma once
// A runtime with some of its parts replaced. For tests that inject faults; not installed.
#include <memory>

#include "actors/open_namespace.hpp"
#include "actors/runtime.hpp"

namespace hearth::actors {

struct runtime_access {
  [[nodiscard]] static result<std::unique_ptr<runtime>> start(runtime_options options,
                                                              namespace_parts parts);
};

}  // namespace hearth::actors
