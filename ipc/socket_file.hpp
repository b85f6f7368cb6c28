#pragma once
// Unix sockets as files: listening, connecting, and knowing one's own.
#include <kj/io.h>
#include <sys/types.h>

#include <filesystem>

#include "core/error.hpp"

namespace hearth::ipc {

/// A listening socket and the file that leads to it.
class listen_socket {
 public:
  /// Binds `path` with mode 0600. A socket file that nobody answers on is replaced; busy if
  /// somebody does, already_exists if the file is not a socket.
  [[nodiscard]] static result<listen_socket> bind(const std::filesystem::path& path);
  /// Takes over a socket that listens already (socket activation); its file stays at the end.
  [[nodiscard]] static result<listen_socket> adopt(int fd);

  listen_socket(listen_socket&&) noexcept = default;
  listen_socket& operator=(listen_socket&&) noexcept = default;

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Stops listening, and removes the file if it is still the one that bind() made.
  void close() noexcept;

 private:
  listen_socket(kj::AutoCloseFd fd, std::filesystem::path path)
      : fd_(kj::mv(fd)), path_(std::move(path)) {}

  kj::AutoCloseFd fd_;
  std::filesystem::path path_;
  bool owns_file_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// Connects without blocking. not_found: no file, or nobody listens; busy: the backlog is full;
/// permission_denied: the file, or the server behind it, is another user's (root's is fine).
[[nodiscard]] result<kj::AutoCloseFd> connect_socket(const std::filesystem::path& path);

/// The uid and pid of the process at the other end of a connected socket, as the kernel knows them.
struct peer_identity {
  uid_t uid = static_cast<uid_t>(-1);
  pid_t pid = 0;
};
[[nodiscard]] result<peer_identity> peer_of(int fd);

/// True for this process's user and for root.
[[nodiscard]] bool is_trusted(uid_t uid) noexcept;

}  // namespace hearth::ipc
