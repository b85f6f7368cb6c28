// Core to wire, and how large it gets.
#include <algorithm>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <variant>

#include "ipc/wire.hpp"
#include "ipc/wire_fields.hpp"

namespace hearth::ipc::wire {

namespace {

constexpr std::size_t id_words = 3;
constexpr std::size_t value_words = 3;
constexpr std::size_t entry_words = 2 + value_words;
constexpr std::size_t geo_point_words = 2;

constexpr std::size_t data_words(std::size_t bytes) {
  return (bytes + 7) / 8;
}
template <class Number>
kj::ArrayPtr<const kj::byte> to_data(const Number* from, std::size_t count) {
  return {reinterpret_cast<const kj::byte*>(from), count * sizeof(Number)};
}

bool all_numbers(const std::vector<record_id>& ids) {
  return std::all_of(ids.begin(), ids.end(), [](const auto& id) { return id.is_number(); });
}

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

void write_map(capnp::List<schema::Entry>::Builder to, const value_map& from);

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

std::size_t words_of_map(const value_map& from);

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

template <class Builder>
void write_metadata(Builder to, const std::vector<value_map>& from) {
  if (from.empty())
    return;
  auto list = to.initMetadata(static_cast<kj::uint>(from.size()));
  for (kj::uint i = 0; i < list.size(); ++i)
    if (!from[i].empty())
      write_map(list[i].initEntries(static_cast<kj::uint>(from[i].size())), from[i]);
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

void write_records(schema::Records::Builder to, const record_columns& from) {
  write_ids(to.initIds(), from.ids);
  to.setVersions(to_data(from.versions.data(), from.versions.size()));
  if (!from.vectors.empty() || from.vectors.dimension() != 0) {
    write_matrix(to.initVectors(), from.vectors);
    const auto missing = std::count(from.has_vector.begin(), from.has_vector.end(), false);
    if (missing > 0) {
      auto rows = to.initWithoutVector(static_cast<kj::uint>(missing));
      for (std::uint32_t row = 0, next = 0; row < from.has_vector.size(); ++row)
        if (!from.has_vector[row])
          rows.set(next++, row);
    }
  }
  write_metadata(to, from.metadata);
  if (!from.texts.empty())
    write_texts(to.initTexts(), from.texts);
}

std::size_t words_of_records(const record_columns& from) {
  return words_of_ids(from.ids) + from.versions.size() + words_of_matrix(from.vectors) +
         from.has_vector.size() / 2 + 1 + words_of_metadata(from.metadata) +
         words_of_texts(from.texts);
}

}  // namespace

void write(schema::Error::Builder to, const error& from) {
  to.setCode(static_cast<std::uint16_t>(from.code));
  to.setMessage(to_text(from.message));
  to.setHint(to_text(from.hint));
  to.setRetryAfterMs(from.retry_after_ms);
}

void write(schema::WriteBatch::Builder to, const write_batch& from) {
  to.setKind(static_cast<schema::WriteKind>(from.kind));
  to.setDurability(static_cast<schema::Durability>(from.ack));
  to.setMetadataMode(static_cast<schema::MetadataMode>(from.merge));
  write_ids(to.initIds(), from.ids);
  write_matrix(to.initVectors(), from.vectors);
  write_metadata(to, from.metadata);
  if (!from.texts.empty())
    write_texts(to.initTexts(), from.texts);
}

void write(schema::WriteResult::Builder to, const write_result& from) {
  to.setLsn(from.lsn);
  to.setDurableLsn(from.durable_lsn);
  to.setAffected(from.affected);
  write_ids(to.initAssigned(), from.assigned);
}

void write(schema::SearchQuery::Builder to, const search_query& from) {
  write_matrix(to.initVectors(), from.vectors);
  to.setK(from.k);
  to.setEf(from.ef);
  to.setNprobe(from.nprobe);
  to.setExact(from.exact);
  to.setExplain(from.explain);
  write_fields(to.initFields(), from.fields);
}

void write(schema::SearchResult::Builder to, const search_result& from) {
  to.setOffsets(to_data(from.offsets.data(), from.offsets.size()));
  to.setDistances(to_data(from.distances.data(), from.distances.size()));
  write_records(to.initHits(), from.hits);
  if (from.explanation)
    write(to.initExplanation(), *from.explanation);
}

void write(schema::GetQuery::Builder to, const get_query& from) {
  write_ids(to.initIds(), from.ids);
  write_fields(to.initFields(), from.fields);
}

void write(schema::GetResult::Builder to, const get_result& from) {
  write_records(to.initFound(), from.found);
  write_ids(to.initMissing(), from.missing);
}

void write(schema::ScanQuery::Builder to, const scan_query& from) {
  to.setCursor(to_data(from.cursor.data(), from.cursor.size()));
  to.setLimit(from.limit);
  write_fields(to.initFields(), from.fields);
}

void write(schema::ScanPage::Builder to, const scan_page& from) {
  write_records(to.initRows(), from.rows);
  to.setNext(to_data(from.next.data(), from.next.size()));
}

void write(schema::StoreInfo::Builder to, const store_info& from) {
  to.setPath(to_text(from.path));
  to.setVersion(to_text(from.version));
  to.setPid(from.pid);
  to.setUptimeMs(from.uptime_ms);
  to.setNamespaces(from.namespaces);
  to.setOpenNamespaces(from.open_namespaces);
  to.setSessions(from.sessions);
}

schema::OpenMode to_wire(open_mode mode) {
  return static_cast<schema::OpenMode>(mode);
}

std::size_t words(const error& value) {
  return fixed_words + text_words(value.message) + text_words(value.hint);
}

std::size_t words(const write_batch& value) {
  return fixed_words + words_of_ids(value.ids) + words_of_matrix(value.vectors) +
         words_of_metadata(value.metadata) + words_of_texts(value.texts);
}

std::size_t words(const write_result& value) {
  return fixed_words + words_of_ids(value.assigned);
}

std::size_t words(const search_query& value) {
  return fixed_words + words_of_matrix(value.vectors);
}

std::size_t words(const search_result& value) {
  const std::size_t stages = value.explanation ? value.explanation->stages.size() : 0;
  return fixed_words + 4 * stages + value.offsets.size() +
         data_words(value.distances.size() * sizeof(float)) + words_of_records(value.hits);
}

std::size_t words(const get_query& value) {
  return fixed_words + words_of_ids(value.ids);
}

std::size_t words(const get_result& value) {
  return fixed_words + words_of_records(value.found) + words_of_ids(value.missing);
}

std::size_t words(const scan_query& value) {
  return fixed_words + data_words(value.cursor.size());
}

std::size_t words(const scan_page& value) {
  return fixed_words + words_of_records(value.rows) + data_words(value.next.size());
}

std::size_t words(const store_info& value) {
  return fixed_words + text_words(value.path) + text_words(value.version);
}

}  // namespace hearth::ipc::wire
