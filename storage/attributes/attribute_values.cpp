#include "storage/attributes/attribute_values.hpp"

#include <span>
#include <string>

#include "core/metadata_codec.hpp"

namespace hearth::storage {

namespace {

using key_span = std::span<const std::string>;

void add_item(const scalar& item, attribute_values& out) {
  if (item.kind != scalar_kind::none)
    out.items.push_back(item);
}

// `in` stands at the tag of what the path leads to.
void read_found(byte_reader& in, attribute_values& out) {
  out.exists = true;
  const auto tag = read_tag(in);
  if (tag != value_tag::list) {
    out.others = true;
    return add_item(read_scalar(in, tag), out);
  }
  out.lists = true;
  const auto count = read_count(in);
  for (std::uint64_t i = 0; i < count && in.ok(); ++i)
    add_item(read_scalar(in, read_tag(in)), out);
}

// `map` stands at the count of a map. Goes where compiled_filter goes, as deep as the path is long.
void enter(byte_reader& map, key_span keys, attribute_values& out) {
  if (!find_key(map, keys.front()))
    return;
  const auto rest = keys.subspan(1);
  if (rest.empty())
    return read_found(map, out);
  const auto tag = read_tag(map);
  if (tag == value_tag::map)
    return enter(map, rest, out);
  if (tag != value_tag::list)
    return;
  const auto count = read_count(map);
  for (std::uint64_t i = 0; i < count && map.ok(); ++i) {
    const auto inner = read_tag(map);
    auto element = map;  // looks into the element; `map` steps over it
    if (inner == value_tag::map)
      enter(element, rest, out);
    if (element.ok())
      skip_content(map, inner);
    else
      map.fail();
  }
}

}  // namespace

bool find_values(byte_span metadata, const field_path& path, attribute_values& out) {
  out.clear();
  if (metadata.empty())
    return true;
  byte_reader in(metadata);
  enter(in, path, out);
  return in.ok();
}

}  // namespace hearth::storage
