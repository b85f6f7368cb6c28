#pragma once
// How the answer to a search is shown, as a table and as JSON.
#include <chrono>

#include "tools/command.hpp"

namespace hearth::tools {

/// A table of the hits, numbered from `offset` + 1; `none` is the news if there are none.
void print_hits(invocation& call, const search_result& found, std::uint32_t offset,
                std::chrono::nanoseconds took, const char* none);
/// One object per hit: the record, its distance, and where there are any its scores and group.
[[nodiscard]] json hits_to_json(const search_result& found);

void print_explanation(invocation& call, const search_explanation& said);
[[nodiscard]] json to_json(const search_explanation& said);

}  // namespace hearth::tools
