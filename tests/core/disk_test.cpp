#include "core/disk.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

#include "temporary_directory.hpp"

using namespace hearth;
namespace fs = std::filesystem;

namespace {

byte_span bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string read_text(const fs::path& file) {
  const auto bytes = system_disk().read(file, 1'000'000);
  REQUIRE(bytes.has_value());
  return text_of(*bytes);
}

std::size_t entries(const fs::path& directory) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

void write_file(const fs::path& file, std::string_view text) {
  auto writer = system_disk().create(file);
  REQUIRE(writer.has_value());
  REQUIRE((*writer)->append(bytes_of(text)).has_value());
  REQUIRE((*writer)->commit().has_value());
}

}  // namespace

TEST_CASE("a file appears under its name with commit, and whole") {
  test::temporary_directory directory;
  const auto file = directory.path() / "snapshot";
  auto writer = system_disk().create(file);
  REQUIRE(writer.has_value());
  REQUIRE((*writer)->append(bytes_of("first ")).has_value());
  REQUIRE((*writer)->append({}).has_value());
  REQUIRE((*writer)->append(bytes_of("second")).has_value());
  CHECK_FALSE(fs::exists(file));
  REQUIRE((*writer)->commit().has_value());
  CHECK(read_text(file) == "first second");
  CHECK(entries(directory.path()) == 1);
  struct stat status {};
  REQUIRE(::stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
}

TEST_CASE("a file that is not committed leaves the old one and no trace") {
  test::temporary_directory directory;
  const auto file = directory.path() / "snapshot";
  write_file(file, "old");
  {
    auto writer = system_disk().create(file);
    REQUIRE(writer.has_value());
    REQUIRE((*writer)->append(bytes_of("new")).has_value());
    CHECK(entries(directory.path()) == 2);
  }
  CHECK(read_text(file) == "old");
  CHECK(entries(directory.path()) == 1);
  write_file(file, "new");
  CHECK(read_text(file) == "new");
}

TEST_CASE("a writer ends with its commit") {
  test::temporary_directory directory;
  auto writer = system_disk().create(directory.path() / "snapshot");
  REQUIRE(writer.has_value());
  REQUIRE((*writer)->commit().has_value());
  CHECK_FALSE((*writer)->append(bytes_of("x")).has_value());
  CHECK_FALSE((*writer)->commit().has_value());
  writer->reset();
  CHECK(read_text(directory.path() / "snapshot").empty());
}

TEST_CASE("writers of the same name do not disturb each other") {
  test::temporary_directory directory;
  const auto file = directory.path() / "snapshot";
  auto first = system_disk().create(file);
  auto second = system_disk().create(file);
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  REQUIRE((*first)->append(bytes_of("first")).has_value());
  REQUIRE((*second)->append(bytes_of("second")).has_value());
  REQUIRE((*second)->commit().has_value());
  CHECK(read_text(file) == "second");
  REQUIRE((*first)->commit().has_value());
  CHECK(read_text(file) == "first");
  CHECK(entries(directory.path()) == 1);
}

TEST_CASE("writers on many threads each commit a whole file") {
  test::temporary_directory directory;
  const auto file = directory.path() / "snapshot";
  std::atomic<int> failures = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&, i] {
        for (int round = 0; round < 20; ++round) {
          const std::string text(10'000, static_cast<char>('a' + i));
          auto writer = system_disk().create(file);
          if (!writer || !(*writer)->append(bytes_of(text)) || !(*writer)->commit())
            ++failures;
        }
      });
  }
  CHECK(failures == 0);
  const auto text = read_text(file);
  CHECK(text == std::string(10'000, text.at(0)));
  CHECK(entries(directory.path()) == 1);
}

TEST_CASE("what a crashed writer left is cleared by the next one") {
  test::temporary_directory directory;
  const auto file = directory.path() / "snapshot";
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    auto writer = system_disk().create(file);
    const bool written = writer && (*writer)->append(bytes_of("half"));
    ::_exit(written ? 0 : 1);  // no destructor runs, as with kill -9
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  CHECK(entries(directory.path()) == 1);
  // Files of other names, and other people's, stay.
  std::ofstream(directory.path() / "snapshot2.1-0.tmp") << "other";
  std::ofstream(directory.path() / "snapshot.txt") << "other";

  write_file(file, "whole");
  CHECK(read_text(file) == "whole");
  CHECK(entries(directory.path()) == 3);
}

TEST_CASE("a file that cannot be created says why") {
  test::temporary_directory directory;
  const auto missing = system_disk().create(directory.path() / "no" / "snapshot");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == errc::not_found);
  CHECK(missing.error().message.find("no/snapshot") != std::string::npos);
  CHECK_FALSE(system_disk().create(directory.path() / "").has_value());

  if (::geteuid() != 0) {  // root may write anywhere
    REQUIRE(::chmod(directory.path().c_str(), 0500) == 0);
    const auto denied = system_disk().create(directory.path() / "snapshot");
    REQUIRE_FALSE(denied.has_value());
    CHECK(denied.error().code == errc::permission_denied);
  }
}

