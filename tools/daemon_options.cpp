#include "tools/daemon_options.hpp"

#include <CLI/CLI.hpp>
#include <ostream>

#include "core/format.hpp"

namespace hearth::tools {
namespace {

using flag_list = std::vector<std::pair<std::string, std::string>>;

void add_setting_flags(CLI::App& app, flag_list& flags) {
  for (const auto& row : setting_table()) {
    if (row.scope == setting_scope::client)
      continue;
    const auto standard = value_text(settings{}, row);
    app.add_option_function<std::string>(
           flag_name(row),
           [&flags, key = std::string(row.key)](const std::string& text) {
             flags.emplace_back(key, text);
           },
           core::format("{}{} [{}]", row.help,
                        standard.empty() ? "" : core::format(" (default: {})", standard),
                        variable_name(row)))
        ->type_name(std::holds_alternative<std::uint64_t settings::*>(row.member) ? "NUMBER"
                    : standard.empty()                                            ? "PATH"
                                                                                  : "LEVEL");
  }
}

// Empty for an empty path.
std::filesystem::path absolute_path(const std::filesystem::path& path) {
  std::error_code failure;
  if (path.empty())
    return {};
  const auto absolute = std::filesystem::absolute(path, failure).lexically_normal();
  return absolute.has_filename() ? absolute : absolute.parent_path();
}

daemon_exit print_mistake(const error& mistake, std::ostream& err) {
  err << "hearthd: " << mistake.message;
  if (!mistake.hint.empty())
    err << " (" << mistake.hint << ")";
  err << '\n';
  return daemon_usage;
}

}  // namespace

daemon_exit daemon_exit_for(errc code) noexcept {
  if (code == errc::busy)
    return daemon_busy;
  return code == errc::internal ? daemon_internal : daemon_store;
}

std::chrono::milliseconds daemon_options::idle_exit() const {
  if (!detach && config.origin("idle_exit_ms") == "default")
    return std::chrono::milliseconds(0);
  return std::chrono::milliseconds(config.values().idle_exit_ms);
}

std::variant<daemon_options, daemon_exit> parse_daemon_line(std::vector<std::string> arguments,
                                                            std::ostream& out, std::ostream& err) {
  CLI::App app("Serves one Hearth store over a Unix socket.", "hearthd");
  std::string store;
  bool stay = true;
  bool detach = false;
  flag_list flags;
  app.set_version_flag("--version", "hearthd " HEARTH_VERSION);
  app.add_option("--store", store, "The store's directory; made if it does not exist")->required();
  auto* foreground = app.add_flag("--foreground", stay, "Stay in the foreground (default)");
  app.add_flag("--daemon", detach, "Go to the background once clients are served")
      ->excludes(foreground);
  add_setting_flags(app, flags);
  app.footer("Exit codes: 0 ended as asked, 1 internal error, 2 wrong command line or "
             "configuration,\n3 another process serves the store, 4 the store cannot be opened.\n"
             "Example:\n  hearthd --store ~/notes/store --idle-exit-ms 60000");
  try {
    std::ranges::reverse(arguments);  // the order that CLI11 takes them in
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& failure) {
    if (failure.get_exit_code() != static_cast<int>(CLI::ExitCodes::Success))
      return print_mistake({errc::invalid_argument, failure.what(), "hearthd --help", 0}, err);
    app.exit(failure, out, err);
    return daemon_ok;
  }
  auto config = configuration::load({.flags = std::move(flags)});
  if (!config)
    return print_mistake(config.error(), err);
  auto path = absolute_path(store);
  if (path.empty())
    return print_mistake({errc::invalid_argument, "--store is not a path", {}, 0}, err);
  auto socket = absolute_path(config->values().socket);
  auto log_file = absolute_path(config->values().log_file);
  if (log_file.empty() && detach)
    log_file = path / "hearthd.log";
  return daemon_options{std::move(path), std::move(socket), std::move(log_file), detach,
                        *std::move(config)};
}

}  // namespace hearth::tools
