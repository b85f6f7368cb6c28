#include "storage/text/text_tables.hpp"

#include <cstring>

namespace hearth::storage {

namespace {

constexpr std::size_t field_bytes = sizeof(std::uint32_t);

}  // namespace

result<text_tables> text_tables::open(lmdb::write_transaction& in, bool create) {
  text_tables all;
  HEARTH_TRY(all.postings, in.open_table("text_postings", create));
  HEARTH_TRY(all.positions, in.open_table("text_positions", create));
  HEARTH_TRY(all.stats, in.open_table("text_stats", create));
  return all;
}

result<text_usage> text_usage_of(const lmdb::transaction& in, const text_tables& of) {
  const auto bytes = [](const MDB_stat& pages) {
    return std::uint64_t{pages.ms_psize} *
           (pages.ms_branch_pages + pages.ms_leaf_pages + pages.ms_overflow_pages);
  };
  HEARTH_TRY(const auto postings, in.statistics(of.postings));
  HEARTH_TRY(const auto positions, in.statistics(of.positions));
  return text_usage{bytes(postings), bytes(positions), postings.ms_entries};
}

std::string term_prefix(std::uint32_t field, std::string_view prefix) {
  std::string key;
  key.reserve(field_bytes + prefix.size() + 1);
  append_big_endian(field, key);
  key += prefix;
  return key;
}

term_key::term_key(std::uint32_t field, std::string_view term) : bytes_(term_prefix(field, term)) {
  bytes_ += '\0';
}

std::uint32_t term_key::field() const noexcept {
  return read_big_endian<std::uint32_t>(bytes());
}

std::string_view term_key::term() const noexcept {
  return std::string_view(bytes_).substr(field_bytes, bytes_.size() - field_bytes - 1);
}

std::string term_key::block(row_id row) const {
  std::string key;
  key.reserve(bytes_.size() + sizeof row);
  key = bytes_;
  append_big_endian(row, key);
  return key;
}

std::string term_key::behind() const {
  auto key = bytes_;
  key.back() = '\1';
  return key;
}

std::optional<row_id> term_key::row_of(byte_span key) const noexcept {
  if (key.size() != bytes_.size() + sizeof(row_id) ||
      std::memcmp(key.data(), bytes_.data(), bytes_.size()) != 0)
    return std::nullopt;
  return decode_row(key.last(sizeof(row_id)));
}

}  // namespace hearth::storage
