#pragma once
// How stores and namespaces are shown, as JSON and as tables.
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "core/database.hpp"
#include "tools/json_value.hpp"

namespace hearth::tools {

/// The kind of index and those of its parameters that mean something to it.
[[nodiscard]] std::string describe_index(const index_params& index);

/// The fields of the schema as --field takes them, one per line; empty if there are none.
[[nodiscard]] std::vector<std::string> describe_schema(const namespace_config& config);
/// "text, title:2; english; 33 stop words"; "(none)" without a text index.
[[nodiscard]] std::string describe_text(const text_settings& text);

[[nodiscard]] json to_json(const index_params& index);
[[nodiscard]] json to_json(const namespace_config& config);
[[nodiscard]] json to_json(const namespace_info& info);
[[nodiscard]] json to_json(const store_info& info);

/// One row per namespace.
void print_namespaces(std::ostream& out, std::span<const namespace_info> spaces);
/// One line per property.
void print_namespace(std::ostream& out, const namespace_info& info);

}  // namespace hearth::tools
