// The daemon: options, the step into the background, and then tools/daemon.
#include <exception>
#include <iostream>

#include "tools/daemon.hpp"

namespace {

using namespace hearth::tools;

int serve(std::vector<std::string> arguments) {
  auto parsed = parse_daemon_line(std::move(arguments), std::cout, std::cerr);
  if (const auto* code = std::get_if<daemon_exit>(&parsed))
    return *code;
  const auto& options = std::get<daemon_options>(parsed);
  start_report report;
  if (options.detach) {
    auto detached = detach_process();
    if (!detached) {
      std::cerr << "hearthd: " << detached.error().message << '\n';
      return daemon_internal;
    }
    report = *std::move(detached);
  }
  return run_daemon(options, std::move(report));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return serve({argv + 1, argv + argc});
  } catch (const std::exception& failure) {
    std::cerr << "hearthd: unexpected: " << failure.what() << '\n';
    return daemon_internal;
  }
}
