// `hearth update`: changes records in place, by id or those that match a filter.
#include <CLI/CLI.hpp>

#include "core/format.hpp"
#include "tools/command.hpp"
#include "tools/field_options.hpp"

namespace hearth::tools {
namespace {

struct update_options {
  std::string name;
  std::vector<std::string> ids;
  bool string_ids = false;
  std::optional<std::string> where;
  std::optional<std::string> metadata;
  bool replace = false;
  std::optional<std::string> text;
  std::optional<std::string> vector;
  std::string vector_name;
  std::optional<lsn_t> version;
};

// The same vector for every record.
result<matrix> repeated(const std::string& text, std::size_t rows) {
  HEARTH_TRY(const auto array, parse_json(text));
  HEARTH_TRY(const auto one, vector_from_json(array, "--vector"));
  std::vector<float> values;
  for (std::size_t i = 0; i < rows; ++i)
    values.insert(values.end(), one.begin(), one.end());
  return matrix(std::move(values), rows, static_cast<std::uint32_t>(one.size()));
}

result<write_batch> batch_of(const update_options& options) {
  write_batch batch;
  batch.kind = write_kind::update;
  batch.merge = options.replace ? metadata_mode::replace : metadata_mode::merge;
  HEARTH_TRY(batch.where, parse_where(options.where));
  HEARTH_TRY(batch.ids, ids_from_text(options.ids, options.string_ids ? id_style::strings
                                                                      : id_style::automatic));
  const auto rows = batch.where ? 1 : batch.ids.size();
  if (options.metadata) {
    HEARTH_TRY(const auto document, parse_json(*options.metadata));
    HEARTH_TRY(const auto metadata, metadata_from_json(document, "--metadata"));
    batch.metadata.assign(rows, metadata);
  }
  if (options.text)
    batch.texts.assign(rows, options.text);
  if (options.vector) {
    HEARTH_TRY(auto vectors, repeated(*options.vector, rows));
    if (options.vector_name.empty())
      batch.vectors = std::move(vectors);
    else
      batch.named.push_back({options.vector_name, std::move(vectors)});
  }
  if (options.version)
    batch.expected.assign(rows, *options.version);
  return batch;
}

result<int> update(invocation& call, const update_options& options) {
  HEARTH_TRY(auto batch, batch_of(options));
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto written, target->write(std::move(batch)));
  if (call.as_json())
    call.print({{"updated", written.affected}, {"lsn", written.lsn}});
  else
    call.note(core::format("updated {}, version {}", written.affected, written.lsn));
  return exit_ok;
}

}  // namespace

void add_update_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("update", "Change records by id, or those that match");
  auto options = bind_action<update_options>(*command, chosen, update);
  command->add_option("namespace", options->name, "The namespace")->required();
  auto* records = command->add_option_group("records", "Which records; ids or a filter");
  auto* ids = records->add_option("ids", options->ids,
                                  "Record ids: 7 is a number, '\"7\"' and anything else a string");
  add_where_option(*records, options->where);
  records->require_option(1);
  command->add_flag("--string-ids", options->string_ids, "Take every id as a string");
  auto* change = command->add_option_group("change", "What to change; the rest stays");
  auto* metadata = change->add_option("--metadata", options->metadata,
                                      "A JSON object: its keys replace, null removes a key");
  change->add_option("--text", options->text, "The new text");
  auto* vector = change->add_option("--vector", options->vector, "A JSON array of numbers");
  change->require_option(1, 0);
  command->add_flag("--replace", options->replace, "Leave no other metadata than what is given")
      ->needs(metadata);
  command->add_option("--vector-name", options->vector_name, "Which named vector --vector is")
      ->type_name("NAME")
      ->needs(vector);
  command
      ->add_option("--if-version", options->version,
                   "Only if the records have this version (see `hearth get`), else change nothing")
      ->type_name("VERSION")
      ->needs(ids);
  command->footer("Examples:\n"
                  "  hearth update docs readme --metadata '{\"seen\": true, \"draft\": null}'\n"
                  "  hearth update docs 7 --text 'better words' --if-version 12\n"
                  "  hearth update docs --where 'year < 2000' --metadata '{\"old\": true}'");
}

}  // namespace hearth::tools
