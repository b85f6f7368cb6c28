#include "ipc/daemon_launcher.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/format.hpp"
#include "core/posix_error.hpp"
#include "ipc/socket_file.hpp"
#include "ipc/socket_places.hpp"

extern char** environ;  // NOLINT: POSIX

namespace hearth::ipc {

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::string_view daemon_name = "hearthd";
constexpr int exit_busy = 3;  // of hearthd: another process serves the store
constexpr std::size_t captured_bytes = 4'096;
constexpr milliseconds first_backoff{5};
constexpr milliseconds longest_backoff{100};

bool is_executable(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) && ::access(file.c_str(), X_OK) == 0;
}

fs::path log_file(const fs::path& directory) {
  return directory / "hearthd.log";
}

// Directories in which an installed or freshly built hearthd may be.
std::vector<fs::path> nearby_directories() {
  std::vector<fs::path> bases;
  std::error_code ignored;
  if (const auto self = fs::read_symlink("/proc/self/exe", ignored); !self.empty())
    bases.push_back(self.parent_path());
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&nearby_directories), &info) != 0 &&
      info.dli_fname != nullptr)
    if (const auto library = fs::weakly_canonical(info.dli_fname, ignored); !library.empty())
      bases.push_back(library.parent_path());
  std::vector<fs::path> directories;
  for (const auto& base : bases)
    for (const auto& directory : {base, base / "bin", base.parent_path() / "bin"})
      if (std::find(directories.begin(), directories.end(), directory) == directories.end())
        directories.push_back(directory);
  return directories;
}

std::vector<fs::path> path_directories() {
  std::vector<fs::path> directories;
  const char* path = std::getenv("PATH");  // NOLINT: read once per start
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    // An empty or relative entry would start whatever lies in the working directory.
    if (const fs::path entry = rest.substr(0, end); entry.is_absolute())
      directories.push_back(entry);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return directories;
}

// What the child says on standard error, as far as it is kept.
class captured_output {
 public:
  [[nodiscard]] static result<captured_output> create() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0)
      return std::unexpected(posix_error(errno, "create a pipe"));
    captured_output made;
    made.read_end_ = kj::AutoCloseFd(ends[0]);
    made.write_end_ = kj::AutoCloseFd(ends[1]);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return made;
  }
  [[nodiscard]] int write_end() const { return write_end_.get(); }
  void close_write_end() { write_end_ = nullptr; }

  // Reads what is there, for at most `patience`.
  void drain(milliseconds patience) {
    pollfd ready{ended_ ? -1 : read_end_.get(), POLLIN, 0};
    ::poll(&ready, 1, static_cast<int>(patience.count()));
    std::array<char, 512> piece{};
    while (!ended_) {
      const ssize_t count = ::read(read_end_.get(), piece.data(), piece.size());
      ended_ = count == 0;
      if (count <= 0)
        return;
      if (text_.size() < captured_bytes)
        text_.append(piece.data(), static_cast<std::size_t>(count));
    }
  }

  // The last line that is not empty.
  [[nodiscard]] std::string last_line() const {
    const auto end = text_.find_last_not_of("\r\n \t");
    if (end == std::string::npos)
      return {};
    const auto start = text_.find_last_of('\n', end);
    return text_.substr(start == std::string::npos ? 0 : start + 1,
                        start == std::string::npos ? end + 1 : end - start);
  }

 private:
  kj::AutoCloseFd read_end_;
  kj::AutoCloseFd write_end_;
  std::string text_;
  bool ended_ = false;
};

// `socket` may be empty.
result<pid_t> spawn(const fs::path& daemon, const fs::path& directory, const fs::path& socket,
                    int stderr_fd) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, stderr_fd, STDERR_FILENO);
  // The daemon outlives this program and must not keep its files, pipes and sockets open.
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);

  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::error_code ignored;
  std::vector<std::string> words{daemon.string(), "--daemon", "--store", directory.string()};
  if (!socket.empty())
    words.insert(words.end(), {"--socket", fs::absolute(socket, ignored).string()});
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (auto& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = 0;
  const int number =
      ::posix_spawn(&pid, daemon.c_str(), &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (number != 0) {
    auto failure = posix_error(number, core::format("start {}", daemon.string()));
    failure.code = errc::unavailable;
    return std::unexpected(std::move(failure));
  }
  return pid;
}

std::unexpected<error> launch_failure(std::string_view what, const fs::path& directory) {
  return fail(errc::unavailable,
              core::format("the daemon of {} did not start: {}", directory.string(), what),
              core::format("see its log, {}", log_file(directory).string()));
}

result<void> outcome_of(int status, const captured_output& output, const fs::path& directory) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return {};
  const auto line = output.last_line();
  if (WIFEXITED(status) && WEXITSTATUS(status) == exit_busy)
    return fail(errc::busy, line.empty() ? "another process serves the store" : line);
  if (!line.empty())
    return launch_failure(line, directory);
  return launch_failure(WIFSIGNALED(status)
                            ? core::format("it was ended by signal {}", WTERMSIG(status))
                            : core::format("it exited with {}", WEXITSTATUS(status)),
                        directory);
}

}  // namespace

