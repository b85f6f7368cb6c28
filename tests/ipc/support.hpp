#pragma once
// A store in memory that answers from another thread and does what a test tells it, a directory
// that goes away, and a raw socket for clients that misbehave.
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "core/database.hpp"
#include "ipc/client.hpp"
#include "ipc/server.hpp"

namespace hearth::ipc::test {

/// A directory under /tmp with a short, unique name; removed at the end.
class temporary_directory {
 public:
  temporary_directory();
  ~temporary_directory();
  temporary_directory(const temporary_directory&) = delete;
  temporary_directory& operator=(const temporary_directory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

/// Runs jobs one after the other on a thread of its own.
class worker {
 public:
  worker();
  ~worker();
  void post(std::move_only_function<void()> job);

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

/// What calls answer. Handlers run on the worker; a call whose handler keeps the completion is
/// answered when the test says so. Set them before the call.
struct behaviour {
  std::function<result<write_result>(write_batch)> write;
  std::function<result<search_result>(search_query)> search;
  std::function<result<get_result>(get_query)> get;
  std::function<result<scan_page>(scan_query)> scan;
  std::function<result<std::uint64_t>(std::optional<filter>)> count;
  std::function<result<facet_result>(facet_query)> facets;
  std::function<result<key_result>(key_query)> get_keys;
  std::function<result<key_page>(key_scan)> scan_keys;
  std::function<result<queue_result>(queue_query)> get_queues;
  std::function<result<item_page>(item_scan)> scan_items;
  std::function<result<std::shared_ptr<transaction_handle>>(transaction_options)> begin;
  std::function<result<change_page>(change_query)> changes;
  std::function<result<feed_position>(consumer_request)> update_consumer;
  std::function<result<std::vector<feed_consumer>>()> list_consumers;
  std::function<result<namespace_info>()> info;
  std::function<result<lsn_t>(lsn_t)> flush;
  std::function<result<namespace_config>(namespace_request)> alter;
  std::function<result<tune_result>(tune_request)> tune;
  std::function<result<namespace_stats>()> stats;
  std::function<result<lsn_t>()> checkpoint;
  std::function<result<compact_result>()> compact;
  std::function<result<check_step>(std::string)> check;
  std::function<result<namespace_config>(std::string, open_mode, namespace_request)> open;
  std::function<result<std::vector<std::string>>()> list;
  std::function<result<void>(std::string)> drop;
  std::function<result<store_info>()> store;
  /// If set, searches are not answered but kept here.
  std::shared_ptr<std::deque<completion<search_result>>> held_searches;
  std::mutex held_mutex;
};

[[nodiscard]] std::shared_ptr<store_handle> make_store(std::shared_ptr<behaviour> what);

/// A behaviour that answers every call with something small.
[[nodiscard]] std::shared_ptr<behaviour> simple_behaviour();

/// A server on `<directory>/s` and how to connect to it.
class served_store {
 public:
  explicit served_store(std::shared_ptr<behaviour> what = simple_behaviour(),
                        server_options options = {});
  [[nodiscard]] connect_options client_options() const;
  [[nodiscard]] std::shared_ptr<store_handle> connect() const;
  [[nodiscard]] std::filesystem::path socket() const { return directory_.path() / "s"; }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_.path(); }
  [[nodiscard]] behaviour& what() noexcept { return *what_; }
  [[nodiscard]] ipc::server& server() noexcept { return *server_; }
  void stop() { server_.reset(); }
  void start();

 private:
  temporary_directory directory_;
  std::shared_ptr<behaviour> what_;
  server_options options_;
  std::unique_ptr<ipc::server> server_;
};

/// A connected stream socket without manners.
class raw_socket {
 public:
  explicit raw_socket(const std::filesystem::path& path);
  ~raw_socket();
  raw_socket(raw_socket&& other) noexcept;
  raw_socket& operator=(const raw_socket&) = delete;
  [[nodiscard]] bool connected() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  /// Bytes sent; stops at the first that would block or fail.
  std::size_t send(std::string_view bytes) const;
  /// False if the other side ends the connection, or takes nothing for `seconds`.
  [[nodiscard]] bool can_send_within(int seconds) const;
  /// True if the other side ends the connection within `seconds`.
  [[nodiscard]] bool ends_within(int seconds) const;

 private:
  int fd_ = -1;
};

/// A socket that is bound and listens, as systemd or a dying daemon leave it; its file stays.
class listening_socket {
 public:
  explicit listening_socket(const std::filesystem::path& path);
  ~listening_socket();
  listening_socket(const listening_socket&) = delete;
  listening_socket& operator=(const listening_socket&) = delete;
  /// A connection, or -1. Blocks.
  [[nodiscard]] int accept() const;
  /// Gives the descriptor away.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

/// Resident memory of this process.
[[nodiscard]] std::size_t resident_bytes();

/// A matrix with recognisable values.
[[nodiscard]] matrix ramp(std::size_t rows, std::uint32_t dimension, float start = 0);

}  // namespace hearth::ipc::test
