#pragma once
// The statistics of a namespace, for people and for programs.
#include <ostream>

#include "core/administration.hpp"
#include "tools/json_value.hpp"

namespace hearth::tools {

/// Times in microseconds.
[[nodiscard]] json to_json(const namespace_stats& stats);
/// A line per property, then tables of tables and of latencies.
void print_stats(std::ostream& out, const namespace_stats& stats);

}  // namespace hearth::tools
