#include "tools/daemon_process.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "core/format.hpp"

namespace hearth::tools {
namespace {

std::unexpected<error> system_failure(const char* call) {
  return fail(errc::internal, core::format("{}: {}", call, std::generic_category().message(errno)));
}

void write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const auto written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return;  // the parent is gone, and with it whoever wanted to know
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

// The parent's side: one byte with the exit code, then the message.
[[noreturn]] void wait_for_report(int fd, pid_t child) {
  std::string report;
  char buffer[1024];
  for (;;) {
    const auto got = read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      break;
    report.append(buffer, static_cast<std::size_t>(got));
  }
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (report.empty())
    report = "\x01the daemon died before it could serve; its log may say why";
  const int code = static_cast<unsigned char>(report.front());
  if (report.size() > 1)
    std::fprintf(stderr, "hearthd: %s\n", report.c_str() + 1);
  std::exit(code);  // NOLINT(concurrency-mt-unsafe): no other thread runs yet
}

}  // namespace

start_report::~start_report() {
  tell(1, "the start was abandoned");
}

start_report::start_report(start_report&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

start_report& start_report::operator=(start_report&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

void start_report::tell(int exit_code, std::string_view message) noexcept {
  if (fd_ < 0)
    return;
  const char code = static_cast<char>(exit_code);
  write_all(fd_, {&code, 1});
  write_all(fd_, message);
  close(std::exchange(fd_, -1));
}

result<start_report> detach_process() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return system_failure("pipe2");
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0)
    return system_failure("fork");
  if (child > 0) {
    close(ends[1]);
    wait_for_report(ends[0], child);
  }
  close(ends[0]);
  start_report report(ends[1]);
  if (setsid() < 0)
    return system_failure("setsid");
  // The second fork: not a session leader, so it can never acquire a terminal again.
  const pid_t grandchild = fork();
  if (grandchild < 0)
    return system_failure("fork");
  if (grandchild > 0)
    _exit(0);
  umask(077);
  if (chdir("/") != 0)
    return system_failure("chdir /");
  return report;
}

result<void> redirect_streams(const std::filesystem::path& log_file) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  const int log = open(log_file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  const bool all = null >= 0 && log >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
                   dup2(null, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0;
  const int saved = errno;
  for (const int fd : {null, log})
    if (fd > STDERR_FILENO)
      close(fd);
  errno = saved;
  if (!all)
    return system_failure("redirecting the standard streams");
  return {};
}

}  // namespace hearth::tools
