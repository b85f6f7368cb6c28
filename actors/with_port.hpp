#pragma once
// How a call gets into a namespace, which may have to be opened again for it.
#include <utility>

#include "actors/handles.hpp"
#include "core/format.hpp"

namespace hearth::actors {

namespace detail {
/// How often a call looks for a namespace that closes each time before the call gets in.
inline constexpr int most_attempts = 8;
}  // namespace detail

// The handle outlives `post`: it is called within the call, or by a completion that holds the
// handle.
template <class T, class Post>
void embedded_namespace::with_port(call<T> answer, Post post, access how, int attempts) {
  if (const auto port = port_.load().lock()) {
    if (namespace_lease lease(port->space, how); lease) {
      post(*port, std::move(lease), std::move(answer));
      return;
    }
  }
  if (attempts == detail::most_attempts)
    return answer.settle(fail(errc::busy, core::format("\"{}\" kept closing", name_), "try again"));
  completion<opened_namespace> reopened = [self = shared_from_this(), answer,
                                           post = std::move(post), how,
                                           attempts](result<opened_namespace> opened) mutable {
    if (!opened)
      return answer.settle(std::unexpected(std::move(opened).error()));
    if (!self->same(opened->identity))
      return answer.settle(fail(errc::not_found,
                                core::format("namespace \"{}\" was dropped", self->name_),
                                "open the new namespace of that name"));
    self->port_.store(opened->port);
    self->with_port(std::move(answer), std::move(post), how, attempts + 1);
  };
  store_->runtime().template ask<opened_namespace>(
      *store_, std::move(reopened), [this](call<opened_namespace> reopening) {
        return open_request{name_, open_mode::open, {}, std::move(reopening)};
      });
}

}  // namespace hearth::actors
