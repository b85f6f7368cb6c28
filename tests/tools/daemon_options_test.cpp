#include <catch2/catch.hpp>
#include <sstream>

#include "tools/daemon_options.hpp"

using namespace hearth;
using namespace hearth::tools;

namespace {

struct outcome {
  std::variant<daemon_options, daemon_exit> parsed;
  std::string out;
  std::string err;
};

outcome parse(std::vector<std::string> arguments) {
  std::ostringstream out;
  std::ostringstream err;
  auto parsed = parse_daemon_line(std::move(arguments), out, err);
  return {std::move(parsed), out.str(), err.str()};
}

}  // namespace

TEST_CASE("hearthd: the foreground is the default, logs to the terminal and never idles out") {
  const auto answer = parse({"--store", "/tmp/x/"});
  const auto& options = std::get<daemon_options>(answer.parsed);
  CHECK(options.store == "/tmp/x");
  CHECK_FALSE(options.detach);
  CHECK(options.log_file.empty());
  CHECK(options.idle_exit().count() == 0);
}

TEST_CASE("hearthd: in the background it logs into the store and idles out") {
  const auto answer = parse({"--daemon", "--store", "/tmp/x"});
  const auto& options = std::get<daemon_options>(answer.parsed);
  CHECK(options.log_file == "/tmp/x/hearthd.log");
  CHECK(options.idle_exit() == std::chrono::minutes(5));
}

TEST_CASE("hearthd: what is said counts in the foreground too") {
  const auto answer =
      parse({"--store=/tmp/x", "--idle-exit-ms", "250", "--log-file", "/tmp/l", "--foreground"});
  const auto& options = std::get<daemon_options>(answer.parsed);
  CHECK(options.idle_exit() == std::chrono::milliseconds(250));
  CHECK(options.log_file == "/tmp/l");
}

TEST_CASE("hearthd: relative paths are made absolute before the directory is left") {
  const auto answer =
      parse({"--store", "some/./store", "--socket", "s.sock", "--log-file", "../x.log"});
  const auto& options = std::get<daemon_options>(answer.parsed);
  const auto here = std::filesystem::current_path();
  CHECK(options.store == here / "some/store");
  CHECK(options.socket == here / "s.sock");
  CHECK(options.log_file == here.parent_path() / "x.log");
}

TEST_CASE("hearthd: mistakes end with code 2 and one line") {
  for (const auto& line :
       std::vector<std::vector<std::string>>{{},
                                             {"--store"},
                                             {"--store", ""},
                                             {"--store", "/tmp/x", "--nothing"},
                                             {"--store", "/tmp/x", "--foreground", "--daemon"},
                                             {"--store", "/tmp/x", "--log-level", "loud"},
                                             {"--store", "/tmp/x", "--idle-exit-ms", "soon"}}) {
    const auto answer = parse(line);
    REQUIRE(std::holds_alternative<daemon_exit>(answer.parsed));
    CHECK(std::get<daemon_exit>(answer.parsed) == daemon_usage);
    CHECK(answer.err.starts_with("hearthd: "));
    CHECK(std::ranges::count(answer.err, '\n') == 1);
    CHECK(answer.out.empty());
  }
}

TEST_CASE("hearthd: help and version are no mistakes") {
  const auto help = parse({"--help"});
  CHECK(std::get<daemon_exit>(help.parsed) == daemon_ok);
  CHECK(help.out.find("--idle-exit-ms") != std::string::npos);
  CHECK(help.out.find("Exit codes") != std::string::npos);
  CHECK(parse({"--version"}).out.starts_with("hearthd "));
}

TEST_CASE("hearthd: exit codes follow the kind of failure") {
  CHECK(daemon_exit_for(errc::busy) == daemon_busy);
  CHECK(daemon_exit_for(errc::internal) == daemon_internal);
  CHECK(daemon_exit_for(errc::corruption) == daemon_store);
  CHECK(daemon_exit_for(errc::permission_denied) == daemon_store);
}
