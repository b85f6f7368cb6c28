#include "engine/index/snapshot_sections.hpp"

#include <array>
#include <cassert>

#include "core/format.hpp"

namespace hearth::engine::index {
namespace {

struct section_header {
  std::uint32_t tag = 0;
  std::uint32_t zero = 0;
  std::uint64_t payload_bytes = 0;
};
static_assert(sizeof(section_header) == 16);

constexpr std::size_t alignment = 8;

constexpr std::size_t padded(std::size_t bytes) noexcept {
  return (bytes + alignment - 1) / alignment * alignment;
}

}  // namespace

void section_writer::begin_bytes(section_tag tag, std::size_t bytes) {
  assert(missing_ == 0);
  const section_header header{static_cast<std::uint32_t>(tag), 0, bytes};
  sum_ = checksum_stream();
  missing_ = sizeof(header) + bytes;
  padding_ = padded(bytes) - bytes;
  append_bytes(std::as_bytes(std::span(&header, 1)));
}

void section_writer::append_bytes(std::span<const std::byte> bytes) {
  assert(bytes.size() <= missing_);
  missing_ -= bytes.size();
  if (!state_ || bytes.empty())
    return;
  sum_.add(bytes);
  written_ += bytes.size();
  state_ = to_(bytes);
}

void section_writer::end() {
  assert(missing_ == 0);
  constexpr std::array<std::byte, alignment> zeros{};
  missing_ = padding_ + sizeof(std::uint64_t);
  append_bytes(std::span(zeros).first(padding_));
  const std::uint64_t sum = sum_.value();
  append_bytes(std::as_bytes(std::span(&sum, 1)));
}

result<std::uint64_t> section_writer::finish() const {
  assert(missing_ == 0);
  HEARTH_CHECK(state_);
  return written_;
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
  std::uint64_t sum = 0;
  // The first comparison keeps the padding from wrapping around.
  if (header.payload_bytes > body.size() ||
      padded(header.payload_bytes) + sizeof(sum) > body.size())
    return broken("cut short");
  if (header.payload_bytes % value_size != 0)
    return broken("wrong length");
  const std::size_t summed = sizeof(header) + padded(header.payload_bytes);
  std::memcpy(&sum, rest_.data() + summed, sizeof(sum));
  if (core::checksum(rest_.first(summed)) != sum)
    return broken("wrong checksum");
  rest_ = rest_.subspan(summed + sizeof(sum));
  return body.first(header.payload_bytes);
}

}  // namespace hearth::engine::index
