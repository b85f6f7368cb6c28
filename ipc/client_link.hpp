#pragma once
// The client's connection to one store, as it lives on the loop thread: connecting, logging in,
// noticing the loss, connecting again.
#include <capnp/rpc.h>
#include <kj/async.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ipc/client.hpp"
#include "ipc/client_loop.hpp"
#include "ipc/schema.hpp"
#include "ipc/socket_network.hpp"

namespace hearth::ipc {

/// One connection that is logged in.
class live_session {
 public:
  live_session(event_port& port, kj::AutoCloseFd socket, std::uint64_t generation);
  live_session(const live_session&) = delete;
  live_session& operator=(const live_session&) = delete;

  [[nodiscard]] schema::Session::Client& session() noexcept { return session_; }
  [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
  /// limit_exceeded if a request of `words` would be refused by the daemon.
  [[nodiscard]] result<void> check_size(std::size_t words) const;

 private:
  friend class client_link;
  [[nodiscard]] schema::Gate::Client bootstrap();
  void accept(schema::LoginReply::Ok::Reader reply);

  const std::uint64_t generation_;
  socket_network network_;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc_;
  closed_in_children in_parent_only_;
  schema::Session::Client session_ = nullptr;
  std::size_t message_bytes_ = 0;
};

/// A namespace by name, and the capability to it on the current connection.
struct namespace_link {
  explicit namespace_link(std::string its_name) : name(std::move(its_name)) {}
  const std::string name;
  std::uint64_t generation = 0;  ///< of the connection that `capability` belongs to; 0: none
  schema::Namespace::Client capability = nullptr;
  error failure;
};

/// Loop thread only, and destroyed there.
class client_link final : private kj::TaskSet::ErrorHandler {
 public:
  client_link(event_port& port, std::filesystem::path directory, connect_options options);
  client_link(const client_link&) = delete;
  client_link& operator=(const client_link&) = delete;

  /// The session, if there is one right now.
  [[nodiscard]] live_session* live() noexcept { return live_.get(); }
  /// Connects if need be. Afterwards live() is set, or failure() says why not.
  [[nodiscard]] kj::Promise<void> connect();
  [[nodiscard]] const error& failure() const noexcept { return failure_; }

  /// Opens the namespace on the current session. Afterwards `to` has the session's generation, or
  /// its failure says why not.
  [[nodiscard]] kj::Promise<void> resolve(std::shared_ptr<namespace_link> to);

  [[nodiscard]] kj::Timer& timer() noexcept { return port_.timer(); }
  [[nodiscard]] const connect_options& options() const noexcept { return options_; }
  /// Keeps `task` running until it ends or the link does.
  void add(kj::Promise<void> task) { tasks_.add(kj::mv(task)); }
  /// Resolves when the current connection is gone.
  [[nodiscard]] kj::Promise<void> when_lost();

 private:
  [[nodiscard]] kj::Promise<void> open_until(kj::TimePoint deadline);
  [[nodiscard]] kj::Promise<void> open();
  [[nodiscard]] kj::Promise<void> open_in_background();
  [[nodiscard]] kj::Promise<void> login(kj::AutoCloseFd socket);
  void established(std::unique_ptr<live_session> session);
  void lost(std::uint64_t generation);
  void taskFailed(kj::Exception&& failure) override;

  event_port& port_;
  const std::filesystem::path directory_;
  const connect_options options_;
  std::uint64_t generation_ = 0;
  bool was_connected_ = false;
  error failure_;
  bool connecting_ = false;
  kj::ForkedPromise<void> attempt_ = nullptr;
  std::unique_ptr<live_session> live_;
  kj::TaskSet tasks_;  // last: tasks use everything above
};

/// The error that stands for a failed RPC.
[[nodiscard]] error error_from(const kj::Exception& failure);

}  // namespace hearth::ipc
