#include "python/native/write_job.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/duplicate_finder.hpp"
#include "core/format.hpp"
#include "python/native/buffers.hpp"
#include "python/native/errors.hpp"
#include "python/native/queries.hpp"
#include "python/native/values.hpp"

namespace hearth::python {

namespace {

py::object item_of(const py::object& list, std::size_t index) {
  auto* item = PySequence_GetItem(list.ptr(), static_cast<Py_ssize_t>(index));
  if (item == nullptr)
    throw py::error_already_set();
  return py::reinterpret_steal<py::object>(item);
}

std::string at(const char* column, std::size_t index) {
  return std::string(column) + "[" + std::to_string(index) + "]";
}

std::size_t list_size(const py::object& list, const char* column) {
  if (PyList_Check(list.ptr()) == 0)
    throw py::type_error(std::string(column) + " must be a list with one entry per row");
  return static_cast<std::size_t>(PyList_GET_SIZE(list.ptr()));
}

std::size_t id_bytes(const record_id& id) {
  return id.is_number() ? sizeof(std::uint64_t) : id.text().size();
}

// Bytes in a message (schema/record.capnp), from above. They exceed what limits::batch_bytes counts
// by a multiple where metadata has many small values.
constexpr std::size_t word = 8;
constexpr std::size_t value_struct = 3 * word;
constexpr std::size_t entry_struct = 2 * word + value_struct;

std::size_t text_in_message(std::size_t bytes) {
  return bytes / word * word + 2 * word;  // the terminating NUL and padding
}

std::size_t map_in_message(const value_map& items);

std::size_t value_in_message(const value& item) {
  if (const auto* text = item.get_if<std::string>())
    return text_in_message(text->size());
  if (const auto* map = item.get_if<value_map>())
    return map_in_message(*map);
  std::size_t bytes = 0;
  if (const auto* list = item.get_if<value_list>()) {
    bytes += word;
    for (const auto& element : *list)
      bytes += value_struct + value_in_message(element);
  }
  return bytes;
}

std::size_t map_in_message(const value_map& items) {
  std::size_t bytes = 2 * word;
  for (const auto& [key, item] : items)
    bytes += entry_struct + text_in_message(key.size()) + value_in_message(item);
  return bytes;
}

// Room for a message's envelope and the fixed part of the batch.
constexpr std::size_t message_room = limits::message_bytes - std::size_t{64} * 1024;

}  // namespace

write_job::write_job(options settings, py::handle ids, py::handle vectors, const py::dict& named,
                     py::object metadata, py::object texts, py::handle versions)
    : settings_(std::move(settings)), metadata_(std::move(metadata)), texts_(std::move(texts)) {
  release_returned_buffers();
  settings_.batch_rows = std::clamp(settings_.batch_rows, std::size_t{1}, limits::batch_rows);
  if (!ids.is_none()) {
    ids_ = ids_from(ids);
    set_rows("ids", ids_.size());
  }
  if (!vectors.is_none()) {
    vectors_ = vectors_from(vectors, "vectors");
    has_vectors_ = true;
  }
  for (const auto& [key, column] : named) {
    auto name = utf8_of(key, "named_vectors");
    auto field = "named_vectors['" + printable(name) + "']";
    named_.push_back({std::move(name), vectors_from(column, field)});
  }
  if (!metadata_.is_none())
    set_rows("metadata", list_size(metadata_, "metadata"));
  if (!texts_.is_none())
    set_rows("texts", list_size(texts_, "texts"));
  if (!versions.is_none()) {
    for (const auto& version : ids_from(versions)) {
      if (!version.is_number())
        throw py::type_error("versions must be integers");
      versions_.push_back(version.number());
    }
    set_rows("versions", versions_.size());
  }
  if (settings_.where && !sized_)
    set_rows("where", 1);
  if (!sized_)
    throw native_error(errc::invalid_argument, "the write has no columns",
                       "give at least one of ids, vectors, metadata and texts");
}

matrix write_job::vectors_from(py::handle column, const std::string& field) {
  const auto owner = settings_.copy_vectors ? ownership::copy : ownership::borrow;
  auto vectors = matrix_from(column, field.c_str(), shape_rule::row_or_matrix, owner);
  set_rows(field, vectors.rows());
  vector_bytes_ += vectors.dimension() * sizeof(float);
  return vectors;
}

void write_job::set_rows(const std::string& column, std::size_t size) {
  if (sized_ && size != rows_)
    throw native_error(errc::invalid_argument,
                       column + " has " + std::to_string(size) + " rows; the other columns have " +
                           std::to_string(rows_),
                       "give one entry per row, or leave the column out");
  rows_ = size;
  sized_ = true;
}

write_job::row write_job::convert_row(std::size_t index) const {
  row converted;
  if (!ids_.empty()) {
    converted.bytes += id_bytes(ids_[index]);
    converted.message_bytes += value_struct + text_in_message(id_bytes(ids_[index]));
  }
  converted.bytes += vector_bytes_;
  converted.message_bytes += vector_bytes_;
  if (!metadata_.is_none()) {
    const auto item = item_of(metadata_, index);
    if (item.is_none() && settings_.merge == metadata_mode::replace)
      throw native_error(errc::invalid_argument,
                         at("metadata", index) + " is None, which would erase the metadata",
                         "pass {} to erase it, or mode='merge' to keep it");
    converted.metadata = metadata_from(item, at("metadata", index));
    converted.bytes += metadata_size(converted.metadata);
    converted.message_bytes += map_in_message(converted.metadata);
  }
  if (!texts_.is_none()) {
    converted.text = text_from(item_of(texts_, index), at("texts", index));
    const auto size = converted.text ? converted.text->size() : 0;
    converted.bytes += size;
    converted.message_bytes += word + text_in_message(size);
  }
  return converted;
}

void write_job::append(write_batch& batch, row converted) const {
  if (!metadata_.is_none())
    batch.metadata.push_back(std::move(converted.metadata));
  if (!texts_.is_none())
    batch.texts.push_back(std::move(converted.text));
}

void write_job::finish(write_batch& batch, std::size_t end) {
  if (!ids_.empty()) {
    // The first batch of several is sent: from here on the others' ids cannot be refused any more.
    if (position_ == 0 && end < rows_)
      check_duplicates();
    const auto first = ids_.begin() + static_cast<std::ptrdiff_t>(position_);
    const auto last = ids_.begin() + static_cast<std::ptrdiff_t>(end);
    batch.ids.assign(std::make_move_iterator(first), std::make_move_iterator(last));
  }
  // Shares the ownership of the whole column, sees only these rows.
  const auto part_of = [&](const matrix& column) {
    const auto* data = column.view().data() + position_ * column.dimension();
    return matrix(std::shared_ptr<const float[]>(column.data(), data), end - position_,
                  column.dimension());
  };
  if (has_vectors_)
    batch.vectors = part_of(vectors_);
  for (const auto& [name, column] : named_)
    batch.named.push_back({name, part_of(column)});
  if (!versions_.empty())
    batch.expected.assign(versions_.begin() + static_cast<std::ptrdiff_t>(position_),
                          versions_.begin() + static_cast<std::ptrdiff_t>(end));
  batch.where = settings_.where;
  batch_start_ = position_;
  position_ = end;
}

void write_job::check_duplicates() const {
  const auto twice = find_duplicate(ids_);
  if (twice)
    throw native_error(errc::invalid_argument,
                       "id " + to_string(ids_[twice->first]) + " appears twice (rows " +
                           std::to_string(twice->first) + " and " + std::to_string(twice->second) +
                           ")",
                       "a write names each record once");
}

write_job::row write_job::take_row(std::size_t index) {
  if (!held_)
    return convert_row(index);
  auto held = std::move(*held_);
  held_.reset();
  return held;
}

write_batch write_job::next_batch() {
  write_batch batch;
  batch.kind = settings_.kind;
  batch.ack = settings_.ack;
  batch.merge = settings_.merge;
  const auto last = std::min(rows_, position_ + settings_.batch_rows);
  std::size_t bytes = 0;
  std::size_t message_bytes = 0;
  auto end = position_;
  for (; end < last; ++end) {
    auto converted = take_row(end);
    // A row that is too large alone goes out alone, so that the daemon's check names the limit.
    const bool fits = bytes + converted.bytes <= limits::batch_bytes &&
                      message_bytes + converted.message_bytes <= message_room;
    if (end > position_ && !fits) {
      held_ = std::move(converted);
      break;
    }
    bytes += converted.bytes;
    message_bytes += converted.message_bytes;
    append(batch, std::move(converted));
  }
  finish(batch, end);
  return batch;
}

namespace {

template <class Enum>
struct choice {
  std::string_view name;
  Enum value;
};

template <class Enum, std::size_t N>
Enum choose(const char* field, std::string_view name, const choice<Enum> (&choices)[N]) {
  std::string names;
  for (const auto& [known, value] : choices) {
    if (name == known)
      return value;
    names.append(names.empty() ? "" : ", ").append(known);
  }
  throw native_error(errc::invalid_argument, std::string(field) + " is '" + std::string(name) + "'",
                     "one of: " + names);
}

constexpr choice<write_kind> kinds[] = {{"add", write_kind::add},
                                        {"upsert", write_kind::upsert},
                                        {"update", write_kind::update},
                                        {"delete", write_kind::erase}};
constexpr choice<durability> durabilities[] = {{"sync", durability::sync},
                                               {"interval", durability::interval}};
constexpr choice<metadata_mode> metadata_modes[] = {{"merge", metadata_mode::merge},
                                                    {"replace", metadata_mode::replace}};

write_job make_write_job(std::string_view kind, const py::object& ids, const py::object& vectors,
                         const py::dict& named, py::object metadata, py::object texts,
                         std::string_view ack, std::string_view merge, bool copy_vectors,
                         std::optional<std::size_t> batch_rows, const py::object& versions,
                         const py::object& where) {
  write_job::options settings;
  settings.kind = choose("kind", kind, kinds);
  settings.ack = durability_from(ack);
  settings.merge = choose("mode", merge, metadata_modes);
  settings.copy_vectors = copy_vectors;
  settings.batch_rows = batch_rows.value_or(limits::batch_rows);
  settings.where = where_from(where);
  return {std::move(settings), ids,     vectors, named, std::move(metadata),
          std::move(texts),    versions};
}

}  // namespace

durability durability_from(std::string_view name) {
  return choose("durability", name, durabilities);
}

void bind_write_job(py::module_& module) {
  py::class_<write_job>(module, "WriteJob", "The columns of one write call.")
      .def(py::init(&make_write_job), py::arg("kind"), py::arg("ids"), py::arg("vectors"),
           py::arg("named_vectors"), py::arg("metadata"), py::arg("texts"), py::arg("durability"),
           py::arg("mode"), py::arg("copy_vectors"), py::arg("batch_rows"), py::arg("versions"),
           py::arg("where"))
      .def_property_readonly("rows", &write_job::rows)
      .def_property_readonly("position", &write_job::position)
      .def_property_readonly("batch_start", &write_job::batch_start);
}

}  // namespace hearth::python
