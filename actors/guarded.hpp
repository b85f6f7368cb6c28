#pragma once
// Reads that must not take a worker down.
#include <exception>
#include <string>
#include <utility>

#include "actors/open_namespace.hpp"

namespace hearth::actors {

/// What `work` answers, unless the namespace is closing; an exception (memory ran out, say) is an
/// error of this call alone.
template <class T, class Work>
[[nodiscard]] result<T> guarded(const open_namespace& space, Work&& work) noexcept {
  HEARTH_CHECK(space.check_usable());
  try {
    return std::forward<Work>(work)();
  } catch (const std::exception& reason) {
    return fail(errc::internal, std::string("the read failed: ") + reason.what(),
                "try again with a smaller request");
  }
}

}  // namespace hearth::actors
