#pragma once
// The capabilities that the server hands out: Gate, Session, Namespace.
#include <memory>

#include "ipc/schema.hpp"
#include "ipc/session_context.hpp"

namespace hearth::ipc {

/// The bootstrap capability of one connection. Loop thread only.
[[nodiscard]] schema::Gate::Client make_gate(std::shared_ptr<session_context> context);

}  // namespace hearth::ipc
