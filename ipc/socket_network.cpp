#include "ipc/socket_network.hpp"

#include <capnp/rpc.capnp.h>
#include <kj/debug.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace hearth::ipc {

namespace {

// Frames up to this size are copied behind one another; larger ones are written from where they
// are.
constexpr std::size_t copied_frame_bytes = std::size_t{32} << 10;
constexpr std::size_t chunk_bytes = std::size_t{128} << 10;
constexpr std::size_t iovec_count = 64;
// How long a Finish may wait for a call to travel with.
constexpr auto lazy_flush_delay = 1 * kj::MILLISECONDS;

}  // namespace

class socket_network::outgoing_message final : public capnp::OutgoingRpcMessage,
                                               public kj::Refcounted {
 public:
  outgoing_message(socket_network& network, kj::uint first_segment_words)
      : network_(network), message_(first_segment_words == 0 ? capnp::SUGGESTED_FIRST_SEGMENT_WORDS
                                                             : first_segment_words) {}

  capnp::AnyPointer::Builder getBody() override { return message_.getRoot<capnp::AnyPointer>(); }
  void send() override { network_.enqueue(*this); }
  size_t sizeInWords() override { return message_.sizeInWords(); }

  [[nodiscard]] auto segments() { return message_.getSegmentsForOutput(); }
  /// The other side needs it only to free memory: it can wait for company.
  [[nodiscard]] bool may_wait() {
    auto root = message_.getRoot<capnp::rpc::Message>();
    return root.isFinish() || root.isRelease();
  }

 private:
  socket_network& network_;
  capnp::MallocMessageBuilder message_;
};

socket_network::socket_network(event_port& port, kj::AutoCloseFd socket,
                               capnp::rpc::twoparty::Side side, network_limits limits)
    : port_(port), socket_(kj::mv(socket)), watch_(port, socket_.get()), limits_(limits),
      side_(side), peer_id_(4) {
  using capnp::rpc::twoparty::Side;
  peer_id_.initRoot<capnp::rpc::twoparty::VatId>().setSide(side == Side::CLIENT ? Side::SERVER
                                                                                : Side::CLIENT);
  auto pair = kj::newPromiseAndFulfiller<void>();
  disconnected_ = pair.promise.fork();
  disconnect_fulfiller_ = kj::mv(pair.fulfiller);
}

socket_network::~socket_network() noexcept(false) = default;

void socket_network::set_request_budgets(std::shared_ptr<byte_budget> session,
                                         std::shared_ptr<byte_budget> total) {
  session_budget_ = std::move(session);
  total_budget_ = std::move(total);
}

void socket_network::abort(kj::Exception reason) {
  if (aborted_ == nullptr)
    aborted_ = kj::cp(reason);
  admission_.cancel(reason);
  gate_.notify();
  watch_.interrupt();
}

// --- the connection, as the RPC system sees it ---------------------------------------------------

kj::Own<rpc_connection> socket_network::as_connection() {
  // The RPC system holds the one reference; when it lets go, the connection is over.
  return kj::Own<rpc_connection>(this, kj::NullDisposer::instance).attach(kj::defer([this]() {
    disconnect_fulfiller_->fulfill();
  }));
}

kj::Maybe<kj::Own<rpc_connection>>
socket_network::connect(capnp::rpc::twoparty::VatId::Reader peer) {
  if (peer.getSide() == side_)
    return nullptr;
  return as_connection();
}

kj::Promise<kj::Own<rpc_connection>> socket_network::accept() {
  using capnp::rpc::twoparty::Side;
  if (side_ == Side::SERVER && !std::exchange(accepted_, true))
    return as_connection();
  return kj::NEVER_DONE;  // there is one connection
}

capnp::rpc::twoparty::VatId::Reader socket_network::getPeerVatId() {
  return peer_id_.getRoot<capnp::rpc::twoparty::VatId>();
}

kj::Own<capnp::OutgoingRpcMessage>
socket_network::newOutgoingMessage(kj::uint first_segment_words) {
  return kj::refcounted<outgoing_message>(*this, first_segment_words);
}

kj::Promise<void> socket_network::shutdown() {
  schedule_flush();
  auto drained = queued_ == 0 ? kj::Promise<void>(kj::READY_NOW) : drained_.wait();
  return drained.exclusiveJoin(port_.timer().afterDelay(limits_.linger.count() * kj::MILLISECONDS))
      .then([this]() {
        write_failed_ = true;
        ::shutdown(socket_.get(), SHUT_WR);
      });
}

// --- writing -------------------------------------------------------------------------------------

std::size_t socket_network::outgoing_chunk::size() const noexcept {
  std::size_t total = bytes.size();
  for (const auto& segment : segments)
    total += segment.size();
  return total;
}

