#include "tools/fields.hpp"

#include "core/format.hpp"
#include "tools/json_value.hpp"
#include "tools/terminal.hpp"

#include <CLI/CLI.hpp>

namespace hearth::tools {

result<field_set> parse_fields(const std::string& list) {
  field_set fields;
  if (list == "none")
    return fields;
  for (const auto& word : CLI::detail::split(list, ',')) {
    if (word == "vector")
      fields.vectors = true;
    else if (word == "metadata")
      fields.metadata = true;
    else if (word == "text")
      fields.texts = true;
    else
      return fail(errc::invalid_argument, core::format("'{}' is not a field", word),
                  "fields are vector, metadata and text, or none");
  }
  return fields;
}

void add_fields_option(CLI::App& command, std::string& fields) {
  command
      .add_option("--fields", fields,
                  "What to show of a record: vector, metadata and text, with commas, or none")
      ->check([](const std::string& list) {
        const auto parsed = parse_fields(list);
        return parsed ? std::string()
                      : core::format("{}; {}", parsed.error().message, parsed.error().hint);
      })
      ->type_name("LIST")
      ->capture_default_str();
}

std::string describe_record(const record_columns& columns, std::size_t row, std::size_t width) {
  std::string line;
  if (row < columns.texts.size() && columns.texts[row])
    line = *columns.texts[row];
  const auto add = [&line](const std::string& part) {
    if (!line.empty())
      line += "  ";
    line += part;
  };
  // A long text must not push the metadata out of sight.
  if (row < columns.metadata.size() && !columns.metadata[row].empty()) {
    const auto metadata = snippet(dump_json(to_json(columns.metadata[row])), width * 2 / 3);
    const auto room = width - std::min(width, display_width(metadata) + 2);
    if (!line.empty())
      line = snippet(line, room);
    add(metadata);
  }
  if (row < columns.has_vector.size() && columns.has_vector[row])
    add(dump_json(to_json(columns.vectors.view().row(row))));
  return snippet(line, width);
}

}  // namespace hearth::tools
