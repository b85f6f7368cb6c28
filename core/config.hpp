#pragma once
// Application configuration: the settings of the daemon and the CLI, where each may come from, and
// where it came from. One table describes every setting; parser, CLI flags and docs read it.
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/error.hpp"
#include "core/log.hpp"

namespace hearth::inline core {

/// Every setting, with its default. Numbers that end in _ms are milliseconds.
struct settings {
  // The daemon.
  core::log_level log_level = core::log_level::info;
  std::filesystem::path log_file;  ///< empty: hearthd.log in the store, or standard error
  std::filesystem::path socket;    ///< empty: the store's default socket path
  std::uint64_t idle_exit_ms = 300'000;
  std::uint64_t idle_close_ms = 300'000;
  std::uint64_t worker_threads = 0;
  std::uint64_t fresh_rows = 262'144;
  std::uint64_t interval_ms = 50;
  std::uint64_t history_batches = 100'000;
  std::uint64_t connections = 1'024;
  std::uint64_t connections_per_uid = 512;

  // Clients.
  std::filesystem::path store;  ///< empty: a store has to be named
  bool autostart = true;
  std::filesystem::path daemon;  ///< empty: next to the program, then PATH
  std::uint64_t call_timeout_ms = 120'000;
};

enum class setting_scope : std::uint8_t { daemon, client, both };

/// One setting: a row of the table. Type and default follow from `member`.
struct setting_row {
  using member_pointer =
      std::variant<bool settings::*, std::uint64_t settings::*, core::log_level settings::*,
                   std::filesystem::path settings::*>;

  std::string_view key;  ///< in files; the flag is --key with dashes, the variable HEARTH_KEY
  setting_scope scope;
  member_pointer member;
  std::uint64_t minimum;  ///< of numbers
  std::uint64_t maximum;
  std::string_view help;  ///< one sentence, without a full stop
};

/// All settings in the order of documentation.
[[nodiscard]] std::span<const setting_row> setting_table() noexcept;

[[nodiscard]] const setting_row* find_setting(std::string_view key) noexcept;

[[nodiscard]] std::string flag_name(const setting_row& row);      ///< "--idle-exit-ms"
[[nodiscard]] std::string variable_name(const setting_row& row);  ///< "HEARTH_IDLE_EXIT_MS"
/// What may be given: "true or false", "a whole number from 0 to 1024".
[[nodiscard]] std::string expectation(const setting_row& row);
/// The value of the setting as text that a flag would accept; empty for an empty path.
[[nodiscard]] std::string value_text(const settings& values, const setting_row& row);

/// Answers the value of an environment variable, or nothing if it is not set.
using environment_lookup = std::function<std::optional<std::string>(const std::string&)>;

/// The variables of this process. Not to be called while another thread changes them.
[[nodiscard]] std::optional<std::string> process_environment(const std::string& name);

struct config_sources {
  /// (key, text) as given on the command line, in order: a later one replaces an earlier one.
  std::vector<std::pair<std::string, std::string>> flags{};
  environment_lookup environment = process_environment;
  std::filesystem::path system_file = "/etc/hearth/config.toml";
};

/// The settings in force and their origins. Immutable; copies are independent.
class configuration {
 public:
  /// Sources, first one wins: flags; HEARTH_<KEY>; the file that $HEARTH_CONFIG names, else
  /// $XDG_CONFIG_HOME/hearth/config.toml (~/.config by default); the system file; the default.
  /// Every source is checked, also where another one wins. A file that is not there is no error,
  /// unless HEARTH_CONFIG names it. Empty variables count as not set.
  /// Errors: invalid_argument naming file and line (or variable, or flag), the expectation, and for
  /// an unknown key the nearest known one; permission_denied and io_error for unreadable files.
  [[nodiscard]] static result<configuration> load(const config_sources& sources);

  [[nodiscard]] const settings& values() const noexcept { return values_; }

  /// "default", "flag --log-level", "env HEARTH_LOG_LEVEL" or "/path/config.toml:3".
  /// Precondition: `key` is in the table.
  [[nodiscard]] const std::string& origin(std::string_view key) const;

  /// The files that were read, the one that wins first.
  [[nodiscard]] std::span<const std::filesystem::path> files() const noexcept { return files_; }

 private:
  friend class config_loader;
  configuration();

  settings values_;
  std::vector<std::string> origins_;  // one per row of the table
  std::vector<std::filesystem::path> files_;
};

}  // namespace hearth::inline core
