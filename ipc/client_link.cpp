#include "ipc/client_link.hpp"

#include <kj/debug.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "core/posix_error.hpp"
#include "ipc/bridge.hpp"
#include "ipc/daemon_launcher.hpp"
#include "ipc/wire.hpp"

namespace hearth::ipc {

namespace {

// Segment table and envelope of a message.
constexpr std::size_t envelope_bytes = 1'024;
// No daemon has a reason to allow more.
constexpr std::size_t largest_message_bytes = std::size_t{1} << 30;

// Between two attempts to log in.
constexpr auto login_retry = 20 * kj::MILLISECONDS;

constexpr std::string_view client_name = "hearth-cpp/" HEARTH_VERSION;

}  // namespace

error error_from(const kj::Exception& failure) {
  const auto text = failure.getDescription();
  const std::string_view words(text.begin(), text.size());
  switch (failure.getType()) {
  case kj::Exception::Type::DISCONNECTED:
    return {errc::unavailable, core::format("the connection to the daemon broke: {}", words),
            "call again; a write that was in flight may or may not have happened", 0};
  case kj::Exception::Type::OVERLOADED:
    return {errc::busy, core::format("the daemon is overloaded: {}", words), "try again later",
            1'000};
  case kj::Exception::Type::UNIMPLEMENTED:
    return {errc::unsupported, core::format("the daemon does not know this call: {}", words),
            "stop the daemon, so that the next client starts the installed version", 0};
  case kj::Exception::Type::FAILED:
    break;
  }
  return {errc::internal, core::format("the call failed: {}", words), "see the daemon's log", 0};
}

// --- live_session --------------------------------------------------------------------------------

live_session::live_session(event_port& port, kj::AutoCloseFd socket, std::uint64_t generation)
    : generation_(generation), network_(port, kj::mv(socket), capnp::rpc::twoparty::Side::CLIENT,
                                        {.message_bytes = limits::message_bytes}),
      rpc_(capnp::makeRpcClient(network_)), in_parent_only_(network_.fd()) {}

schema::Gate::Client live_session::bootstrap() {
  capnp::MallocMessageBuilder message(8);
  auto peer = message.initRoot<capnp::rpc::twoparty::VatId>();
  peer.setSide(capnp::rpc::twoparty::Side::SERVER);
  return rpc_.bootstrap(peer).castAs<schema::Gate>();
}

void live_session::accept(schema::LoginReply::Ok::Reader reply) {
  session_ = reply.getSession();
  message_bytes_ = static_cast<std::size_t>(
      std::min<std::uint64_t>(reply.getLimits().getMessageBytes(), largest_message_bytes));
  network_.set_message_limit(message_bytes_);
}

result<void> live_session::check_size(std::size_t words) const {
  const std::size_t bytes = words * sizeof(capnp::word) + envelope_bytes;
  if (bytes <= message_bytes_)
    return {};
  return fail(errc::limit_exceeded,
              core::format("the request takes {}; the daemon's limit of a message is {}",
                           format_bytes(bytes), format_bytes(message_bytes_)),
              "split it into smaller batches");
}

// --- client_link ---------------------------------------------------------------------------------

client_link::client_link(event_port& port, std::filesystem::path directory, connect_options options)
    : port_(port), directory_(std::move(directory)), options_(std::move(options)), tasks_(*this) {}

kj::Promise<void> client_link::connect() {
  if (live_ != nullptr)
    return kj::READY_NOW;
  if (was_connected_ && !options_.reconnect) {
    failure_ = {errc::unavailable, "the connection to the daemon was lost", "connect again", 0};
    return kj::READY_NOW;
  }
  if (!std::exchange(connecting_, true)) {
    const auto deadline = timer().now() + options_.start_timeout.count() * kj::MILLISECONDS;
    attempt_ = open_until(deadline).then([this] { connecting_ = false; }).fork();
  }
  return attempt_.addBranch();
}

// A daemon that dies after its kernel took the connection and before it answered the login (kill
// -9, or its last moment before an idle exit) has done nothing yet: there is no harm in trying
// again.
kj::Promise<void> client_link::open_until(kj::TimePoint deadline) {
  return open().catch_([this, deadline](kj::Exception&& failure) -> kj::Promise<void> {
    failure_ = error_from(failure);
    if (failure.getType() != kj::Exception::Type::DISCONNECTED || timer().now() >= deadline)
      return kj::READY_NOW;
    return timer().afterDelay(login_retry).then([this, deadline] { return open_until(deadline); });
  });
}

kj::Promise<void> client_link::open() {
  auto now = try_connect(directory_, options_);
  if (now.has_value())
    return login(kj::mv(*now));
  const bool wait =
      now.error().code == errc::busy || (now.error().code == errc::not_found && options_.autostart);
  if (!wait) {
    failure_ = std::move(now).error();
    if (failure_.code == errc::not_found)
      failure_.code = errc::unavailable;
    return kj::READY_NOW;
  }
  return open_in_background();
}

// Connecting may start a daemon and wait for it, which must not hold up the loop.
kj::Promise<void> client_link::open_in_background() {
  auto opened = std::make_shared<completion_box<kj::AutoCloseFd>>(port_.box());
  auto promise = opened->promise();
  try {
    std::thread([done = opened->completer(), directory = directory_, options = options_]() mutable {
      done(connect_or_start(directory, options));
    }).detach();
  } catch (const std::system_error& failure) {
    failure_ = posix_error(failure.code().value(), "start a thread");
    return kj::READY_NOW;
  }
  return promise.then([this, opened]() -> kj::Promise<void> {
    auto socket = opened->take();
    if (socket.has_value())
      return login(kj::mv(*socket));
    failure_ = std::move(socket).error();
    return kj::READY_NOW;
  });
}

kj::Promise<void> client_link::login(kj::AutoCloseFd socket) {
  auto made = std::make_unique<live_session>(port_, kj::mv(socket), ++generation_);
  auto request = made->bootstrap().loginRequest();
  request.setMajor(protocol_major);
  request.setMinor(protocol_minor);
  request.setClientName(capnp::Text::Reader(client_name.data(), client_name.size()));
  auto answered = request.send().then(
      [this, made = std::move(made)](capnp::Response<schema::LoginReply>&& reply) mutable {
        if (reply.isOk()) {
          made->accept(reply.getOk());
          established(std::move(made));
        } else {
          failure_ = wire::read(reply.getError());
        }
      });
  return answered.exclusiveJoin(
      timer().afterDelay(options_.start_timeout.count() * kj::MILLISECONDS).then([this] {
        failure_ = {errc::timeout,
                    core::format("the daemon of {} did not answer the login within {} ms",
                                 directory_.string(), options_.start_timeout.count()),
                    core::format("see its log, {}", (directory_ / "hearthd.log").string()), 0};
      }));
}

void client_link::established(std::unique_ptr<live_session> session) {
  was_connected_ = true;
  const auto generation = session->generation();
  live_ = std::move(session);
  tasks_.add(live_->network_.on_disconnect().then([this, generation] { lost(generation); }));
}

void client_link::lost(std::uint64_t generation) {
  if (live_ == nullptr || live_->generation() != generation)
    return;
  live_ = nullptr;
  failure_ = {errc::unavailable, "the connection to the daemon broke", "call again", 0};
}

kj::Promise<void> client_link::when_lost() {
  if (live_ == nullptr)
    return kj::READY_NOW;
  return live_->network_.on_disconnect();
}

kj::Promise<void> client_link::resolve(std::shared_ptr<namespace_link> to) {
  auto request = live_->session().openNamespaceRequest();
  request.setName(capnp::Text::Reader(to->name.data(), to->name.size()));
  request.setMode(schema::OpenMode::OPEN);
  return request.send().then(
      [to, generation = live_->generation()](capnp::Response<schema::OpenReply>&& reply) {
        if (!reply.isOk()) {
          to->failure = wire::read(reply.getError());
          return;
        }
        to->capability = reply.getOk().getNamespace();
        to->generation = generation;
      });
}

void client_link::taskFailed(kj::Exception&&) {
  // Every task settles its own call; what is left is the end of a connection.
}

}  // namespace hearth::ipc