TEST_CASE("a write that fails half-way can not be committed") {
  test::temporary_directory directory;
  const auto file = directory.path() / "snapshot";
  write_file(file, "old");
  // A file size limit stands in for a full disk: write() stores a part, then fails.
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 1'000, .rlim_max = 1'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    int verdict = 0;
    {
      auto writer = system_disk().create(file);
      const std::string text(10'000, 'x');
      const auto appended = (*writer)->append(bytes_of(text));
      const auto again = (*writer)->append(bytes_of("x"));
      const auto committed = (*writer)->commit();
      if (appended || appended.error().code != errc::no_space)
        verdict = 1;
      if (again || committed)
        verdict = 2;
    }
    ::_exit(verdict);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(read_text(file) == "old");
  CHECK(entries(directory.path()) == 1);
}

TEST_CASE("a commit onto a directory fails and leaves nothing behind") {
  test::temporary_directory directory;
  const auto file = directory.path() / "snapshot";
  fs::create_directories(file / "inside");
  {
    auto writer = system_disk().create(file);
    REQUIRE(writer.has_value());
    const auto committed = (*writer)->commit();
    REQUIRE_FALSE(committed.has_value());
    CHECK(committed.error().code == errc::io_error);
  }
  CHECK(entries(directory.path()) == 1);
}

TEST_CASE("reading is bounded and refuses what is no file") {
  test::temporary_directory directory;
  const auto file = directory.path() / "snapshot";
  write_file(file, "0123456789");
  CHECK(system_disk().read(file, 10).has_value());
  const auto large = system_disk().read(file, 9);
  REQUIRE_FALSE(large.has_value());
  CHECK(large.error().code == errc::limit_exceeded);

  const auto missing = system_disk().read(directory.path() / "none", 10);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == errc::not_found);

  CHECK_FALSE(system_disk().read(directory.path(), 10).has_value());
  const auto pipe = directory.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  const auto from_pipe = system_disk().read(pipe, 10);  // must not wait for a writer
  REQUIRE_FALSE(from_pipe.has_value());
  CHECK(from_pipe.error().code == errc::io_error);
}

TEST_CASE("files are removed once") {
  test::temporary_directory directory;
  const auto file = directory.path() / "snapshot";
  write_file(file, "x");
  CHECK(system_disk().remove(file).has_value());
  const auto again = system_disk().remove(file);
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().code == errc::not_found);
}

TEST_CASE("free space is told for a directory that exists") {
  test::temporary_directory directory;
  const auto free = system_disk().free_bytes(directory.path());
  REQUIRE(free.has_value());
  CHECK(*free > 0);
  const auto missing = system_disk().free_bytes(directory.path() / "none");
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().code == errc::not_found);
}
