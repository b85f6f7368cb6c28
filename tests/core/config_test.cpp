#include "core/config.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "core/format.hpp"
#include "temporary_directory.hpp"

using namespace hearth;
namespace fs = std::filesystem;

namespace {

// Sources that a test owns: nothing of the machine shows through.
class sandbox {
 public:
  sandbox() {
    fs::create_directories(user_file().parent_path());
    variables["HOME"] = home().native();
  }

  [[nodiscard]] fs::path home() const { return directory_.path() / "home"; }
  [[nodiscard]] fs::path user_file() const { return home() / ".config/hearth/config.toml"; }
  [[nodiscard]] fs::path system_file() const { return directory_.path() / "system.toml"; }
  [[nodiscard]] fs::path other_file() const { return directory_.path() / "other.toml"; }

  static void write(const fs::path& file, std::string_view text) { std::ofstream(file) << text; }

  [[nodiscard]] result<configuration> load() const {
    return configuration::load({.flags = flags,
                                .environment =
                                    [this](const std::string& name) {
                                      const auto found = variables.find(name);
                                      return found == variables.end()
                                                 ? std::nullopt
                                                 : std::optional(found->second);
                                    },
                                .system_file = system_file()});
  }

  [[nodiscard]] configuration loaded() const {
    auto outcome = load();
    if (!outcome)
      FAIL(to_string(outcome.error()));
    return *std::move(outcome);
  }

  [[nodiscard]] error refused() const {
    const auto outcome = load();
    REQUIRE_FALSE(outcome.has_value());
    return outcome.error();
  }

  std::vector<std::pair<std::string, std::string>> flags;
  std::map<std::string, std::string> variables;

 private:
  test::temporary_directory directory_;
};

std::string scope_text(setting_scope scope) {
  return scope == setting_scope::daemon   ? "daemon"
         : scope == setting_scope::client ? "client"
                                          : "both";
}

// The table of docs/configuration.md, as the code has it.
std::string documented_table() {
  std::string text = "| key | for | default | values | meaning |\n|---|---|---|---|---|\n";
  const settings defaults;
  for (const auto& row : setting_table()) {
    const auto value = value_text(defaults, row);
    text +=
        core::format("| `{}` | {} | {} | {} | {} |\n", row.key, scope_text(row.scope),
                     value.empty() ? "" : core::format("`{}`", value), expectation(row), row.help);
  }
  return text;
}

}  // namespace

