#pragma once
// What `kv_bench` measures of every store alike.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kv_bench {

/// A set of keys that can be computed: key i is the same in every process.
struct data_shape {
  std::uint64_t rows = 0;
  std::size_t value_bytes = 0;
};

using pair = std::pair<std::string, std::string>;

/// One client with a connection of its own. Used by one thread. What goes wrong ends the process.
class client {
 public:
  virtual ~client() = default;
  client() = default;
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  /// On disk when it returns.
  virtual void put(const std::string& key, const std::string& value) = 0;
  virtual void put_many(const std::vector<pair>& pairs) = 0;
  /// Answers the size of the value, which is there.
  virtual std::size_t get(const std::string& key) = 0;
  /// Answers how many of the keys are there.
  virtual std::size_t get_many(const std::vector<std::string>& keys) = 0;
  /// One transaction that reads both keys, which are there, and puts them; repeated until nobody
  /// else has changed them in between. On disk when it returns.
  virtual void exchange(const pair& one, const pair& other) = 0;
  /// Reads every key with its value, in pages where the system has them, and answers how many there
  /// are. What is read is passed on: `seen` gets a byte of each.
  virtual std::uint64_t scan(std::uint64_t& seen) = 0;
};

/// One store with its data in a directory of its own.
class store {
 public:
  explicit store(std::filesystem::path directory) : directory_(std::move(directory)) {}
  virtual ~store() = default;
  store(const store&) = delete;
  store& operator=(const store&) = delete;

  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Whether its clients are processes, because a server is between them; or else threads.
  [[nodiscard]] virtual bool has_server() const = 0;
  /// Called once in the parent process, before the first client. It must not leave threads behind.
  virtual void start_server() {}
  virtual void stop_server() {}
  /// Called once in a process that has clients, before them. What it opens is closed by the end of
  /// the process.
  virtual void open() {}
  [[nodiscard]] virtual std::unique_ptr<client> connect() = 0;

 protected:
  [[nodiscard]] const std::filesystem::path& directory() const noexcept { return directory_; }

 private:
  std::filesystem::path directory_;
};

/// Those that this program was built with and that are installed; a line on stderr for the others.
[[nodiscard]] std::unique_ptr<store> make_embedded(const std::filesystem::path& directory);
[[nodiscard]] std::unique_ptr<store> make_daemon(const std::filesystem::path& directory,
                                                 const std::filesystem::path& hearthd);
[[nodiscard]] std::unique_ptr<store> make_lmdb(const std::filesystem::path& directory);
[[nodiscard]] std::unique_ptr<store> make_sqlite(const std::filesystem::path& directory);
[[nodiscard]] std::unique_ptr<store> make_redis(const std::filesystem::path& directory);

[[noreturn]] inline void die(const std::string& what) {
  std::fprintf(stderr, "kv_bench: %s\n", what.c_str());
  std::_Exit(1);
}

}  // namespace kv_bench
