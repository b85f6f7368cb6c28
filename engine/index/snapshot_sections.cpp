#include "engine/index/snapshot_sections.hpp"

#include "core/checksum.hpp"
#include "core/format.hpp"

namespace hearth::engine::index {
namespace {

struct section_header {
  std::uint32_t tag = 0;
  std::uint32_t zero = 0;
  std::uint64_t payload_bytes = 0;
  std::uint64_t checksum = 0;
};
static_assert(sizeof(section_header) == 24);

constexpr std::size_t alignment = 8;

constexpr std::size_t padded(std::size_t bytes) noexcept {
  return (bytes + alignment - 1) / alignment * alignment;
}

std::uint64_t checksum_of(const section_header& header, std::span<const std::byte> padded_payload) {
  const std::uint64_t seed = header.payload_bytes ^ (std::uint64_t{header.tag} << 56);
  return core::checksum(padded_payload, seed);
}

}  // namespace

void section_writer::add_bytes(section_tag tag, std::span<const std::byte> payload) {
  section_header header{static_cast<std::uint32_t>(tag), 0, payload.size(), 0};
  const std::size_t start = bytes_.size();
  bytes_.resize(start + sizeof(header) + padded(payload.size()));
  std::byte* body = bytes_.data() + start + sizeof(header);
  if (!payload.empty())
    std::memcpy(body, payload.data(), payload.size());
  header.checksum = checksum_of(header, {body, padded(payload.size())});
  std::memcpy(bytes_.data() + start, &header, sizeof(header));
}

result<std::span<const std::byte>> section_reader::next_bytes(section_tag tag,
                                                              std::size_t value_size) {
  const auto number = static_cast<std::uint32_t>(tag);
  const auto broken = [number](const char* what) {
    return fail(errc::corruption, core::format("snapshot section {}: {}", number, what));
  };
  section_header header;
  if (rest_.size() < sizeof(header))
    return broken("cut short");
  std::memcpy(&header, rest_.data(), sizeof(header));
  const auto body = rest_.subspan(sizeof(header));
  if (header.tag != number || header.zero != 0)
    return broken("wrong header");
  // The first comparison keeps the padding from wrapping around.
  if (header.payload_bytes > body.size() || padded(header.payload_bytes) > body.size())
    return broken("cut short");
  if (header.payload_bytes % value_size != 0)
    return broken("wrong length");
  if (checksum_of(header, body.first(padded(header.payload_bytes))) != header.checksum)
    return broken("wrong checksum");
  rest_ = body.subspan(padded(header.payload_bytes));
  return body.first(header.payload_bytes);
}

}  // namespace hearth::engine::index
