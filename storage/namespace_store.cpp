#include <sys/random.h>

#include <algorithm>
#include <cerrno>

#include "core/format.hpp"
#include "core/posix_error.hpp"
#include "storage/attributes/attribute_builder.hpp"
#include "storage/batch_parts.hpp"
#include "storage/change_log.hpp"
#include "storage/compaction.hpp"
#include "storage/consumer_table.hpp"
#include "storage/corruption.hpp"
#include "storage/events.hpp"
#include "storage/files.hpp"
#include "storage/namespace_store_impl.hpp"
#include "storage/read_view_impl.hpp"
#include "storage/text/text_index.hpp"
#include "storage/transaction/conflicts.hpp"
#include "storage/where_batch.hpp"

namespace hearth::storage {

namespace {

constexpr std::uint64_t largest_map = std::uint64_t{16} << 40;

result<store_identity> make_identity() {
  store_identity identity;
  if (::getrandom(identity.uuid, sizeof identity.uuid, 0) != sizeof identity.uuid)
    return std::unexpected(posix_error(errno, "read random bytes"));
  return identity;
}

result<std::shared_ptr<lmdb::environment>> open_environment(const std::filesystem::path& directory,
                                                            const namespace_store_options& options,
                                                            const store_hooks& hooks, bool create) {
  if (options.map_bytes > largest_map)
    return fail(errc::invalid_argument,
                core::format("map_bytes is {}; the limit is {}", format_bytes(options.map_bytes),
                             format_bytes(largest_map)));
  lmdb::environment_options wanted;
  wanted.map_bytes = options.map_bytes;
  wanted.first_map_bytes = std::min(hooks.first_map_bytes, options.map_bytes);
  wanted.create = create;
  HEARTH_TRY(auto opened, lmdb::environment::open(directory, wanted));
  if (opened->map_bytes() < wanted.first_map_bytes)
    options.log->warning(events::map_reduced,
                         core::format("{}: the system grants {} of address space, not {}",
                                      directory.string(), format_bytes(opened->map_bytes()),
                                      format_bytes(wanted.first_map_bytes)));
  HEARTH_TRY(const int stale, opened->clear_stale_readers());
  if (stale > 0)
    options.log->info(
        events::stale_readers_cleared,
        core::format("{}: {} left by processes that died", directory.string(), stale));
  return opened;
}

result<std::vector<field_path>> indexed_paths(const std::vector<field_rule>& schema) {
  std::vector<field_path> paths;
  for (const auto& rule : schema)
    if (rule.indexed) {
      HEARTH_TRY(auto path, parse_path(rule.path));
      paths.push_back(std::move(path));
    }
  return paths;
}

std::shared_ptr<const std::vector<vector_shape>> shapes_of(const namespace_config& config) {
  std::vector<vector_shape> shapes;
  for (std::size_t number = 0; number < config.vector_count(); ++number) {
    auto vector = config.vector(number);
    shapes.push_back({std::move(vector.name), vector.dimension});
  }
  return std::make_shared<const std::vector<vector_shape>>(std::move(shapes));
}

// None where nothing is searched by text.
result<tokenize_text> tokenizer_of(const namespace_config& config,
                                   const namespace_store_options& options) {
  if (config.text == text_settings() || !options.make_tokenizer)
    return tokenize_text();
  // Made in any case: it says whether there is such a language.
  HEARTH_TRY(auto tokenize, options.make_tokenizer(config.text));
  return config.text.fields.empty() ? tokenize_text() : std::move(tokenize);
}

}  // namespace

result<std::unique_ptr<namespace_store>> create_store(const std::filesystem::path& directory,
                                                      const namespace_config& config,
                                                      const namespace_store_options& options,
                                                      const store_hooks& hooks) {
  lmdb_namespace_store::contents made;
  HEARTH_TRY(made.tokenize, tokenizer_of(config, options));
  HEARTH_CHECK(make_directory(directory));
  HEARTH_TRY(auto environment, open_environment(directory, options, hooks, true));
  made.config = config;
  HEARTH_TRY(made.identity, make_identity());
  HEARTH_TRY(auto transaction, environment->begin_write());
  HEARTH_TRY(made.all, tables::open(transaction, true));
  HEARTH_CHECK(made.all.open_named(transaction, config, true));
  made.state.vectors.resize(config.vector_count());
  made.candidates.resize(config.vector_count());
  HEARTH_CHECK(write_config(transaction, made.all, made.config));
  HEARTH_CHECK(write_identity(transaction, made.all, made.identity));
  HEARTH_CHECK(write_state(transaction, made.all, made.state));
  HEARTH_TRY(const auto indexed, indexed_paths(config.schema));
  HEARTH_CHECK(declare_attributes(transaction, made.all.attributes, indexed));
  HEARTH_CHECK(build_attributes(transaction, made.all.records, made.all.attributes, {}));
  if (made.tokenize)
    HEARTH_CHECK(
        follow_text_settings(transaction, made.all, config.text, options.tokenizer_version, true));
  HEARTH_CHECK(transaction.commit());
  HEARTH_CHECK(sync_directory(directory));
  return std::make_unique<lmdb_namespace_store>(std::move(environment), std::move(made), options,
                                                hooks);
}

result<std::unique_ptr<namespace_store>> open_store(const std::filesystem::path& directory,
                                                    const namespace_store_options& options,
                                                    const store_hooks& hooks) {
  HEARTH_CHECK(discard_compacted(directory));  // of a process that died
  HEARTH_TRY(auto environment, open_environment(directory, options, hooks, false));
  lmdb_namespace_store::contents found;
  HEARTH_TRY(auto transaction, environment->begin_write());
  HEARTH_TRY(found.all, tables::open(transaction, false));
  HEARTH_TRY(found.config, read_config(transaction, found.all));
  HEARTH_CHECK(found.all.open_named(transaction, found.config, false));
  HEARTH_TRY(found.tokenize, tokenizer_of(found.config, options));
  HEARTH_TRY(found.identity, read_identity(transaction, found.all));
  HEARTH_TRY(found.state, read_state(transaction, found.all));
  if (found.tokenize)
    HEARTH_CHECK(follow_text_settings(transaction, found.all, found.config.text,
                                      options.tokenizer_version, found.state.records == 0));
  if (found.state.vectors.size() != found.config.vector_count())
    return corrupt("the number of named vectors");
  for (std::size_t vector = 0; vector < found.config.vector_count(); ++vector) {
    HEARTH_TRY(auto candidates, find_candidates(transaction, found.all.vectors[vector]));
    found.candidates.push_back(std::move(candidates));
  }
  HEARTH_CHECK(transaction.commit());  // for the table handles; writes tables that were missing
  return std::make_unique<lmdb_namespace_store>(std::move(environment), std::move(found), options,
                                                hooks);
}

result<std::unique_ptr<namespace_store>>
namespace_store::create(const std::filesystem::path& directory, const namespace_config& config,
                        const namespace_store_options& options) {
  return create_store(directory, config, options, {});
}

result<std::unique_ptr<namespace_store>>
namespace_store::open(const std::filesystem::path& directory,
                      const namespace_store_options& options) {
  return open_store(directory, options, {});
}

lmdb_namespace_store::lmdb_namespace_store(std::shared_ptr<lmdb::environment> environment,
                                           contents found, namespace_store_options options,
                                           const store_hooks& hooks)
    : environment_(std::move(environment)), tables_(found.all), identity_(found.identity),
      options_(std::move(options)), hooks_(hooks), shapes_(shapes_of(found.config)),
      state_(found.state), candidates_(std::move(found.candidates)),
      tokenize_(std::move(found.tokenize)), durable_lsn_(found.state.lsn),
      config_(std::move(found.config)) {}

namespace_config lmdb_namespace_store::config() const {
  const std::scoped_lock lock(mutex_);
  return config_;
}

std::optional<error> lmdb_namespace_store::read_only_reason() const {
  const std::scoped_lock lock(mutex_);
  return read_only_reason_;
}

result<void> lmdb_namespace_store::check_writable() const {
  const auto reason = read_only_reason();
  if (!reason)
    return {};
  return fail(errc::read_only,
              core::format("{} takes no more writes since one failed: {}", directory().string(),
                           reason->message),
              reason->hint.empty() ? "close and reopen the namespace"
                                   : reason->hint + "; then close and reopen the namespace");
}

result<void> lmdb_namespace_store::begin() {
  HEARTH_CHECK(check_writable());
  if (!transaction_) {
    HEARTH_TRY(auto begun, environment_->begin_write());
    transaction_.emplace(std::move(begun));
  }
  return {};
}

std::unexpected<error> lmdb_namespace_store::give_up(error cause) {
  transaction_.reset();
  options_.log->error(events::store_read_only,
                      core::format("{}: {}", directory().string(), to_string(cause)));
  const std::scoped_lock lock(mutex_);
  read_only_reason_ = cause;
  return std::unexpected(std::move(cause));
}

result<applied_batch> lmdb_namespace_store::apply(const write_batch& batch) {
  return apply_parts([&](std::vector<write_batch>& filtered) -> result<batch_list> {
    if (!batch.where)
      return batch_list(&batch, 1);
    HEARTH_CHECK(write_state(*transaction_, tables_, state_));  // the filter reads it
    HEARTH_TRY(auto named, with_ids(*transaction_, tables_, batch));
    filtered.push_back(std::move(named));
    return batch_list(filtered);
  });
}

result<applied_batch> lmdb_namespace_store::apply(const transaction_batch& committed) {
  return apply_parts([&](std::vector<write_batch>&) -> result<batch_list> {
    HEARTH_CHECK(check_unchanged(committed.reads, committed.snapshot, [&](const auto& visit) {
      return for_each_change(*transaction_, tables_, committed.snapshot, visit);
    }));
    return batch_list(committed.parts);
  });
}

// `choose` looks at what is stored and answers what to apply, or refuses.
result<applied_batch> lmdb_namespace_store::apply_parts(const choose_parts& choose) {
  const bool begins = !transaction_;
  HEARTH_CHECK(begin());
  bool executed = false;
  auto applied = prepare_and_execute(choose, executed);
  if (executed && !applied)
    return give_up(std::move(applied).error());
  if (!executed && begins)
    transaction_.reset();  // nothing in it: no commit needed, nobody waits for it
  if (executed)
    applied->result.durable_lsn = durable_lsn();
  return applied;
}

// The parts have cursors, which must be closed before the transaction ends: it frees them.
result<applied_batch> lmdb_namespace_store::prepare_and_execute(const choose_parts& choose,
                                                                bool& executed) {
  std::vector<write_batch> filtered;
  HEARTH_TRY(const auto parts, choose(filtered));
  // Only this thread changes the configuration.
  batch_parts all({*transaction_, tables_, state_, config_, candidates_, hooks_.hash, tokenize_,
                   *options_.clock},
                  parts);
  HEARTH_CHECK(all.prepare());
  if (all.idle())
    return all.take_idle();
  executed = true;
  return all.execute();
}

result<feed_position> lmdb_namespace_store::update_consumer(const consumer_request& request) {
  const bool begins = !transaction_;
  HEARTH_CHECK(begin());
  auto position = storage::update_consumer(*transaction_, tables_, request, state_.lsn);
  if (!position && group_of(position.error().code) != error_group::caller)
    return give_up(std::move(position).error());
  if (!position && begins)
    transaction_.reset();
  return position;
}

result<lsn_t> lmdb_namespace_store::commit() {
  HEARTH_CHECK(check_writable());
  if (!transaction_)
    return durable_lsn();
  auto outcome = write_state(*transaction_, tables_, state_);
  if (outcome && options_.before_commit)
    outcome = options_.before_commit();
  if (outcome)
    outcome = transaction_->commit();
  if (!outcome)
    return give_up(std::move(outcome).error());
  transaction_.reset();
  durable_lsn_.store(state_.lsn, std::memory_order_release);
  return state_.lsn;
}

result<void> lmdb_namespace_store::set_config(const namespace_config& config) {
  const auto old = this->config();
  auto unchanged = config;
  unchanged.index = old.index;
  unchanged.schema = old.schema;
  unchanged.text = old.text;
  unchanged.distance = old.distance;
  for (std::size_t i = 0; i < std::min(old.named.size(), unchanged.named.size()); ++i) {
    unchanged.named[i].distance = old.named[i].distance;
    unchanged.named[i].index = old.named[i].index;
  }
  if (unchanged != old)
    return fail(errc::config_mismatch,
                "only the distance, the index parameters, the schema and the text settings of a "
                "namespace can change",
                "create another namespace and copy the records");
  HEARTH_TRY(auto tokenize, tokenizer_of(config, options_));
  HEARTH_CHECK(begin());
  if (auto written = write_config(*transaction_, tables_, config); !written)
    return give_up(std::move(written).error());
  if (auto followed = follow_text_settings(*transaction_, tables_, config.text,
                                           options_.tokenizer_version, state_.records == 0);
      !followed)
    return give_up(std::move(followed).error());
  tokenize_ = std::move(tokenize);
  HEARTH_CHECK(commit());
  {
    const std::scoped_lock lock(mutex_);
    config_ = config;
  }
  return follow_schema(old.schema);
}

// What is refused is refused before anything is written.
result<void> lmdb_namespace_store::index_fields(std::span<const field_path> fields) {
  HEARTH_CHECK(commit());
  HEARTH_CHECK(begin());
  const auto declared = declare_attributes(*transaction_, tables_.attributes, fields);
  if (!declared && group_of(declared.error().code) != error_group::caller)
    return give_up(declared.error());
  if (!declared || !*declared) {
    transaction_.reset();
    return declared ? result<void>() : std::unexpected(declared.error());
  }
  if (auto raised = raise_format(*transaction_, tables_.meta, attributes_format); !raised)
    return give_up(std::move(raised).error());
  HEARTH_CHECK(commit());
  return {};
}

result<void> lmdb_namespace_store::drop_field_index(const field_path& field) {
  HEARTH_CHECK(commit());
  HEARTH_CHECK(begin());
  const auto withdrawn = withdraw_attribute(*transaction_, tables_.attributes, field);
  if (!withdrawn && withdrawn.error().code != errc::not_found)
    return give_up(withdrawn.error());
  if (!withdrawn) {
    transaction_.reset();
    return withdrawn;
  }
  HEARTH_CHECK(commit());
  return {};
}

// Indexes that the schema no longer wants go; those that filters brought about stay.
result<void> lmdb_namespace_store::follow_schema(const std::vector<field_rule>& before) {
  HEARTH_TRY(const auto wanted, indexed_paths(config_.schema));
  HEARTH_TRY(const auto unwanted, indexed_paths(before));
  for (const auto& path : unwanted)
    if (std::ranges::find(wanted, path) == wanted.end()) {
      const auto dropped = drop_field_index(path);
      if (!dropped && dropped.error().code != errc::not_found)
        return dropped;
    }
  return wanted.empty() ? result<void>() : index_fields(wanted);
}

result<std::unique_ptr<read_view>> lmdb_namespace_store::read(std::size_t vector) const {
  HEARTH_TRY(auto snapshot, environment_->begin_read());
  read_view_options options;
  options.shapes = shapes_;
  options.vector = vector;
  options.hash = hooks_.hash;
  options.clock = options_.clock;
  options.renew_after = hooks_.renew_scans_after;
  return make_read_view(std::move(snapshot), tables_, options);
}

}  // namespace hearth::storage
