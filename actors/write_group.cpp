#include "actors/write_group.hpp"

namespace hearth::actors {

write_group::write_group(const open_namespace& space) : parts_(space.shards()) {}

void write_group::add(std::shared_ptr<const write_job> job, const storage::applied_batch& applied) {
  if (batches_++ == 0)
    first_lsn_ = applied.result.lsn;
  last_lsn_ = applied.result.lsn;
  bytes_ += job->bytes + applied.rewritten_bytes;
  add_rows(applied.changes);
  if (job->batch.ack == durability::sync)
    waiting_.push_back({std::move(job), applied.result});
  else
    ++acknowledged_;
}

void write_group::add_rows(const storage::row_changes& changes) {
  if (parts_.size() == 1 && !changes.added.empty())
    parts_[0].added.push_back({changes.added, changes.vectors});
  else if (!changes.added.empty())
    split_rows(changes);
  for (const auto row : changes.removed)
    parts_[row % parts_.size()].removed.push_back(row);
}

void write_group::split_rows(const storage::row_changes& changes) {
  const auto vectors = changes.vectors.view();
  for (std::size_t shard = 0; shard < parts_.size(); ++shard) {
    std::vector<storage::row_id> rows;
    std::vector<float> values;
    for (std::size_t index = 0; index < changes.added.size(); ++index) {
      if (changes.added[index] % parts_.size() != shard)
        continue;
      rows.push_back(changes.added[index]);
      const auto vector = vectors.row(index);
      values.insert(values.end(), vector.begin(), vector.end());
    }
    if (rows.empty())
      continue;
    matrix own(std::move(values), rows.size(), vectors.dimension());
    parts_[shard].added.push_back({std::move(rows), std::move(own)});
  }
}

std::shared_ptr<const shard_changes> write_group::take_changes(std::size_t shard) {
  auto& part = parts_[shard];
  if (part.empty())
    return nullptr;
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
