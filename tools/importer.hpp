#pragma once
// Writes a row source into a namespace, batch by batch.
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/database.hpp"
#include "tools/row_source.hpp"

namespace hearth::tools {

struct import_options {
  std::size_t batch_rows = 2'000;
  std::size_t batch_bytes = std::size_t{16} << 20;
  durability ack = durability::sync;
  bool embed = false;      ///< make vectors from texts where rows have none (lexical)
  std::uint64_t skip = 0;  ///< rows at the start of the source that are passed over
  /// How long a batch that is answered with `busy` is tried again.
  std::chrono::milliseconds patience{60'000};
};

struct import_report {
  std::uint64_t rows = 0;  ///< written, skipped ones not counted
  std::uint64_t batches = 0;
  std::uint64_t without_vector = 0;
  lsn_t lsn = 0;
};

/// Opens the namespace once the first row is known: `dimension` is that of its vector, or 0.
using open_target =
    std::function<result<std::shared_ptr<namespace_handle>>(std::uint32_t dimension)>;

/// Reads `source` to its end. While one batch is being committed the next one is read. Answers when
/// everything is on disk. An error names the row; its hint says how to go on (`--skip N`) from the
/// first row that is not on disk. With durability::interval `open` must answer a namespace that
/// does not reconnect: another daemon does not know what the lost one had only acknowledged.
/// `progress` is called after each row that completes a batch.
[[nodiscard]] result<import_report> import_rows(row_source& source, const open_target& open,
                                                const import_options& options,
                                                const std::function<void(std::uint64_t)>& progress);

}  // namespace hearth::tools
