#include "actors/runtime_core.hpp"

#include <algorithm>
#include <thread>

#include "actors/handles.hpp"

namespace hearth::actors {

namespace {

/// Threads of the pool beyond the search workers: long searches never keep shards, namespaces and
/// stores from their messages.
constexpr std::size_t control_threads = 2;

std::size_t worker_count(const runtime_options& options) {
  if (options.worker_threads > 0)
    return options.worker_threads;
  return std::max<std::size_t>(2, std::thread::hardware_concurrency());
}

// No parse(): command lines, environment and configuration files are the host's.
void configure(caf::actor_system_config& config, std::size_t workers) {
  config.set("scheduler.policy", caf::atom("sharing"));
  config.set("scheduler.max-threads", workers + control_threads);
  config.set("logger.verbosity", caf::atom("quiet"));
  config.set("logger.console-verbosity", caf::atom("quiet"));
  config.set("logger.file-verbosity", caf::atom("quiet"));
}

}  // namespace

runtime_core::runtime_core(runtime_options options, namespace_parts parts)
    : options_(std::move(options)), parts_(std::move(parts)), calls_(options_.request_timeout) {
  const auto workers = worker_count(options_);
  configure(config_, workers);
  system_ = std::make_unique<caf::actor_system>(config_);
  workers_ = std::make_unique<worker_pool>(*system_, workers);
}

runtime_core::~runtime_core() {
  stop();
}

result<std::shared_ptr<store_handle>> runtime_core::open(const std::filesystem::path& directory) {
  const gate_pass pass(entrance_);
  if (!pass)
    return fail(errc::unavailable, "the runtime is shutting down");
  std::error_code failure;
  const auto absolute = std::filesystem::weakly_canonical(directory, failure);
  if (failure || directory.empty())
    return fail(errc::invalid_argument,
                "store: \"" + directory.string() + "\" is not a usable path");
  for (;;) {
    std::shared_future<void> closing;
    {
      const std::lock_guard lock(guard_);
      std::erase_if(stores_, [](const open_store& each) {
        return each.core.expired() &&
               each.closed.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
      });
      const auto known = std::ranges::find(stores_, absolute, &open_store::directory);
      if (known == stores_.end()) {
        HEARTH_TRY(auto core, start(absolute));
        return make_store_handle(std::move(core));
      }
      if (auto core = known->core.lock())
        return make_store_handle(std::move(core));
      closing = known->closed;
    }
    if (inside_completion())
      return fail(errc::busy, "the store is still closing", "open it again in a moment");
    closing.wait();
  }
}

// With guard_ held.
result<std::shared_ptr<store_core>> runtime_core::start(const std::filesystem::path& directory) {
  HEARTH_TRY(std::shared_ptr<storage::store_lock> lock, storage::store_lock::acquire(directory));
  HEARTH_TRY(std::shared_ptr<storage::catalog> entries,
             storage::catalog::open(directory, options_.log));
  store_options options;
  options.directory = directory;
  options.lock = std::move(lock);
  options.entries = std::move(entries);
  options.runtime = options_;
  options.parts = parts_;
  options.closed = std::make_shared<std::promise<void>>();
  auto closed = options.closed->get_future().share();
  auto core = std::make_shared<store_core>(shared_from_this(), ++last_store_);
  stores_.push_back(
      {last_store_, directory, spawn_store(*system_, std::move(options)), core, std::move(closed)});
  return core;
}

store_actor runtime_core::find(const store_core& store) {
  const std::lock_guard lock(guard_);
  const auto known = std::ranges::find(stores_, store.id(), &open_store::id);
  return known == stores_.end() ? store_actor{} : known->actor;
}

void runtime_core::close(std::uint64_t store) {
  const gate_pass pass(entrance_);
  if (!pass)
    return;  // stop() closes all stores
  std::shared_future<void> closed;
  {
    const std::lock_guard lock(guard_);
    const auto known = std::ranges::find(stores_, store, &open_store::id);
    if (known == stores_.end())
      return;
    caf::anon_send(known->actor, store_close{});
    closed = known->closed;
  }
  if (!inside_completion())
    closed.wait();
}

// The order: no new calls; every store commits, acknowledges, saves its indexes and releases its
// lock; workers stop; calls that nobody can answer any more are ended; threads are joined.
void runtime_core::stop() {
  entrance_.close_and_wait();
  std::list<open_store> stores;
  {
    const std::lock_guard lock(guard_);
    stores.swap(stores_);
  }
  for (const auto& each : stores)
    caf::anon_send(each.actor, store_close{});
  for (const auto& each : stores)
    each.closed.wait();
  stores.clear();
  workers_.reset();
  calls_.stop();
  system_.reset();
}

}  // namespace hearth::actors
