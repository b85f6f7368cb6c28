#pragma once
// `hearth kv ls|tree|delete-tree|query`: keys as paths.
#include "tools/command.hpp"

namespace hearth::tools {

void add_kv_path_commands(CLI::App& group, action& chosen);

}  // namespace hearth::tools
