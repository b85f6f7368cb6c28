#include "tools/command.hpp"

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <sstream>

#include "core/format.hpp"
#include "ipc/client.hpp"
#include "tools/terminal.hpp"

#include <CLI/CLI.hpp>

namespace hearth::tools {
namespace {

constexpr const char* global_group = "Global options";

// Settings that clients read are flags of every command, by the names in the settings table.
void add_setting_flags(CLI::App& app, global_options& options) {
  for (const auto& row : setting_table()) {
    if (row.scope == setting_scope::daemon)
      continue;
    const std::string key(row.key);
    const std::function<void(const std::string&)> keep = [&options, key](const std::string& text) {
      options.flags.emplace_back(key, text);
    };
    const std::string help = core::format("{} [{}]", row.help, variable_name(row));
    CLI::Option* option = nullptr;
    if (std::holds_alternative<bool settings::*>(row.member)) {
      const auto name = core::format("--no-{}", flag_name(row).substr(2));
      option = app.add_flag_callback(
          name, [keep] { keep("false"); }, "Switch off: " + help);
    } else {
      option =
          app.add_option_function<std::string>(flag_name(row), keep, help)
              ->type_name(std::holds_alternative<std::uint64_t settings::*>(row.member) ? "NUMBER"
                                                                                        : "PATH");
    }
    option->group(global_group);
  }
}

result<int> print_version(invocation& call, const std::monostate&) {
  if (call.as_json())
    call.print({{"version", HEARTH_VERSION}});
  else
    call.out() << "hearth " << HEARTH_VERSION << '\n';
  return exit_ok;
}

void add_version_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("version", "Print the version of this program");
  command->footer("Example:\n  hearth version");
  bind_action<std::monostate>(*command, chosen, print_version);
}

int report(const error& failure, bool as_json, std::ostream& err) {
  const int code = exit_code_for(failure.code);
  if (as_json) {
    err << dump_json(error_to_json(to_string(failure.code), failure.message, failure.hint)) << '\n';
  } else {
    err << "hearth: " << failure.message << '\n';
    if (!failure.hint.empty())
      err << "  hint: " << failure.hint << '\n';
  }
  return code;
}

int report_usage(const CLI::App& app, const CLI::ParseError& failure, bool as_json,
                 std::ostream& out, std::ostream& err) {
  if (failure.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
    // --help: CLI11 knows which command's text was asked for.
    std::ostringstream text;
    app.exit(failure, text, err);
    out << text.view() << (text.view().ends_with('\n') ? "" : "\n");
    return exit_ok;
  }
  std::string message = failure.what();
  // "A subcommand is required" hides that there was one, misspelt.
  if (const auto unknown = app.remaining(); app.get_subcommands().empty() && !unknown.empty())
    message = core::format("'{}' is not a command", unknown.front());
  std::ranges::replace(message, '\n', ' ');
  const std::string hint = "hearth --help, or hearth COMMAND --help, shows what is possible";
  if (as_json)
    err << dump_json(error_to_json("usage", message, hint)) << '\n';
  else
    err << "hearth: " << message << "\n  hint: " << hint << '\n';
  return exit_usage;
}

}  // namespace

exit_code exit_code_for(errc code) noexcept {
  if (code == errc::not_found)
    return exit_not_found;
  switch (group_of(code)) {
  case error_group::caller:
    return exit_refused;
  case error_group::retry:
    return exit_retry;
  case error_group::service:
    return exit_service;
  }
  return exit_service;
}

json error_to_json(std::string_view code, const std::string& message, const std::string& hint) {
  return {{"error", {{"code", code}, {"message", message}, {"hint", hint}}}};
}

result<const configuration*> invocation::config() {
  if (!config_) {
    HEARTH_TRY(auto loaded, configuration::load({.flags = options_.flags}));
    config_ = std::make_unique<configuration>(std::move(loaded));
    // A daemon that is started on the way takes its settings from the environment, and looks at
    // them from another directory. No thread runs yet.
    if (const auto& socket = config_->values().socket; !socket.empty())
      setenv("HEARTH_SOCKET", std::filesystem::absolute(socket).c_str(), 1);  // NOLINT: see above
  }
  return config_.get();
}

