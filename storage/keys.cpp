#include "storage/keys.hpp"

#include "core/checksum.hpp"

namespace hearth::storage {

namespace {

constexpr std::byte number_tag{0x01};
constexpr std::byte text_tag{0x02};
constexpr std::uint64_t first_hash_seed = 0x6865'6172'7468'0001;
constexpr std::uint64_t second_hash_seed = 0x6865'6172'7468'0002;

}  // namespace

change_key encode_change(change_position position) noexcept {
  change_key key;
  const auto part = std::ranges::copy(big_endian(position.lsn), key.begin()).out;
  std::ranges::copy(big_endian(position.part), part);
  return key;
}

std::optional<change_position> decode_change(byte_span key) noexcept {
  if (key.size() != sizeof(change_key))
    return std::nullopt;
  return change_position{read_big_endian<lsn_t>(key),
                         read_big_endian<std::uint32_t>(key.subspan(sizeof(lsn_t)))};
}

std::array<std::uint64_t, 2> default_id_hash(std::string_view id) {
  const auto bytes = std::as_bytes(std::span(id.data(), id.size()));
  return {checksum(bytes, first_hash_seed), checksum(bytes, second_hash_seed)};
}

id_key::id_key(const record_id& id, id_hash hash) noexcept {
  const auto append = [this](const void* data, std::size_t size) {
    std::memcpy(data_.data() + size_, data, size);
    size_ += size;
  };
  if (id.is_number()) {
    const auto number = big_endian(id.number());
    append(&number_tag, 1);
    append(number.data(), number.size());
    return;
  }
  const auto& text = id.text();
  append(&text_tag, 1);
  append(text.data(), std::min(text.size(), direct_id_bytes));
  if (text.size() > direct_id_bytes) {
    const auto sum = hash(text);
    append(sum.data(), sizeof sum);
  }
}

}  // namespace hearth::storage
