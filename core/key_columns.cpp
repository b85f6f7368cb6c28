#include "core/key_columns.hpp"

#include <utility>

#include "core/format.hpp"
#include "core/validation.hpp"

namespace hearth::inline core {

result<byte_column> byte_column::from(std::string bytes, std::vector<std::uint32_t> ends,
                                      std::string_view field, std::size_t most) {
  std::uint32_t begin = 0;
  for (const auto end : ends) {
    if (end < begin)
      return fail(errc::invalid_argument, core::format("the ends of {} do not rise", field));
    if (end - begin > most)
      return validation::too_large(core::format("one of {} is", field), end - begin, most);
    begin = end;
  }
  if (begin != bytes.size())
    return fail(errc::invalid_argument,
                core::format("{} are {} bytes; their ends say {}", field, bytes.size(), begin));
  byte_column column;
  column.bytes_ = std::move(bytes);
  column.ends_ = std::move(ends);
  return column;
}

result<key_columns> key_columns::from(byte_column keys, byte_column values,
                                      std::vector<lsn_t> versions) {
  if (keys.size() != versions.size() || values.size() != versions.size())
    return fail(errc::invalid_argument, core::format("there are {} keys, {} values and {} versions",
                                                     keys.size(), values.size(), versions.size()));
  key_columns columns;
  columns.keys_ = std::move(keys);
  columns.values_ = std::move(values);
  columns.versions_ = std::move(versions);
  return columns;
}

}  // namespace hearth::inline core
