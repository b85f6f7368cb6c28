// Columns of records, wire to core. Everything here may come from a hostile peer.
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "ipc/wire_columns.hpp"
#include "ipc/wire_fields.hpp"

namespace hearth::ipc::wire {

namespace {

// What one message may become in memory. Its lists cost up to ten times their wire size there, and
// no legitimate message of limits::message_bytes comes near this.
constexpr std::size_t decoded_bytes_limit = std::size_t{512} << 20;

result<record_id> read_id(schema::Id::Reader from, std::string_view field, std::size_t row) {
  switch (from.which()) {
  case schema::Id::NUMBER:
    return record_id(from.getNumber());
  case schema::Id::TEXT: {
    const auto text = from.getText();
    if (text.size() > limits::id_bytes)
      return over_limit(core::format("{}[{}]", field, row), text.size(), limits::id_bytes, "bytes");
    return record_id(text_of(text));
  }
  }
  return bad_enum(core::format("the kind of {}[{}]", field, row), from.which());
}

result<std::vector<bool>> read_presence(capnp::List<std::uint32_t>::Reader without,
                                        std::size_t rows) {
  std::vector<bool> there(rows, true);
  for (const std::uint32_t row : without) {
    if (row >= rows)
      return fail(errc::invalid_argument,
                  core::format("withoutVector names row {} of {}", row, rows));
    there[row] = false;
  }
  return there;
}

/// Reads metadata of all rows of one message, within one budget of memory.
class metadata_reader {
 public:
  result<std::vector<value_map>> read(capnp::List<schema::Metadata>::Reader from,
                                      std::string_view field, std::size_t limit) {
    if (from.size() > limit)
      return over_limit(field, from.size(), limit, "rows");
    std::vector<value_map> rows;
    HEARTH_CHECK(charge(from.size() * sizeof(value_map)));
    rows.reserve(from.size());
    for (const auto row : from) {
      field_ = field;
      row_ = rows.size();
      record_bytes_ = 0;
      HEARTH_TRY(auto map, read_map(row.getEntries(), 1));
      rows.push_back(std::move(map));
    }
    return rows;
  }

  result<std::vector<value>> read_column(capnp::List<schema::Value>::Reader from,
                                         std::string_view field, std::size_t limit) {
    if (from.size() > limit)
      return over_limit(field, from.size(), limit, "rows");
    HEARTH_CHECK(charge(from.size() * sizeof(value)));
    std::vector<value> column;
    column.reserve(from.size());
    for (const auto item : from) {
      field_ = field;
      row_ = column.size();
      record_bytes_ = 0;
      HEARTH_TRY(auto one, read_value(item, 1));
      column.push_back(std::move(one));
    }
    return column;
  }

 private:
  result<value_map> read_map(capnp::List<schema::Entry>::Reader from, std::size_t depth) {
    HEARTH_CHECK(enter(from.size(), sizeof(value_map::value_type) + 4 * sizeof(void*), depth));
    value_map map;
    for (const auto entry : from) {
      const auto key = entry.getKey();
      HEARTH_CHECK(count(key.size()));
      HEARTH_TRY(auto item, read_value(entry.getValue(), depth));
      if (!map.try_emplace(text_of(key), std::move(item)).second)
        return fail(errc::invalid_argument,
                    core::format("{}[{}] has the key \"{}\" twice", field_, row_, text_of(key)));
    }
    return map;
  }

  result<value_list> read_list(capnp::List<schema::Value>::Reader from, std::size_t depth) {
    HEARTH_CHECK(enter(from.size(), sizeof(value), depth));
    value_list list;
    list.reserve(from.size());
    for (const auto item : from) {
      HEARTH_TRY(auto one, read_value(item, depth));
      list.push_back(std::move(one));
    }
    return list;
  }

