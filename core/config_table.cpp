// The table of settings and what follows from a row of it.
#include <algorithm>
#include <array>

#include "core/config.hpp"
#include "core/format.hpp"

namespace hearth::inline core {

namespace {

constexpr std::uint64_t day_ms = 24ULL * 60 * 60 * 1000;
constexpr std::uint64_t year_ms = 365 * day_ms;
constexpr auto daemon_scope = setting_scope::daemon;
constexpr auto client_scope = setting_scope::client;

constexpr std::array table{
    setting_row{"log_level", daemon_scope, &settings::log_level, 0, 0,
                "What the daemon logs: this level and above"},
    setting_row{
        "log_file", daemon_scope, &settings::log_file, 0, 0,
        "Where the daemon logs; by default hearthd.log in the store, or standard error in the "
        "foreground"},
    setting_row{"socket", setting_scope::both, &settings::socket, 0, 0,
                "The Unix socket to serve or to connect to; by default one path per store under "
                "$XDG_RUNTIME_DIR/hearth"},
    setting_row{"idle_exit_ms", daemon_scope, &settings::idle_exit_ms, 0, year_ms,
                "The daemon ends after this long without a client; 0 means never"},
    setting_row{"idle_close_ms", daemon_scope, &settings::idle_close_ms, 100, year_ms,
                "A namespace without calls is closed after this long, and opened again by the "
                "next call"},
    setting_row{"worker_threads", daemon_scope, &settings::worker_threads, 0, 1'024,
                "Threads for searches and indexing; 0 means one per core, at least 2"},
    setting_row{"fresh_rows", daemon_scope, &settings::fresh_rows, 1, 100'000'000,
                "New vectors per shard that are scanned exactly until the index has them; past "
                "this many, writers wait"},
    setting_row{"interval_ms", daemon_scope, &settings::interval_ms, 1, 60'000,
                "Writes with durability \"interval\" are on disk within this time"},
    setting_row{"history_batches", daemon_scope, &settings::history_batches, 1, 1'000'000'000,
                "Writes per namespace whose changes the change feed reaches back over, at least"},
    setting_row{"connections", daemon_scope, &settings::connections, 1, 65'536,
                "Connections that the daemon serves at once"},
    setting_row{"connections_per_uid", daemon_scope, &settings::connections_per_uid, 1, 65'536,
                "Connections that one user may have at once"},
    setting_row{"store", client_scope, &settings::store, 0, 0,
                "The store directory used when a command names none"},
    setting_row{"autostart", client_scope, &settings::autostart, 0, 0,
                "Start the daemon if nobody serves the store"},
    setting_row{"daemon", client_scope, &settings::daemon, 0, 0,
                "The hearthd program to start; by default the one next to the program, then the "
                "one on PATH"},
    setting_row{"call_timeout_ms", client_scope, &settings::call_timeout_ms, 1, day_ms,
                "A call without an answer for this long fails with timeout"},
};

constexpr std::array level_names{"debug", "info", "warning", "error", "off"};

std::string with_case(std::string_view prefix, std::string_view key, char (*change)(char)) {
  std::string name(prefix);
  std::ranges::transform(key, std::back_inserter(name), change);
  return name;
}

}  // namespace

std::span<const setting_row> setting_table() noexcept {
  return table;
}

const setting_row* find_setting(std::string_view key) noexcept {
  const auto found = std::ranges::find(table, key, &setting_row::key);
  return found == table.end() ? nullptr : &*found;
}

std::string flag_name(const setting_row& row) {
  return with_case("--", row.key, [](char c) { return c == '_' ? '-' : c; });
}

std::string variable_name(const setting_row& row) {
  return with_case("HEARTH_", row.key, [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
}

std::string expectation(const setting_row& row) {
  if (std::holds_alternative<bool settings::*>(row.member))
    return "true or false";
  if (std::holds_alternative<std::uint64_t settings::*>(row.member))
    return core::format("a whole number from {} to {}", row.minimum, row.maximum);
  if (std::holds_alternative<core::log_level settings::*>(row.member))
    return core::format("one of {}", core::join(level_names, ", "));
  return "a path";
}

std::string value_text(const settings& values, const setting_row& row) {
  if (const auto* flag = std::get_if<bool settings::*>(&row.member))
    return values.*(*flag) ? "true" : "false";
  if (const auto* number = std::get_if<std::uint64_t settings::*>(&row.member))
    return std::to_string(values.*(*number));
  if (const auto* level = std::get_if<core::log_level settings::*>(&row.member))
    return std::string(to_string(values.*(*level)));
  return (values.*std::get<std::filesystem::path settings::*>(row.member)).native();
}

}  // namespace hearth::inline core
