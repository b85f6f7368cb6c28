#include "ipc/client_loop.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <new>
#include <system_error>
#include <utility>
#include <vector>

#include "core/posix_error.hpp"

namespace hearth::ipc {

namespace {

// How often this process is a fork of a fork; changes in every child.
std::atomic<unsigned> fork_generation{0};

struct registry {
  std::mutex mutex;
  std::weak_ptr<client_loop> current;
  std::vector<int> sockets;
};

void after_fork_in_child(registry& all) {
  fork_generation.fetch_add(1);
  for (const int fd : all.sockets)
    ::close(fd);
  all.sockets.clear();
  all.mutex.unlock();
}

// Never destroyed: a thread may still connect while the process exits.
registry& the_registry() {
  static auto* const instance = [] {
    auto* made = new registry;
    // No fork happens while another thread holds the mutex, so the child can use it.
    ::pthread_atfork([] { the_registry().mutex.lock(); }, [] { the_registry().mutex.unlock(); },
                     [] { after_fork_in_child(the_registry()); });
    return made;
  }();
  return *instance;
}

class stop_task final : public loop_task {
 public:
  explicit stop_task(std::shared_ptr<wait_slot> slot) noexcept : slot_(std::move(slot)) {}
  void run() noexcept override { slot_->notify(); }

 private:
  std::shared_ptr<wait_slot> slot_;
};

}  // namespace

struct client_loop::state {
  std::shared_ptr<inbox> box;
  std::unique_ptr<event_port> port;
  std::shared_ptr<wait_slot> stop = std::make_shared<wait_slot>();
};

result<std::shared_ptr<client_loop>> client_loop::shared() {
  auto& all = the_registry();
  const std::lock_guard lock(all.mutex);
  if (auto loop = all.current.lock()) {
    if (!loop->forked())
      return loop;
    // The parent's: its count of owners was copied with the memory, so it must not end here.
    new std::shared_ptr<client_loop>(std::move(loop));  // NOLINT: leaked on purpose
  }
  HEARTH_TRY(auto loop, start());
  all.current = loop;
  return loop;
}

result<std::shared_ptr<client_loop>> client_loop::start() {
  std::shared_ptr<client_loop> loop(new client_loop);
  loop->generation_ = fork_generation.load();
  loop->state_ = std::make_shared<state>();
  HEARTH_TRY(loop->state_->box, inbox::create());
  HEARTH_TRY(loop->state_->port, event_port::create(loop->state_->box));
  try {
    loop->thread_ = std::thread([shared = loop->state_] { run(shared); });
  } catch (const std::system_error& failure) {
    return std::unexpected(posix_error(failure.code().value(), "start the client's thread"));
  }
  return loop;
}

void client_loop::run(const std::shared_ptr<state>& shared) {
  // Signals belong to the host's threads.
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  {
    kj::EventLoop loop(*shared->port);
    kj::WaitScope scope(loop);
    shared->stop->wait().wait(scope);
  }
  shared->port.reset();
}

client_loop::~client_loop() {
  if (!thread_.joinable())
    return;
  if (forked()) {
    // There is no such thread here, and what it owned must not be touched.
    new std::shared_ptr<state>(std::move(state_));  // NOLINT: leaked on purpose
    new std::thread(std::move(thread_));            // NOLINT
    return;
  }
  state_->box->post(std::make_shared<stop_task>(state_->stop));
  if (thread_.get_id() == std::this_thread::get_id())
    thread_.detach();  // dropped by a completion; the thread ends by itself
  else
    thread_.join();
}

bool client_loop::forked() const noexcept {
  return generation_ != fork_generation.load();
}

const std::shared_ptr<inbox>& client_loop::box() const noexcept {
  return state_->box;
}

event_port& client_loop::port() const noexcept {
  return *state_->port;
}

closed_in_children::closed_in_children(int fd) : fd_(fd) {
  auto& all = the_registry();
  const std::lock_guard lock(all.mutex);
  all.sockets.push_back(fd_);
}

closed_in_children::~closed_in_children() {
  auto& all = the_registry();
  const std::lock_guard lock(all.mutex);
  std::erase(all.sockets, fd_);
}

}  // namespace hearth::ipc
