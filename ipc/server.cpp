#include "ipc/server.hpp"

#include <pthread.h>
#include <signal.h>

#include <future>
#include <mutex>
#include <thread>
#include <utility>

#include "core/format.hpp"
#include "ipc/event_loop.hpp"
#include "ipc/listener.hpp"
#include "ipc/session_context.hpp"
#include "ipc/socket_file.hpp"
#include "ipc/socket_path.hpp"

namespace hearth::ipc {

namespace {

constexpr event_id listening_event{114, "listening"};
constexpr event_id server_stopped_event{115, "server_stopped"};

class stop_task final : public loop_task {
 public:
  explicit stop_task(wait_slot& slot) noexcept : slot_(slot) {}
  void run() noexcept override { slot_.notify(); }

 private:
  wait_slot& slot_;  // outlives the loop's inbox
};

// Signals belong to the host's threads.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

class server::impl {
 public:
  impl(std::shared_ptr<store_handle> store, listen_socket socket, server_options options,
       std::shared_ptr<inbox> box)
      : store_(std::move(store)), socket_(std::move(socket)), path_(socket_.path()),
        options_(std::move(options)), inbox_(std::move(box)) {}
  ~impl() { stop(); }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  result<void> start() {
    std::promise<result<void>> started;
    auto outcome = started.get_future();
    thread_ = std::thread([this, &started] { run(started); });
    return outcome.get();
  }

  void stop() {
    const std::lock_guard lock(stop_mutex_);
    if (!thread_.joinable())
      return;
    inbox_->post(std::make_shared<stop_task>(stop_slot_));
    thread_.join();
    socket_.close();
    options_.log->info(server_stopped_event, path_.string());
  }

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] const server_status& status() const noexcept { return *status_; }

 private:
  void run(std::promise<result<void>>& started) {
    block_signals();
    auto port = event_port::create(inbox_);
    if (!port) {
      started.set_value(std::unexpected(port.error()));
      return;
    }
    kj::EventLoop loop(**port);
    kj::WaitScope scope(loop);
    auto stopped = stop_slot_.wait();
    kj::Maybe<kj::Own<listener>> accepting;
    KJ_IF_MAYBE (failure, kj::runCatchingExceptions([&] {
                   accepting = kj::heap<listener>(**port, socket_.fd(), store_, options_, status_);
                 })) {
      started.set_value(fail(errc::io_error, core::format("cannot serve {}: {}", path_.string(),
                                                          failure->getDescription().cStr())));
      return;
    }
    options_.log->info(listening_event, path_.string());
    started.set_value({});
    stopped.wait(scope);
    accepting = nullptr;
  }

  std::shared_ptr<store_handle> store_;
  listen_socket socket_;
  const std::filesystem::path path_;
  const server_options options_;
  std::shared_ptr<inbox> inbox_;
  std::shared_ptr<server_status> status_ = std::make_shared<server_status>();
  wait_slot stop_slot_;
  std::mutex stop_mutex_;
  std::thread thread_;
};

result<std::unique_ptr<server>> server::start(std::shared_ptr<store_handle> store,
                                              const std::filesystem::path& store_path,
                                              server_options options) {
  auto socket = options.listen_fd >= 0 ? listen_socket::adopt(options.listen_fd)
                                       : [&]() -> result<listen_socket> {
    auto path = options.socket;
    if (path.empty()) {
      HEARTH_TRY(path, socket_path(store_path));
    }
    return listen_socket::bind(path);
  }();
  if (!socket)
    return std::unexpected(std::move(socket).error());
  auto box = inbox::create();
  if (!box) {
    socket->close();
    return std::unexpected(std::move(box).error());
  }
  auto state = std::make_unique<impl>(std::move(store), std::move(*socket), std::move(options),
                                      std::move(*box));
  HEARTH_CHECK(state->start());
  return std::unique_ptr<server>(new server(std::move(state)));
}

server::server(std::unique_ptr<impl> state) noexcept : impl_(std::move(state)) {}
server::~server() = default;
const std::filesystem::path& server::socket() const noexcept {
  return impl_->path();
}
std::size_t server::sessions() const noexcept {
  return impl_->status().sessions.load();
}
std::chrono::milliseconds server::idle_for() const noexcept {
  return impl_->status().idle_for();
}
bool server::shutdown_requested() const noexcept {
  return impl_->status().shutdown_requested.load();
}
void server::stop() {
  impl_->stop();
}

}  // namespace hearth::ipc
