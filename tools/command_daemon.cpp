// `hearth daemon start|stop|status|logs|socket`.
#include <CLI/CLI.hpp>
#include <sys/stat.h>

#include <chrono>
#include <deque>
#include <fstream>
#include <thread>

#include "core/format.hpp"
#include "ipc/client.hpp"
#include "ipc/socket_path.hpp"
#include "tools/command.hpp"
#include "tools/namespace_view.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

struct stop_options {
  double timeout_s = 60;
};

struct logs_options {
  std::size_t lines = 50;
  bool follow = false;
};

result<std::filesystem::path> socket_of(invocation& call) {
  HEARTH_TRY(const auto* config, call.config());
  if (!config->values().socket.empty())
    return config->values().socket;
  HEARTH_TRY(const auto store, call.store_path());
  return ipc::socket_path(store);
}

result<std::filesystem::path> log_file_of(invocation& call) {
  HEARTH_TRY(const auto* config, call.config());
  if (!config->values().log_file.empty())
    return config->values().log_file;
  HEARTH_TRY(const auto store, call.store_path());
  return store / "hearthd.log";
}

// The daemon that runs now, or nothing; never starts one.
result<std::optional<store_info>> running(invocation& call) {
  HEARTH_TRY(const auto store, call.store_path());
  std::error_code ignored;
  if (!std::filesystem::exists(store, ignored))
    return std::nullopt;
  HEARTH_TRY(const auto* config, call.config());
  ipc::connect_options options;
  options.autostart = false;
  options.socket = config->values().socket;
  options.call_timeout = std::chrono::milliseconds(config->values().call_timeout_ms);
  const auto connected = ipc::connect(store, options);
  if (!connected &&
      (connected.error().code == errc::unavailable || connected.error().code == errc::not_found))
    return std::nullopt;
  if (!connected)
    return std::unexpected(connected.error());
  HEARTH_TRY(auto info, (*connected)->info());
  return info;
}

result<json> describe(invocation& call, const std::optional<store_info>& daemon) {
  HEARTH_TRY(const auto store, call.store_path());
  HEARTH_TRY(const auto log, log_file_of(call));
  json document{{"running", daemon.has_value()}, {"store", store.string()}};
  if (daemon) {
    HEARTH_TRY(const auto socket, socket_of(call));
    document["socket"] = socket.string();
    document["daemon"] = to_json(*daemon);
  }
  document["log"] = log.string();
  return document;
}

result<int> start(invocation& call, const std::monostate&) {
  HEARTH_TRY(const auto before, running(call));
  HEARTH_TRY(const auto store, call.connect(store_use::creating));
  HEARTH_TRY(const auto info, store->info());
  if (call.as_json()) {
    HEARTH_TRY(auto document, describe(call, info));
    document["started"] = !before.has_value();
    call.print(document);
  } else {
    call.note(core::format("{}: pid {}, store {}", before ? "already running" : "started", info.pid,
                           info.path));
  }
  return exit_ok;
}

