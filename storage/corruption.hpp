#pragma once
// The one wording of "these bytes are not what was written".
#include <string>
#include <string_view>

#include "core/error.hpp"

namespace hearth::storage {

[[nodiscard]] inline std::unexpected<error> corrupt(std::string_view what) {
  return fail(errc::corruption, std::string(what) + " is damaged",
              "restore the store from a backup, or erase what is damaged");
}

}  // namespace hearth::storage
