#pragma once
// The command line of hearthd.
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/config.hpp"

namespace hearth::tools {

/// What hearthd answers its caller; documented in docs/cli.md and never changed.
enum daemon_exit : int {
  daemon_ok = 0,
  daemon_internal = 1,
  daemon_usage = 2,  ///< command line or configuration
  daemon_busy = 3,   ///< another process serves the store
  daemon_store = 4,  ///< the store or its socket cannot be opened
};

[[nodiscard]] daemon_exit daemon_exit_for(errc code) noexcept;

struct daemon_options {
  // Paths are absolute: in the background the working directory is another.
  std::filesystem::path store;
  std::filesystem::path socket;    ///< empty: the store's default
  std::filesystem::path log_file;  ///< empty: standard error
  bool detach = false;             ///< --daemon
  configuration config;

  /// 0: never. In the foreground, somebody else decides when to end, unless told otherwise.
  [[nodiscard]] std::chrono::milliseconds idle_exit() const;
};

/// The options, or the exit code if there is nothing more to do: --help and --version print to
/// `out`, mistakes to `err`.
[[nodiscard]] std::variant<daemon_options, daemon_exit>
parse_daemon_line(std::vector<std::string> arguments, std::ostream& out, std::ostream& err);

}  // namespace hearth::tools
