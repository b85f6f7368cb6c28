#pragma once
// Logging with event ids. A logger is an object that its owner passes down: Hearth has no global
// logger, so an embedded runtime never writes into its host's log.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "error.hpp"

namespace hearth::inline core {

enum class log_level : std::uint8_t { debug = 0, info = 1, warning = 2, error = 3, off = 4 };

[[nodiscard]] std::string_view to_string(log_level level) noexcept;
[[nodiscard]] result<log_level> log_level_from_string(std::string_view name);

/// Names one kind of event for good: H1xx daemon and sessions, H2xx namespaces and writers,
/// H3xx indexes, H4xx storage. docs/events.md lists them; numbers are never reused.
struct event_id {
  std::uint16_t number;
  const char* name;
};

/// Thread-safe. `detail` is one line, without secrets or user data beyond names and ids.
class logger {
 public:
  virtual ~logger() = default;
  virtual void write(log_level level, event_id event, std::string_view detail) noexcept = 0;

  void debug(event_id event, std::string_view detail) noexcept {
    write(log_level::debug, event, detail);
  }
  void info(event_id event, std::string_view detail) noexcept {
    write(log_level::info, event, detail);
  }
  void warning(event_id event, std::string_view detail) noexcept {
    write(log_level::warning, event, detail);
  }
  void error(event_id event, std::string_view detail) noexcept {
    write(log_level::error, event, detail);
  }
};

/// Drops everything.
[[nodiscard]] std::shared_ptr<logger> null_logger();
/// One line per event on standard error: time, level, id, name, detail.
[[nodiscard]] std::shared_ptr<logger> stderr_logger(log_level threshold);
/// The same into a file that rotates at 10 MiB and keeps 3 older ones.
[[nodiscard]] result<std::shared_ptr<logger>> file_logger(const std::filesystem::path& file,
                                                          log_level threshold);

}  // namespace hearth::inline core