void socket_network::enqueue(outgoing_message& message) {
  if (write_failed_)
    return;  // reading fails as well, and ends the connection
  const auto segments = message.segments();
  const auto count = static_cast<std::uint32_t>(segments.size());
  std::vector<std::uint32_t> table((count + 2) / 2 * 2, 0);
  table[0] = count - 1;
  std::size_t frame = table.size() * sizeof(std::uint32_t);
  for (std::uint32_t i = 0; i < count; ++i) {
    table[i + 1] = static_cast<std::uint32_t>(segments[i].size());
    frame += segments[i].asBytes().size();
  }
  KJ_REQUIRE(frame <= limits_.message_bytes, "message is larger than the limit", frame,
             limits_.message_bytes);

  const bool copied = frame <= copied_frame_bytes;
  if (!copied || chunks_.empty() || chunks_.back().large.get() != nullptr ||
      chunks_.back().bytes.size() + frame > chunk_bytes) {
    chunks_.emplace_back();
    chunks_.back().bytes = std::move(spare_);
    chunks_.back().bytes.clear();
  }
  auto& chunk = chunks_.back();
  const auto append = [&chunk](const void* from, std::size_t bytes) {
    const auto* begin = static_cast<const std::byte*>(from);
    chunk.bytes.insert(chunk.bytes.end(), begin, begin + bytes);
  };
  append(table.data(), table.size() * sizeof(std::uint32_t));
  for (const auto& segment : segments) {
    if (copied)
      append(segment.begin(), segment.asBytes().size());
    else
      chunk.segments.push_back(segment.asBytes());
  }
  if (!copied)
    chunk.large = kj::addRef(message);
  queued_ += frame;

  if (!message.may_wait()) {
    schedule_flush();
  } else if (!flushing_ && !std::exchange(lazy_armed_, true)) {
    lazy_flusher_ = port_.timer()
                        .afterDelay(lazy_flush_delay)
                        .then([this]() {
                          lazy_armed_ = false;
                          schedule_flush();
                        })
                        .eagerlyEvaluate(nullptr);
  }
}

// Everything that this turn of the loop produces goes out together, just before the loop sleeps.
void socket_network::schedule_flush() {
  if (chunks_.empty() || std::exchange(flushing_, true))
    return;
  flusher_ =
      kj::evalLast([this] { return flush(); }).eagerlyEvaluate([this](kj::Exception&& failure) {
        flushing_ = false;
        fail_writes(kj::mv(failure));
      });
}

kj::Promise<void> socket_network::flush() {
  while (!chunks_.empty()) {
    if (!watch_.writable())
      return watch_.when_writable().then([this]() { return flush(); });

    std::array<iovec, iovec_count> pieces;
    std::size_t count = 0;
    const auto add = [&](const void* data, std::size_t size, std::size_t& skip) {
      const std::size_t skipped = std::min(skip, size);
      skip -= skipped;
      if (size > skipped && count < pieces.size())
        pieces[count++] = {const_cast<std::byte*>(static_cast<const std::byte*>(data)) + skipped,
                           size - skipped};
    };
    for (const auto& chunk : chunks_) {
      std::size_t skip = chunk.written;
      add(chunk.bytes.data(), chunk.bytes.size(), skip);
      for (const auto& segment : chunk.segments)
        add(segment.begin(), segment.size(), skip);
      if (count == pieces.size())
        break;
    }
    msghdr header{};
    header.msg_iov = pieces.data();
    header.msg_iovlen = count;
    const ssize_t written = ::sendmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written >= 0)
      sent(static_cast<std::size_t>(written));
    else if (errno == EAGAIN || errno == EWOULDBLOCK)
      watch_.clear_writable();
    else if (errno != EINTR)
      return KJ_EXCEPTION(DISCONNECTED, "cannot write to the socket", errno);
  }
  drained_.notify();
  flushing_ =
      false;  // here and not in a continuation: what is queued from now on needs a new flush
  return kj::READY_NOW;
}

void socket_network::sent(std::size_t bytes) {
  queued_ -= bytes;
  while (bytes > 0) {
    auto& chunk = chunks_.front();
    const std::size_t left = chunk.size() - chunk.written;
    const std::size_t taken = std::min(left, bytes);
    chunk.written += taken;
    bytes -= taken;
    if (taken == left) {
      spare_ = std::move(chunk.bytes);
      chunks_.pop_front();
    }
  }
  if (queued_ <= limits_.queued_bytes)
    gate_.notify();
  if (on_sent_)
    on_sent_();
}

void socket_network::fail_writes(kj::Exception reason) {
  write_failed_ = true;
  chunks_.clear();
  queued_ = 0;
  gate_.notify();
  drained_.notify();
  if (on_sent_)
    on_sent_();
  // Replies that have arrived already may still be read; then it is over.
  lazy_flusher_ = port_.timer()
                      .afterDelay(limits_.linger.count() * kj::MILLISECONDS)
                      .then([this, reason = kj::mv(reason)]() mutable { abort(kj::mv(reason)); })
                      .eagerlyEvaluate(nullptr);
}

}  // namespace hearth::ipc