result<fs::path> find_daemon(const connect_options& options) {
  const char* variable = std::getenv("HEARTH_DAEMON");  // NOLINT: read once per start
  fs::path named = !options.daemon.empty() ? options.daemon
                   : variable != nullptr   ? fs::path(variable)
                                           : fs::path();
  if (!named.empty()) {
    if (is_executable(named))
      return named;
    return fail(errc::unavailable, core::format("{} is not an executable file", named.string()),
                options.daemon.empty() ? "correct $HEARTH_DAEMON" : "correct the path of hearthd");
  }
  auto directories = nearby_directories();
  const auto on_path = path_directories();
  directories.insert(directories.end(), on_path.begin(), on_path.end());
  std::string places;
  for (const auto& directory : directories) {
    if (is_executable(directory / daemon_name))
      return directory / daemon_name;
    places.append(places.empty() ? "" : ":").append(directory.string());
  }
  return fail(errc::unavailable, core::format("hearthd was not found in {}", places),
              "install it, put it on PATH, or set $HEARTH_DAEMON to its path");
}

result<void> launch_daemon(const fs::path& daemon, const fs::path& directory,
                           const fs::path& socket, steady_clock::time_point deadline) {
  HEARTH_TRY(auto output, captured_output::create());
  HEARTH_TRY(const pid_t pid, spawn(daemon, directory, socket, output.write_end()));
  output.close_write_end();
  for (auto patience = first_backoff;; patience = std::min(patience * 2, longest_backoff)) {
    int status = 0;
    const pid_t ended = ::waitpid(pid, &status, WNOHANG);
    if (ended == pid) {
      output.drain(milliseconds(0));
      return outcome_of(status, output, directory);
    }
    // A host that reaps all children took the status; connecting will tell how it went.
    if (ended < 0 && errno == ECHILD)
      return {};
    if (steady_clock::now() >= deadline) {
      std::thread([pid] { ::waitpid(pid, nullptr, 0); }).detach();  // no zombie when it ends
      return fail(errc::timeout,
                  core::format("the daemon of {} does not answer yet", directory.string()),
                  core::format("it may still be opening the store; see its log, {}",
                               log_file(directory).string()));
    }
    output.drain(patience);
  }
}

result<kj::AutoCloseFd> try_connect(const fs::path& directory, const connect_options& options) {
  const auto environment = current_socket_environment();
  const auto places = options.socket.empty() ? socket_places(directory, environment)
                                             : std::vector<fs::path>{options.socket};
  std::optional<error> refused;
  for (const auto& place : places) {
    auto connected = connect_socket(place);
    if (connected.has_value())
      return connected;
    auto& failure = connected.error();
    if (failure.code == errc::permission_denied && options.socket.empty()) {
      // After su, XDG_RUNTIME_DIR still names the other user's directory.
      if (!refused && !is_foreign_place(place, environment))
        refused = std::move(failure);
    } else if (failure.code != errc::not_found) {
      return connected;
    }
  }
  if (refused)
    return std::unexpected(*std::move(refused));
  return fail(errc::not_found, core::format("no daemon serves {}", directory.string()),
              "start one: hearthd --daemon --store <directory>");
}

result<kj::AutoCloseFd> connect_or_start(const fs::path& directory,
                                         const connect_options& options) {
  const auto deadline = steady_clock::now() + options.start_timeout;
  auto launch_again = steady_clock::now();
  error last;
  for (auto pause = first_backoff;; pause = std::min(pause * 2, longest_backoff)) {
    auto connected = try_connect(directory, options);
    if (connected.has_value())
      return connected;
    last = std::move(connected).error();
    if (last.code == errc::not_found) {
      if (!options.autostart)
        return fail(errc::unavailable, last.message, last.hint);
      if (steady_clock::now() >= launch_again) {
        HEARTH_TRY(const auto daemon, find_daemon(options));
        const auto launched = launch_daemon(daemon, directory, options.socket, deadline);
        if (!launched && launched.error().code != errc::busy)
          return std::unexpected(launched.error());
        // Busy: somebody else's daemon is on its way up, or the last one on its way down. In the
        // second case one more has to be started when the lock is free.
        launch_again = steady_clock::now() + 5 * longest_backoff;
        if (launched)
          continue;
        last = launched.error();
      }
    } else if (last.code != errc::busy) {
      return std::unexpected(last);
    }
    if (steady_clock::now() >= deadline)
      return fail(errc::unavailable,
                  core::format("no connection to the daemon of {} within {} ms: {}",
                               directory.string(), options.start_timeout.count(), last.message),
                  core::format("see its log, {}", log_file(directory).string()));
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace hearth::ipc
