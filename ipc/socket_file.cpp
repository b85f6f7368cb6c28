#include "ipc/socket_file.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "core/format.hpp"
#include "core/posix_error.hpp"
#include "ipc/socket_places.hpp"

namespace hearth::ipc {

namespace {

namespace fs = std::filesystem;

constexpr int backlog = 256;

std::unexpected<error> posix_failure(int number, std::string_view action, const fs::path& path) {
  return std::unexpected(posix_error(number, core::format("{} {}", action, path.string())));
}

result<sockaddr_un> address_of(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  if (name.empty() || name.size() > socket_path_bytes)
    return fail(errc::limit_exceeded,
                core::format("the socket path {} has {} bytes; the limit is {}", name, name.size(),
                             socket_path_bytes),
                "use a shorter path");
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  return address;
}

result<kj::AutoCloseFd> new_socket() {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return std::unexpected(posix_error(errno, "create a socket"));
  return kj::AutoCloseFd(fd);
}

// Removes a socket file that nobody listens on.
result<void> remove_stale(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) < 0)
    return errno == ENOENT ? result<void>() : posix_failure(errno, "look at", path);
  if (!S_ISSOCK(status.st_mode))
    return fail(errc::already_exists, core::format("{} exists and is not a socket", path.string()),
                "move it away, or choose another socket");
  const auto probe = connect_socket(path);
  if (probe.has_value() || probe.error().code == errc::busy)
    return fail(errc::busy, core::format("another daemon answers on {}", path.string()),
                "connect to it, or stop it first");
  if (probe.error().code != errc::not_found)
    return std::unexpected(probe.error());
  if (::unlink(path.c_str()) < 0 && errno != ENOENT)
    return posix_failure(errno, "remove the stale socket", path);
  return {};
}

}  // namespace

result<listen_socket> listen_socket::bind(const fs::path& path) {
  HEARTH_TRY(const auto address, address_of(path));
  HEARTH_CHECK(remove_stale(path));
  HEARTH_TRY(auto fd, new_socket());
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
    return posix_failure(errno, "bind", path);
  // Nobody can connect before listen(), so the mode is in force for the first client. (umask would
  // do the same for all threads of the process.)
  struct stat status {};
  if (::chmod(path.c_str(), S_IRUSR | S_IWUSR) < 0 || ::lstat(path.c_str(), &status) < 0 ||
      ::listen(fd.get(), backlog) < 0) {
    const int number = errno;
    ::unlink(path.c_str());
    return posix_failure(number, "listen on", path);
  }
  listen_socket made(kj::mv(fd), path);
  made.owns_file_ = true;
  made.device_ = status.st_dev;
  made.inode_ = status.st_ino;
  return made;
}

result<listen_socket> listen_socket::adopt(int fd) {
  kj::AutoCloseFd owned(fd);
  int listening = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 || listening == 0)
    return fail(errc::invalid_argument,
                core::format("file descriptor {} is not a listening socket", fd),
                "check the .socket unit that passes it");
  sockaddr_un address{};
  size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) < 0 ||
      address.sun_family != AF_UNIX)
    return fail(errc::invalid_argument, core::format("file descriptor {} is not a Unix socket", fd),
                "use ListenStream= with a path in the .socket unit");
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
      ::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
    return std::unexpected(posix_error(errno, "prepare the listening socket"));
  const std::size_t path_bytes =
      size > offsetof(sockaddr_un, sun_path) ? size - offsetof(sockaddr_un, sun_path) : 0;
  return listen_socket(kj::mv(owned),
                       std::string(address.sun_path, ::strnlen(address.sun_path, path_bytes)));
}

void listen_socket::close() noexcept {
  fd_ = nullptr;
  if (!std::exchange(owns_file_, false))
    return;
  struct stat status {};
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_)
    ::unlink(path_.c_str());
}

result<kj::AutoCloseFd> connect_socket(const fs::path& path) {
  HEARTH_TRY(const auto address, address_of(path));
  HEARTH_TRY(auto fd, new_socket());
  while (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    switch (errno) {
    case EINTR:
      continue;
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
      return fail(errc::not_found, core::format("nobody listens on {}", path.string()));
    case EAGAIN:
      return std::unexpected(
          error{errc::busy,
                core::format("the daemon on {} accepts no connection right now", path.string()),
                "try again", 100});
    default:
      return posix_failure(errno, "connect to", path);
    }
  }
  HEARTH_TRY(const auto peer, peer_of(fd.get()));
  if (!is_trusted(peer.uid))
    return fail(errc::permission_denied,
                core::format("the daemon on {} runs as user {}", path.string(), peer.uid),
                "a store is served by its own user");
  return fd;
}

result<peer_identity> peer_of(int fd) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
    return std::unexpected(posix_error(errno, "read the peer's identity"));
  return peer_identity{credentials.uid, credentials.pid};
}

bool is_trusted(uid_t uid) noexcept {
  return uid == 0 || uid == ::geteuid();
}

}  // namespace hearth::ipc
