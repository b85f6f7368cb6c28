#pragma once
// Requests of the client, built and sent on the loop thread.
#include <optional>
#include <string>
#include <utility>

#include "core/filter/filter_text.hpp"
#include "ipc/client_connection.hpp"
#include "ipc/wire.hpp"

namespace hearth::ipc {

// Builds one request, unless it is larger than the daemon accepts.
template <class Request, class Make, class Fill>
auto build(live_session& live, const Request& request, Make make, Fill fill)
    -> result<decltype(make(capnp::MessageSize{}).send())> {
  const std::size_t words = wire::words(request);
  HEARTH_CHECK(live.check_size(words));
  auto message = make(capnp::MessageSize{words, 0});
  fill(message, request);
  return message.send();
}

// A request that needs no check of its size.
template <class Promise>
result<Promise> sent(Promise promise) {
  return result<Promise>(std::move(promise));
}

/// How most requests are written, and most answers read.
struct write_what {
  void operator()(auto& message, const auto& request) const { wire::write(message, request); }
};
struct read_what {
  auto operator()(auto reply) const { return wire::read(reply); }
};

inline capnp::Text::Reader text(const std::string& from) {
  return {from.data(), from.size()};
}

inline result<void> check_filter(const std::optional<filter>& where) {
  return where ? validate(*where) : result<void>();
}

}  // namespace hearth::ipc
