#include "core/log.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "temporary_directory.hpp"

using namespace hearth;

namespace {

constexpr event_id opened{201, "namespace_opened"};

std::vector<std::string> lines_of(const std::filesystem::path& file) {
  std::vector<std::string> lines;
  std::ifstream input(file);
  for (std::string line; std::getline(input, line);)
    lines.push_back(line);
  return lines;
}

// The line without its time, whose shape is checked. (std::regex trips -Wmaybe-uninitialized of
// g++ 12 with the address sanitizer.)
std::string without_time(const std::string& line) {
  const std::string shape = "dddd-dd-ddTdd:dd:dd.dddZ ";
  REQUIRE(line.size() > shape.size());
  auto time = line.substr(0, shape.size());
  for (auto& c : time)
    if (c >= '0' && c <= '9')
      c = 'd';
  CHECK(time == shape);
  return line.substr(shape.size());
}

}  // namespace

TEST_CASE("levels have names") {
  for (const auto level :
       {log_level::debug, log_level::info, log_level::warning, log_level::error, log_level::off})
    CHECK(log_level_from_string(to_string(level)) == level);
  const auto unknown = log_level_from_string("loud");
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error().message == "log level 'loud' is unknown");
}

TEST_CASE("a line has time, level, event number, event name and detail") {
  test::temporary_directory directory;
  const auto file = directory.path() / "logs" / "hearthd.log";
  const auto log = file_logger(file, log_level::info);
  REQUIRE(log.has_value());
  (*log)->info(opened, "docs");
  (*log)->warning(opened, "");
  (*log)->debug(opened, "not shown");
  const auto lines = lines_of(file);
  REQUIRE(lines.size() == 2);
  CHECK(without_time(lines[0]) == "info H201 namespace_opened docs");
  CHECK(without_time(lines[1]) == "warning H201 namespace_opened");
}

TEST_CASE("the threshold drops what is below it, and off drops everything") {
  test::temporary_directory directory;
  for (const auto threshold :
       {log_level::debug, log_level::info, log_level::warning, log_level::error, log_level::off}) {
    const auto file = directory.path() / std::string(to_string(threshold));
    const auto log = file_logger(file, threshold);
    REQUIRE(log.has_value());
    for (const auto level :
         {log_level::debug, log_level::info, log_level::warning, log_level::error, log_level::off})
      (*log)->write(level, opened, "x");
    CHECK(lines_of(file).size() == 4 - static_cast<std::size_t>(threshold));
  }
}

TEST_CASE("a detail cannot forge another line") {
  test::temporary_directory directory;
  const auto file = directory.path() / "log";
  const auto log = file_logger(file, log_level::info);
  REQUIRE(log.has_value());
  (*log)->info(opened, "a\n2026-01-01T00:00:00.000Z error H999 forged\x1b[2J {}");
  const auto lines = lines_of(file);
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].ends_with("a\\x0a2026-01-01T00:00:00.000Z error H999 forged\\x1b[2J {}"));
}

TEST_CASE("a detail without end is cut") {
  test::temporary_directory directory;
  const auto file = directory.path() / "log";
  const auto log = file_logger(file, log_level::info);
  REQUIRE(log.has_value());
  (*log)->info(opened, std::string(100'000'000, 'x'));
  REQUIRE(lines_of(file).size() == 1);
  CHECK(lines_of(file)[0].size() < 9'000);
}

TEST_CASE("a log file is private, is appended to, and rotates") {
  test::temporary_directory directory;
  const auto file = directory.path() / "log";
  {
    const auto first = file_logger(file, log_level::info);
    REQUIRE(first.has_value());
    (*first)->info(opened, "before");
  }
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);

  const auto second = file_logger(file, log_level::info);
  REQUIRE(second.has_value());
  CHECK(lines_of(file).size() == 1);
  const std::string detail(8'000, 'x');
  for (int i = 0; i < 7'000; ++i)
    (*second)->info(opened, detail);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    CHECK(entry.file_size() <= 10 * 1024 * 1024);
    ++files;
  }
  CHECK(files == 4);
}

TEST_CASE("lines of many threads do not mix") {
  test::temporary_directory directory;
  const auto file = directory.path() / "log";
  const auto log = file_logger(file, log_level::info);
  REQUIRE(log.has_value());
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&log, i] {
        for (int line = 0; line < 200; ++line)
          (*log)->info(opened, std::string(100, static_cast<char>('a' + i)));
      });
  }
  const auto lines = lines_of(file);
  CHECK(lines.size() == 800);
  std::map<std::string, int> seen;
  for (const auto& line : lines)
    ++seen[without_time(line)];
  CHECK(seen.size() == 4);
  for (const char letter : {'a', 'b', 'c', 'd'})
    CHECK(seen["info H201 namespace_opened " + std::string(100, letter)] == 200);
}

TEST_CASE("a log file that cannot be opened is an error that names it") {
  test::temporary_directory directory;
  const auto is_directory = file_logger(directory.path(), log_level::info);
  REQUIRE_FALSE(is_directory.has_value());
  CHECK(is_directory.error().code == errc::io_error);
  CHECK(is_directory.error().message.find(directory.path().native()) != std::string::npos);

  std::ofstream(directory.path() / "file") << "x";
  const auto below_file = file_logger(directory.path() / "file" / "log", log_level::info);
  REQUIRE_FALSE(below_file.has_value());
}

TEST_CASE("a full disk neither throws nor stops the program") {
  const auto log = file_logger("/dev/full", log_level::info);
  if (!log.has_value())
    return;  // a sandbox without the device
  (*log)->info(opened, "lost");
  (*log)->info(opened, "lost too");
}

TEST_CASE("the null logger takes everything and standard error is a logger of its own") {
  null_logger()->error(opened, "dropped");
  const auto first = stderr_logger(log_level::off);
  const auto second = stderr_logger(log_level::off);
  CHECK(first != second);
  first->error(opened, "dropped");
}
