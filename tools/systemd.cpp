#include "tools/systemd.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "core/format.hpp"

namespace hearth::tools {
namespace {

constexpr int first_listen_fd = 3;

std::optional<long> number_from(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr)
    return std::nullopt;
  long number = 0;
  const char* end = text + std::strlen(text);
  const auto read = std::from_chars(text, end, number);
  if (read.ec != std::errc{} || read.ptr != end)
    return std::nullopt;
  return number;
}

std::optional<int> socket_option(int fd, int option) {
  int answer = 0;
  socklen_t size = sizeof answer;
  if (getsockopt(fd, SOL_SOCKET, option, &answer, &size) != 0)
    return std::nullopt;
  return answer;
}

}  // namespace

result<int> take_listen_fd() {
  const auto pid = number_from("LISTEN_PID");
  const auto count = number_from("LISTEN_FDS");
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"})
    unsetenv(name);
  // Variables meant for another process are inherited all the time.
  if (pid != getpid() || !count || *count == 0)
    return -1;
  if (*count != 1)
    return fail(errc::invalid_argument,
                core::format("LISTEN_FDS is {}, but one socket is served", *count),
                "give the .socket unit one ListenStream");
  if (socket_option(first_listen_fd, SO_DOMAIN) != AF_UNIX ||
      socket_option(first_listen_fd, SO_TYPE) != SOCK_STREAM ||
      socket_option(first_listen_fd, SO_ACCEPTCONN) != 1)
    return fail(errc::invalid_argument,
                "the file passed by LISTEN_FDS is not a listening Unix stream socket",
                "use ListenStream with a path in the .socket unit");
  fcntl(first_listen_fd, F_SETFD, FD_CLOEXEC);
  return first_listen_fd;
}

void notify_service_manager(std::string_view state) noexcept {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@'))
    return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path)
    return;
  std::memcpy(address.sun_path, path, length);
  if (address.sun_path[0] == '@')
    address.sun_path[0] = '\0';  // a name in the abstract space
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  // A manager that does not listen is not this process's problem.
  static_cast<void>(sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
                           reinterpret_cast<const sockaddr*>(&address), size));
  close(fd);
}

}  // namespace hearth::tools
