#pragma once
// Do the indexes hold what is stored? The second half of a check, after that of storage.
#include <string>
#include <string_view>

#include "actors/open_namespace.hpp"

namespace hearth::actors {

/// One step of a check of a namespace (namespace_handle::check): a bounded one, on this thread.
[[nodiscard]] result<check_step> check_namespace(const open_namespace& space,
                                                 std::string_view cursor);

}  // namespace hearth::actors
