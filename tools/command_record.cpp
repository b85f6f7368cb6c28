// `hearth get`, `delete`, `count`, `facets` and `stats`.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "core/format.hpp"
#include "tools/command.hpp"
#include "tools/field_options.hpp"
#include "tools/fields.hpp"
#include "tools/namespace_view.hpp"
#include "tools/stats_view.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

struct id_options {
  std::string name;
  std::vector<std::string> ids;
  bool string_ids = false;
  std::string fields = "vector,metadata,text";
};

struct delete_options {
  id_options records;
  std::optional<std::string> where;
};

struct name_options {
  std::string name;
};

struct count_options {
  std::string name;
  std::optional<std::string> where;
};

struct facets_options {
  std::string name;
  std::string field;
  std::optional<std::string> where;
  std::uint32_t limit = facet_query{}.limit;
};

result<std::vector<record_id>> parse_ids(const id_options& options) {
  return ids_from_text(options.ids, options.string_ids ? id_style::strings : id_style::automatic);
}

void print_record(invocation& call, const record_columns& columns, std::size_t row) {
  auto& out = call.out();
  out << "id        " << snippet(id_to_text(columns.ids[row]), 4'096) << '\n';
  out << "version   " << columns.versions[row] << '\n';
  if (row < columns.has_vector.size() && columns.has_vector[row])
    out << "vector    "
        << snippet(dump_json(to_json(columns.vectors.view().row(row))), terminal_width() - 10)
        << '\n';
  for (const auto& column : columns.named)
    if (column.has_vector[row]) {
      const auto label = core::format("{:<10}", column.name + ' ');
      out << label
          << snippet(dump_json(to_json(column.vectors.view().row(row))),
                     terminal_width() - std::min<std::size_t>(label.size(), terminal_width() / 2))
          << '\n';
    }
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

result<int> erase(invocation& call, const delete_options& options) {
  write_batch batch;
  batch.kind = write_kind::erase;
  HEARTH_TRY(batch.where, parse_where(options.where));
  HEARTH_TRY(batch.ids, parse_ids(options.records));
  // An id named twice is deleted once.
  std::ranges::sort(batch.ids);
  const auto repeated = std::ranges::unique(batch.ids);
  batch.ids.erase(repeated.begin(), repeated.end());
  HEARTH_TRY(const auto target, call.open(options.records.name));
  HEARTH_TRY(const auto written, target->write(std::move(batch)));
  if (call.as_json())
    call.print({{"deleted", written.affected}, {"lsn", written.lsn}});
  else if (options.where)
    call.note(core::format("deleted {}", written.affected));
  else
    call.note(core::format("deleted {} of {}", written.affected, options.records.ids.size()));
  return exit_ok;
}

result<int> count(invocation& call, const count_options& options) {
  HEARTH_TRY(auto where, parse_where(options.where));
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto records, target->count(std::move(where)));
  if (call.as_json())
    call.print({{"namespace", options.name}, {"count", records}});
  else
    call.out() << records << '\n';
  return exit_ok;
}

void print_facets(invocation& call, const facet_result& found) {
  using side = table::align;
  constexpr std::size_t value_columns = 60;
  constexpr std::uint64_t bar_columns = 30;
  if (!found.facets.empty()) {
    // The most frequent comes first, and has the longest bar.
    const auto most = std::max<std::uint64_t>(1, found.facets.front().count);
    table values({{"value"}, {"count", side::right}, {""}});
    for (const auto& [item, times] : found.facets) {
      const auto share = static_cast<double>(times) / static_cast<double>(most);
      const auto cells = static_cast<std::size_t>(std::ceil(share * bar_columns));
      values.add(
          {describe_value(item, value_columns), group_digits(times), std::string(cells, '#')});
    }
    values.print(call.out());
  }
  call.note(core::format("{} values, {} records match", found.facets.size(),
                         group_digits(found.records)));
}

result<int> facets(invocation& call, const facets_options& options) {
  facet_query query;
  query.field = options.field;
  query.limit = options.limit;
  HEARTH_TRY(query.where, parse_where(options.where));
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto found, target->facets(std::move(query)));
  if (!call.as_json()) {
    print_facets(call, found);
    return exit_ok;
  }
  json values = json::array();
  for (const auto& [item, times] : found.facets)
    values.push_back({{"value", to_json(item)}, {"count", times}});
  call.print({{"namespace", options.name},
              {"field", options.field},
              {"records", found.records},
              {"facets", std::move(values)}});
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
  std::optional<namespace_stats> numbers;  // of the one that is named
  for (const auto& name : names) {
    auto target = store->open_namespace(name);
    // One that another client drops meanwhile is no part of the answer.
    if (!target && target.error().code == errc::not_found && options.name.empty())
      continue;
    if (!target)
      return std::unexpected(std::move(target).error());
    HEARTH_TRY(auto space, (*target)->info());
    spaces.push_back(std::move(space));
    if (!options.name.empty()) {
      HEARTH_TRY(numbers, (*target)->stats());
    }
  }
  if (call.as_json()) {
    json list = json::array();
    for (const auto& space : spaces)
      list.push_back(to_json(space));
    json document{{"store", to_json(info)}, {"namespaces", std::move(list)}};
    if (numbers)
      document["stats"] = to_json(*numbers);
    call.print(document);
    return exit_ok;
  }
  call.out() << core::format(
      "store     {}\ndaemon    {}, pid {}, up {}\nsessions  {}\n\n", info.path, info.version,
      info.pid, format_duration(std::chrono::milliseconds(info.uptime_ms)), info.sessions);
  print_namespaces(call.out(), spaces);
  if (numbers) {
    call.out() << '\n';
    print_stats(call.out(), *numbers);
  }
  return exit_ok;
}

