#pragma once
// A namespace_store in memory that notes what the writer does to it and fails when it is told to.
#include <optional>
#include <string>
#include <vector>

#include "storage/namespace_store.hpp"

namespace hearth::test {

class fake_store final : public storage::namespace_store {
 public:
  explicit fake_store(namespace_config config) : config_(std::move(config)) {}

  [[nodiscard]] namespace_config config() const override { return config_; }
  [[nodiscard]] result<void> set_config(const namespace_config& config) override {
    trace.push_back("set_config");
    config_ = config;
    return {};
  }
  [[nodiscard]] storage::store_identity identity() const override { return {}; }
  [[nodiscard]] const std::filesystem::path& directory() const override { return directory_; }

  [[nodiscard]] result<storage::applied_batch> apply(const write_batch& batch) override {
    if (broken_)
      return std::unexpected(*broken_);
    if (refuse_next) {
      refuse_next = false;
      return fail(errc::already_exists, "id 1 exists");
    }
    storage::applied_batch applied;
    if (idle_next) {
      idle_next = false;
      applied.idle = true;
      applied.result.lsn = lsn_;
      return applied;
    }
    applied.result.lsn = ++lsn_;
    applied.result.affected = batch.rows();
    applied.changes.lsn = lsn_;
    for (std::size_t row = 0; row < batch.vectors.rows(); ++row)
      applied.changes.added.push_back(++rows_);
    applied.changes.vectors.push_back({applied.changes.added, batch.vectors});
    trace.push_back("apply");
    return applied;
  }
  [[nodiscard]] result<storage::applied_batch>
  apply(const storage::transaction_batch& committed) override {
    trace.push_back("transaction");
    return apply(committed.parts.front());
  }
  [[nodiscard]] result<feed_position> update_consumer(const consumer_request& request) override {
    if (broken_)
      return std::unexpected(*broken_);
    if (request.action == consumer_action::erase)
      return fail(errc::not_found, "there is no such consumer");
    trace.push_back("consumer " + request.name);
    return request.position.value_or(feed_position{lsn_, 0});
  }
  [[nodiscard]] result<lsn_t> commit() override {
    if (fail_next_commit) {
      broken_ = error{errc::read_only, "the disk is full", "free space and reopen", 0};
      trace.push_back("commit failed");
      return fail(errc::no_space, "the disk is full");
    }
    trace.push_back("commit");
    durable_ = lsn_;
    return durable_;
  }
  [[nodiscard]] result<void> index_fields(std::span<const field_path> fields) override {
    trace.push_back("index " + std::to_string(fields.size()));
    return {};
  }
  [[nodiscard]] result<void> drop_field_index(const field_path& field) override {
    trace.push_back("drop index of " + path_text(field));
    return {};
  }
  [[nodiscard]] result<bool> maintain(lsn_t keep_after) override {
    trace.push_back("maintain");
    kept_after = keep_after;
    return maintenance_steps-- > 0;
  }
  [[nodiscard]] result<std::unique_ptr<storage::read_view>>
  read(std::size_t /*vector*/) const override {
    return fail(errc::unsupported, "the fake store cannot be read");
  }
  [[nodiscard]] lsn_t durable_lsn() const override { return durable_; }
  [[nodiscard]] std::optional<error> read_only_reason() const override { return broken_; }
  [[nodiscard]] storage::file_usage usage() const override { return {}; }
  [[nodiscard]] result<namespace_stats> stats() const override { return namespace_stats(); }
  [[nodiscard]] result<check_step> check(std::string_view /*cursor*/,
                                         std::chrono::milliseconds /*budget*/) const override {
    return check_step();
  }
  [[nodiscard]] result<void> copy_compacted() override {
    trace.push_back("copy");
    if (fail_next_copy)
      return fail(errc::no_space, "the disk is full");
    return {};
  }

  std::vector<std::string> trace;
  bool refuse_next = false;
  bool idle_next = false;
  bool fail_next_commit = false;
  bool fail_next_copy = false;
  int maintenance_steps = 0;
  lsn_t kept_after = 0;

 private:
  namespace_config config_;
  std::filesystem::path directory_;
  std::optional<error> broken_;
  storage::row_id rows_ = 0;
  lsn_t lsn_ = 0;
  lsn_t durable_ = 0;
};

}  // namespace hearth::test