TEST_CASE("without any source everything is default") {
  const sandbox box;
  const auto config = box.loaded();
  for (const auto& row : setting_table()) {
    CHECK(config.origin(row.key) == "default");
    CHECK(value_text(config.values(), row) == value_text(settings{}, row));
  }
  CHECK(config.values().idle_exit_ms == 300'000);
  CHECK(config.values().autostart);
  CHECK(config.files().empty());
}

TEST_CASE("flag beats environment beats user file beats system file beats default") {
  sandbox box;
  box.write(box.system_file(), "idle_exit_ms = 1");
  auto config = box.loaded();
  CHECK(config.values().idle_exit_ms == 1);
  CHECK(config.origin("idle_exit_ms") == box.system_file().native() + ":1");

  box.write(box.user_file(), "# comment\n\nidle_exit_ms = 2\n");
  config = box.loaded();
  CHECK(config.values().idle_exit_ms == 2);
  CHECK(config.origin("idle_exit_ms") == box.user_file().native() + ":3");
  REQUIRE(config.files().size() == 2);
  CHECK(config.files()[0] == box.user_file());
  CHECK(config.files()[1] == box.system_file());

  box.variables["HEARTH_IDLE_EXIT_MS"] = "3";
  config = box.loaded();
  CHECK(config.values().idle_exit_ms == 3);
  CHECK(config.origin("idle_exit_ms") == "env HEARTH_IDLE_EXIT_MS");

  box.flags = {{"idle_exit_ms", "4"}, {"idle_exit_ms", "5"}};
  config = box.loaded();
  CHECK(config.values().idle_exit_ms == 5);
  CHECK(config.origin("idle_exit_ms") == "flag --idle-exit-ms");
}

TEST_CASE("each setting is taken from where it is said, not file by file") {
  sandbox box;
  box.write(box.system_file(), "connections = 10\nconnections_per_uid = 5");
  box.write(box.user_file(), "connections = 20");
  const auto config = box.loaded();
  CHECK(config.values().connections == 20);
  CHECK(config.values().connections_per_uid == 5);
  CHECK(config.origin("connections_per_uid") == box.system_file().native() + ":2");
  CHECK(config.origin("fresh_rows") == "default");
}

TEST_CASE("HEARTH_CONFIG replaces the user file, and must be there") {
  sandbox box;
  box.write(box.user_file(), "connections = 20");
  box.write(box.other_file(), "connections = 30");
  box.variables["HEARTH_CONFIG"] = box.other_file().native();
  CHECK(box.loaded().values().connections == 30);
  CHECK(box.loaded().files().size() == 1);

  box.variables["HEARTH_CONFIG"] = "/no/such/file.toml";
  const auto failure = box.refused();
  CHECK(failure.code == errc::not_found);
  CHECK(failure.message.find("/no/such/file.toml") != std::string::npos);
  CHECK(failure.hint.find("HEARTH_CONFIG") != std::string::npos);
}

TEST_CASE("XDG_CONFIG_HOME moves the user file; relative paths and empty variables are ignored") {
  sandbox box;
  box.write(box.user_file(), "connections = 20");
  const auto elsewhere = box.home() / "elsewhere";
  fs::create_directories(elsewhere / "hearth");
  box.write(elsewhere / "hearth/config.toml", "connections = 30");
  box.variables["XDG_CONFIG_HOME"] = elsewhere.native();
  CHECK(box.loaded().values().connections == 30);
  box.variables["XDG_CONFIG_HOME"] = "relative";
  CHECK(box.loaded().values().connections == 20);
  box.variables["XDG_CONFIG_HOME"] = "";
  box.variables["HEARTH_CONFIG"] = "";
  box.variables["HEARTH_CONNECTIONS"] = "";
  CHECK(box.loaded().values().connections == 20);
  box.variables.clear();
  CHECK(box.loaded().values().connections == 1'024);
}

TEST_CASE("every type is read from every source") {
  sandbox box;
  box.write(box.user_file(), "log_level = \"debug\"\nautostart = false\nworker_threads = 3\n"
                             "store = \"/data/store\"\nsocket = \"~/s.sock\"\n");
  auto values = box.loaded().values();
  CHECK(values.log_level == log_level::debug);
  CHECK_FALSE(values.autostart);
  CHECK(values.worker_threads == 3);
  CHECK(values.store == "/data/store");
  CHECK(values.socket == box.home() / "s.sock");

  box.variables["HEARTH_LOG_LEVEL"] = "error";
  box.variables["HEARTH_AUTOSTART"] = "on";
  box.variables["HEARTH_WORKER_THREADS"] = "4";
  box.variables["HEARTH_STORE"] = "relative/store";
  values = box.loaded().values();
  CHECK(values.log_level == log_level::error);
  CHECK(values.autostart);
  CHECK(values.worker_threads == 4);
  CHECK(values.store == "relative/store");

  for (const auto* no : {"false", "0", "no", "off"}) {
    box.flags = {{"autostart", no}};
    CHECK_FALSE(box.loaded().values().autostart);
  }
}

TEST_CASE("an unknown key names file, line and the nearest known one") {
  sandbox box;
  box.write(box.user_file(), "connections = 1\nidle_exit = 5\n");
  const auto failure = box.refused();
  CHECK(failure.code == errc::invalid_argument);
  CHECK(failure.message == box.user_file().native() + ":2: unknown setting 'idle_exit'");
  CHECK(failure.hint == "the nearest known setting is 'idle_exit_ms'");

  box.write(box.user_file(), "[daemn]\nx = 1\n");
  CHECK(box.refused().message == box.user_file().native() + ":1: unknown setting 'daemn'");
  CHECK(box.refused().hint == "the nearest known setting is 'daemon'");

  box.write(box.user_file(), std::string(10'000, 'x') + " = 1\n");
  CHECK(box.refused().message.size() < 300);

  box.write(box.user_file(), "");
  box.flags = {{"storee", "x"}};
  CHECK(box.refused().message == "command line: unknown setting 'storee'");
  CHECK(box.refused().hint == "the nearest known setting is 'store'");
}

TEST_CASE("a wrong type or range names its place and what is expected") {
  sandbox box;
  const auto in_file = [&](std::string_view text) {
    box.write(box.user_file(), text);
    auto message = box.refused().message;
    REQUIRE(message.starts_with(box.user_file().native()));
    return message.substr(box.user_file().native().size());
  };
  CHECK(in_file("worker_threads = \"4\"") ==
        ":1: worker_threads is '4'; expected a whole number from 0 to 1024");
  CHECK(in_file("worker_threads = 1025") ==
        ":1: worker_threads is 1025; expected a whole number from 0 to 1024");
  CHECK(in_file("\nworker_threads = -1") ==
        ":2: worker_threads is -1; expected a whole number from 0 to 1024");
  CHECK(in_file("worker_threads = 2.5") ==
        ":1: worker_threads is a number or date of another kind; expected a whole number from 0 "
        "to 1024");
  CHECK(in_file("worker_threads = [1]") ==
        ":1: worker_threads is a list; expected a whole number from 0 to 1024");
  CHECK(in_file("[daemon]\nx = 1") == ":1: daemon is a table; expected a path");
  CHECK(in_file("autostart = 1") == ":1: autostart is 1; expected true or false");
  CHECK(in_file("autostart = \"yes\"") == ":1: autostart is 'yes'; expected true or false");
  CHECK(in_file("log_level = \"loud\"") ==
        ":1: log_level is 'loud'; expected one of debug, info, warning, error, off");
  CHECK(in_file("log_level = true") ==
        ":1: log_level is true; expected one of debug, info, warning, error, off");
  CHECK(in_file("store = \"relative\"") ==
        ":1: store is 'relative'; expected an absolute path, or one that starts with ~/");

  box.write(box.user_file(), "");
  box.variables["HEARTH_CONNECTIONS"] = "many";
  CHECK(box.refused().message ==
        "HEARTH_CONNECTIONS: connections is 'many'; expected a whole number from 1 to 65536");
  for (const auto* bad : {"0", "-1", "65537", "1x", " 1", "0x10", "1e3", "99999999999999999999"}) {
    box.variables["HEARTH_CONNECTIONS"] = bad;
    CHECK(box.refused().code == errc::invalid_argument);
  }
  // Wrong where another source wins, and still wrong.
  box.flags = {{"connections", "5"}};
  CHECK(box.refused().code == errc::invalid_argument);
  box.variables.erase("HEARTH_CONNECTIONS");
  box.flags = {{"connections", "x"}};
  CHECK(box.refused().message ==
        "--connections: connections is 'x'; expected a whole number from 1 to 65536");
}

TEST_CASE("files that are no TOML are refused with the line") {
  sandbox box;
  for (const std::string text :
       {"\n\nidle_exit_ms = = 1", "\n\nidle_exit_ms 1", "\n\nstore = \"open", "a = 1\na = 2\n\xff",
        "\n\nidle_exit_ms = 99999999999999999999"}) {
    CAPTURE(text);
    box.write(box.user_file(), text);
    const auto failure = box.refused();
    CHECK(failure.code == errc::invalid_argument);
    CHECK(failure.message.starts_with(box.user_file().native() + ":"));
  }
  box.write(box.user_file(), "connections = 1\nconnections = 2\n");
  CHECK(box.refused().message.starts_with(box.user_file().native() + ":2: "));
  std::string deep = "store = ";
  deep.append(100'000, '[');
  box.write(box.user_file(), deep);
  CHECK(box.refused().code == errc::invalid_argument);
  box.write(box.user_file(), std::string(2 * 1024 * 1024, '#'));
  CHECK(box.refused().code == errc::limit_exceeded);
  fs::remove(box.user_file());
  fs::create_directory(box.user_file());
  CHECK(box.refused().code == errc::io_error);
}

TEST_CASE("the table is sound: unique keys, defaults in range, members bound once") {
  std::set<std::string_view> keys;
  const settings defaults;
  for (const auto& row : setting_table()) {
    CHECK(keys.insert(row.key).second);
    CHECK(find_setting(row.key) == &row);
    CHECK_FALSE(row.help.empty());
    CHECK_FALSE(row.help.ends_with("."));
    if (const auto* number = std::get_if<std::uint64_t settings::*>(&row.member)) {
      CHECK(defaults.*(*number) >= row.minimum);
      CHECK(defaults.*(*number) <= row.maximum);
    }
  }
  CHECK(find_setting("none") == nullptr);
  // What one row sets, no other row shows.
  for (const auto& row : setting_table()) {
    sandbox box;
    const bool flag = std::holds_alternative<bool settings::*>(row.member);
    const bool level = std::holds_alternative<log_level settings::*>(row.member);
    const bool number = std::holds_alternative<std::uint64_t settings::*>(row.member);
    const std::string text = flag     ? "false"
                             : level  ? "off"
                             : number ? std::to_string(row.maximum)
                                      : "/elsewhere";
    box.flags = {{std::string(row.key), text}};
    const auto config = box.loaded();
    for (const auto& other : setting_table())
      CHECK(value_text(config.values(), other) ==
            (&other == &row ? text : value_text(defaults, other)));
  }
}

TEST_CASE("flags and variables are named after the key") {
  const auto* row = find_setting("connections_per_uid");
  REQUIRE(row != nullptr);
  CHECK(flag_name(*row) == "--connections-per-uid");
  CHECK(variable_name(*row) == "HEARTH_CONNECTIONS_PER_UID");
}

TEST_CASE("the manual has the table as the code has it") {
  std::ifstream page(HEARTH_CONFIGURATION_PAGE);
  REQUIRE(page.is_open());
  std::stringstream text;
  text << page.rdbuf();
  const auto table = documented_table();
  const bool found = text.str().find(table) != std::string::npos;
  if (!found)  // printed raw: Catch would wrap its lines
    std::cout << "put this table into docs/configuration.md:\n" << table;
  CHECK(found);
}
