#include "actors/write_group.hpp"

namespace hearth::actors {

write_group::write_group(const open_namespace& space)
    : dimension_(space.config()->dimension), parts_(space.shards()) {}

void write_group::add(std::shared_ptr<const write_job> job, const storage::applied_batch& applied) {
  if (batches_++ == 0)
    first_lsn_ = applied.result.lsn;
  last_lsn_ = applied.result.lsn;
  bytes_ += job->bytes;
  add_rows(applied.changes);
  if (job->batch.ack == durability::sync)
    waiting_.push_back({std::move(job), applied.result});
  else
    ++acknowledged_;
}

void write_group::add_rows(const storage::row_changes& changes) {
  const auto vectors = changes.vectors.view();
  if (parts_.size() == 1 && parts_[0].changes.added.empty() && !changes.added.empty()) {
    // Most groups of large batches hold one batch: its buffer is shared, not copied.
    parts_[0].changes.added = changes.added;
    parts_[0].changes.vectors = changes.vectors;
  } else {
    for (std::size_t index = 0; index < changes.added.size(); ++index) {
      auto& [part, values] = parts_[changes.added[index] % parts_.size()];
      if (values.empty()) {
        const auto shared = part.vectors.view().values();
        values.assign(shared.begin(), shared.end());
      }
      part.added.push_back(changes.added[index]);
      const auto vector = vectors.row(index);
      values.insert(values.end(), vector.begin(), vector.end());
    }
  }
  for (const auto row : changes.removed)
    parts_[row % parts_.size()].changes.removed.push_back(row);
}

std::shared_ptr<const shard_changes> write_group::take_changes(std::size_t shard) {
  auto& [part, values] = parts_[shard];
  if (part.empty())
    return nullptr;
  if (!values.empty())
    part.vectors = matrix(std::move(values), part.added.size(), dimension_);
  part.first_lsn = first_lsn_;
  part.last_lsn = last_lsn_;
  return std::make_shared<const shard_changes>(std::move(part));
}

void write_group::succeed(lsn_t durable_lsn) {
  for (auto& [job, result] : waiting_) {
    result.durable_lsn = durable_lsn;
    job->answer.settle(std::move(result));
  }
  for (const auto& job : flushes_)
    job->answer.settle(durable_lsn);
}

void write_group::fail(const error& reason) {
  for (const auto& [job, result] : waiting_)
    job->answer.settle(std::unexpected(reason));
  for (const auto& job : flushes_)
    job->answer.settle(std::unexpected(reason));
}

}  // namespace hearth::actors
