// The command line interface. docs/cli.md is its manual.
#include <csignal>
#include <iostream>

#include "tools/command.hpp"

int main(int argc, char** argv) {
  // A reader that goes away (`hearth export docs | head`) is an error to report, not a signal.
  std::signal(SIGPIPE, SIG_IGN);
  std::ios::sync_with_stdio(false);
  return hearth::tools::run_command_line({argv + 1, argv + argc}, std::cout, std::cerr);
}
