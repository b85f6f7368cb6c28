#pragma once
// How a call of the wire becomes a call of core, and its outcome the reply.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/database.hpp"
#include "core/format.hpp"
#include "core/limits.hpp"
#include "ipc/bridge.hpp"
#include "ipc/session_context.hpp"
#include "ipc/wire.hpp"

namespace hearth::ipc {

inline constexpr std::size_t small_reply_bytes = 512;
// Guesses for columns whose size is only known when the answer is there.
inline constexpr std::size_t metadata_guess_bytes = 1'024;
inline constexpr std::size_t key_guess_bytes = 256;
inline constexpr std::size_t item_guess_bytes = 1'024;
inline constexpr std::size_t text_guess_bytes = 4'096;
// Segment table and envelope of a message.
inline constexpr std::size_t envelope_bytes = 1'024;

using shared_context = std::shared_ptr<session_context>;
using shared_namespace = std::shared_ptr<namespace_handle>;

inline std::size_t row_bytes(const field_set& fields, std::size_t vector_values) {
  return 24 + (fields.vectors ? vector_values * sizeof(float) : 0) +
         (fields.metadata ? metadata_guess_bytes : 0) + (fields.texts ? text_guess_bytes : 0);
}

template <class T>
inline std::size_t words_of(const T& value) {
  return wire::words(value);
}
inline std::size_t words_of(const std::monostate&) {
  return 64;
}
inline std::size_t words_of(const lsn_t&) {
  return 64;
}
inline std::size_t words_of(const shared_namespace&) {
  return 128;
}
inline std::size_t words_of(const std::shared_ptr<transaction_handle>&) {
  return 128;
}
inline std::size_t words_of(const std::uint32_t&) {
  return 64;
}
inline std::size_t words_of(const std::vector<std::string>& names) {
  std::size_t total = 64 + names.size();
  for (const auto& name : names)
    total += name.size() / 8 + 1;
  return total;
}

template <class Context>
void write_error(Context& context, const error& reason) {
  auto results = context.getResults(capnp::MessageSize{wire::words(reason), 0});
  wire::write(results.initError(), reason);
}

template <class Context>
kj::Promise<void> refuse(Context& context, const error& reason) {
  write_error(context, reason);
  return kj::READY_NOW;
}

// The reply of one finished call.
template <class T, class Context, class WriteOk>
void reply(Context& context, const result<T>& outcome, WriteOk& write_ok) {
  if (!outcome)
    return write_error(context, outcome.error());
  const std::size_t words = words_of(*outcome);
  const std::size_t bytes = words * sizeof(capnp::word) + envelope_bytes;
  if (bytes > limits::message_bytes)
    return write_error(context,
                       error{errc::limit_exceeded,
                             core::format("the reply takes {}; the limit of a message is {}",
                                          format_bytes(bytes), format_bytes(limits::message_bytes)),
                             "ask for fewer rows or fewer columns at a time", 0});
  write_ok(context.getResults(capnp::MessageSize{words, 1}), *outcome);
}

// Runs one call of core for one call of the wire. `start` gets a completion for T, whose outcome
// becomes the reply through `write_ok`. Waits for room first if too much is on its way to the
// client already; `reply_bytes` is the guess for this reply.
template <class T, class Context, class Start, class WriteOk>
kj::Promise<void> run(const shared_context& session, Context context, std::size_t reply_bytes,
                      Start start, WriteOk write_ok) {
  auto slot = session->begin_call();
  if (!slot)
    return refuse(context, slot.error());
  // The parameters stay until the reply: their share of the connection's budget stands for what was
  // read from them.
  context.allowCancellation();

  auto go = [session, context, slot = std::move(*slot), start = std::move(start),
             write_ok = std::move(write_ok)](budget_share share) mutable -> kj::Promise<void> {
    auto box = std::make_shared<completion_box<T>>(session->box());
    auto promise = box->promise();
    start(box->completer());
    return promise.then(
        [context, slot = std::move(slot), share = std::move(share), box,
         write_ok = std::move(write_ok)]() mutable { reply<T>(context, box->take(), write_ok); });
  };
  const std::size_t bytes = std::min(reply_bytes, limits::message_bytes);
  if (auto share = session->replies().try_take(bytes))
    return go(std::move(*share));
  return session->replies().when_taken(bytes).then(std::move(go));
}

// The usual `write_ok`: the value's own writer into `ok`.
inline constexpr auto write_value = [](auto results, const auto& value) {
  wire::write(results.initOk(), value);
};
inline constexpr auto write_nothing = [](auto results, const std::monostate&) { results.setOk(); };

}  // namespace hearth::ipc
