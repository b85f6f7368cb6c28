// `hearth get`, `delete`, `count` and `stats`.
#include <CLI/CLI.hpp>

#include "core/format.hpp"
#include "tools/command.hpp"
#include "tools/fields.hpp"
#include "tools/namespace_view.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

struct id_options {
  std::string name;
  std::vector<std::string> ids;
  bool string_ids = false;
  std::string fields = "vector,metadata,text";
};

struct name_options {
  std::string name;
};

result<std::vector<record_id>> parse_ids(const id_options& options) {
  std::vector<record_id> ids;
  for (const auto& word : options.ids) {
    HEARTH_TRY(auto id,
               id_from_text(word, options.string_ids ? id_style::strings : id_style::automatic));
    ids.push_back(std::move(id));
  }
  return ids;
}

void print_record(invocation& call, const record_columns& columns, std::size_t row) {
  auto& out = call.out();
  out << "id        " << snippet(id_to_text(columns.ids[row]), 4'096) << '\n';
  out << "version   " << columns.versions[row] << '\n';
  if (row < columns.has_vector.size() && columns.has_vector[row])
    out << "vector    "
        << snippet(dump_json(to_json(columns.vectors.view().row(row))), terminal_width() - 10)
        << '\n';
  if (row < columns.metadata.size())
    out << "metadata  " << dump_json(to_json(columns.metadata[row])) << '\n';
  if (row < columns.texts.size() && columns.texts[row])
    out << "text      " << snippet(*columns.texts[row], 4'096) << '\n';
}

result<int> get(invocation& call, const id_options& options) {
  get_query query;
  HEARTH_TRY(query.fields, parse_fields(options.fields));
  HEARTH_TRY(query.ids, parse_ids(options));
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto answer, target->get(std::move(query)));
  const int code = answer.missing.empty() ? exit_ok : exit_not_found;
  if (call.as_json()) {
    json records = json::array();
    for (std::size_t i = 0; i < answer.found.size(); ++i)
      records.push_back(record_to_json(answer.found, i));
    json missing = json::array();
    for (const auto& id : answer.missing)
      missing.push_back(to_json(id));
    call.print({{"records", std::move(records)}, {"missing", std::move(missing)}});
    return code;
  }
  for (std::size_t i = 0; i < answer.found.size(); ++i) {
    if (i > 0)
      call.out() << '\n';
    print_record(call, answer.found, i);
  }
  for (const auto& id : answer.missing)
    call.err() << "hearth: no record with id " << snippet(to_string(id), 80) << '\n';
  return code;
}

result<int> erase(invocation& call, const id_options& options) {
  write_batch batch;
  batch.kind = write_kind::erase;
  HEARTH_TRY(batch.ids, parse_ids(options));
  // An id named twice is deleted once.
  std::ranges::sort(batch.ids);
  const auto repeated = std::ranges::unique(batch.ids);
  batch.ids.erase(repeated.begin(), repeated.end());
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto written, target->write(std::move(batch)));
  if (call.as_json())
    call.print({{"deleted", written.affected}, {"lsn", written.lsn}});
  else
    call.note(core::format("deleted {} of {}", written.affected, options.ids.size()));
  return exit_ok;
}

result<int> count(invocation& call, const name_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto info, target->info());
  if (call.as_json())
    call.print({{"namespace", options.name}, {"count", info.count}});
  else
    call.out() << info.count << '\n';
  return exit_ok;
}

result<int> stats(invocation& call, const name_options& options) {
  HEARTH_TRY(const auto store, call.connect());
  HEARTH_TRY(const auto info, store->info());
  std::vector<std::string> names{options.name};
  if (options.name.empty()) {
    HEARTH_TRY(names, store->list_namespaces());
  }
  std::vector<namespace_info> spaces;
  for (const auto& name : names) {
    auto target = store->open_namespace(name);
    // One that another client drops meanwhile is no part of the answer.
    if (!target && target.error().code == errc::not_found && options.name.empty())
      continue;
    if (!target)
      return std::unexpected(std::move(target).error());
    HEARTH_TRY(auto space, (*target)->info());
    spaces.push_back(std::move(space));
  }
  if (call.as_json()) {
    json list = json::array();
    for (const auto& space : spaces)
      list.push_back(to_json(space));
    call.print({{"store", to_json(info)}, {"namespaces", std::move(list)}});
    return exit_ok;
  }
  call.out() << core::format(
      "store     {}\ndaemon    {}, pid {}, up {}\nsessions  {}\n\n", info.path, info.version,
      info.pid, format_duration(std::chrono::milliseconds(info.uptime_ms)), info.sessions);
  print_namespaces(call.out(), spaces);
  return exit_ok;
}

void add_id_options(CLI::App& command, id_options& options) {
  command.add_option("namespace", options.name, "The namespace")->required();
  command
      .add_option("ids", options.ids,
                  "Record ids: 7 is a number, '\"7\"' and anything else a string")
      ->required();
  command.add_flag("--string-ids", options.string_ids, "Take every id as a string");
}

}  // namespace

void add_record_commands(CLI::App& app, action& chosen) {
  auto* get_command = app.add_subcommand("get", "Show records by id");
  auto get_options = bind_action<id_options>(*get_command, chosen, get);
  add_id_options(*get_command, *get_options);
  add_fields_option(*get_command, get_options->fields);
  get_command->footer("Examples:\n"
                      "  hearth get docs readme 7 --fields metadata,text\n"
                      "  hearth get docs 7 --string-ids --json");

  auto* delete_command = app.add_subcommand("delete", "Delete records by id");
  auto delete_options = bind_action<id_options>(*delete_command, chosen, erase);
  add_id_options(*delete_command, *delete_options);
  delete_command->footer("Example:\n  hearth delete docs readme 7");

  auto* count_command = app.add_subcommand("count", "Count the records of a namespace");
  auto count_options = bind_action<name_options>(*count_command, chosen, count);
  count_command->add_option("namespace", count_options->name, "The namespace")->required();
  count_command->footer("Example:\n  hearth count docs");

  auto* stats_command = app.add_subcommand("stats", "Show the state of the store and its indexes");
  auto stats_options = bind_action<name_options>(*stats_command, chosen, stats);
  stats_command->add_option("namespace", stats_options->name, "Only this namespace");
  stats_command->footer("Example:\n  hearth stats docs --json");
}

}  // namespace hearth::tools
