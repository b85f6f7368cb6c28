#pragma once
// Errors are values: every fallible function of Hearth returns result<T>.
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace hearth::inline core {

/// What went wrong, in three groups. The numbers are part of the wire protocol and never change.
enum class errc : std::uint16_t {
  // The caller's fault: the same call will fail again.
  invalid_argument = 1,
  dimension_mismatch = 2,
  not_found = 3,
  already_exists = 4,
  config_mismatch = 5,  ///< the namespace exists with another, incompatible configuration
  limit_exceeded = 6,   ///< a name, id, batch or message is larger than its documented limit
  permission_denied = 7,
  unsupported = 8,
  protocol_mismatch = 9,  ///< client and daemon speak different protocol versions
  cursor_too_old = 10,    ///< the change feed no longer reaches back to where the cursor stands

  // Retry: nothing is wrong with the call; the same call may succeed later.
  busy = 32,  ///< backpressure: a bounded queue is full
  conflict = 33,
  timeout = 34,
  unavailable = 35,  ///< shutting down, connection lost, or the daemon cannot be started
  cancelled = 36,

  // The service: someone has to look at the store or the machine.
  corruption = 64,
  io_error = 65,
  no_space = 66,
  read_only = 67,  ///< a commit failed; writes are refused until the namespace is reopened
  internal = 68,
};

enum class error_group : std::uint8_t { caller, retry, service };

/// The group that `code` belongs to; it decides exit codes and Python exception parents.
[[nodiscard]] error_group group_of(errc code) noexcept;

/// The snake_case name of `code` as it appears in logs, JSON and the Python `code` attribute.
[[nodiscard]] std::string_view to_string(errc code) noexcept;

/// The code with the number `value`, or `errc::internal` for a number this build does not know.
[[nodiscard]] errc errc_from_number(std::uint16_t value) noexcept;

/// One failure. `message` names the field and the limit; `hint` says what to do next.
struct error {
  errc code = errc::internal;
  std::string message;
  std::string hint;
  std::uint32_t retry_after_ms = 0;  ///< meaningful for errc::busy; 0 says "at your discretion"

  friend bool operator==(const error&, const error&) = default;
};

/// `code: message (hint)`, for logs and terminals.
[[nodiscard]] std::string to_string(const error& failure);

template <class T>
using result = std::expected<T, error>;

/// Shorthand for `return std::unexpected(error{...})`.
[[nodiscard]] inline std::unexpected<error> fail(errc code, std::string message,
                                                 std::string hint = {}) {
  return std::unexpected<error>(error{code, std::move(message), std::move(hint), 0});
}

}  // namespace hearth::inline core

// Returns the error of `expression` from the enclosing function, if it holds one.
#define HEARTH_CHECK(expression)                                                                   \
  do {                                                                                             \
    if (auto hearth_check_ = (expression); !hearth_check_.has_value())                             \
      return std::unexpected(std::move(hearth_check_).error());                                    \
  } while (false)

#define HEARTH_CONCAT_INNER(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_INNER(a, b)

// HEARTH_TRY(auto file, open(path)); declares `file`, or returns the error.
#define HEARTH_TRY(declaration, expression)                                                        \
  auto HEARTH_CONCAT(hearth_try_, __LINE__) = (expression);                                        \
  if (!HEARTH_CONCAT(hearth_try_, __LINE__).has_value())                                           \
    return std::unexpected(std::move(HEARTH_CONCAT(hearth_try_, __LINE__)).error());               \
  declaration = *std::move(HEARTH_CONCAT(hearth_try_, __LINE__))
