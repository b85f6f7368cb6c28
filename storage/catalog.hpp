#pragma once
// The catalog of a store: which namespaces exist and which directory holds each. One per store
// directory, guarded by a lock so that only one process at a time serves a store.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/log.hpp"
#include "core/namespace_config.hpp"

namespace hearth::storage {

/// Holds the store's lock (flock on <store>/hearth.lock, which carries the owner's pid).
class store_lock {
 public:
  virtual ~store_lock() = default;
  /// busy, naming the pid and what to do, if another process holds it. Creates the directory
  /// (mode 0700) if it is missing.
  [[nodiscard]] static result<std::unique_ptr<store_lock>>
  acquire(const std::filesystem::path& store);
};

struct catalog_entry {
  std::string name;
  std::filesystem::path directory;  ///< absolute
};

/// Thread-safe: calls are serialized inside. Every change is durable when it returns.
class catalog {
 public:
  virtual ~catalog() = default;
  /// Opens or creates <store>/catalog. Also finishes what a crash left half done: directories of
  /// namespaces that were being created or dropped are removed.
  [[nodiscard]] static result<std::unique_ptr<catalog>> open(const std::filesystem::path& store,
                                                             std::shared_ptr<logger> log);

  [[nodiscard]] virtual result<std::vector<catalog_entry>> list() const = 0;
  [[nodiscard]] virtual result<catalog_entry> find(const std::string& name) const = 0;
  /// Creates the namespace's environment, then enters it. already_exists.
  [[nodiscard]] virtual result<catalog_entry> create(const std::string& name,
                                                     const namespace_config& config) = 0;
  /// Takes the entry out, then removes the directory. not_found. The store must be closed.
  [[nodiscard]] virtual result<void> drop(const std::string& name) = 0;
};

}  // namespace hearth::storage
