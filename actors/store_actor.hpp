#pragma once
// A store: it holds the lock and the catalog, opens namespaces at their first call, and closes them
// when they are idle.
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "actors/caf_messages.hpp"
#include "actors/call.hpp"
#include "actors/namespace_actor.hpp"
#include "storage/catalog.hpp"

namespace hearth::actors {

/// An open namespace as handles need it.
struct opened_namespace {
  std::shared_ptr<namespace_port> port;
  storage::store_identity identity;  ///< tells a namespace from a later one of the same name
};

struct open_request {
  std::string name;
  open_mode mode = open_mode::open;
  namespace_request request;
  call<opened_namespace> answer;
};
struct list_request {
  call<std::vector<std::string>> answer;
};
struct drop_request {
  std::string name;
  call<std::monostate> answer;
};
struct compact_request {
  std::string name;
  call<compact_result> answer;
};
struct store_info_request {
  call<store_info> answer;
};
/// The namespace is quiet; from its actor.
struct namespace_idle {
  std::string name;
};
/// The namespace's environment is closed.
struct namespace_released {
  std::string name;
};
/// Closes all namespaces and quits; store_options::closed tells when.
struct store_close {};

}  // namespace hearth::actors

HEARTH_MESSAGE(hearth::actors::open_request)
HEARTH_MESSAGE(hearth::actors::list_request)
HEARTH_MESSAGE(hearth::actors::drop_request)
HEARTH_MESSAGE(hearth::actors::compact_request)
HEARTH_MESSAGE(hearth::actors::store_info_request)
HEARTH_MESSAGE(hearth::actors::namespace_idle)
HEARTH_MESSAGE(hearth::actors::namespace_released)
HEARTH_MESSAGE(hearth::actors::store_close)

namespace hearth::actors {

using store_actor =
    caf::typed_actor<caf::reacts_to<open_request>, caf::reacts_to<list_request>,
                     caf::reacts_to<drop_request>, caf::reacts_to<store_info_request>,
                     caf::reacts_to<namespace_idle>, caf::reacts_to<namespace_released>,
                     caf::reacts_to<store_close>, caf::reacts_to<compact_request>>;

struct store_options {
  std::filesystem::path directory;  ///< absolute
  std::shared_ptr<storage::store_lock> lock;
  std::shared_ptr<storage::catalog> entries;
  runtime_options runtime;
  namespace_parts parts;
  /// Fulfilled when everything is closed and the lock is released, even if the actor fails.
  std::shared_ptr<std::promise<void>> closed;
};

[[nodiscard]] store_actor spawn_store(caf::actor_system& system, store_options options);

}  // namespace hearth::actors