  result<value> read_value(schema::Value::Reader from, std::size_t depth) {
    switch (from.which()) {
    case schema::Value::NULL_:
      return value();
    case schema::Value::BOOL:
      return value(from.getBool());
    case schema::Value::INT64:
      return value(std::int64_t{from.getInt64()});
    case schema::Value::FLOAT64:
      return value(from.getFloat64());
    case schema::Value::TEXT: {
      const auto text = from.getText();
      HEARTH_CHECK(count(text.size()));
      return value(text_of(text));
    }
    case schema::Value::LIST: {
      HEARTH_TRY(auto list, read_list(from.getList(), depth + 1));
      return value(std::move(list));
    }
    case schema::Value::MAP: {
      HEARTH_TRY(auto map, read_map(from.getMap(), depth + 1));
      return value(std::move(map));
    }
    case schema::Value::TIMESTAMP:
      return value(timestamp{from.getTimestamp()});
    case schema::Value::GEO_POINT: {
      const auto point = from.getGeoPoint();
      return value(geo_point{point.getLat(), point.getLon()});
    }
    }
    return bad_enum(core::format("the kind of a value in {}[{}]", field_, row_), from.which());
  }

  // Before a list or map of `items` is read: depth and memory.
  result<void> enter(std::size_t items, std::size_t item_bytes, std::size_t depth) {
    if (depth > limits::metadata_depth)
      return fail(errc::limit_exceeded, core::format("{}[{}] is nested more than {} levels deep",
                                                     field_, row_, limits::metadata_depth));
    HEARTH_CHECK(count(items));  // at least a byte each when encoded
    return charge(items * item_bytes);
  }

  result<void> count(std::size_t bytes) {
    record_bytes_ += bytes;
    if (record_bytes_ > limits::metadata_bytes)
      return over_limit(core::format("{}[{}]", field_, row_), record_bytes_, limits::metadata_bytes,
                        "bytes");
    return charge(bytes);
  }

  result<void> charge(std::size_t bytes) {
    decoded_bytes_ += bytes;
    if (decoded_bytes_ > decoded_bytes_limit)
      return over_limit("metadata", decoded_bytes_, decoded_bytes_limit, "bytes in memory");
    return {};
  }

