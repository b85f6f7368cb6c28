#include "core/log.hpp"

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <utility>

#include "core/format.hpp"
#include "core/posix_error.hpp"

namespace hearth::inline core {

namespace {

constexpr std::array<std::pair<log_level, std::string_view>, 5> level_names{{
    {log_level::debug, "debug"},
    {log_level::info, "info"},
    {log_level::warning, "warning"},
    {log_level::error, "error"},
    {log_level::off, "off"},
}};

constexpr std::size_t file_bytes = 10 * 1024 * 1024;
constexpr std::size_t older_files = 3;

// A detail repeats what others chose (names, paths, messages): it must not fill the log.
constexpr std::size_t detail_bytes = 8 * 1024;

class null_log final : public logger {
 public:
  void write(log_level, event_id, std::string_view) noexcept override {}
};

class spdlog_log final : public logger {
 public:
  spdlog_log(spdlog::sink_ptr sink, log_level threshold)
      : threshold_(threshold), logger_("hearth", std::move(sink)) {
    logger_.set_level(spdlog::level::trace);
    logger_.set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%Y-%m-%dT%H:%M:%S.%eZ %v", spdlog::pattern_time_type::utc));
    logger_.flush_on(spdlog::level::trace);
    // A full disk must not turn into output on the host's standard error.
    logger_.set_error_handler([](const std::string&) {});
  }

  void write(log_level level, event_id event, std::string_view detail) noexcept override {
    if (level < threshold_ || level >= log_level::off)
      return;
    try {
      auto line = core::format("{} H{} {}", to_string(level), event.number, event.name);
      if (!detail.empty())
        line.append(" ").append(printable(detail, detail_bytes));
      logger_.log(spdlog::level::info, spdlog::string_view_t(line));
    } catch (...) {
      // Out of memory, or a sink that fails beyond its own handler: a log line is not worth more.
    }
  }

 private:
  log_level threshold_;
  spdlog::logger logger_;
};

}  // namespace

std::string_view to_string(log_level level) noexcept {
  const auto index = static_cast<std::size_t>(level);
  return index < level_names.size() ? level_names[index].second : "unknown";
}

result<log_level> log_level_from_string(std::string_view name) {
  for (const auto& [level, text] : level_names)
    if (name == text)
      return level;
  return fail(errc::invalid_argument, core::format("log level '{}' is unknown", printable(name)),
              "use debug, info, warning, error or off");
}

std::shared_ptr<logger> null_logger() {
  return std::make_shared<null_log>();
}

std::shared_ptr<logger> stderr_logger(log_level threshold) {
  return std::make_shared<spdlog_log>(std::make_shared<spdlog::sinks::stderr_sink_mt>(), threshold);
}

result<std::shared_ptr<logger>> file_logger(const std::filesystem::path& file,
                                            log_level threshold) {
  const auto action = core::format("open the log file {}", printable(file.native(), PATH_MAX));
  if (const auto parent = file.parent_path(); !parent.empty()) {
    std::error_code failure;
    std::filesystem::create_directories(parent, failure);
    if (failure)
      return std::unexpected(posix_error(failure.value(), action));
  }
  // Opened here first: for the errno, and for a mode that keeps other users out.
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0)
    return std::unexpected(posix_error(errno, action));
  ::close(fd);
  try {
    return std::make_shared<spdlog_log>(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
                                            file.native(), file_bytes, older_files),
                                        threshold);
  } catch (const spdlog::spdlog_ex& failure) {
    return fail(errc::io_error, core::format("cannot {}: {}", action, failure.what()));
  }
}

}  // namespace hearth::inline core
