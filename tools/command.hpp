#pragma once
// What every command of `hearth` shares: the global options, the connection, output, exit codes.
#include <CLI/App.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "core/config.hpp"
#include "core/database.hpp"
#include "tools/json_value.hpp"

namespace hearth::tools {

/// What the process answers its caller; documented in docs/cli.md and never changed.
enum exit_code : int {
  exit_ok = 0,
  exit_service = 1,    ///< the store or the machine needs a look: corruption, io_error, internal
  exit_usage = 2,      ///< the command line or the configuration is wrong
  exit_not_found = 3,  ///< no such store, namespace, record or daemon
  exit_retry = 4,      ///< busy, timeout, unavailable: the same command may succeed later
  exit_refused = 5,    ///< the input was understood and refused
};

[[nodiscard]] exit_code exit_code_for(errc code) noexcept;

struct global_options {
  /// Settings given as flags, as configuration::load takes them.
  std::vector<std::pair<std::string, std::string>> flags;
  bool json = false;
  bool quiet = false;
};

/// May the command bring a store into being, or does it need one that is there?
enum class store_use : std::uint8_t { existing, creating };

/// One run of one command. Streams are borrowed.
class invocation {
 public:
  invocation(global_options options, std::ostream& out, std::ostream& err)
      : options_(std::move(options)), out_(out), err_(err) {}

  [[nodiscard]] const global_options& options() const noexcept { return options_; }
  [[nodiscard]] bool as_json() const noexcept { return options_.json; }
  [[nodiscard]] std::ostream& out() noexcept { return out_; }
  [[nodiscard]] std::ostream& err() noexcept { return err_; }

  /// The settings in force, loaded once.
  [[nodiscard]] result<const configuration*> config();
  /// The store that is meant, absolute: --store, HEARTH_STORE, configuration, ./store.
  [[nodiscard]] result<std::filesystem::path> store_path();
  /// Connects to its daemon, starting one if that is allowed. not_found if a store that has to
  /// exist does not. Without `reconnect` a lost connection stays lost.
  [[nodiscard]] result<std::shared_ptr<store_handle>> connect(store_use use = store_use::existing,
                                                              bool reconnect = true);
  /// The namespace `name` of that store, which has to exist.
  [[nodiscard]] result<std::shared_ptr<namespace_handle>> open(const std::string& name);

  /// A result: one line of JSON, or indented on a terminal.
  void print(const json& document);
  /// A remark that does not change the result. With --json it goes into the result's "warnings"
  /// (see take_warnings), otherwise to standard error; --quiet does not silence it.
  void warn(std::string message);
  /// A line of news for people, on standard error: a script reads results only. Not with --json or
  /// --quiet.
  void note(const std::string& line);
  /// Moves the warnings so far into `document["warnings"]`, if there are any.
  void take_warnings(json& document);

 private:
  global_options options_;
  std::ostream& out_;
  std::ostream& err_;
  std::unique_ptr<configuration> config_;
  std::vector<std::string> warnings_;
};

/// What a command line asks for, once it is parsed. Answers the exit code, or the error to print.
using action = std::function<result<int>(invocation&)>;

// Each adds its commands to `app`; parsing one of them sets `chosen`.
void add_daemon_commands(CLI::App& app, action& chosen);
void add_namespace_commands(CLI::App& app, action& chosen);
void add_import_command(CLI::App& app, action& chosen);
void add_export_command(CLI::App& app, action& chosen);
void add_search_command(CLI::App& app, action& chosen);
void add_record_commands(CLI::App& app, action& chosen);
void add_update_command(CLI::App& app, action& chosen);
void add_apply_command(CLI::App& app, action& chosen);
void add_kv_commands(CLI::App& app, action& chosen);
void add_queue_commands(CLI::App& app, action& chosen);
void add_feed_commands(CLI::App& app, action& chosen);
void add_tune_commands(CLI::App& app, action& chosen);
void add_administration_commands(CLI::App& app, action& chosen);
void add_config_command(CLI::App& app, action& chosen);
void add_bench_command(CLI::App& app, action& chosen);
void add_completions_command(CLI::App& app, action& chosen);

/// The whole command line: global options into `options`, the command into `chosen`.
[[nodiscard]] std::unique_ptr<CLI::App> make_app(global_options& options, action& chosen);

/// Parses and runs `arguments` (without the program's name). Never throws.
[[nodiscard]] int run_command_line(std::vector<std::string> arguments, std::ostream& out,
                                   std::ostream& err);

/// {"error": {"code", "message", "hint"}}: how a failure looks with --json.
[[nodiscard]] json error_to_json(std::string_view code, const std::string& message,
                                 const std::string& hint);

/// Makes the state that a command's options are parsed into and ties it to its action.
template <class Options>
std::shared_ptr<Options> bind_action(CLI::App& command, action& chosen,
                                     result<int> (*run)(invocation&, const Options&)) {
  auto options = std::make_shared<Options>();
  command.callback([&chosen, options, run] {
    chosen = [options, run](invocation& call) { return run(call, *options); };
  });
  return options;
}

}  // namespace hearth::tools
