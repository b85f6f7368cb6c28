#pragma once
// Which columns of a record a command asks for, and how a record looks on one line.
#include <CLI/App.hpp>
#include <string>

#include "core/error.hpp"
#include "core/record.hpp"
#include "core/value.hpp"

namespace hearth::tools {

/// "metadata,text" as a field_set; "none" for none. invalid_argument for other words.
[[nodiscard]] result<field_set> parse_fields(const std::string& list);

/// Adds --fields to `command`; `fields` holds the default.
void add_fields_option(CLI::App& command, std::string& fields);

/// Text and metadata of a row in at most `width` columns, the text first.
[[nodiscard]] std::string describe_record(const record_columns& columns, std::size_t row,
                                          std::size_t width);

/// A value of metadata in at most `width` columns: strings as they are, unless they would read as
/// something else ("5", "null"); everything else as JSON.
[[nodiscard]] std::string describe_value(const value& item, std::size_t width);

}  // namespace hearth::tools
