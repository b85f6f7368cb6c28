#pragma once
// The vectors of one name: tail, chunks and dead rows, read and written as one table.
// Invariant: every row in the tail is above every row in a chunk, and chunks do not overlap.
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "core/matrix_view.hpp"
#include "storage/tables.hpp"
#include "storage/vector_chunk.hpp"

namespace hearth::storage {

/// Reads vectors in one transaction. Keeps the chunk it used last, so rows in order are cheapest.
class vector_reader {
 public:
  [[nodiscard]] static result<vector_reader>
  open(const lmdb::transaction& in, const vector_tables& from, std::uint32_t dimension);

  /// Copies the verified vector of `row` to `out`; false if there is no live one.
  [[nodiscard]] result<bool> copy(row_id row, float* out);
  /// Whether the row of a record that is there has a vector. Neither that is read nor the list of
  /// dead rows, which may be damaged.
  [[nodiscard]] result<bool> contains(row_id row);
  /// Has the vector of `row` read from the file, if it is there and sealed: copy() of many rows
  /// waits less after they have all been announced.
  [[nodiscard]] result<void> announce(row_id row);

  /// The next block of live rows after `after`: a chunk, or up to 64 rows of the tail. Empty at the
  /// end. Verified; valid until the next call.
  struct block {
    std::span<const row_id> rows;
    matrix_view vectors;
    row_id last = 0;  ///< where to go on; may lie behind rows.back()
  };
  [[nodiscard]] result<block> next_block(row_id after);

 private:
  vector_reader(lmdb::cursor chunks, lmdb::cursor dead, lmdb::cursor tail, std::uint32_t dimension)
      : chunks_(std::move(chunks)), dead_(std::move(dead)), tail_(std::move(tail)),
        dimension_(dimension) {}

  /// Where the vector of a row is, dead or alive: under tail_, at a place in chunk_, or nowhere.
  struct place {
    bool in_tail = false;
    std::optional<std::size_t> in_chunk;
  };
  [[nodiscard]] result<place> find(row_id row);
  [[nodiscard]] result<void> open_chunk();
  [[nodiscard]] result<void> load_dead();
  [[nodiscard]] result<void> load_chunk();
  /// The same, to look at all its vectors.
  [[nodiscard]] result<void> load_whole_chunk() {
    lmdb::will_need(chunks_.value());
    return load_chunk();
  }
  [[nodiscard]] result<block> chunk_block(row_id after);
  [[nodiscard]] result<block> tail_block(row_id after);

  lmdb::cursor chunks_;
  lmdb::cursor dead_;
  lmdb::cursor tail_;
  std::uint32_t dimension_;
  std::optional<chunk_view> chunk_;
  dead_rows chunk_dead_;     // empty: all of chunk_ is alive
  bool dead_known_ = false;  // chunk_dead_ is that of chunk_
  std::vector<row_id> block_rows_;
  std::vector<float> block_vectors_;
};

/// Chunks of which more than half may be dead, by first row. A hint for maintenance, kept in
/// memory; each is looked at again before anything is done.
using compaction_candidates = std::set<row_id>;

/// The vectors of one name, as their writer needs them.
struct vector_place {
  const vector_tables& tables;
  lmdb::table records;  ///< of the namespace
  vector_counts& counts;
  std::uint32_t dimension;
  compaction_candidates& candidates;
};

/// Writes vectors in one transaction. Keeps the counts.
class vector_writer {
 public:
  vector_writer(lmdb::write_transaction& in, const vector_place& to)
      : transaction_(in), tables_(to.tables), records_(to.records), counts_(to.counts),
        dimension_(to.dimension), candidates_(to.candidates) {}

  /// Adds rows that rise and are above all others. Many at once go straight into chunks, together
  /// with what the tail holds; few go to the tail.
  [[nodiscard]] result<void> add(std::span<const row_id> rows, matrix_view vectors);
  /// Removes rows that have a live vector. `rows` rises.
  [[nodiscard]] result<void> remove(std::span<const row_id> rows);

  /// Moves full chunks out of the tail, at most `byte_limit` or one; answers the bytes written.
  [[nodiscard]] result<std::size_t> seal(std::size_t byte_limit);

  /// The live vectors of one chunk or of part of the tail, copied.
  struct content {
    row_id first_row = 0;
    std::size_t size = 0;      ///< rows of the chunk, dead ones too
    std::vector<row_id> rows;  ///< live ones
    std::vector<std::uint32_t> checksums;
    std::vector<float> vectors;
  };
  /// Takes `first_row` off the candidates and answers what is to be rewritten: its chunk, if more
  /// than half of it is dead, together with neighbours that fit into one chunk with it. Empty if
  /// there is nothing to do. corruption if the chunk is damaged; nothing is written.
  [[nodiscard]] result<std::vector<content>> plan_compaction(row_id first_row);
  /// Replaces those chunks by one with what is alive; answers the bytes written.
  [[nodiscard]] result<std::size_t> rewrite(std::span<const content> chunks);

 private:
  [[nodiscard]] std::size_t capacity() const noexcept { return rows_per_chunk(dimension_); }
  [[nodiscard]] result<void> append_to_tail(std::span<const row_id> rows, matrix_view vectors);
  [[nodiscard]] result<content> take_from_tail(std::size_t count);
  [[nodiscard]] result<std::size_t> write_chunks(std::span<const packed_vector> vectors,
                                                 unsigned flags);
  [[nodiscard]] result<void> mark_dead(std::span<const row_id> rows);
  [[nodiscard]] result<std::optional<chunk_view>> chunk_of(row_id row);
  [[nodiscard]] result<dead_rows> dead_of(const chunk_view& chunk);
  [[nodiscard]] result<std::optional<content>> live_content(row_id first_row);
  [[nodiscard]] result<std::optional<row_id>> neighbour(row_id first_row, bool next);
  [[nodiscard]] result<void> erase_chunk(row_id first_row);
  static void append(const content& from, std::uint32_t dimension, std::vector<packed_vector>& to);

  lmdb::write_transaction& transaction_;
  const vector_tables& tables_;
  const lmdb::table records_;
  vector_counts& counts_;
  std::uint32_t dimension_;
  compaction_candidates& candidates_;
  std::vector<std::byte> buffer_;
};

/// Reads table `dead` for chunks that are worth compacting.
[[nodiscard]] result<compaction_candidates> find_candidates(const lmdb::transaction& in,
                                                            const vector_tables& from);

}  // namespace hearth::storage
