#pragma once
// Threads that share the work of one call.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hearth::engine::index {

/// The cores that this process may run on, at least 1.
[[nodiscard]] std::size_t usable_cores() noexcept;

/// Started for one call and gone with it, so that an idle index owns no threads. The threads take
/// over the scheduling priority of the one that makes the team. That one thread calls run().
class thread_team {
 public:
  /// `threads` in all, the caller among them. Fewer if the system gives no more.
  explicit thread_team(std::size_t threads);
  thread_team(const thread_team&) = delete;
  thread_team& operator=(const thread_team&) = delete;
  ~thread_team();

  /// Calls work(i) once for each i in [0, count), on any of the threads and in any order, and
  /// returns when all calls are done. Throws the first exception that a call threw; the calls that
  /// had not begun by then are left out.
  void run(std::size_t count, const std::function<void(std::size_t)>& work);

 private:
  void serve();
  void take_part();
  void keep(std::exception_ptr thrown);

  std::vector<std::thread> helpers_;
  // What run() is at; written by it while no helper is at work.
  const std::function<void(std::size_t)>* work_ = nullptr;
  std::size_t count_ = 0;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint32_t> round_{0};    // a new one begins; helpers wait for that
  std::atomic<std::uint32_t> working_{0};  // helpers not done with this round
  std::atomic<bool> ended_{false};
  std::mutex guard_;
  std::exception_ptr thrown_;
};

}  // namespace hearth::engine::index
