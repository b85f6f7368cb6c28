#pragma once
// The columns that messages are made of, between wire and core. As in wire.hpp, readers distrust
// what they read; `field` names it in messages.
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/field_rules.hpp"
#include "core/filter/filter_text.hpp"
#include "core/key_value.hpp"
#include "core/limits.hpp"
#include "core/queue.hpp"
#include "core/record.hpp"
#include "ipc/schema.hpp"
#include "ipc/wire_fields.hpp"

namespace hearth::ipc::wire {

/// Words of a value apart from what its pointers lead to.
inline constexpr std::size_t value_words = 3;

constexpr std::size_t data_words(std::size_t bytes) {
  return (bytes + 7) / 8;
}
template <class Number>
kj::ArrayPtr<const kj::byte> to_data(const Number* from, std::size_t count) {
  return {reinterpret_cast<const kj::byte*>(from), count * sizeof(Number)};
}
template <class Number>
kj::ArrayPtr<const kj::byte> to_data(const std::vector<Number>& from) {
  return to_data(from.data(), from.size());
}

template <class Number>
result<std::vector<Number>> read_numbers(capnp::Data::Reader from, std::string_view field) {
  if (from.size() % sizeof(Number) != 0)
    return fail(errc::invalid_argument,
                core::format("{} has {} bytes, which is not a multiple of {}", field, from.size(),
                             sizeof(Number)));
  std::vector<Number> numbers(from.size() / sizeof(Number));
  if (!numbers.empty())
    std::memcpy(numbers.data(), from.begin(), from.size());
  return numbers;
}

inline result<void> same_length(std::string_view field, std::size_t length, std::size_t rows,
                                bool may_be_empty) {
  if (length == rows || (may_be_empty && length == 0))
    return {};
  return fail(errc::invalid_argument,
              core::format("{} has {} entries for {} records", field, length, rows));
}

/// A filter in its text form; none if it is empty.
inline result<std::optional<filter>> read_filter(capnp::Text::Reader from) {
  if (from.size() == 0)
    return std::nullopt;
  if (from.size() > limits::filter_text_bytes)
    return over_limit("where", from.size(), limits::filter_text_bytes, "bytes");
  return parse_filter({from.begin(), from.size()});
}

inline field_set read_fields(schema::Fields::Reader from) {
  return {.vectors = from.getVectors(), .metadata = from.getMetadata(), .texts = from.getTexts()};
}

[[nodiscard]] result<std::vector<record_id>> read_ids(schema::IdColumn::Reader from,
                                                      std::string_view field, std::size_t limit);
inline kj::ArrayPtr<const kj::byte> bytes_of(const std::string& from) {
  return to_data(from.data(), from.size());
}

inline result<std::string> read_bytes(capnp::Data::Reader from, std::string_view field,
                                      std::size_t limit) {
  if (from.size() > limit)
    return over_limit(field, from.size(), limit, "bytes");
  return std::string(from.asChars().begin(), from.size());
}

/// `may_be_flat`: rows of dimension 0 are what the records of a namespace without a dimension have;
/// whoever allows them bounds their number.
[[nodiscard]] result<matrix> read_matrix(schema::Matrix::Reader from, std::string_view field,
                                         bool may_be_flat = false);
/// At most limits::named_vectors columns of at most `limit` rows.
[[nodiscard]] result<std::vector<vector_column>>
read_named(capnp::List<schema::NamedVectors>::Reader from, std::size_t limit);
[[nodiscard]] result<std::vector<value>> read_values(capnp::List<schema::Value>::Reader from,
                                                     std::string_view field, std::size_t limit);
[[nodiscard]] result<std::vector<value_map>>
read_metadata(capnp::List<schema::Metadata>::Reader from, std::string_view field,
              std::size_t limit);
[[nodiscard]] result<std::vector<std::optional<std::string>>>
read_texts(schema::TextColumn::Reader from, std::string_view field, std::size_t limit);
[[nodiscard]] result<record_columns> read_records(schema::Records::Reader from);
[[nodiscard]] result<std::vector<std::string>> read_strings(capnp::List<capnp::Text>::Reader from,
                                                            std::string_view field,
                                                            std::size_t limit,
                                                            std::size_t most_bytes);
[[nodiscard]] result<std::vector<field_weight>>
read_weights(capnp::List<schema::FieldWeight>::Reader from, std::string_view field);

[[nodiscard]] result<std::vector<key_write>>
read_key_writes(capnp::List<schema::KeyWrite>::Reader from);
[[nodiscard]] result<std::vector<queue_write>>
read_queue_writes(capnp::List<schema::QueueWrite>::Reader from);
[[nodiscard]] result<std::vector<queue_reply>>
read_queue_replies(capnp::List<schema::QueueReply>::Reader from);

void write_ids(schema::IdColumn::Builder to, const std::vector<record_id>& from);
void write_matrix(schema::Matrix::Builder to, const matrix& from);
/// `to` is a list of as many entries.
void write_named(capnp::List<schema::NamedVectors>::Builder to,
                 const std::vector<vector_column>& from);
void write_value(schema::Value::Builder to, const value& from);
/// `to` is a list of as many entries.
void write_metadata(capnp::List<schema::Metadata>::Builder to, const std::vector<value_map>& from);
void write_texts(schema::TextColumn::Builder to,
                 const std::vector<std::optional<std::string>>& from);
void write_fields(schema::Fields::Builder to, const field_set& from);
void write_records(schema::Records::Builder to, const record_columns& from);
/// `to` is a list of as many entries.
void write_strings(capnp::List<capnp::Text>::Builder to, const std::vector<std::string>& from);
/// `to` is a list of as many entries.
void write_key_writes(capnp::List<schema::KeyWrite>::Builder to,
                      const std::vector<key_write>& from);
/// `to` is a list of as many entries.
void write_queue_writes(capnp::List<schema::QueueWrite>::Builder to,
                        const std::vector<queue_write>& from);
/// `to` is a list of as many entries.
void write_queue_replies(capnp::List<schema::QueueReply>::Builder to,
                         const std::vector<queue_reply>& from);
void write_weights(capnp::List<schema::FieldWeight>::Builder to,
                   const std::vector<field_weight>& from);

[[nodiscard]] std::size_t words_of_ids(const std::vector<record_id>& ids);
[[nodiscard]] std::size_t words_of_matrix(const matrix& from);
[[nodiscard]] std::size_t words_of_named(const std::vector<vector_column>& from);
[[nodiscard]] std::size_t words_of_value(const value& from);
[[nodiscard]] std::size_t words_of_metadata(const std::vector<value_map>& from);
[[nodiscard]] std::size_t words_of_texts(const std::vector<std::optional<std::string>>& from);
[[nodiscard]] std::size_t words_of_records(const record_columns& from);
[[nodiscard]] std::size_t words_of_strings(const std::vector<std::string>& from);
[[nodiscard]] std::size_t words_of_key_writes(const std::vector<key_write>& from);
[[nodiscard]] std::size_t words_of_queue_writes(const std::vector<queue_write>& from);
[[nodiscard]] std::size_t words_of_queue_replies(const std::vector<queue_reply>& from);
[[nodiscard]] std::size_t words_of_weights(const std::vector<field_weight>& from);

}  // namespace hearth::ipc::wire
