// The reading half of socket_network: framing, limits and budgets.
#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <kj/debug.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "ipc/socket_network.hpp"

namespace hearth::ipc {

namespace {

constexpr std::size_t buffer_bytes = std::size_t{64} << 10;
constexpr std::size_t first_large_bytes = std::size_t{1} << 20;
constexpr std::uint32_t max_segments = 511;  // as in Cap'n Proto's own readers
// No call of the protocol passes capabilities to the server.
constexpr kj::uint max_capabilities = 16;
// 32 levels of metadata take four pointers each; the rest is for the envelope.
constexpr int nesting_limit = 192;
// The RPC system looks at the envelope of a message several times, and each look counts.
constexpr std::size_t envelope_words = 4096;

}  // namespace

class socket_network::incoming_message final : public capnp::IncomingRpcMessage {
 public:
  incoming_message(frame_memory memory, capnp::ReaderOptions options, budget_share session,
                   budget_share total)
      : memory_(std::move(memory)), session_(std::move(session)), total_(std::move(total)),
        reader_(kj::arrayPtr(memory_.words.get(), memory_.size / sizeof(capnp::word)), options) {}

  capnp::AnyPointer::Reader getBody() override { return reader_.getRoot<capnp::AnyPointer>(); }
  size_t sizeInWords() override { return memory_.size / sizeof(capnp::word); }

