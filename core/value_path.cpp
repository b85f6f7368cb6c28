#include "core/value_path.hpp"

namespace hearth::inline core {

const value* value_at(const value_map& metadata, const field_path& path) noexcept {
  const value_map* in = &metadata;
  const value* found = nullptr;
  for (const auto& key : path) {
    if (in == nullptr)
      return nullptr;
    const auto next = in->find(key);
    if (next == in->end())
      return nullptr;
    found = &next->second;
    in = found->get_if<value_map>();
  }
  return found;
}

}  // namespace hearth::inline core
