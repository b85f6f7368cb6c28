#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "tests/tools/temp_dir.hpp"
#include "tools/systemd.hpp"

using namespace hearth;
using namespace hearth::tools;

namespace {

int bound_socket(const std::string& path, int type, bool abstract = false) {
  const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t start = abstract ? 1 : 0;
  std::memcpy(address.sun_path + start, path.data(), path.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + start + path.size());
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0);
  return fd;
}

// Runs `body` in a child whose file 3 is `fd`, and answers what it returned.
template <class Body>
int in_child_with_fd3(int fd, Body body) {
  const pid_t child = fork();
  if (child == 0) {
    if (fd >= 0)
      dup2(fd, 3);
    setenv("LISTEN_PID", std::to_string(getpid()).c_str(), 1);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("systemd: a passed listening socket is taken once, and closes on exec") {
  const temp_dir dir;
  const int fd = bound_socket((dir.path() / "s").string(), SOCK_STREAM);
  REQUIRE(listen(fd, 1) == 0);
  const int answer = in_child_with_fd3(fd, [] {
    setenv("LISTEN_FDS", "1", 1);
    const auto first = take_listen_fd();
    const auto second = take_listen_fd();
    const bool good = first && *first == 3 && second && *second == -1 &&
                      (fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 && getenv("LISTEN_FDS") == nullptr &&
                      getenv("LISTEN_PID") == nullptr;
    return good ? 0 : 1;
  });
  CHECK(answer == 0);
  close(fd);
}

TEST_CASE("systemd: variables that were meant for another process are ignored") {
  const int answer = in_child_with_fd3(-1, [] {
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", "1", 1);
    const auto fd = take_listen_fd();
    return fd && *fd == -1 ? 0 : 1;
  });
  CHECK(answer == 0);
}

TEST_CASE("systemd: files that are no listening Unix stream socket are refused") {
  const temp_dir dir;
  const int stream = bound_socket((dir.path() / "not-listening").string(), SOCK_STREAM);
  const int datagram = bound_socket((dir.path() / "datagram").string(), SOCK_DGRAM);
  const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int internet = socket(AF_INET, SOCK_STREAM, 0);
  for (const int fd : {stream, datagram, file, internet}) {
    const int answer = in_child_with_fd3(fd, [] {
      setenv("LISTEN_FDS", "1", 1);
      const auto taken = take_listen_fd();
      return !taken && taken.error().code == errc::invalid_argument ? 0 : 1;
    });
    CHECK(answer == 0);
    close(fd);
  }
  CHECK(in_child_with_fd3(-1, [] {
          setenv("LISTEN_FDS", "2", 1);
          return take_listen_fd().has_value() ? 1 : 0;
        }) == 0);
}

TEST_CASE("systemd: the manager is told, by a path or an abstract name") {
  const temp_dir dir;
  const auto path = (dir.path() / "notify").string();
  const auto name = "hearth-test-" + std::to_string(getpid());
  for (const bool abstract : {false, true}) {
    const int fd = bound_socket(abstract ? name : path, SOCK_DGRAM, abstract);
    setenv("NOTIFY_SOCKET", (abstract ? "@" + name : path).c_str(), 1);
    notify_service_manager("READY=1");
    unsetenv("NOTIFY_SOCKET");
    char buffer[32];
    const auto got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    REQUIRE(got == 7);
    CHECK(std::string(buffer, 7) == "READY=1");
    close(fd);
  }
}

TEST_CASE("systemd: after a manager that is not there the next one is told") {
  const temp_dir dir;
  const auto path = (dir.path() / "notify").string();
  const int fd = bound_socket(path, SOCK_DGRAM, false);
  for (const auto& absent : {std::string("/nonexistent/notify"), std::string("relative"),
                             "/" + std::string(300, 'x'), std::string()}) {
    setenv("NOTIFY_SOCKET", absent.c_str(), 1);
    notify_service_manager("LOST=1");
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    notify_service_manager("READY=1");
    char buffer[32];
    REQUIRE(recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) == 7);
    CHECK(std::string(buffer, 7) == "READY=1");
  }
  unsetenv("NOTIFY_SOCKET");
  close(fd);
}
