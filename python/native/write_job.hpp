#pragma once
// A write of any size, as a series of batches that each keep the daemon's limits.
#include <pybind11/pybind11.h>

#include <cstddef>
#include <optional>
#include <vector>

#include "core/write_batch.hpp"

namespace hearth::python {

namespace py = pybind11;

/// The columns of one write call. next_batch() converts and hands out rows from the front, as many
/// as fit in one batch. A write that fits in one batch stays one batch, and so commits whole.
/// Needs the GIL; belongs to the thread (or coroutine) that makes the call.
class write_job {
 public:
  struct options {
    write_kind kind = write_kind::upsert;
    durability ack = durability::sync;
    metadata_mode merge = metadata_mode::merge;
    bool copy_vectors = false;  ///< the caller may change the array before the call ends
    std::size_t batch_rows = limits::batch_rows;  ///< at most so many rows per batch
    std::optional<filter> where{};  ///< instead of ids: the write is one batch, of one row at most
  };

  /// Columns are None or have one entry per row: ids as ids_from takes them, vectors as a matrix
  /// or one vector, named vectors the same by name, metadata and texts as lists, versions as
  /// numbers. Throws on columns that do not fit together.
  write_job(options settings, py::handle ids, py::handle vectors, const py::dict& named,
            py::object metadata, py::object texts, py::handle versions);

  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  /// Rows handed out so far.
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  /// First row of the batch handed out last.
  [[nodiscard]] std::size_t batch_start() const noexcept { return batch_start_; }

  /// The next rows. Precondition: position() < rows().
  [[nodiscard]] write_batch next_batch();

 private:
  struct row {
    value_map metadata;
    std::optional<std::string> text;
    std::size_t bytes = 0;          // as limits::batch_bytes counts
    std::size_t message_bytes = 0;  // as limits::message_bytes counts, from above
  };

  [[nodiscard]] matrix vectors_from(py::handle column, const std::string& field);
  void set_rows(const std::string& column, std::size_t size);
  [[nodiscard]] row convert_row(std::size_t index) const;
  /// The row held back from the last batch, or else a new one.
  [[nodiscard]] row take_row(std::size_t index);
  void append(write_batch& batch, row converted) const;
  void finish(write_batch& batch, std::size_t end);
  void check_duplicates() const;

  options settings_;
  std::vector<record_id> ids_;
  std::vector<lsn_t> versions_;  // expected; none: whatever they are
  matrix vectors_;
  std::vector<named_vectors> named_;
  py::object metadata_;  // a list, or None
  py::object texts_;     // a list, or None
  bool has_vectors_ = false;
  bool sized_ = false;
  std::size_t rows_ = 0;
  std::size_t vector_bytes_ = 0;  // of one row
  std::size_t position_ = 0;
  std::size_t batch_start_ = 0;
  std::optional<row> held_;  // converted, but did not fit into the last batch
};

/// "sync" or "interval".
[[nodiscard]] durability durability_from(std::string_view name);

void bind_write_job(py::module_& module);

}  // namespace hearth::python