result<int> stop(invocation& call, const stop_options& options) {
  HEARTH_TRY(const auto before, running(call));
  bool stopped = false;
  if (before) {
    HEARTH_TRY(const auto store, call.store_path());
    HEARTH_TRY(const auto* config, call.config());
    const auto outcome = ipc::shutdown_daemon(
        store, std::chrono::milliseconds(static_cast<std::int64_t>(options.timeout_s * 1'000)),
        config->values().socket);
    if (!outcome && outcome.error().code != errc::not_found)
      return std::unexpected(outcome.error());
    stopped = outcome.has_value();
  }
  if (call.as_json())
    call.print({{"stopped", stopped}});
  else
    call.note(stopped ? core::format("stopped pid {}", before->pid) : "not running");
  return exit_ok;
}

result<int> status(invocation& call, const std::monostate&) {
  HEARTH_TRY(const auto daemon, running(call));
  HEARTH_TRY(const auto document, describe(call, daemon));
  const int code = daemon ? exit_ok : exit_not_found;
  if (call.as_json()) {
    call.print(document);
    return code;
  }
  const auto text = [&](const char* key) { return document.at(key).get<std::string>(); };
  if (!daemon) {
    call.out() << core::format("not running\nstore     {}\n", text("store"));
    return code;
  }
  call.out() << core::format("running   pid {}, version {}, up {}\nstore     {}\nsocket    {}\n"
                             "log       {}\nsessions  {}\nopen      {} of {} namespaces\n",
                             daemon->pid, daemon->version,
                             format_duration(std::chrono::milliseconds(daemon->uptime_ms)),
                             text("store"), text("socket"), text("log"), daemon->sessions,
                             daemon->open_namespaces, daemon->namespaces);
  return code;
}

// Prints what is appended to the file, across rotations, until the process is interrupted. `opened`
// is the file that `stream` reads.
result<int> follow(invocation& call, const std::filesystem::path& file, struct stat opened,
                   std::ifstream& stream) {
  std::string line;
  for (;;) {
    // Before the look at the name: what is written before a rotation is in the old file.
    struct stat named {};
    const bool there = ::stat(file.c_str(), &named) == 0;
    stream.clear();
    while (std::getline(stream, line))
      call.out() << line << '\n';
    if (!call.out().flush())
      return exit_ok;  // nobody reads any more
    stream.clear();    // or tellg() does not answer
    const bool renamed = named.st_ino != opened.st_ino || named.st_dev != opened.st_dev;
    if (there && (renamed || named.st_size < stream.tellg())) {
      stream = std::ifstream(file);
      opened = named;
      continue;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(250));
  }
}

result<int> logs(invocation& call, const logs_options& options) {
  HEARTH_TRY(const auto file, log_file_of(call));
  struct stat opened {};
  ::stat(file.c_str(), &opened);
  std::ifstream stream(file);
  if (!stream)
    return fail(errc::not_found, core::format("there is no log at {}", file.string()),
                "a daemon in the foreground logs to its terminal unless --log-file is given");
  std::deque<std::string> last;
  std::string line;
  while (std::getline(stream, line)) {
    last.push_back(line);
    if (last.size() > options.lines)
      last.pop_front();
  }
  if (call.as_json()) {
    call.print({{"file", file.string()}, {"lines", std::vector(last.begin(), last.end())}});
    return exit_ok;
  }
  for (const auto& entry : last)
    call.out() << entry << '\n';
  if (!options.follow)
    return exit_ok;
  return follow(call, file, opened, stream);
}

result<int> print_socket(invocation& call, const std::monostate&) {
  HEARTH_TRY(const auto socket, socket_of(call));
  if (call.as_json())
    call.print({{"socket", socket.string()}});
  else
    call.out() << socket.string() << '\n';
  return exit_ok;
}

}  // namespace

void add_daemon_commands(CLI::App& app, action& chosen) {
  auto* group = app.add_subcommand("daemon", "Start, stop and look at the store's daemon");
  group->require_subcommand(1);
  group->footer("Other commands start the daemon by themselves.\nExample:\n  hearth daemon status");

  auto* start_command = group->add_subcommand("start", "Start the daemon if it is not running");
  bind_action<std::monostate>(*start_command, chosen, start);
  start_command->footer("Example:\n  hearth --store ~/notes daemon start");

  auto* stop_command =
      group->add_subcommand("stop", "Let the daemon finish acknowledged work and end");
  auto stop_state = bind_action<stop_options>(*stop_command, chosen, stop);
  stop_command->add_option("--timeout", stop_state->timeout_s, "Seconds to wait for it")
      ->check(CLI::Range(0.0, 86'400.0))
      ->capture_default_str();
  stop_command->footer("Example:\n  hearth daemon stop");

  auto* status_command =
      group->add_subcommand("status", "Say whether the daemon runs (exit code 3 if not)");
  bind_action<std::monostate>(*status_command, chosen, status);
  status_command->footer("Example:\n  hearth daemon status --json");

  auto* logs_command = group->add_subcommand("logs", "Print the end of the daemon's log");
  auto logs_state = bind_action<logs_options>(*logs_command, chosen, logs);
  logs_command->add_option("-n,--lines", logs_state->lines, "How many lines")
      ->capture_default_str();
  logs_command->add_flag("-f,--follow", logs_state->follow, "Go on as the log grows");
  logs_command->footer("Example:\n  hearth daemon logs -n 20");

  auto* socket_command = group->add_subcommand("socket", "Print the path of the store's socket");
  bind_action<std::monostate>(*socket_command, chosen, print_socket);
  socket_command->footer("Example:\n  hearth daemon socket");
}

}  // namespace hearth::tools
