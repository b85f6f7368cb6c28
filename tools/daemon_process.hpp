#pragma once
// Leaving the terminal: the fork, and the pipe on which a daemon tells how its start went.
#include <filesystem>
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace hearth::tools {

/// Tells the waiting parent, exactly once, how the start went. Without detach() it tells nobody.
/// Destroying it untold tells the parent that the start failed.
class start_report {
 public:
  start_report() = default;
  ~start_report();
  start_report(start_report&& other) noexcept;
  start_report& operator=(start_report&& other) noexcept;

  void serving() noexcept { tell(0, {}); }
  void failed(int exit_code, std::string_view message) noexcept { tell(exit_code, message); }

  /// True if a parent waits.
  [[nodiscard]] bool pending() const noexcept { return fd_ >= 0; }

 private:
  friend result<start_report> detach_process();
  explicit start_report(int fd) noexcept : fd_(fd) {}
  void tell(int exit_code, std::string_view message) noexcept;

  int fd_ = -1;
};

/// Continues in a process of its own session, without a terminal, in "/". The calling process does
/// not return from here: it waits for the report, prints an error to standard error, and exits with
/// the code reported (0 when clients are served). Call it before any thread starts.
[[nodiscard]] result<start_report> detach_process();

/// Points standard input and output to /dev/null and standard error to the end of `log_file`, so
/// that the last words of a crash are kept.
[[nodiscard]] result<void> redirect_streams(const std::filesystem::path& log_file);

}  // namespace hearth::tools