 private:
  frame_memory memory_;
  budget_share session_;
  budget_share total_;
  capnp::FlatArrayMessageReader reader_;
};

void socket_network::frame_memory::free_words::operator()(capnp::word* words) const noexcept {
  std::free(words);  // NOLINT: grown with realloc, which moves large blocks without copying
}

void socket_network::frame_memory::reserve(std::size_t bytes) {
  if (bytes <= capacity)
    return;
  auto* grown = static_cast<capnp::word*>(std::realloc(words.get(), bytes));  // NOLINT
  if (grown == nullptr)
    throw std::bad_alloc();
  (void)words.release();
  words.reset(grown);
  capacity = bytes;
}

void socket_network::check_aborted() const {
  KJ_IF_MAYBE (reason, aborted_) {
    kj::throwFatalException(kj::cp(*reason));
  }
}

kj::Promise<socket_network::maybe_message> socket_network::receiveIncomingMessage() {
  return kj::evalNow([this]() { return receive(); });
}

kj::Promise<socket_network::maybe_message> socket_network::receive() {
  check_aborted();
  if (queued_ > limits_.queued_bytes && !write_failed_)
    return gate_.wait().then([this]() { return receive(); });
  const std::size_t bytes = frame_bytes();
  if (bytes > buffer_bytes)
    return receive_large(bytes);
  if (bytes == 0 || bytes > filled_ - read_)
    // Later: other connections get their turn before this one reads again.
    return kj::evalLater([this]() { return fill_buffer(); });

  frame_memory memory;
  memory.reserve(bytes);
  std::memcpy(memory.words.get(), reinterpret_cast<const std::byte*>(buffer_.get()) + read_, bytes);
  memory.size = bytes;
  read_ += bytes;
  budget_share session;
  budget_share total;
  if (session_budget_ != nullptr) {
    session = session_budget_->take(bytes);
    total = total_budget_->take(bytes);
  }
  return deliver(std::move(memory), std::move(session), std::move(total));
}

// The size of the frame at read_, or 0 while its segment table is incomplete. Throws for frames
// that no well-behaved peer sends.
std::size_t socket_network::frame_bytes() const {
  const std::size_t have = filled_ - read_;
  if (have < sizeof(capnp::word))
    return 0;
  const auto* table = reinterpret_cast<const std::byte*>(buffer_.get()) + read_;
  std::uint32_t last_segment = 0;
  std::memcpy(&last_segment, table, sizeof last_segment);
  if (last_segment >= max_segments)
    kj::throwFatalException(
        KJ_EXCEPTION(FAILED, "message with too many segments", last_segment, max_segments));
  const std::size_t table_bytes = (last_segment + 1 + 2) / 2 * sizeof(capnp::word);
  if (have < table_bytes)
    return 0;
  std::uint64_t bytes = table_bytes;
  for (std::uint32_t i = 0; i <= last_segment; ++i) {
    std::uint32_t words = 0;
    std::memcpy(&words, table + sizeof(std::uint32_t) * (i + 1), sizeof words);
    bytes += std::uint64_t{words} * sizeof(capnp::word);
  }
  if (bytes > limits_.message_bytes)
    kj::throwFatalException(
        KJ_EXCEPTION(FAILED, "message is larger than the limit", bytes, limits_.message_bytes));
  return bytes;
}

socket_network::maybe_message socket_network::deliver(frame_memory memory, budget_share session,
                                                      budget_share total) {
  in_partial_ = false;
  capnp::ReaderOptions options;
  options.traversalLimitInWords = limits_.message_bytes / sizeof(capnp::word) + envelope_words;
  options.nestingLimit = nesting_limit;
  auto message =
      kj::heap<incoming_message>(std::move(memory), options, std::move(session), std::move(total));
  count_calls(message->getBody().getAs<capnp::rpc::Message>());
  return kj::Own<capnp::IncomingRpcMessage>(kj::mv(message));
}

// What the RPC system would keep in tables for the peer has to be bounded before it sees it.
void socket_network::count_calls(capnp::rpc::Message::Reader message) {
  if (limits_.unfinished_calls == std::numeric_limits<std::size_t>::max())
    return;
  if (message.isFinish()) {
    unfinished_ -= std::min<std::size_t>(unfinished_, 1);
  } else if (message.isCall() || message.isBootstrap()) {
    if (++unfinished_ > limits_.unfinished_calls)
      kj::throwFatalException(
          KJ_EXCEPTION(OVERLOADED, "too many calls are not finished", limits_.unfinished_calls));
    if (message.isCall() && message.getCall().getParams().getCapTable().size() > max_capabilities)
      kj::throwFatalException(
          KJ_EXCEPTION(FAILED, "too many capabilities in one call", max_capabilities));
  }
}

kj::Promise<socket_network::maybe_message> socket_network::fill_buffer() {
  check_aborted();
  if (buffer_ == nullptr)
    // Uninitialised on purpose. NOLINTNEXTLINE(modernize-make-unique)
    buffer_.reset(new capnp::word[buffer_bytes / sizeof(capnp::word)]);
  auto* bytes = reinterpret_cast<std::byte*>(buffer_.get());
  if (read_ > 0) {
    std::memmove(bytes, bytes + read_, filled_ - read_);
    filled_ -= std::exchange(read_, 0);
  }
  bool end = false;
  if (watch_.readable())
    filled_ += read_some(bytes + filled_, buffer_bytes - filled_, end);
  if (end) {
    if (filled_ == 0)
      return maybe_message(nullptr);
    kj::throwFatalException(KJ_EXCEPTION(DISCONNECTED, "connection ended inside a message"));
  }
  const std::size_t frame = frame_bytes();
  if (frame > 0 && (frame > buffer_bytes || frame <= filled_))
    return receive();
  return wait_for_input(filled_ > 0).then([this]() { return fill_buffer(); });
}

kj::Promise<socket_network::maybe_message> socket_network::receive_large(std::size_t bytes) {
  large_ = {};
  large_bytes_ = bytes;
  const std::size_t have = filled_ - read_;  // all of it belongs to this frame
  large_.reserve(std::min(bytes, first_large_bytes));
  std::memcpy(large_.words.get(), reinterpret_cast<const std::byte*>(buffer_.get()) + read_, have);
  large_.size = have;
  read_ = filled_ = 0;
  if (session_budget_ == nullptr)
    return fill_large();
  return admission_.wrap(session_budget_->when_taken(bytes))
      .then([this, bytes](budget_share share) {
        large_session_share_ = std::move(share);
        return admission_.wrap(total_budget_->when_taken(bytes));
      })
      .then([this](budget_share share) {
        large_total_share_ = std::move(share);
        in_partial_ = false;  // the peer's time starts when it is its turn
        return fill_large();
      });
}

kj::Promise<socket_network::maybe_message> socket_network::fill_large() {
  check_aborted();
  while (watch_.readable() && large_.size < large_bytes_) {
    // Doubling: memory follows what has arrived, not what was announced.
    if (large_.size == large_.capacity)
      large_.reserve(std::min(large_bytes_, large_.capacity * 2));
    bool end = false;
    const std::size_t room = std::min(large_.capacity, large_bytes_) - large_.size;
    large_.size += read_some(large_.end(), room, end);
    if (end)
      kj::throwFatalException(KJ_EXCEPTION(DISCONNECTED, "connection ended inside a message"));
  }
  if (large_.size < large_bytes_)
    return wait_for_input(true).then([this]() { return fill_large(); });
  return deliver(std::exchange(large_, {}), std::move(large_session_share_),
                 std::move(large_total_share_));
}

kj::Promise<void> socket_network::wait_for_input(bool inside_frame) {
  if (!inside_frame || limits_.partial_message.count() == 0)
    return watch_.when_readable();
  if (!std::exchange(in_partial_, true))
    partial_deadline_ = port_.timer().now() + limits_.partial_message.count() * kj::MILLISECONDS;
  return watch_.when_readable().exclusiveJoin(
      port_.timer().atTime(partial_deadline_).then([this]() -> kj::Promise<void> {
        return KJ_EXCEPTION(OVERLOADED, "message was not complete in time (ms)",
                            limits_.partial_message.count());
      }));
}

// Reads what is there, up to `room` bytes.
std::size_t socket_network::read_some(std::byte* to, std::size_t room, bool& end) {
  for (;;) {
    const ssize_t count = ::recv(socket_.get(), to, room, MSG_DONTWAIT);
    if (count > 0) {
      if (static_cast<std::size_t>(count) < room)
        watch_.clear_drained();
      return static_cast<std::size_t>(count);
    }
    if (count == 0) {
      end = true;
      return 0;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      watch_.clear_readable();
      return 0;
    }
    if (errno != EINTR)
      kj::throwFatalException(KJ_EXCEPTION(DISCONNECTED, "cannot read from the socket", errno));
  }
}

}  // namespace hearth::ipc
