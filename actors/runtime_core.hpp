#pragma once
// What a runtime and its handles share: the actor system and the stores that are open in it.
// Handles may outlive the runtime; then every call answers `unavailable`.
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <utility>

#include "actors/call.hpp"
#include "actors/search_worker.hpp"
#include "actors/store_actor.hpp"

namespace hearth::actors {

class store_core;

/// Thread-safe. Destroying it stops everything, as runtime documents.
class runtime_core : public std::enable_shared_from_this<runtime_core> {
 public:
  runtime_core(runtime_options options, namespace_parts parts);
  ~runtime_core();
  runtime_core(const runtime_core&) = delete;
  runtime_core& operator=(const runtime_core&) = delete;

  [[nodiscard]] result<std::shared_ptr<store_handle>> open(const std::filesystem::path& directory);
  void stop();

  /// Sends a message to a store's actor; unavailable once the runtime is stopping. `make` builds
  /// the message around the call and runs only if it can be sent.
  template <class T, class Make>
  void ask(const store_core& store, completion<T> done, Make&& make);

  /// Starts closing a store whose last handle is gone; waits for it unless this thread runs a
  /// completion, which the closing store may be waiting for.
  void close(std::uint64_t store);

  [[nodiscard]] call_table& calls() noexcept { return calls_; }
  /// Precondition: the caller holds an open namespace, which keeps the runtime from stopping.
  [[nodiscard]] worker_pool& workers() noexcept { return *workers_; }

 private:
  struct open_store {
    std::uint64_t id = 0;
    std::filesystem::path directory;
    store_actor actor;
    std::weak_ptr<store_core> core;
    std::shared_future<void> closed;
  };

  [[nodiscard]] result<std::shared_ptr<store_core>> start(const std::filesystem::path& directory);
  [[nodiscard]] store_actor find(const store_core& store);

  const runtime_options options_;
  const namespace_parts parts_;
  call_table calls_;  // outlives the system: dying actors drop calls
  gate entrance_;
  std::mutex guard_;
  std::list<open_store> stores_;
  std::uint64_t last_store_ = 0;
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
  std::unique_ptr<worker_pool> workers_;
};

/// One open store as its handles share it; the store closes with the last of them.
class store_core {
 public:
  store_core(std::shared_ptr<runtime_core> runtime, std::uint64_t id)
      : runtime_(std::move(runtime)), id_(id) {}
  ~store_core() { runtime_->close(id_); }
  store_core(const store_core&) = delete;
  store_core& operator=(const store_core&) = delete;

  [[nodiscard]] runtime_core& runtime() const noexcept { return *runtime_; }
  [[nodiscard]] std::uint64_t id() const noexcept { return id_; }

 private:
  const std::shared_ptr<runtime_core> runtime_;
  const std::uint64_t id_;
};

template <class T, class Make>
void runtime_core::ask(const store_core& store, completion<T> done, Make&& make) {
  const gate_pass pass(entrance_);
  const auto actor = pass ? find(store) : store_actor{};
  if (!actor) {
    refuse(std::move(done),
           error{errc::unavailable, "the runtime is shutting down", "open the store again", 0});
    return;
  }
  caf::anon_send(actor, std::forward<Make>(make)(call<T>(calls_, std::move(done))));
}

}  // namespace hearth::actors
