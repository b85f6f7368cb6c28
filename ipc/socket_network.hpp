#pragma once
// Cap'n Proto's view of one Unix-socket connection. Capnp's own TwoPartyVatNetwork allocates what a
// frame header announces, keeps reading while replies pile up, and spends seven system calls per
// call and side; this one checks every frame before taking memory, bounds both directions, and
// gathers messages into few reads and writes. It does not pass file descriptors.
#include <capnp/message.h>
#include <capnp/rpc-twoparty.h>
#include <capnp/rpc.capnp.h>
#include <capnp/rpc.h>
#include <kj/async.h>
#include <kj/io.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "ipc/byte_budget.hpp"
#include "ipc/event_loop.hpp"

namespace hearth::ipc {

struct network_limits {
  /// Larger frames end the connection, in both directions. Framing counts.
  std::size_t message_bytes = 0;
  /// While more than this waits to be sent, nothing is read.
  std::size_t queued_bytes = std::numeric_limits<std::size_t>::max();
  /// Calls and bootstraps that the peer started and has not finished; more end the connection.
  std::size_t unfinished_calls = std::numeric_limits<std::size_t>::max();
  /// A frame must be complete this long after its first byte. 0: no limit.
  std::chrono::milliseconds partial_message{0};
  /// How long the end of the connection waits for a peer that does not read.
  std::chrono::milliseconds linger{2'000};
};

using rpc_connection = capnp::TwoPartyVatNetworkBase::Connection;

/// One connection, loop thread only. Destroy the RpcSystem first. Malformed and oversized frames,
/// timeouts and I/O errors reach the RPC system as exceptions, which end the connection.
class socket_network final : public capnp::TwoPartyVatNetworkBase, private rpc_connection {
 public:
  /// Takes over a connected, non-blocking stream socket.
  socket_network(event_port& port, kj::AutoCloseFd socket, capnp::rpc::twoparty::Side side,
                 network_limits limits);
  ~socket_network() noexcept(false);
  socket_network(const socket_network&) = delete;
  socket_network& operator=(const socket_network&) = delete;

  /// Resolves when the connection is over, whoever ended it.
  [[nodiscard]] kj::Promise<void> on_disconnect() { return disconnected_.addBranch(); }
  /// Ends the connection with an error that the peer is told.
  void abort(kj::Exception reason);
  void set_message_limit(std::size_t bytes) noexcept { limits_.message_bytes = bytes; }
  /// Incoming frames take their size from `budget`; large ones wait for room in it and in `total`.
  void set_request_budgets(std::shared_ptr<byte_budget> session,
                           std::shared_ptr<byte_budget> total);
  /// Called whenever queued_bytes() has shrunk.
  void on_sent(std::function<void()> callback) { on_sent_ = std::move(callback); }

  /// Bytes handed over by the RPC system and not yet taken by the kernel.
  [[nodiscard]] std::size_t queued_bytes() const noexcept { return queued_; }
  [[nodiscard]] int fd() const noexcept { return socket_.get(); }

  kj::Maybe<kj::Own<rpc_connection>> connect(capnp::rpc::twoparty::VatId::Reader peer) override;
  kj::Promise<kj::Own<rpc_connection>> accept() override;

 private:
  class outgoing_message;
  class incoming_message;
  using maybe_message = kj::Maybe<kj::Own<capnp::IncomingRpcMessage>>;

  /// Memory of a frame; grows while the bytes arrive.
  struct frame_memory {
    struct free_words {
      void operator()(capnp::word* words) const noexcept;
    };
    std::unique_ptr<capnp::word, free_words> words;
    std::size_t capacity = 0;  // bytes
    std::size_t size = 0;      // bytes in use
    void reserve(std::size_t bytes);
    [[nodiscard]] std::byte* end() noexcept {
      return reinterpret_cast<std::byte*>(words.get()) + size;
    }
  };

  // Connection
  capnp::rpc::twoparty::VatId::Reader getPeerVatId() override;
  kj::Own<capnp::OutgoingRpcMessage> newOutgoingMessage(kj::uint first_segment_words) override;
  kj::Promise<maybe_message> receiveIncomingMessage() override;
  kj::Promise<void> shutdown() override;

  kj::Own<rpc_connection> as_connection();

  // Reading: socket_network_read.cpp
  [[nodiscard]] kj::Promise<maybe_message> receive();
  [[nodiscard]] kj::Promise<maybe_message> fill_buffer();
  [[nodiscard]] kj::Promise<maybe_message> receive_large(std::size_t bytes);
  [[nodiscard]] kj::Promise<maybe_message> fill_large();
  [[nodiscard]] kj::Promise<void> wait_for_input(bool inside_frame);
  [[nodiscard]] std::size_t frame_bytes() const;
  [[nodiscard]] maybe_message deliver(frame_memory memory, budget_share session,
                                      budget_share total);
  void count_calls(capnp::rpc::Message::Reader message);
  [[nodiscard]] std::size_t read_some(std::byte* to, std::size_t room, bool& end);
  void check_aborted() const;

  // Writing: socket_network.cpp
  void enqueue(outgoing_message& message);
  void schedule_flush();
  [[nodiscard]] kj::Promise<void> flush();
  void sent(std::size_t bytes);
  void fail_writes(kj::Exception reason);

  struct outgoing_chunk {
    std::vector<std::byte> bytes;           // small frames one after the other, or a segment table
    kj::Own<const outgoing_message> large;  // and the message that owns the segments
    std::vector<kj::ArrayPtr<const kj::byte>> segments;
    std::size_t written = 0;
    [[nodiscard]] std::size_t size() const noexcept;
  };

  event_port& port_;
  kj::AutoCloseFd socket_;
  fd_watch watch_;
  network_limits limits_;
  const capnp::rpc::twoparty::Side side_;
  bool accepted_ = false;
  capnp::MallocMessageBuilder peer_id_;
  kj::Own<kj::PromiseFulfiller<void>> disconnect_fulfiller_;
  kj::ForkedPromise<void> disconnected_ = nullptr;
  kj::Maybe<kj::Exception> aborted_;

  std::unique_ptr<capnp::word[]> buffer_;
  std::size_t read_ = 0;    // bytes of the buffer handed out
  std::size_t filled_ = 0;  // bytes of the buffer in use
  std::size_t unfinished_ = 0;
  bool in_partial_ = false;
  kj::TimePoint partial_deadline_ = kj::origin<kj::TimePoint>();
  frame_memory large_;
  std::size_t large_bytes_ = 0;  // of the complete frame
  budget_share large_session_share_;
  budget_share large_total_share_;
  std::shared_ptr<byte_budget> session_budget_;
  std::shared_ptr<byte_budget> total_budget_;
  wait_slot gate_;  // reading waits here while too much is queued
  kj::Canceler admission_;

  std::deque<outgoing_chunk> chunks_;
  std::vector<std::byte> spare_;  // the memory of the last chunk, for the next one
  std::size_t queued_ = 0;
  bool flushing_ = false;
  bool write_failed_ = false;
  bool lazy_armed_ = false;
  wait_slot drained_;
  std::function<void()> on_sent_;
  kj::Promise<void> flusher_ = kj::READY_NOW;
  kj::Promise<void> lazy_flusher_ = kj::READY_NOW;
};

}  // namespace hearth::ipc
