#include <algorithm>
#include <tuple>

#include "storage/corruption.hpp"
#include "storage/keys.hpp"
#include "storage/vector_table.hpp"

namespace hearth::storage {

namespace {

// The tail never grows past this many chunks: the batch that would make it larger seals it.
constexpr std::size_t most_tail_chunks = 4;

}  // namespace

result<void> vector_writer::add(std::span<const row_id> rows, matrix_view vectors) {
  if (vectors.empty())
    return {};
  counts_.live += vectors.rows();
  // Half a chunk on its own wastes at most one page in 32, and saves writing the vectors twice.
  const bool many = vectors.rows() >= (capacity() + 1) / 2;
  if (!many && counts_.in_tail + vectors.rows() <= most_tail_chunks * capacity())
    return append_to_tail(rows, vectors);

  HEARTH_TRY(const auto tail, take_from_tail(counts_.in_tail));
  std::vector<packed_vector> packed;
  packed.reserve(tail.rows.size() + vectors.rows());
  append(tail, dimension_, packed);
  for (std::size_t i = 0; i < vectors.rows(); ++i)
    packed.push_back({rows[i], vectors.row(i).data(), vector_checksum(rows[i], vectors.row(i))});
  HEARTH_CHECK(write_chunks(packed, MDB_APPEND));
  return {};
}

result<void> vector_writer::append_to_tail(std::span<const row_id> rows, matrix_view vectors) {
  for (std::size_t i = 0; i < vectors.rows(); ++i) {
    const packed_vector packed{rows[i], vectors.row(i).data(),
                               vector_checksum(rows[i], vectors.row(i))};
    HEARTH_TRY(const auto space, transaction_.reserve(tables_.tail, encode_row(packed.row),
                                                      tail_bytes(dimension_), MDB_APPEND));
    encode_tail(packed, dimension_, space);
  }
  counts_.in_tail += vectors.rows();
  return {};
}

// Copies the first `count` vectors of the tail and erases them there.
result<vector_writer::content> vector_writer::take_from_tail(std::size_t count) {
  content taken;
  if (count == 0)
    return taken;
  taken.vectors.resize(count * dimension_);
  {
    HEARTH_TRY(auto tail, transaction_.open_cursor(tables_.tail));
    HEARTH_TRY(bool found, tail.first());
    while (found && taken.rows.size() < count) {
      const auto row = decode_row(tail.key());
      if (!row)
        return corrupt("a key of the tail table");
      HEARTH_TRY(const auto sum, copy_tail(*row, tail.value(), dimension_,
                                           taken.vectors.data() + taken.rows.size() * dimension_));
      taken.rows.push_back(*row);
      taken.checksums.push_back(sum);
      HEARTH_TRY(found, tail.next());
    }
  }
  if (taken.rows.size() != count)
    return corrupt("the number of vectors in the tail");
  if (count == counts_.in_tail) {
    HEARTH_CHECK(transaction_.clear(tables_.tail));
  } else {
    for (const auto row : taken.rows)
      HEARTH_CHECK(transaction_.erase(tables_.tail, encode_row(row)));
  }
  counts_.in_tail -= count;
  return taken;
}

void vector_writer::append(const content& from, std::uint32_t dimension,
                           std::vector<packed_vector>& to) {
  for (std::size_t i = 0; i < from.rows.size(); ++i)
    to.push_back({from.rows[i], from.vectors.data() + i * dimension, from.checksums[i]});
}

// As few chunks as hold them all, and as equal as they come.
result<std::size_t> vector_writer::write_chunks(std::span<const packed_vector> vectors,
                                                unsigned flags) {
  std::size_t written = 0;
  for (auto chunks = (vectors.size() + capacity() - 1) / capacity(); chunks > 0; --chunks) {
    const auto part = vectors.first(vectors.size() / chunks);
    const auto size = chunk_bytes(part, dimension_);
    HEARTH_TRY(const auto space,
               transaction_.reserve(tables_.chunks, encode_row(part.front().row), size, flags));
    encode_chunk(part, dimension_, space);
    written += size;
    vectors = vectors.subspan(part.size());
  }
  return written;
}

result<void> vector_writer::remove(std::span<const row_id> rows) {
  counts_.live -= rows.size();
  // What is not in the tail is in a chunk, and below all of the tail.
  auto in_tail = rows.size();
  while (in_tail > 0 && counts_.in_tail > 0) {
    HEARTH_TRY(const bool erased, transaction_.erase(tables_.tail, encode_row(rows[in_tail - 1])));
    if (!erased)
      break;
    --counts_.in_tail;
    --in_tail;
  }
  return mark_dead(rows.first(in_tail));
}

result<std::optional<chunk_view>> vector_writer::chunk_of(row_id row) {
  HEARTH_TRY(auto chunks, transaction_.open_cursor(tables_.chunks));
  HEARTH_TRY(const bool found, chunks.at_or_before(encode_row(row)));
  if (!found)
    return std::optional<chunk_view>{};
  const auto first_row = decode_row(chunks.key());
  if (!first_row)
    return corrupt("a key of the chunk table");
  HEARTH_TRY(auto chunk, chunk_view::open(*first_row, chunks.value(), dimension_));
  return std::optional(std::move(chunk));
}

// The dead rows of a chunk. A damaged list is made anew: a row is alive if it has a record.
result<dead_rows> vector_writer::dead_of(const chunk_view& chunk) {
  HEARTH_TRY(const auto data, transaction_.get(tables_.dead, encode_row(chunk.first_row())));
  if (!data)
    return dead_rows(chunk.size());
  auto dead = dead_rows::decode(chunk.first_row(), *data);
  if (dead && dead->size() == chunk.size())
    return dead;
  dead_rows rebuilt(chunk.size());
  for (std::size_t i = 0; i < chunk.size(); ++i) {
    HEARTH_TRY(const auto record, transaction_.get(records_, encode_row(chunk.row(i))));
    if (!record)
      rebuilt.mark(i);
  }
  return rebuilt;
}

result<void> vector_writer::mark_dead(std::span<const row_id> rows) {
  while (!rows.empty()) {
    auto chunk = chunk_of(rows.front());
    if (!chunk && chunk.error().code == errc::corruption) {
      // Its rows cannot be told apart any more, and reading it is refused; the record can go.
      rows = rows.subspan(1);
      continue;
    }
    HEARTH_CHECK(chunk);
    if (!*chunk || rows.front() > (*chunk)->last_row())
      return corrupt("the place of a vector");
    HEARTH_TRY(auto dead, dead_of(**chunk));
    while (!rows.empty() && rows.front() <= (*chunk)->last_row()) {
      const auto index = (*chunk)->find(rows.front());
      if (!index)
        return corrupt("the place of a vector");
      dead.mark(*index);
      rows = rows.subspan(1);
    }
    const auto first_row = (*chunk)->first_row();
    if (dead.count() * 2 > dead.size())
      candidates_.insert(first_row);
    dead.encode(first_row, buffer_);
    HEARTH_CHECK(transaction_.put(tables_.dead, encode_row(first_row), buffer_));
  }
  return {};
}

result<std::size_t> vector_writer::seal(std::size_t byte_limit) {
  const auto chunk_size = capacity() * dimension_ * sizeof(float);
  const auto chunks =
      std::min(counts_.in_tail / capacity(), std::max<std::size_t>(byte_limit / chunk_size, 1));
  if (chunks == 0)
    return 0;
  HEARTH_TRY(const auto taken, take_from_tail(chunks * capacity()));
  std::vector<packed_vector> packed;
  append(taken, dimension_, packed);
  return write_chunks(packed, MDB_APPEND);
}

// A copy of what is alive in the chunk, or nothing if there is no such chunk.
result<std::optional<vector_writer::content>> vector_writer::live_content(row_id first_row) {
  HEARTH_TRY(const auto chunk, chunk_of(first_row));
  if (!chunk || chunk->first_row() != first_row)
    return std::optional<content>{};
  HEARTH_TRY(const auto dead, dead_of(*chunk));
  content live{first_row, chunk->size(), {}, {}, {}};
  for (std::size_t i = 0; i < chunk->size(); ++i) {
    if (dead.test(i))
      continue;
    const auto packed = chunk->packed(i);
    live.rows.push_back(packed.row);
    live.checksums.push_back(packed.checksum);
    live.vectors.insert(live.vectors.end(), packed.data, packed.data + dimension_);
  }
  return std::optional(std::move(live));
}

result<std::optional<row_id>> vector_writer::neighbour(row_id first_row, bool next) {
  HEARTH_TRY(auto chunks, transaction_.open_cursor(tables_.chunks));
  HEARTH_TRY(bool found, chunks.find(encode_row(first_row)));
  if (found) {
    HEARTH_TRY(found, next ? chunks.next() : chunks.previous());
  }
  return found ? decode_row(chunks.key()) : std::nullopt;
}

result<void> vector_writer::erase_chunk(row_id first_row) {
  HEARTH_CHECK(transaction_.erase(tables_.chunks, encode_row(first_row)));
  HEARTH_CHECK(transaction_.erase(tables_.dead, encode_row(first_row)));
  candidates_.erase(first_row);
  return {};
}

result<std::vector<vector_writer::content>> vector_writer::plan_compaction(row_id first_row) {
  candidates_.erase(first_row);
  std::vector<content> parts;
  HEARTH_TRY(auto found, live_content(first_row));
  if (!found || found->rows.size() * 2 >= found->size)
    return parts;
  auto live = found->rows.size();
  parts.push_back(*std::move(found));
  for (const bool next : {false, true}) {
    if (live == 0)
      break;  // nothing to move: the chunk just goes
    HEARTH_TRY(const auto other, neighbour(first_row, next));
    if (!other)
      continue;
    auto beside = live_content(*other);
    if (!beside && beside.error().code == errc::corruption)
      continue;  // a damaged neighbour stays where it is; reading it says so
    HEARTH_CHECK(beside);
    if (!*beside || live + (*beside)->rows.size() > capacity())
      continue;
    live += (*beside)->rows.size();
    parts.insert(next ? parts.end() : parts.begin(), **std::move(beside));
  }
  return parts;
}

result<std::size_t> vector_writer::rewrite(std::span<const content> chunks) {
  std::vector<packed_vector> packed;
  for (const auto& chunk : chunks) {
    HEARTH_CHECK(erase_chunk(chunk.first_row));
    append(chunk, dimension_, packed);
  }
  return write_chunks(packed, 0);
}

result<compaction_candidates> find_candidates(const lmdb::transaction& in,
                                              const vector_tables& from) {
  compaction_candidates found;
  HEARTH_TRY(auto dead, in.open_cursor(from.dead));
  HEARTH_TRY(bool more, dead.first());
  while (more) {
    const auto first_row = decode_row(dead.key());
    if (first_row) {
      const auto rows = dead_rows::decode(*first_row, dead.value());
      if (!rows || rows->count() * 2 > rows->size())
        found.insert(*first_row);  // a damaged list is looked at, too
    }
    HEARTH_TRY(more, dead.next());
  }
  return found;
}

}  // namespace hearth::storage
