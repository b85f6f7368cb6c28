#pragma once
// The client's connection to one store, as every thread sees it: calls go in, results come out.
#include <atomic>
#include <memory>
#include <type_traits>
#include <utility>

#include "core/database.hpp"
#include "core/format.hpp"
#include "ipc/client_link.hpp"
#include "ipc/wire.hpp"

namespace hearth::ipc {

/// Thread-safe. Calls in flight keep it alive.
class client_connection : public std::enable_shared_from_this<client_connection> {
 public:
  client_connection(std::shared_ptr<client_loop> loop, const std::filesystem::path& directory,
                    const connect_options& options);
  ~client_connection();
  client_connection(const client_connection&) = delete;
  client_connection& operator=(const client_connection&) = delete;

  /// Connects and logs in.
  void connect(completion<std::monostate> done);
  /// Completes when the daemon has closed the connection.
  void wait_for_end(completion<std::monostate> done);

  /// One call on the session. On the loop thread, `send(live_session&)` answers a result of a
  /// RemotePromise, and `read(reply.getOk())` makes the value of it.
  template <class T, class Send, class Read>
  void call(completion<T> done, Send send, Read read);

  /// The same on a namespace, which is resolved again after a reconnect.
  template <class T, class Send, class Read>
  void call(std::shared_ptr<namespace_link> on, completion<T> done, Send send, Read read);

  /// Of every call.
  [[nodiscard]] std::chrono::milliseconds call_timeout() const noexcept { return call_timeout_; }

  /// Destroys on the loop thread what belongs there.
  void dispose(std::shared_ptr<void> object) noexcept;

 private:
  template <class T>
  class call_task;
  template <class T, class Send, class Read>
  class typed_call;

  /// False in a forked child, after the completion has been told.
  template <class T>
  [[nodiscard]] bool usable(completion<T>& done) const;
  void post(std::shared_ptr<loop_task> task) { loop_->box()->post(std::move(task)); }

  std::shared_ptr<client_loop> loop_;
  std::shared_ptr<client_link> link_;
  const std::chrono::milliseconds call_timeout_;
};

// --- implementation ------------------------------------------------------------------------------

/// A call from its start on any thread to its completion on the loop thread, exactly once.
template <class T>
class client_connection::call_task : public loop_task,
                                     public std::enable_shared_from_this<call_task<T>> {
 public:
  call_task(std::shared_ptr<client_connection> connection, completion<T> done)
      : connection_(std::move(connection)), done_(std::move(done)) {}
  ~call_task() override { settle(fail(errc::unavailable, "the client was closed")); }

  void run() noexcept override {
    auto self = this->shared_from_this();
    auto& link = this->link();
    auto work = link.live() != nullptr ? kj::evalNow([this] { return perform(); })
                                       : link.connect().then([this]() -> kj::Promise<void> {
                                           if (this->link().live() != nullptr)
                                             return perform();
                                           settle(std::unexpected(this->link().failure()));
                                           return kj::READY_NOW;
                                         });
    const auto timeout = patience();
    auto limited = work.exclusiveJoin(
        link.timer().afterDelay(timeout.count() * kj::MILLISECONDS).then([this, timeout] {
          settle(fail(errc::timeout, core::format("no answer within {} ms", timeout.count()),
                      "the daemon may be busy; a write may still happen"));
        }));
    link.add(limited
                 .catch_([this](kj::Exception&& failure) {
                   settle(std::unexpected(error_from(failure)));
                 })
                 .attach(std::move(self)));
  }

 protected:
  /// Loop thread, with a live session.
  [[nodiscard]] virtual kj::Promise<void> perform() = 0;
  /// How long all of it may take.
  [[nodiscard]] virtual std::chrono::milliseconds patience() {
    return link().options().call_timeout;
  }
  [[nodiscard]] client_link& link() noexcept { return *connection_->link_; }

  void settle(result<T> outcome) noexcept {
    if (auto done = std::exchange(done_, nullptr))
      done(std::move(outcome));
  }

 private:
  std::shared_ptr<client_connection> connection_;
  completion<T> done_;
};

template <class T, class Send, class Read>
class client_connection::typed_call final : public call_task<T> {
 public:
  typed_call(std::shared_ptr<client_connection> connection, std::shared_ptr<namespace_link> on,
             completion<T> done, Send send, Read read)
      : call_task<T>(std::move(connection), std::move(done)), on_(std::move(on)),
        send_(std::move(send)), read_(std::move(read)) {}

 private:
  kj::Promise<void> perform() override {
    if (on_ == nullptr || on_->generation == this->link().live()->generation())
      return send();
    return this->link().resolve(on_).then([this]() -> kj::Promise<void> {
      const auto* live = this->link().live();
      if (live != nullptr && on_->generation == live->generation())
        return send();
      this->settle(std::unexpected(
          live != nullptr
              ? on_->failure
              : error{errc::unavailable, "the connection to the daemon broke", "call again", 0}));
      return kj::READY_NOW;
    });
  }

  kj::Promise<void> send() {
    auto sent = send_(*this->link().live());
    if (!sent.has_value()) {
      this->settle(std::unexpected(std::move(sent).error()));
      return kj::READY_NOW;
    }
    return sent->then([this](auto&& reply) { this->receive(reply); });
  }

  template <class Reply>
  void receive(Reply& reply) {
    result<T> outcome = wire::checked([&]() -> result<T> {
      if (reply.isError())
        return std::unexpected(wire::read(reply.getError()));
      auto value = read_(reply.getOk());
      if constexpr (std::is_same_v<decltype(value), result<T>>) {
        if (!value.has_value())
          return fail(errc::internal,
                      core::format("the daemon's reply is malformed: {}", value.error().message),
                      "use the same version of Hearth on both sides");
        return value;
      } else {
        return result<T>(std::move(value));
      }
    });
    this->settle(std::move(outcome));
  }

  std::shared_ptr<namespace_link> on_;
  Send send_;
  Read read_;
};

template <class T>
bool client_connection::usable(completion<T>& done) const {
  if (!loop_->forked())
    return true;
  done(fail(errc::unavailable, "this connection belongs to the parent process",
            "connect again after fork()"));
  return false;
}

template <class T, class Send, class Read>
void client_connection::call(completion<T> done, Send send, Read read) {
  call<T>(nullptr, std::move(done), std::move(send), std::move(read));
}

template <class T, class Send, class Read>
void client_connection::call(std::shared_ptr<namespace_link> on, completion<T> done, Send send,
                             Read read) {
  if (usable(done))
    post(std::make_shared<typed_call<T, Send, Read>>(
        shared_from_this(), std::move(on), std::move(done), std::move(send), std::move(read)));
}

}  // namespace hearth::ipc
