#include "ipc/session_context.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "ipc/schema.hpp"

namespace hearth::ipc {

namespace {

constexpr event_id session_opened_event{120, "session_opened"};
constexpr event_id session_closed_event{121, "session_closed"};
constexpr event_id login_refused_event{122, "login_refused"};
constexpr event_id shutdown_requested_event{123, "shutdown_requested"};

constexpr std::size_t shown_client_bytes = 128;
constexpr std::uint32_t busy_retry_ms = 50;

std::string printable(std::string_view text) {
  std::string shown(text.substr(0, shown_client_bytes));
  std::replace_if(
      shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return shown;
}

std::int64_t steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

server_status::server_status() noexcept {
  idle_since_ms.store(steady_ms());
}

void server_status::session_opened() noexcept {
  sessions.fetch_add(1);
}

void server_status::session_closed() noexcept {
  idle_since_ms.store(steady_ms());
  sessions.fetch_sub(1);
}

std::chrono::milliseconds server_status::idle_for() const noexcept {
  if (sessions.load() > 0)
    return std::chrono::milliseconds(0);
  return std::chrono::milliseconds(steady_ms() - idle_since_ms.load());
}

session_context::session_context(std::shared_ptr<store_handle> store, std::shared_ptr<inbox> inbox,
                                 std::shared_ptr<server_status> status, std::shared_ptr<logger> log,
                                 session_limits limits, pid_t peer_pid)
    : store_(std::move(store)), inbox_(std::move(inbox)), status_(std::move(status)),
      log_(std::move(log)), limits_(limits), peer_pid_(peer_pid),
      replies_(std::make_shared<byte_budget>(limits.queued_reply_bytes, [this] {
        return network_ != nullptr ? network_->queued_bytes() : 0;
      })) {}

session_context::~session_context() {
  if (!logged_in_)
    return;
  status_->session_closed();
  log_->info(session_closed_event, core::format("pid {}", peer_pid_));
}

void session_context::attach(socket_network* network) {
  network_ = network;
  if (network_ != nullptr)
    network_->on_sent([this] { replies_->pump(); });
}

result<void> session_context::login(std::uint16_t major, std::uint16_t minor,
                                    std::string_view client_name) {
  const auto refuse = [&](error reason) -> result<void> {
    log_->warning(login_refused_event, core::format("pid {}, client {}: {}", peer_pid_,
                                                    printable(client_name), reason.message));
    return std::unexpected(std::move(reason));
  };
  if (refusal_.has_value())
    return refuse(*refusal_);
  if (major != protocol_major)
    return refuse({errc::protocol_mismatch,
                   core::format("the client speaks protocol {}.{}, the daemon {}.{}", major, minor,
                                protocol_major, protocol_minor),
                   "use the same version of Hearth on both sides; after an upgrade, stop the "
                   "daemon: the next client starts the new one",
                   0});
  if (logged_in_)
    return refuse({errc::conflict, "this connection has a session already",
                   "use the session of the first login, or open another connection", 0});
  logged_in_ = true;
  status_->session_opened();
  if (network_ != nullptr)
    network_->set_message_limit(limits::message_bytes);
  log_->info(session_opened_event,
             core::format("pid {}, client {}", peer_pid_, printable(client_name)));
  return {};
}

void session_context::request_shutdown() {
  status_->shutdown_requested.store(true);
  log_->info(shutdown_requested_event, core::format("pid {}", peer_pid_));
}

result<counted> session_context::begin_call() {
  if (*calls_ >= limits_.calls_in_flight)
    return std::unexpected(error{
        errc::busy,
        core::format("this connection has {} calls in flight, the limit", limits_.calls_in_flight),
        "wait for answers before calling again", busy_retry_ms});
  return counted(calls_);
}

result<counted> session_context::begin_namespace() {
  if (*namespaces_ >= max_open_namespaces)
    return fail(errc::limit_exceeded,
                core::format("this connection holds {} namespaces, the limit", max_open_namespaces),
                "release namespaces that are no longer used");
  return counted(namespaces_);
}

result<counted> session_context::begin_transaction() {
  if (*transactions_ >= max_open_transactions)
    return std::unexpected(error{
        errc::busy,
        core::format("this connection has {} transactions open, the limit", max_open_transactions),
        "end some first", 100});
  return counted(transactions_);
}

}  // namespace hearth::ipc
