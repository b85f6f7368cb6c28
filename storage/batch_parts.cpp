#include "storage/batch_parts.hpp"

#include <algorithm>

#include "storage/change_codec.hpp"

namespace hearth::storage {

namespace {

template <class T>
void append(std::vector<T>& to, std::vector<T>&& more) {
  if (to.empty())
    to = std::move(more);
  else
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

// Rows of a later part come after those of an earlier one.
void append(added_vectors& to, added_vectors&& more) {
  if (more.rows.empty())
    return;
  if (to.rows.empty()) {
    to = std::move(more);
    return;
  }
  append(to.rows, std::move(more.rows));
  std::vector<float> values;
  const auto dimension = to.vectors.dimension();
  values.reserve(to.rows.size() * dimension);
  for (const auto part : {to.vectors.view().values(), more.vectors.view().values()})
    values.insert(values.end(), part.begin(), part.end());
  to.vectors = matrix(std::move(values), to.rows.size(), dimension);
}

void append(applied_batch& to, applied_batch&& more) {
  append(to.changes.added, std::move(more.changes.added));
  append(to.changes.removed, std::move(more.changes.removed));
  std::ranges::sort(to.changes.removed);
  to.changes.vectors.resize(more.changes.vectors.size());
  for (std::size_t vector = 0; vector < more.changes.vectors.size(); ++vector)
    append(to.changes.vectors[vector], std::move(more.changes.vectors[vector]));
  to.result.affected += more.result.affected;
  to.result.keys += more.result.keys;
  append(to.result.assigned, std::move(more.result.assigned));
  append(to.result.sums, std::move(more.result.sums));
  append(to.result.queue, std::move(more.result.queue));
  to.rewritten_bytes += more.rewritten_bytes;
}

}  // namespace

batch_parts::batch_parts(const applier_context& with, std::span<const write_batch> parts)
    : with_(with) {
  for (const auto& part : parts)
    appliers_.emplace_back(with.in, with.to, with.state, with.config, with.candidates, with.hash,
                           with.tokenize, with.clock, part, parts.size() == 1);
}

result<void> batch_parts::prepare() {
  for (auto& part : appliers_)
    HEARTH_CHECK(part.prepare());
  return {};
}

result<applied_batch> batch_parts::execute() {
  const auto lsn = with_.state.lsn + 1;
  applied_batch all;
  for (auto& part : appliers_) {
    HEARTH_TRY(auto applied, part.execute(lsn));
    append(all, std::move(applied));
  }
  all.changes.lsn = lsn;
  all.result.lsn = lsn;
  HEARTH_CHECK(write_changes(all.changes));
  return all;
}

// The table has its lists in this order.
result<void> batch_parts::write_changes(const row_changes& changes) const {
  HEARTH_CHECK(raise_format(with_.in, with_.to.meta, change_names_format));
  change_encoder out(changes.lsn, [this](change_position position, byte_span value) {
    return with_.in.put(with_.to.changes, encode_change(position), value, MDB_APPEND);
  });
  HEARTH_CHECK(out.rows(change_list::rows_added, changes.added));
  HEARTH_CHECK(out.rows(change_list::rows_removed, changes.removed));
  for (const bool erased : {false, true})
    for (const auto& part : appliers_)
      HEARTH_CHECK(part.name_records(erased, out));
  for (const auto& part : appliers_)
    HEARTH_CHECK(part.name_keys(out));
  return out.finish();
}

}  // namespace hearth::storage