  std::string_view field_;
  std::size_t row_ = 0;
  std::size_t record_bytes_ = 0;
  std::size_t decoded_bytes_ = 0;
};

}  // namespace

result<std::vector<record_id>> read_ids(schema::IdColumn::Reader from, std::string_view field,
                                        std::size_t limit) {
  std::vector<record_id> ids;
  switch (from.which()) {
  case schema::IdColumn::NUMBERS: {
    const auto data = from.getNumbers();
    if (data.size() / sizeof(std::uint64_t) > limit)
      return over_limit(field, data.size() / sizeof(std::uint64_t), limit, "rows");
    HEARTH_TRY(const auto numbers, read_numbers<std::uint64_t>(data, field));
    ids.assign(numbers.begin(), numbers.end());
    return ids;
  }
  case schema::IdColumn::MIXED: {
    const auto list = from.getMixed();
    if (list.size() > limit)
      return over_limit(field, list.size(), limit, "rows");
    ids.reserve(list.size());
    for (const auto id : list) {
      HEARTH_TRY(auto one, read_id(id, field, ids.size()));
      ids.push_back(std::move(one));
    }
    return ids;
  }
  }
  return bad_enum(core::format("the kind of {}", field), from.which());
}

result<matrix> read_matrix(schema::Matrix::Reader from, std::string_view field, bool may_be_flat) {
  const std::uint64_t rows = from.getRows();
  const std::uint32_t dimension = from.getDimension();
  if (dimension > limits::dimension)
    return over_limit(core::format("{}.dimension", field), dimension, limits::dimension, "values");
  if (rows > 0 && dimension == 0 && !may_be_flat)
    return fail(errc::invalid_argument,
                core::format("{}.dimension is 0, but there are {} rows", field, rows));
  const auto values = from.getValues();
  const std::uint64_t bytes = rows * dimension * sizeof(float);
  if (values.size() != bytes)
    return fail(errc::invalid_argument,
                core::format("{}.values has {} bytes; {} rows of dimension {} take {}", field,
                             values.size(), rows, dimension, bytes));
  if (rows == 0)
    return matrix(nullptr, 0, dimension);
  auto copy = std::make_shared_for_overwrite<float[]>(rows * dimension);
  std::memcpy(copy.get(), values.begin(), bytes);
  return matrix(std::move(copy), rows, dimension);
}

result<std::vector<vector_column>> read_named(capnp::List<schema::NamedVectors>::Reader from,
                                              std::size_t limit) {
  if (from.size() > limits::named_vectors)
    return over_limit("named", from.size(), limits::named_vectors, "columns");
  std::vector<vector_column> columns;
  for (const auto each : from) {
    auto& column = columns.emplace_back();
    HEARTH_TRY(column.name, read_text(each.getName(), "named", limits::namespace_name_bytes));
    if (each.getVectors().getRows() > limit)
      return over_limit("named", each.getVectors().getRows(), limit, "rows");
    HEARTH_TRY(column.vectors, read_matrix(each.getVectors(), "named"));
    HEARTH_TRY(column.has_vector, read_presence(each.getWithoutVector(), column.vectors.rows()));
  }
  return columns;
}

result<std::vector<value>> read_values(capnp::List<schema::Value>::Reader from,
                                       std::string_view field, std::size_t limit) {
  return metadata_reader().read_column(from, field, limit);
}

result<std::vector<value_map>> read_metadata(capnp::List<schema::Metadata>::Reader from,
                                             std::string_view field, std::size_t limit) {
  return metadata_reader().read(from, field, limit);
}

result<std::vector<std::optional<std::string>>>
read_texts(schema::TextColumn::Reader from, std::string_view field, std::size_t limit) {
  const auto values = from.getValues();
  if (values.size() > limit)
    return over_limit(field, values.size(), limit, "rows");
  std::vector<std::optional<std::string>> texts;
  texts.reserve(values.size());
  for (const auto text : values) {
    if (text.size() > limits::text_bytes)
      return over_limit(core::format("{}[{}]", field, texts.size()), text.size(),
                        limits::text_bytes, "bytes");
    texts.emplace_back(text_of(text));
  }
  for (const std::uint32_t row : from.getAbsent()) {
    if (row >= texts.size())
      return fail(errc::invalid_argument,
                  core::format("{}.absent names row {} of {}", field, row, texts.size()));
    texts[row].reset();
  }
  return texts;
}

result<record_columns> read_records(schema::Records::Reader from) {
  record_columns to;
  HEARTH_TRY(to.ids, read_ids(from.getIds(), "ids", limits::search_results));
  HEARTH_TRY(to.versions, read_numbers<lsn_t>(from.getVersions(), "versions"));
  HEARTH_TRY(to.vectors, read_matrix(from.getVectors(), "vectors", true));
  HEARTH_TRY(to.metadata, read_metadata(from.getMetadata(), "metadata", limits::search_results));
  HEARTH_TRY(to.texts, read_texts(from.getTexts(), "texts", limits::search_results));
  HEARTH_CHECK(same_length("versions", to.versions.size(), to.size(), false));
  HEARTH_CHECK(same_length("vectors", to.vectors.rows(), to.size(), true));
  HEARTH_CHECK(same_length("metadata", to.metadata.size(), to.size(), true));
  HEARTH_CHECK(same_length("texts", to.texts.size(), to.size(), true));
  HEARTH_TRY(to.has_vector, read_presence(from.getWithoutVector(), to.vectors.rows()));
  HEARTH_TRY(to.named, read_named(from.getNamed(), limits::search_results));
  for (const auto& column : to.named)
    HEARTH_CHECK(same_length("named", column.vectors.rows(), to.size(), false));
  return to;
}

result<std::vector<std::string>> read_strings(capnp::List<capnp::Text>::Reader from,
                                              std::string_view field, std::size_t limit,
                                              std::size_t most_bytes) {
  if (from.size() > limit)
    return over_limit(field, from.size(), limit, "entries");
  std::vector<std::string> texts;
  texts.reserve(from.size());
  for (const auto text : from) {
    HEARTH_TRY(auto one, read_text(text, field, most_bytes));
    texts.push_back(std::move(one));
  }
  return texts;
}

result<std::vector<field_weight>> read_weights(capnp::List<schema::FieldWeight>::Reader from,
                                               std::string_view field) {
  if (from.size() > limits::field_rules)
    return over_limit(field, from.size(), limits::field_rules, "entries");
  std::vector<field_weight> fields;
  for (const auto each : from) {
    HEARTH_TRY(auto name, read_text(each.getField(), field, limits::field_path_bytes));
    fields.push_back({std::move(name), each.getWeight()});
  }
  return fields;
}

}  // namespace hearth::ipc::wire
