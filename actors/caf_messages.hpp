#pragma once
// What every actor header needs of CAF, and how this folder uses it: messages are named structs
// that never leave the process, so they need no serialization; bulk data in them is held by
// shared_ptr.
#include <caf/all.hpp>

#include <chrono>
#include <exception>
#include <string>

#include "core/error.hpp"

/// Declares a message. At global scope, before the typed handle that receives it.
#define HEARTH_MESSAGE(type) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(type)

namespace hearth::actors {

/// How an actor ends that cannot go on; its parent sees it in the down message.
[[nodiscard]] inline caf::error actor_failure(const std::string& what) {
  return caf::make_error(caf::sec::runtime_error, what);
}

/// The text of an exception that left a handler.
[[nodiscard]] inline std::string describe(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& reason) {
    return reason.what();
  } catch (...) {
    return "unknown exception";
  }
}

/// What actor_failure() was given, or how CAF puts it.
[[nodiscard]] inline std::string describe(const caf::error& reason) {
  const auto& context = reason.context();
  return context.match_elements<std::string>() ? context.get_as<std::string>(0)
                                               : caf::to_string(reason);
}

/// CAF's time-outs as durations.
[[nodiscard]] inline caf::duration caf_duration(std::chrono::milliseconds time) {
  return caf::duration(time);
}

}  // namespace hearth::actors
