#include "ipc/listener.hpp"

#include <kj/debug.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "core/format.hpp"
#include "ipc/session.hpp"

namespace hearth::ipc {

namespace {

constexpr event_id accept_failed_event{110, "accept_failed"};
constexpr event_id accept_resumed_event{111, "accept_resumed"};
constexpr event_id peer_refused_event{112, "peer_refused"};
constexpr event_id connection_ended_event{113, "connection_ended"};

constexpr auto accept_backoff = 50 * kj::MILLISECONDS;
// Connections over the cap that are still told why; beyond them there is only a closed socket.
constexpr std::size_t lobby_connections = 64;
constexpr std::uint32_t full_retry_ms = 1'000;
// A client may have this many times the calls in flight unfinished, since it finishes a call only
// after it has seen the reply.
constexpr std::size_t unfinished_factor = 64;

bool is_shortage(int number) {
  return number == EMFILE || number == ENFILE || number == ENOBUFS || number == ENOMEM;
}

}  // namespace

// One client.
class listener::connection {
 public:
  connection(listener& owner, kj::AutoCloseFd socket, peer_identity peer, counted total,
             counted of_uid)
      : total_(std::move(total)), of_uid_(std::move(of_uid)),
        context_(std::make_shared<session_context>(
            owner.store_, owner.port_.box(), owner.status_, owner.options_.log,
            session_limits{owner.options_.calls_in_flight, owner.options_.queued_reply_bytes},
            peer.pid)),
        network_(owner.port_, kj::mv(socket), capnp::rpc::twoparty::Side::SERVER,
                 limits_of(owner.options_)),
        rpc_(capnp::makeRpcServer(network_, make_gate(context_))) {
    network_.set_request_budgets(
        std::make_shared<byte_budget>(owner.options_.session_bytes_in_flight),
        owner.request_bytes_);
    context_->attach(&network_);
    login_timer_ = owner.port_.timer()
                       .afterDelay(owner.options_.login_timeout.count() * kj::MILLISECONDS)
                       .then([this] {
                         if (!context_->logged_in())
                           network_.abort(KJ_EXCEPTION(OVERLOADED, "no login in time"));
                       })
                       .eagerlyEvaluate(nullptr);
  }
  ~connection() { context_->attach(nullptr); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  [[nodiscard]] kj::Promise<void> ended() { return network_.on_disconnect(); }
  void refuse(error reason) { context_->refuse(std::move(reason)); }

 private:
  static network_limits limits_of(const server_options& options) {
    return {.message_bytes = schema::LOGIN_MESSAGE_BYTES,
            .queued_bytes = options.queued_reply_bytes,
            .unfinished_calls = options.calls_in_flight * unfinished_factor,
            .partial_message = options.partial_message_timeout};
  }

  counted total_;
  counted of_uid_;
  std::shared_ptr<session_context> context_;
  socket_network network_;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc_;
  kj::Promise<void> login_timer_ = kj::READY_NOW;
};

listener::listener(event_port& port, int listen_fd, std::shared_ptr<store_handle> store,
                   const server_options& options, std::shared_ptr<server_status> status)
    : port_(port), listen_fd_(listen_fd), store_(std::move(store)), options_(options),
      status_(std::move(status)),
      request_bytes_(std::make_shared<byte_budget>(options.total_bytes_in_flight)),
      watch_(port, listen_fd), connections_(*this),
      accepting_(accept_loop().eagerlyEvaluate([this](kj::Exception&& failure) {
        options_.log->error(accept_failed_event, failure.getDescription().cStr());
      })) {}

// Accepts one connection per turn of the loop, so that a crowd at the door does not starve those
// inside.
kj::Promise<void> listener::accept_loop() {
  return watch_.when_readable().then([this]() -> kj::Promise<void> {
    const int fd = ::accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const int number = errno;
    if (fd >= 0) {
      if (std::exchange(out_of_files_, false))
        options_.log->info(accept_resumed_event, "accepting connections again");
      admit(kj::AutoCloseFd(fd));
    } else if (number == EAGAIN || number == EWOULDBLOCK) {
      watch_.clear_readable();
    } else if (is_shortage(number)) {
      // The client waits in the backlog until descriptors are free again.
      if (!std::exchange(out_of_files_, true))
        options_.log->warning(
            accept_failed_event,
            core::format("{}; new connections wait", std::generic_category().message(number)));
      return port_.timer().afterDelay(accept_backoff).then([this] { return accept_loop(); });
    } else if (number == EBADF || number == EINVAL || number == ENOTSOCK) {
      return KJ_EXCEPTION(FAILED, "the listening socket is broken", number);
    }
    // Any other error belonged to a connection that is gone.
    return kj::evalLater([this] { return accept_loop(); });
  });
}

std::optional<error> listener::over_capacity(uid_t uid) const {
  if (*total_ >= options_.connections)
    return error{errc::busy,
                 core::format("the daemon has {} connections, its limit", options_.connections),
                 "close connections that are no longer used", full_retry_ms};
  const auto found = per_uid_.find(uid);
  if (found != per_uid_.end() && *found->second >= options_.connections_per_uid)
    return error{errc::busy,
                 core::format("user {} has {} connections, the limit of a user", uid,
                              options_.connections_per_uid),
                 "close connections that are no longer used", full_retry_ms};
  return std::nullopt;
}

void listener::admit(kj::AutoCloseFd socket) {
  const auto peer = peer_of(socket.get());
  if (!peer || !is_trusted(peer->uid)) {
    options_.log->warning(peer_refused_event,
                          peer ? core::format("pid {} of user {}", peer->pid, peer->uid)
                               : to_string(peer.error()));
    return;
  }
  auto full = over_capacity(peer->uid);
  if (full.has_value() && *total_ >= options_.connections + lobby_connections)
    return;
  auto& of_uid = per_uid_[peer->uid];
  if (of_uid == nullptr)
    of_uid = std::make_shared<std::size_t>(0);
  KJ_IF_MAYBE (failure, kj::runCatchingExceptions([&] {
                 auto made = kj::heap<connection>(*this, kj::mv(socket), *peer, counted(total_),
                                                  counted(of_uid));
                 if (full.has_value())
                   made->refuse(std::move(*full));
                 auto ended = made->ended();
                 connections_.add(ended.attach(kj::mv(made)));
               })) {
    options_.log->warning(accept_failed_event, failure->getDescription().cStr());
  }
}

void listener::taskFailed(kj::Exception&& failure) {
  options_.log->debug(connection_ended_event, failure.getDescription().cStr());
}

}  // namespace hearth::ipc