CLI::Option* add_ids(CLI::App& command, id_options& options) {
  return command.add_option("ids", options.ids,
                            "Record ids: 7 is a number, '\"7\"' and anything else a string");
}

void add_get_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("get", "Show records by id");
  auto options = bind_action<id_options>(*command, chosen, get);
  command->add_option("namespace", options->name, "The namespace")->required();
  add_ids(*command, *options)->required();
  command->add_flag("--string-ids", options->string_ids, "Take every id as a string");
  add_fields_option(*command, options->fields);
  command->footer("Examples:\n"
                  "  hearth get docs readme 7 --fields metadata,text\n"
                  "  hearth get docs 7 --string-ids --json");
}

void add_delete_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("delete", "Delete records by id, or those that match");
  auto options = bind_action<delete_options>(*command, chosen, erase);
  command->add_option("namespace", options->records.name, "The namespace")->required();
  auto* records = command->add_option_group("records", "Which records; ids or a filter");
  add_ids(*records, options->records);
  add_where_option(*records, options->where);
  records->require_option(1);
  command->add_flag("--string-ids", options->records.string_ids, "Take every id as a string");
  command->footer("It does not ask. `hearth count` says how many it would be.\n\n"
                  "Examples:\n"
                  "  hearth delete docs readme 7\n"
                  "  hearth delete docs --where 'year < 2020 OR NOT EXISTS year'");
}

void add_count_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("count", "Count the records of a namespace");
  auto options = bind_action<count_options>(*command, chosen, count);
  command->add_option("namespace", options->name, "The namespace")->required();
  add_where_option(*command, options->where);
  command->footer("Examples:\n"
                  "  hearth count docs\n"
                  "  hearth count docs --where 'tags == \"red\" AND author.name PREFIX \"A\"'");
}

void add_facets_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("facets", "Count how often each value of a field occurs");
  auto options = bind_action<facets_options>(*command, chosen, facets);
  command->add_option("namespace", options->name, "The namespace")->required();
  command->add_option("field", options->field, "The metadata field: year, or author.name")
      ->required();
  add_where_option(*command, options->where);
  command->add_option("--limit", options->limit, "Values to show, the most frequent first")
      ->capture_default_str();
  command->footer("The elements of a list count one by one.\n\n"
                  "Examples:\n"
                  "  hearth facets docs year\n"
                  "  hearth facets docs author.name --where 'year >= 2020' --limit 10");
}

}  // namespace

void add_record_commands(CLI::App& app, action& chosen) {
  add_get_command(app, chosen);
  add_delete_command(app, chosen);
  add_count_command(app, chosen);
  add_facets_command(app, chosen);

  auto* stats_command = app.add_subcommand("stats", "Show the state of the store and its indexes");
  auto stats_options = bind_action<name_options>(*stats_command, chosen, stats);
  stats_command->add_option("namespace", stats_options->name,
                            "Only this namespace, with sizes, readers, queues and latencies");
  stats_command->footer("Example:\n  hearth stats docs --json");
}

}  // namespace hearth::tools
