#pragma once
// namespace_store over one LMDB environment.
#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>

#include "storage/keys.hpp"
#include "storage/lmdb.hpp"
#include "storage/namespace_store.hpp"
#include "storage/read_view_impl.hpp"
#include "storage/tables.hpp"
#include "storage/vector_table.hpp"

namespace hearth::storage {

/// What only tests change.
struct store_hooks {
  id_hash hash = default_id_hash;
  std::chrono::nanoseconds renew_scans_after = std::chrono::milliseconds(500);
  std::uint64_t first_map_bytes = lmdb::environment_options{}.first_map_bytes;
  std::size_t maintenance_bytes = std::size_t{8} << 20;  ///< written by one call of maintain()
  std::size_t indexed_records = 5000;  ///< entered into unfinished indexes by one call
};

/// namespace_store::create and open, with hooks.
[[nodiscard]] result<std::unique_ptr<namespace_store>>
create_store(const std::filesystem::path& directory, const namespace_config& config,
             const namespace_store_options& options, const store_hooks& hooks);
[[nodiscard]] result<std::unique_ptr<namespace_store>>
open_store(const std::filesystem::path& directory, const namespace_store_options& options,
           const store_hooks& hooks);

class lmdb_namespace_store final : public namespace_store {
 public:
  /// What opening found in the environment.
  struct contents {
    tables all;
    namespace_config config;
    store_identity identity;
    store_state state;
    std::vector<compaction_candidates> candidates;  // by number of the vector
    tokenize_text tokenize;  // of config.text; none where nothing is searched by text
  };

  lmdb_namespace_store(std::shared_ptr<lmdb::environment> environment, contents found,
                       namespace_store_options options, const store_hooks& hooks);

  namespace_config config() const override;
  result<void> set_config(const namespace_config& config) override;
  store_identity identity() const override { return identity_; }
  const std::filesystem::path& directory() const override { return environment_->directory(); }

  result<applied_batch> apply(const write_batch& batch) override;
  result<applied_batch> apply(const transaction_batch& committed) override;
  result<feed_position> update_consumer(const consumer_request& request) override;
  result<lsn_t> commit() override;
  result<void> index_fields(std::span<const field_path> fields) override;
  result<void> drop_field_index(const field_path& field) override;
  result<bool> maintain(lsn_t keep_after) override;
  result<void> copy_compacted() override;

  result<std::unique_ptr<read_view>> read(std::size_t vector) const override;
  lsn_t durable_lsn() const override { return durable_lsn_.load(std::memory_order_acquire); }
  std::optional<error> read_only_reason() const override;
  file_usage usage() const override;
  result<namespace_stats> stats() const override;
  result<check_step> check(std::string_view cursor,
                           std::chrono::milliseconds budget) const override;

  /// For checks that look at the tables themselves.
  [[nodiscard]] const std::shared_ptr<lmdb::environment>& environment() const noexcept {
    return environment_;
  }

 private:
  struct named_table {
    std::string name;
    lmdb::table table = 0;
  };
  [[nodiscard]] std::vector<named_table> all_tables() const;
  using batch_list = std::span<const write_batch>;
  using choose_parts = std::function<result<batch_list>(std::vector<write_batch>& filtered)>;
  [[nodiscard]] result<applied_batch> apply_parts(const choose_parts& choose);
  /// `executed`: the transaction was written to.
  [[nodiscard]] result<applied_batch> prepare_and_execute(const choose_parts& choose,
                                                          bool& executed);
  [[nodiscard]] result<void> check_writable() const;
  [[nodiscard]] result<void> follow_schema(const std::vector<field_rule>& before);
  [[nodiscard]] result<void> begin();
  /// Aborts, makes the store read-only, and answers `cause`.
  [[nodiscard]] std::unexpected<error> give_up(error cause);

  struct upkeep {
    bool more = false;
    bool wrote = false;
  };
  [[nodiscard]] result<upkeep> run_upkeep(lsn_t keep_after);
  [[nodiscard]] result<lsn_t> last_unneeded(lsn_t keep_after) const;
  [[nodiscard]] result<upkeep> trim_history(lsn_t keep_after);
  [[nodiscard]] result<upkeep> seal_and_compact();
  [[nodiscard]] result<upkeep> seal_and_compact(std::size_t vector, std::size_t& written);
  [[nodiscard]] result<upkeep> work_on_attributes();
  [[nodiscard]] result<upkeep> work_on_texts();

  const std::shared_ptr<lmdb::environment> environment_;
  const tables tables_;
  const store_identity identity_;
  const namespace_store_options options_;
  const store_hooks hooks_;
  const std::shared_ptr<const std::vector<vector_shape>> shapes_;

  // The writer's.
  store_state state_;
  std::vector<compaction_candidates> candidates_;  // by number of the vector
  tokenize_text tokenize_;
  std::optional<lmdb::write_transaction> transaction_;

  std::atomic<lsn_t> durable_lsn_;
  mutable std::mutex mutex_;  // guards config_ and read_only_reason_
  namespace_config config_;
  std::optional<error> read_only_reason_;
};

}  // namespace hearth::storage
