#include "core/value.hpp"

#include <cmath>
#include <string_view>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "core/validation.hpp"

namespace hearth::inline core {

namespace {

// What metadata_size counts: a tag per value, and a length per string, list, map and key.
constexpr std::size_t tag_bytes = 1;
constexpr std::size_t length_bytes = 4;
constexpr std::size_t number_bytes = 8;

enum class metadata_fault : std::uint8_t {
  none,
  too_deep,
  not_utf8,
  key_not_utf8,
  not_a_number,
  no_such_time,
  no_such_place,
};

// What a value that is neither text nor container takes.
std::size_t fixed_size(const value& item) noexcept {
  if (item.is_null())
    return tag_bytes;
  if (item.get_if<bool>() != nullptr)
    return tag_bytes + 1;
  return tag_bytes + (item.get_if<geo_point>() != nullptr ? 2 : 1) * number_bytes;
}

// One pass over a metadata tree: adds up its size and stops at the first fault. The map of the
// record is level 1; depth is checked before each descent, so recursion is bounded whatever came
// in.
class metadata_walk {
 public:
  bool visit(const value_map& items, std::size_t depth) {
    bytes += tag_bytes + length_bytes;
    if (depth > limits::metadata_depth)
      return stop(metadata_fault::too_deep);
    for (const auto& [key, item] : items) {
      bytes += length_bytes + key.size();
      if (!is_utf8(key))
        return stop(metadata_fault::key_not_utf8);
      if (!visit(item, depth)) {
        path = core::format(".{}{}", printable(key), path);
        return false;
      }
    }
    return true;
  }

  std::size_t bytes = 0;
  metadata_fault fault = metadata_fault::none;
  std::string path;  // to the fault: ".tags[2]"
  geo_point place;   // of no_such_place

 private:
  bool visit(const value_list& items, std::size_t depth) {
    bytes += tag_bytes + length_bytes;
    if (depth > limits::metadata_depth)
      return stop(metadata_fault::too_deep);
    for (std::size_t i = 0; i < items.size(); ++i)
      if (!visit(items[i], depth)) {
        path.insert(0, core::format("[{}]", i));
        return false;
      }
    return true;
  }

  bool visit(const value& item, std::size_t depth) {
    if (const auto* text = item.get_if<std::string>()) {
      bytes += tag_bytes + length_bytes + text->size();
      return is_utf8(*text) || stop(metadata_fault::not_utf8);
    }
    if (const auto* list = item.get_if<value_list>())
      return visit(*list, depth + 1);
    if (const auto* map = item.get_if<value_map>())
      return visit(*map, depth + 1);
    bytes += fixed_size(item);
    if (const auto* number = item.get_if<double>(); number != nullptr && std::isnan(*number))
      return stop(metadata_fault::not_a_number);
    if (const auto* moment = item.get_if<timestamp>(); moment != nullptr && !is_valid(*moment))
      return stop(metadata_fault::no_such_time);
    if (const auto* point = item.get_if<geo_point>(); point != nullptr && !is_valid(*point)) {
      place = *point;
      return stop(metadata_fault::no_such_place);
    }
    return true;
  }

  bool stop(metadata_fault why) {
    fault = why;
    return false;
  }
};

// The same sum without checks. What lies too deep counts as too large, so that no caller takes it.
std::size_t encoded_size(const value& item, std::size_t depth) noexcept;

std::size_t encoded_size(const value_map& items, std::size_t depth) noexcept {
  if (depth > limits::metadata_depth)
    return limits::metadata_bytes + 1;
  std::size_t bytes = tag_bytes + length_bytes;
  for (const auto& [key, item] : items)
    bytes += length_bytes + key.size() + encoded_size(item, depth);
  return bytes;
}

std::size_t encoded_size(const value& item, std::size_t depth) noexcept {
  if (const auto* text = item.get_if<std::string>())
    return tag_bytes + length_bytes + text->size();
  if (const auto* map = item.get_if<value_map>())
    return encoded_size(*map, depth + 1);
  if (const auto* list = item.get_if<value_list>()) {
    if (depth + 1 > limits::metadata_depth)
      return limits::metadata_bytes + 1;
    std::size_t bytes = tag_bytes + length_bytes;
    for (const auto& element : *list)
      bytes += encoded_size(element, depth + 1);
    return bytes;
  }
  return fixed_size(item);
}

}  // namespace

std::size_t metadata_size(const value_map& metadata) noexcept {
  return encoded_size(metadata, 1);
}

bool validation::is_valid_metadata(const value_map& metadata, std::size_t& bytes) {
  metadata_walk walk;
  const bool sound = walk.visit(metadata, 1);
  bytes = walk.bytes;
  return sound && bytes <= limits::metadata_bytes;
}

result<void> validate_metadata(const value_map& metadata, const std::string& field) {
  metadata_walk walk;
  if (walk.visit(metadata, 1)) {
    if (walk.bytes > limits::metadata_bytes)
      return validation::too_large(core::format("{} is", field), walk.bytes, limits::metadata_bytes,
                                   "keep long content in texts", " encoded");
    return {};
  }
  const auto where = field + walk.path;
  switch (walk.fault) {
  case metadata_fault::too_deep:
    return fail(errc::limit_exceeded, core::format("{} nests lists and maps deeper than {} levels",
                                                   field, limits::metadata_depth));
  case metadata_fault::key_not_utf8:
    return fail(errc::invalid_argument,
                core::format("{} has a key that is not valid UTF-8", where));
  case metadata_fault::not_utf8:
    return fail(errc::invalid_argument, core::format("{} is not valid UTF-8", where),
                "metadata strings are UTF-8; encode bytes (base64) first");
  case metadata_fault::not_a_number:
    return fail(errc::invalid_argument, core::format("{} is NaN", where), "use null instead");
  case metadata_fault::no_such_time:
    return fail(errc::invalid_argument,
                core::format("{} is a timestamp outside {} to {}", where,
                             to_string(earliest_timestamp), to_string(latest_timestamp)));
  case metadata_fault::no_such_place:
    return fail(errc::invalid_argument,
                core::format("{} is at latitude {}, longitude {}; latitudes are -90 to 90, "
                             "longitudes -180 to 180",
                             where, walk.place.lat, walk.place.lon));
  case metadata_fault::none:
    break;
  }
  return fail(errc::internal, core::format("{} was refused without a reason", field));
}

}  // namespace hearth::inline core
