// Columns of records, core to wire.
#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <variant>

#include "ipc/wire_columns.hpp"
#include "ipc/wire_fields.hpp"

namespace hearth::ipc::wire {

namespace {

constexpr std::size_t id_words = 3;
constexpr std::size_t entry_words = 2 + value_words;
constexpr std::size_t geo_point_words = 2;

bool all_numbers(const std::vector<record_id>& ids) {
  return std::all_of(ids.begin(), ids.end(), [](const auto& id) { return id.is_number(); });
}

}  // namespace

void write_ids(schema::IdColumn::Builder to, const std::vector<record_id>& from) {
  const auto count = static_cast<kj::uint>(from.size());
  if (all_numbers(from)) {
    auto* numbers = reinterpret_cast<std::uint64_t*>(
        to.initNumbers(static_cast<kj::uint>(from.size() * sizeof(std::uint64_t))).begin());
    for (const auto& id : from)
      *numbers++ = id.number();
    return;
  }
  auto list = to.initMixed(count);
  for (kj::uint i = 0; i < count; ++i) {
    if (from[i].is_number())
      list[i].setNumber(from[i].number());
    else
      list[i].setText(to_text(from[i].text()));
  }
}

std::size_t words_of_ids(const std::vector<record_id>& ids) {
  if (all_numbers(ids))
    return ids.size();
  std::size_t total = 1 + ids.size() * id_words;
  for (const auto& id : ids)
    if (!id.is_number())
      total += text_words(id.text());
  return total;
}

void write_matrix(schema::Matrix::Builder to, const matrix& from) {
  to.setRows(static_cast<std::uint32_t>(from.rows()));
  to.setDimension(from.dimension());
  const auto values = from.view().values();
  to.setValues(to_data(values.data(), values.size()));
}

std::size_t words_of_matrix(const matrix& from) {
  return data_words(from.view().values().size_bytes());
}

static void write_map(capnp::List<schema::Entry>::Builder to, const value_map& from);

void write_value(schema::Value::Builder to, const value& from) {
  std::visit(
      [&to](const auto& item) {
        using type = std::decay_t<decltype(item)>;
        if constexpr (std::is_same_v<type, std::monostate>) {
          to.setNull();
        } else if constexpr (std::is_same_v<type, bool>) {
          to.setBool(item);
        } else if constexpr (std::is_same_v<type, std::int64_t>) {
          to.setInt64(item);
        } else if constexpr (std::is_same_v<type, double>) {
          to.setFloat64(item);
        } else if constexpr (std::is_same_v<type, std::string>) {
          to.setText(to_text(item));
        } else if constexpr (std::is_same_v<type, value_list>) {
          auto list = to.initList(static_cast<kj::uint>(item.size()));
          for (kj::uint i = 0; i < list.size(); ++i)
            write_value(list[i], item[i]);
        } else if constexpr (std::is_same_v<type, timestamp>) {
          to.setTimestamp(item.microseconds);
        } else if constexpr (std::is_same_v<type, geo_point>) {
          auto point = to.initGeoPoint();
          point.setLat(item.lat);
          point.setLon(item.lon);
        } else {
          write_map(to.initMap(static_cast<kj::uint>(item.size())), item);
        }
      },
      from.data());
}

void write_map(capnp::List<schema::Entry>::Builder to, const value_map& from) {
  kj::uint i = 0;
  for (const auto& [key, item] : from) {
    auto entry = to[i++];
    entry.setKey(to_text(key));
    write_value(entry.initValue(), item);
  }
}

static std::size_t words_of_map(const value_map& from);

std::size_t words_of_value(const value& from) {
  if (const auto* text = from.get_if<std::string>())
    return text_words(*text);
  if (const auto* list = from.get_if<value_list>()) {
    std::size_t total = 1;
    for (const auto& item : *list)
      total += value_words + words_of_value(item);
    return total;
  }
  if (const auto* map = from.get_if<value_map>())
    return words_of_map(*map);
  return from.get_if<geo_point>() != nullptr ? geo_point_words : 0;
}

std::size_t words_of_map(const value_map& from) {
  std::size_t total = 1;
  for (const auto& [key, item] : from)
    total += entry_words + text_words(key) + words_of_value(item);
  return total;
}

void write_metadata(capnp::List<schema::Metadata>::Builder to, const std::vector<value_map>& from) {
  for (kj::uint i = 0; i < to.size(); ++i)
    if (!from[i].empty())
      write_map(to[i].initEntries(static_cast<kj::uint>(from[i].size())), from[i]);
}

std::size_t words_of_metadata(const std::vector<value_map>& from) {
  std::size_t total = 1 + from.size();
  for (const auto& row : from)
    total += words_of_map(row);
  return total;
}

void write_texts(schema::TextColumn::Builder to,
                 const std::vector<std::optional<std::string>>& from) {
  auto values = to.initValues(static_cast<kj::uint>(from.size()));
  kj::uint missing = 0;
  for (kj::uint i = 0; i < values.size(); ++i) {
    if (from[i].has_value())
      values.set(i, to_text(*from[i]));
    else
      ++missing;
  }
  auto absent = to.initAbsent(missing);
  for (kj::uint i = 0, next = 0; i < values.size(); ++i)
    if (!from[i].has_value())
      absent.set(next++, i);
}

std::size_t words_of_texts(const std::vector<std::optional<std::string>>& from) {
  std::size_t total = from.size() * 2;
  for (const auto& text : from)
    if (text.has_value())
      total += text_words(*text);
  return total;
}

void write_fields(schema::Fields::Builder to, const field_set& from) {
  to.setVectors(from.vectors);
  to.setMetadata(from.metadata);
  to.setTexts(from.texts);
}

// `to` is a Records or a NamedVectors.
template <class Builder>
static void write_missing(Builder to, const std::vector<bool>& there) {
  const auto missing = std::count(there.begin(), there.end(), false);
  if (missing == 0)
    return;
  auto rows = to.initWithoutVector(static_cast<kj::uint>(missing));
  for (std::uint32_t row = 0, next = 0; row < there.size(); ++row)
    if (!there[row])
      rows.set(next++, row);
}

void write_named(capnp::List<schema::NamedVectors>::Builder to,
                 const std::vector<vector_column>& from) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    to[i].setName(to_text(from[i].name));
    write_matrix(to[i].initVectors(), from[i].vectors);
    write_missing(to[i], from[i].has_vector);
  }
}

