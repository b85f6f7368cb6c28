#include "tools/daemon.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <system_error>

#include "actors/runtime.hpp"
#include "core/format.hpp"
#include "ipc/server.hpp"
#include "tools/systemd.hpp"

namespace hearth::tools {
namespace {

constexpr event_id daemon_serving{100, "daemon_serving"};
constexpr event_id daemon_stopping{101, "daemon_stopping"};
constexpr event_id daemon_stopped{102, "daemon_stopped"};
constexpr event_id daemon_start_failed{103, "daemon_start_failed"};

// Signals that end the daemon or that it has to survive, read from a file instead of interrupting
// whichever thread happens to run.
class signal_reader {
 public:
  static result<signal_reader> block() {
    std::signal(SIGPIPE, SIG_IGN);  // a client that goes away is not a reason to end
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT, SIGHUP})
      sigaddset(&set, number);
    if (const int failed = pthread_sigmask(SIG_BLOCK, &set, nullptr); failed != 0)
      return fail(errc::internal,
                  core::format("pthread_sigmask: {}", std::generic_category().message(failed)));
    const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
      return fail(errc::internal,
                  core::format("signalfd: {}", std::generic_category().message(errno)));
    return signal_reader(fd);
  }

  signal_reader(signal_reader&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  signal_reader& operator=(signal_reader&&) = delete;
  ~signal_reader() {
    if (fd_ >= 0)
      close(fd_);
  }

  // The next signal, or 0 if none came within `patience`.
  int wait(std::chrono::milliseconds patience) const {
    pollfd ready{fd_, POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(patience.count())) <= 0)
      return 0;
    signalfd_siginfo info{};
    return read(fd_, &info, sizeof info) == sizeof info ? static_cast<int>(info.ssi_signo) : 0;
  }

  // From here on a signal ends the process at once: whoever asks twice does not want to wait for
  // the clean end. LMDB survives that as it survives a crash.
  static void let_second_one_kill() {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : {SIGTERM, SIGINT}) {
      std::signal(number, SIG_DFL);
      sigaddset(&set, number);
    }
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  }

 private:
  explicit signal_reader(int fd) : fd_(fd) {}
  int fd_;
};

// Every open namespace holds a few files and every client a socket; the usual soft limit of 1024 is
// there for programs that use select(). A refusal is no reason not to start.
void allow_many_files() {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0)
    return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
}

// Everything that serves, in the order in which it is started; it ends in the opposite order.
struct service {
  std::unique_ptr<runtime> engine;
  std::shared_ptr<store_handle> store;
  std::unique_ptr<ipc::server> server;
};

result<std::shared_ptr<logger>> open_log(const daemon_options& options) {
  const auto level = options.config.values().log_level;
  const auto& file = options.log_file;
  if (file.empty())
    return stderr_logger(level);
  // The log lies in the store, which may not exist yet.
  std::error_code failure;
  if (file.parent_path() == options.store &&
      std::filesystem::create_directories(options.store, failure))
    std::filesystem::permissions(options.store, std::filesystem::perms::owner_all, failure);
  HEARTH_TRY(auto log, file_logger(file, level));
  if (options.detach)
    HEARTH_CHECK(redirect_streams(file));
  return log;
}

runtime_options runtime_settings(const settings& values, std::shared_ptr<logger> log) {
  runtime_options options;
  options.worker_threads = values.worker_threads;
  options.log = std::move(log);
  options.fresh_rows = values.fresh_rows;
  options.interval = std::chrono::milliseconds(values.interval_ms);
  options.history_batches = values.history_batches;
  options.idle_close = std::chrono::milliseconds(values.idle_close_ms);
  return options;
}

result<service> start_service(const daemon_options& options, int listen_fd,
                              const std::shared_ptr<logger>& log) {
  const auto& values = options.config.values();
  service running;
  HEARTH_TRY(running.engine, runtime::start(runtime_settings(values, log)));
  HEARTH_TRY(running.store, running.engine->open(options.store));
  ipc::server_options settings;
  settings.socket = options.socket;
  settings.listen_fd = listen_fd;
  settings.log = log;
  settings.connections = values.connections;
  settings.connections_per_uid = values.connections_per_uid;
  HEARTH_TRY(running.server, ipc::server::start(running.store, options.store, std::move(settings)));
  return running;
}

// Waits for a reason to end, and says it.
std::string wait_for_end(const signal_reader& signals, const ipc::server& server,
                         std::chrono::milliseconds idle_exit) {
  for (;;) {
    switch (signals.wait(std::chrono::milliseconds(100))) {
    case SIGTERM:
      return "SIGTERM";
    case SIGINT:
      return "SIGINT";
    default:  // SIGHUP: the log rotates by itself, and there is nothing else to read again
      break;
    }
    if (server.shutdown_requested())
      return "a client asked for it";
    if (idle_exit.count() > 0 && server.sessions() == 0 && server.idle_for() >= idle_exit)
      return core::format("no client for {} ms", idle_exit.count());
  }
}

int refuse(const error& failure, start_report& report, logger* log) {
  const auto message = failure.hint.empty()
                           ? failure.message
                           : core::format("{} ({})", failure.message, failure.hint);
  const int code = daemon_exit_for(failure.code);
  if (log != nullptr)
    log->error(daemon_start_failed, message);
  if (report.pending())
    report.failed(code, message);
  else
    std::fprintf(stderr, "hearthd: %s\n", message.c_str());
  return code;
}

}  // namespace

int run_daemon(const daemon_options& options, start_report report) {
  const auto signals = signal_reader::block();
  if (!signals)
    return refuse(signals.error(), report, nullptr);
  const auto listen_fd = take_listen_fd();
  if (!listen_fd)
    return refuse(listen_fd.error(), report, nullptr);
  const auto log = open_log(options);
  if (!log)
    return refuse(log.error(), report, nullptr);
  allow_many_files();
  auto running = start_service(options, *listen_fd, *log);
  if (!running)
    return refuse(running.error(), report, log->get());

  (*log)->info(daemon_serving,
               core::format("version {}, pid {}, store {}, socket {}", HEARTH_VERSION, getpid(),
                            options.store.string(), running->server->socket().string()));
  report.serving();
  notify_service_manager(core::format("READY=1\nMAINPID={}", getpid()));

  const auto reason = wait_for_end(*signals, *running->server, options.idle_exit());
  signal_reader::let_second_one_kill();
  (*log)->info(daemon_stopping, reason);
  notify_service_manager("STOPPING=1");
  running->server->stop();
  running->server.reset();
  running->store.reset();
  running->engine.reset();
  (*log)->info(daemon_stopped, core::format("pid {}", getpid()));
  return daemon_ok;
}

}  // namespace hearth::tools
