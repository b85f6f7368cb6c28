#pragma once
// The daemon: a runtime, one store in it, and a server in front of it.
#include "tools/daemon_options.hpp"
#include "tools/daemon_process.hpp"

namespace hearth::tools {

/// Serves the store until SIGTERM, SIGINT, a client's request or idleness ends it; a second signal
/// ends it at once. Tells `report` how the start went. Blocks signals in the calling thread, which
/// must be the only one. Answers the process's exit code.
[[nodiscard]] int run_daemon(const daemon_options& options, start_report report);

}  // namespace hearth::tools
