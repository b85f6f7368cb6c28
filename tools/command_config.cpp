// `hearth config show`.
#include <CLI/CLI.hpp>

#include "core/format.hpp"
#include "tools/command.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

struct show_options {
  bool origin = false;
};

json setting_to_json(const settings& values, const setting_row& row) {
  if (const auto* flag = std::get_if<bool settings::*>(&row.member))
    return values.*(*flag);
  if (const auto* number = std::get_if<std::uint64_t settings::*>(&row.member))
    return values.*(*number);
  return value_text(values, row);
}

result<int> show(invocation& call, const show_options& options) {
  HEARTH_TRY(const auto* config, call.config());
  const auto& values = config->values();
  if (call.as_json()) {
    json list = json::object();
    for (const auto& row : setting_table()) {
      if (options.origin)
        list[std::string(row.key)] = {{"value", setting_to_json(values, row)},
                                      {"origin", config->origin(row.key)}};
      else
        list[std::string(row.key)] = setting_to_json(values, row);
    }
    json files = json::array();
    for (const auto& file : config->files())
      files.push_back(file.string());
    call.print({{"settings", std::move(list)}, {"files", std::move(files)}});
    return exit_ok;
  }
  std::vector<table::column> columns{{"setting"}, {"value"}};
  if (options.origin)
    columns.push_back({"origin"});
  table rows(std::move(columns));
  for (const auto& row : setting_table()) {
    auto text = value_text(values, row);
    std::vector<std::string> cells{std::string(row.key), text.empty() ? "-" : std::move(text)};
    if (options.origin)
      cells.push_back(config->origin(row.key));
    rows.add(std::move(cells));
  }
  rows.print(call.out());
  return exit_ok;
}

}  // namespace

void add_config_command(CLI::App& app, action& chosen) {
  auto* group = app.add_subcommand("config", "Show the settings in force");
  group->require_subcommand(1);
  group->footer("Example:\n  hearth config show --origin");
  auto* command = group->add_subcommand("show", "Print every setting with its value");
  auto options = bind_action<show_options>(*command, chosen, show);
  command->add_flag("--origin", options->origin,
                    "Also say where each value comes from: flag, variable, file and line, default");
  command->footer("Example:\n  hearth config show --origin --json");
}

}  // namespace hearth::tools
