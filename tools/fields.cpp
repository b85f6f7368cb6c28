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
  std::string metadata;
  // A long text must not push the metadata out of sight, nor the other way round.
  if (row < columns.metadata.size() && !columns.metadata[row].empty())
    metadata = snippet(dump_json(to_json(columns.metadata[row])), width * 2 / 3);
  std::string line;
  const auto add = [&](std::string_view part, std::size_t reserved) {
    const auto used = display_width(line) + (line.empty() ? 0 : 2) + reserved;
    if (part.empty() || used >= width)
      return;
    line += line.empty() ? "" : "  ";
    line += snippet(part, width - used);
  };
  if (row < columns.texts.size() && columns.texts[row])
    add(*columns.texts[row], metadata.empty() ? 0 : display_width(metadata) + 2);
  add(metadata, 0);
  if (row < columns.has_vector.size() && columns.has_vector[row])
    add(dump_json(to_json(columns.vectors.view().row(row))), 0);
  return line;
}

std::string describe_value(const value& item, std::size_t width) {
  if (const auto* text = item.get_if<std::string>(); text != nullptr && !text->empty() &&
                                                     text->front() != '"' && text->front() != ' ' &&
                                                     text->back() != ' ' && !parse_json(*text))
    return snippet(*text, width);
  return snippet(dump_json(to_json(item)), width);
}

}  // namespace hearth::tools
