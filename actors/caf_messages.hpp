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

/// CAF's time-outs as durations.
[[nodiscard]] inline caf::duration caf_duration(std::chrono::milliseconds time) {
  return caf::duration(time);
}

}  // namespace hearth::actors