result<std::filesystem::path> invocation::store_path() {
  HEARTH_TRY(const auto* settings, config());
  auto path = settings->values().store;
  if (path.empty())
    path = "store";
  std::error_code failure;
  auto absolute = std::filesystem::absolute(path, failure);
  if (failure)
    return fail(errc::io_error, core::format("{}: {}", path.string(), failure.message()));
  absolute = absolute.lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

result<std::shared_ptr<store_handle>> invocation::connect(store_use use, bool reconnect) {
  HEARTH_TRY(const auto path, store_path());
  std::error_code ignored;
  // A daemon that is started makes a store of any directory.
  if (use == store_use::existing && std::filesystem::status(path / "catalog", ignored).type() ==
                                        std::filesystem::file_type::not_found)
    return fail(errc::not_found, core::format("there is no store at {}", path.string()),
                "name one with --store or HEARTH_STORE; `hearth namespace create` and `hearth "
                "import` make one");
  HEARTH_TRY(const auto* settings, config());
  const auto& values = settings->values();
  ipc::connect_options options;
  options.autostart = values.autostart;
  options.daemon = values.daemon;
  options.socket = values.socket;
  options.call_timeout = std::chrono::milliseconds(values.call_timeout_ms);
  options.reconnect = reconnect;
  return ipc::connect(path, options);
}

result<std::shared_ptr<namespace_handle>> invocation::open(const std::string& name) {
  HEARTH_TRY(const auto store, connect());
  return store->open_namespace(name);
}

void invocation::print(const json& document) {
  out_ << dump_json(document, &out_ == &std::cout && isatty(STDOUT_FILENO) == 1) << '\n';
}

void invocation::warn(std::string message) {
  if (!options_.json)
    err_ << "warning: " << message << '\n';
  warnings_.push_back(std::move(message));
}

void invocation::note(const std::string& line) {
  if (options_.json || options_.quiet)
    return;
  out_.flush();  // a terminal shows both, in this order
  err_ << line << '\n';
}

void invocation::take_warnings(json& document) {
  if (!warnings_.empty())
    document["warnings"] = std::exchange(warnings_, {});
}

std::unique_ptr<CLI::App> make_app(global_options& options, action& chosen) {
  auto app = std::make_unique<CLI::App>(
      "Hearth: a local vector database that several processes share.", "hearth");
  app->fallthrough();
  app->require_subcommand(1);
  app->set_help_flag("-h,--help", "Show this text, or with a command its options");
  app->set_version_flag("--version", "hearth " HEARTH_VERSION)->group(global_group);
  app->footer(
      "Examples:\n"
      "  hearth import docs notes.jsonl --embed    load a file, make vectors from its text\n"
      "  hearth search docs --text \"red bicycle\"   search it\n"
      "  hearth count docs --where 'year >= 2020'   count what matches a filter\n"
      "  hearth COMMAND --help                     options and examples of a command");
  add_setting_flags(*app, options);
  app->add_flag("--json", options.json, "Print results and errors as JSON")->group(global_group);
  app->add_flag("-q,--quiet", options.quiet, "Print results only: no news, no progress")
      ->group(global_group);
  add_search_command(*app, chosen);
  add_import_command(*app, chosen);
  add_export_command(*app, chosen);
  add_record_commands(*app, chosen);
  add_update_command(*app, chosen);
  add_kv_commands(*app, chosen);
  add_apply_command(*app, chosen);
  add_queue_commands(*app, chosen);
  add_feed_commands(*app, chosen);
  add_namespace_commands(*app, chosen);
  add_tune_commands(*app, chosen);
  add_administration_commands(*app, chosen);
  add_daemon_commands(*app, chosen);
  add_bench_command(*app, chosen);
  add_config_command(*app, chosen);
  add_completions_command(*app, chosen);
  add_version_command(*app, chosen);
  return app;
}

int run_command_line(std::vector<std::string> arguments, std::ostream& out, std::ostream& err) {
  // An error in the line itself has to be told in the form asked for, though parsing failed.
  const bool json_asked = std::ranges::find(arguments, "--json") != arguments.end();
  try {
    global_options options;
    action chosen;
    const auto app = make_app(options, chosen);
    std::ranges::reverse(arguments);  // the order that CLI11 takes them in
    try {
      app->parse(std::move(arguments));
    } catch (const CLI::ParseError& failure) {
      return report_usage(*app, failure, json_asked, out, err);
    }
    invocation call(std::move(options), out, err);
    if (auto settings = call.config(); !settings) {
      report(settings.error(), call.as_json(), err);
      return exit_usage;
    }
    auto outcome = chosen(call);
    if (!outcome)
      return report(outcome.error(), call.as_json(), err);
    out.flush();
    if (!out)
      return report({errc::io_error, "standard output cannot be written to", {}, 0}, call.as_json(),
                    err);
    return *outcome;
  } catch (const std::exception& failure) {
    return report({errc::internal, core::format("unexpected: {}", failure.what()), {}, 0},
                  json_asked, err);
  }
}

}  // namespace hearth::tools
