// Chunks and tail of a vector: every live vector is what was written, and is a record's.
#include <limits>

#include "core/format.hpp"
#include "storage/check/checker.hpp"

namespace hearth::storage {

namespace {

constexpr std::string_view vector_hint = "write the record's vector again, or delete the record";
constexpr std::string_view chunk_hint =
    "the vectors of these rows cannot be read: write them again, or restore the store";
constexpr row_id no_row = std::numeric_limits<row_id>::max();

}  // namespace

// In the order of rows, which upkeep does not change when it moves vectors between two steps.
result<bool> checker::check_vectors() {
  if (!source_.config.has_vector(at_.part))
    return true;
  row_id after = decode_row(lmdb::as_key(at_.key)).value_or(0);
  const auto before = at_.count;
  HEARTH_TRY(bool over, check_chunks(after));
  if (over) {
    HEARTH_TRY(over, check_tail(after));
  }
  at_.done += at_.count - before;
  looked_at("vectors", at_.count - before);
  const auto& counts = state_.vectors[at_.part];
  if (over && unchanged() && at_.count != counts.live)
    report(core::format("there are {} vectors; {} are counted", at_.count, counts.live),
           chunk_hint);
  return over;
}

result<bool> checker::check_chunks(row_id& after) {
  HEARTH_TRY(auto chunks, source_.in.open_cursor(source_.from.vectors[at_.part].chunks));
  const auto key = encode_row(after + 1);
  HEARTH_TRY(bool found, chunks.at_or_before(key));
  if (!found) {
    HEARTH_TRY(found, chunks.first());
  }
  while (found) {
    const auto first_row = decode_row(chunks.key());
    if (!first_row)
      report("a key of the chunk table is damaged", chunk_hint);
    else
      HEARTH_CHECK(check_chunk(*first_row, chunks.value(), after));
    const auto last = encode_row(after);
    at_.key.assign(reinterpret_cast<const char*>(last.data()), last.size());
    if (out_of_time())
      return false;
    HEARTH_TRY(found, chunks.next());
  }
  return true;
}

// Moves `after` to the chunk's last row.
result<void> checker::check_chunk(row_id first_row, byte_span data, row_id& after) {
  const auto chunk = chunk_view::open(first_row, data, source_.config.vector(at_.part).dimension);
  if (!chunk) {
    if (first_row > after) {  // once: a step may begin within it
      HEARTH_CHECK(note(std::unexpected(chunk.error()), chunk_hint));
      after = first_row;
    }
    return {};
  }
  if (chunk->last_row() <= after)
    return {};
  dead_rows dead;
  const auto key = encode_row(first_row);
  HEARTH_TRY(const auto list, source_.in.get(source_.from.vectors[at_.part].dead, key));
  if (list) {
    auto decoded = dead_rows::decode(first_row, *list);
    if (!decoded)
      HEARTH_CHECK(note(std::unexpected(decoded.error()), chunk_hint));
    else if (decoded->size() != chunk->size())
      report(core::format("the dead rows of chunk {} are those of another one", first_row),
             chunk_hint);
    else
      dead = *std::move(decoded);
  }
  for (std::size_t i = 0; i < chunk->size(); ++i) {
    const auto row = chunk->row(i);
    if (row <= after || dead.test(i))
      continue;
    ++at_.count;
    HEARTH_CHECK(note(chunk->verify(i), vector_hint));
    HEARTH_CHECK(check_row_of_vector(row));
  }
  after = chunk->last_row();
  return {};
}

result<bool> checker::check_tail(row_id after) {
  const auto dimension = source_.config.vector(at_.part).dimension;
  HEARTH_TRY(auto tail, source_.in.open_cursor(source_.from.vectors[at_.part].tail));
  const auto start = encode_row(after + 1);
  if (after == no_row)
    return true;
  HEARTH_TRY(bool found, tail.lower_bound(start));
  std::vector<float> vector(dimension);
  while (found) {
    const auto row = decode_row(tail.key());
    at_.key.assign(reinterpret_cast<const char*>(tail.key().data()), tail.key().size());
    ++at_.count;
    if (!row) {
      report("a key of the tail table is damaged", chunk_hint);
    } else {
      const auto sum = copy_tail(*row, tail.value(), dimension, vector.data());
      HEARTH_CHECK(note(sum ? verify_vector(*row, vector, *sum) : std::unexpected(sum.error()),
                        vector_hint));
      HEARTH_CHECK(check_row_of_vector(*row));
    }
    if (out_of_time())
      return false;
    HEARTH_TRY(found, tail.next());
  }
  return true;
}

result<void> checker::check_row_of_vector(row_id row) {
  HEARTH_TRY(const bool there, has_record(row));
  if (!there)
    report(core::format("row {} has a vector, and there is no such record", row), vector_hint);
  return {};
}

}  // namespace hearth::storage
