#include "actors/write_group.hpp"

namespace hearth::actors {

write_group::write_group(const open_namespace& space)
    : parts_(space.vector_count(), shard_parts(space.shards())) {}

void write_group::add(std::shared_ptr<const write_job> job, const storage::applied_batch& applied) {
  if (batches_++ == 0)
    first_lsn_ = applied.result.lsn;
  last_lsn_ = applied.result.lsn;
  bytes_ += job->bytes + applied.rewritten_bytes;
  for (std::size_t vector = 0; vector < parts_.size(); ++vector) {
    auto& parts = parts_[vector];
    add_rows(applied.changes.vectors[vector], parts);
    for (const auto row : applied.changes.removed)
      parts[row % parts.size()].removed.push_back(row);
  }
  if (job->batch.ack == durability::sync)
    waiting_.push_back({std::move(job), applied.result});
  else
    ++acknowledged_;
}

void write_group::add_rows(const storage::added_vectors& added, shard_parts& parts) {
  if (parts.size() == 1 && !added.rows.empty())
    parts[0].added.push_back({added.rows, added.vectors});
  else if (!added.rows.empty())
    split_rows(added, parts);
}

void write_group::split_rows(const storage::added_vectors& added, shard_parts& parts) {
  const auto vectors = added.vectors.view();
  for (std::size_t shard = 0; shard < parts.size(); ++shard) {
    std::vector<storage::row_id> rows;
    std::vector<float> values;
    for (std::size_t index = 0; index < added.rows.size(); ++index) {
      if (added.rows[index] % parts.size() != shard)
        continue;
      rows.push_back(added.rows[index]);
      const auto vector = vectors.row(index);
      values.insert(values.end(), vector.begin(), vector.end());
    }
    if (rows.empty())
      continue;
    matrix own(std::move(values), rows.size(), vectors.dimension());
    parts[shard].added.push_back({std::move(rows), std::move(own)});
  }
}

std::shared_ptr<const shard_changes> write_group::take_changes(std::size_t vector,
                                                               std::size_t shard) {
  auto& part = parts_[vector][shard];
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
  for (const auto& [job, position] : consumers_)
    job->answer.settle(position);
}

void write_group::fail(const error& reason) {
  for (const auto& [job, result] : waiting_)
    job->answer.settle(std::unexpected(reason));
  for (const auto& job : flushes_)
    job->answer.settle(std::unexpected(reason));
  for (const auto& [job, position] : consumers_)
    job->answer.settle(std::unexpected(reason));
}

}  // namespace hearth::actors
