#pragma once
// The server's event loop: accepts connections and keeps their number, memory and time in bounds.
#include <capnp/rpc.h>
#include <kj/async.h>
#include <sys/types.h>

#include <map>
#include <memory>

#include "core/database.hpp"
#include "ipc/server.hpp"
#include "ipc/session_context.hpp"
#include "ipc/socket_file.hpp"

namespace hearth::ipc {

/// Loop thread only; destroying it ends all connections.
class listener final : private kj::TaskSet::ErrorHandler {
 public:
  listener(event_port& port, int listen_fd, std::shared_ptr<store_handle> store,
           const server_options& options, std::shared_ptr<server_status> status);
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

 private:
  class connection;

  [[nodiscard]] kj::Promise<void> accept_loop();
  void admit(kj::AutoCloseFd socket);
  [[nodiscard]] std::optional<error> over_capacity(uid_t uid) const;
  void taskFailed(kj::Exception&& failure) override;

  event_port& port_;
  const int listen_fd_;
  std::shared_ptr<store_handle> store_;
  const server_options& options_;
  std::shared_ptr<server_status> status_;
  std::shared_ptr<byte_budget> request_bytes_;
  fd_watch watch_;
  bool out_of_files_ = false;
  // Shared with the connections, which count themselves.
  std::shared_ptr<std::size_t> total_ = std::make_shared<std::size_t>(0);
  std::map<uid_t, std::shared_ptr<std::size_t>> per_uid_;
  kj::TaskSet connections_;
  kj::Promise<void> accepting_;
};

}  // namespace hearth::ipc
