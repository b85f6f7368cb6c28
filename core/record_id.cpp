#include "core/record_id.hpp"

#include "core/format.hpp"
#include "core/limits.hpp"
#include "core/validation.hpp"
#include "core/value.hpp"

namespace hearth::inline core {

std::string to_string(const record_id& id) {
  if (id.is_number())
    return std::to_string(id.number());
  return core::format("'{}'", printable(id.text(), limits::id_bytes));
}

bool validation::is_valid_id(const record_id& id) noexcept {
  if (id.is_number())
    return true;
  const auto& text = id.text();
  return !text.empty() && text.size() <= limits::id_bytes && is_utf8(text);
}

result<void> validate_id(const record_id& id, const std::string& field) {
  if (id.is_number())
    return {};
  const auto& text = id.text();
  if (text.empty())
    return fail(errc::invalid_argument, core::format("{} is the empty string", field),
                "use a non-empty string or an unsigned number");
  if (text.size() > limits::id_bytes)
    return validation::too_large(core::format("{} is", field), text.size(), limits::id_bytes);
  if (!is_utf8(text))
    return fail(errc::invalid_argument, core::format("{} is not valid UTF-8", field));
  return {};
}

}  // namespace hearth::inline core
