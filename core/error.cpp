#include "core/error.hpp"

namespace hearth::inline core {

error_group group_of(errc code) noexcept {
  const auto number = static_cast<std::uint16_t>(code);
  if (number < 32)
    return error_group::caller;
  if (number < 64)
    return error_group::retry;
  return error_group::service;
}

std::string_view to_string(errc code) noexcept {
  switch (code) {
  case errc::invalid_argument:
    return "invalid_argument";
  case errc::dimension_mismatch:
    return "dimension_mismatch";
  case errc::not_found:
    return "not_found";
  case errc::already_exists:
    return "already_exists";
  case errc::config_mismatch:
    return "config_mismatch";
  case errc::limit_exceeded:
    return "limit_exceeded";
  case errc::permission_denied:
    return "permission_denied";
  case errc::unsupported:
    return "unsupported";
  case errc::protocol_mismatch:
    return "protocol_mismatch";
  case errc::cursor_too_old:
    return "cursor_too_old";
  case errc::busy:
    return "busy";
  case errc::conflict:
    return "conflict";
  case errc::timeout:
    return "timeout";
  case errc::unavailable:
    return "unavailable";
  case errc::cancelled:
    return "cancelled";
  case errc::corruption:
    return "corruption";
  case errc::io_error:
    return "io_error";
  case errc::no_space:
    return "no_space";
  case errc::read_only:
    return "read_only";
  case errc::internal:
    return "internal";
  }
  return "internal";
}

errc errc_from_number(std::uint16_t value) noexcept {
  const auto code = static_cast<errc>(value);
  // to_string answers "internal" for every number that has no enumerator.
  return to_string(code) == "internal" ? errc::internal : code;
}

std::string to_string(const error& failure) {
  std::string text{to_string(failure.code)};
  text.append(": ").append(failure.message);
  if (!failure.hint.empty())
    text.append(" (").append(failure.hint).append(")");
  return text;
}

}  // namespace hearth::inline core