std::size_t words_of_named(const std::vector<vector_column>& from) {
  std::size_t total = 1;
  for (const auto& column : from)
    total += 8 + text_words(column.name) + words_of_matrix(column.vectors) +
             column.has_vector.size() / 2;
  return total;
}

void write_records(schema::Records::Builder to, const record_columns& from) {
  write_ids(to.initIds(), from.ids);
  to.setVersions(to_data(from.versions.data(), from.versions.size()));
  if (!from.vectors.empty() || from.vectors.dimension() != 0) {
    write_matrix(to.initVectors(), from.vectors);
    write_missing(to, from.has_vector);
  }
  if (!from.named.empty())
    write_named(to.initNamed(static_cast<kj::uint>(from.named.size())), from.named);
  if (!from.metadata.empty())
    write_metadata(to.initMetadata(static_cast<kj::uint>(from.metadata.size())), from.metadata);
  if (!from.texts.empty())
    write_texts(to.initTexts(), from.texts);
}

std::size_t words_of_records(const record_columns& from) {
  return words_of_ids(from.ids) + from.versions.size() + words_of_matrix(from.vectors) +
         from.has_vector.size() / 2 + 1 + words_of_named(from.named) +
         words_of_metadata(from.metadata) + words_of_texts(from.texts);
}

void write_strings(capnp::List<capnp::Text>::Builder to, const std::vector<std::string>& from) {
  for (kj::uint i = 0; i < to.size(); ++i)
    to.set(i, to_text(from[i]));
}

void write_weights(capnp::List<schema::FieldWeight>::Builder to,
                   const std::vector<field_weight>& from) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    to[i].setField(to_text(from[i].field));
    to[i].setWeight(from[i].weight);
  }
}

std::size_t words_of_strings(const std::vector<std::string>& from) {
  std::size_t total = 1;
  for (const auto& text : from)
    total += 1 + text_words(text);
  return total;
}

std::size_t words_of_weights(const std::vector<field_weight>& from) {
  std::size_t total = 1;
  for (const auto& each : from)
    total += 2 + text_words(each.field);
  return total;
}

}  // namespace hearth::ipc::wire
