// Loading configuration. The only file that knows toml++, used as a header so that nothing that
// links Hearth needs its library, and without exceptions: a bad file is an error value.
#include "core/config.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cstdlib>
#include <numeric>

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "core/disk.hpp"
#include "core/format.hpp"

namespace hearth::inline core {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_bytes = 1024 * 1024;

// A value as its source has it, before it meets its row.
using given_value = std::variant<bool, std::int64_t, std::string>;

// Levenshtein distance, one row of the matrix at a time.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    auto diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const auto replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::unexpected<error> unknown_setting(std::string_view where, std::string_view key) {
  // A key of any length comes from a file; no known one is near a long one.
  const auto compared = key.substr(0, 64);
  const auto nearest = std::ranges::min_element(setting_table(), {}, [&](const setting_row& row) {
    return edit_distance(compared, row.key);
  });
  return fail(errc::invalid_argument,
              core::format("{}: unknown setting '{}'", where, printable(key)),
              core::format("the nearest known setting is '{}'", nearest->key));
}

std::unexpected<error> unfit(std::string_view where, const setting_row& row,
                             std::string_view given) {
  return fail(errc::invalid_argument,
              core::format("{}: {} is {}; expected {}", where, row.key, given, expectation(row)),
              std::string(row.help));
}

// Flags and variables are text: read it as what the row wants. Text that does not fit stays text,
// and is refused by assign() with its expectation.
given_value read_text(const setting_row& row, const std::string& text) {
  if (std::holds_alternative<bool settings::*>(row.member)) {
    constexpr std::array yes{"true", "1", "yes", "on"};
    constexpr std::array no{"false", "0", "no", "off"};
    if (std::ranges::find(yes, text) != yes.end())
      return true;
    if (std::ranges::find(no, text) != no.end())
      return false;
  }
  if (std::holds_alternative<std::uint64_t settings::*>(row.member)) {
    std::int64_t number = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec == std::errc{} && parsed.ptr == end)
      return number;
  }
  return text;
}

// An origin has to name its file for good; a working directory that is gone leaves the name as is.
fs::path absolute(const fs::path& file) {
  std::error_code failure;
  auto full = fs::absolute(file, failure);
  return failure ? file : full;
}

std::string describe(const given_value& given) {
  if (const auto* flag = std::get_if<bool>(&given))
    return *flag ? "true" : "false";
  if (const auto* number = std::get_if<std::int64_t>(&given))
    return std::to_string(*number);
  const auto& text = std::get<std::string>(given);
  return core::format("'{}'", printable(text));
}

result<void> assign(settings& values, const setting_row& row, const given_value& given,
                    std::string_view where) {
  if (const auto* flag_member = std::get_if<bool settings::*>(&row.member)) {
    if (const auto* flag = std::get_if<bool>(&given)) {
      values.*(*flag_member) = *flag;
      return {};
    }
  } else if (const auto* number_member = std::get_if<std::uint64_t settings::*>(&row.member)) {
    const auto* number = std::get_if<std::int64_t>(&given);
    if (number != nullptr && *number >= 0 && static_cast<std::uint64_t>(*number) >= row.minimum &&
        static_cast<std::uint64_t>(*number) <= row.maximum) {
      values.*(*number_member) = static_cast<std::uint64_t>(*number);
      return {};
    }
  } else if (const auto* text = std::get_if<std::string>(&given)) {
    if (const auto* path = std::get_if<fs::path settings::*>(&row.member)) {
      values.*(*path) = *text;
      return {};
    }
    if (const auto level = log_level_from_string(*text)) {
      values.*std::get<core::log_level settings::*>(row.member) = *level;
      return {};
    }
  }
  return unfit(where, row, describe(given));
}

}  // namespace

// Applies sources from the weakest to the strongest; each overwrites what the one before said.
class config_loader {
 public:
  explicit config_loader(const config_sources& sources) : sources_(sources) {}

  result<configuration> load() {
    HEARTH_CHECK(apply_file(sources_.system_file, missing_file::skip));
    HEARTH_CHECK(apply_user_file());
    HEARTH_CHECK(apply_environment());
    HEARTH_CHECK(apply_flags());
    std::ranges::reverse(loaded_.files_);
    return std::move(loaded_);
  }

 private:
  enum class missing_file : std::uint8_t { skip, refuse };

  [[nodiscard]] std::optional<std::string> variable(const std::string& name) const {
    auto text = sources_.environment(name);
    return text && !text->empty() ? text : std::nullopt;
  }

  result<void> set(const setting_row& row, const given_value& given, std::string_view where,
                   std::string origin) {
    HEARTH_CHECK(assign(loaded_.values_, row, given, where));
    loaded_.origins_[static_cast<std::size_t>(&row - setting_table().data())] = std::move(origin);
    return {};
  }

  result<void> apply_user_file() {
    if (const auto named = variable("HEARTH_CONFIG"))
      return apply_file(absolute(*named), missing_file::refuse);
    // As the XDG base directory specification says, a relative path is ignored.
    if (const auto base = variable("XDG_CONFIG_HOME"); base && fs::path(*base).is_absolute())
      return apply_file(fs::path(*base) / "hearth" / "config.toml", missing_file::skip);
    if (const auto home = variable("HOME"))
      return apply_file(fs::path(*home) / ".config" / "hearth" / "config.toml", missing_file::skip);
    return {};
  }

  result<void> apply_file(const fs::path& file, missing_file if_missing) {
    const auto bytes = system_disk().read(file, file_bytes);
    if (!bytes) {
      if (bytes.error().code == errc::not_found && if_missing == missing_file::skip)
        return {};
      auto failure = bytes.error();
      if (if_missing == missing_file::refuse)
        failure.hint = "HEARTH_CONFIG names this file; correct or unset it";
      return std::unexpected(std::move(failure));
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
    const auto parsed = toml::parse(text);
    if (!parsed)
      return fail(errc::invalid_argument,
                  core::format("{}:{}: {}", file.native(), parsed.error().source().begin.line,
                               parsed.error().description()),
                  "the file must be TOML: key = value, one per line");
    for (const auto& [key, node] : parsed.table()) {
      const auto where = core::format("{}:{}", file.native(), key.source().begin.line);
      HEARTH_CHECK(apply_node(key.str(), node, where));
    }
    loaded_.files_.push_back(file);
    return {};
  }

  result<void> apply_node(std::string_view key, const toml::node& node, const std::string& where) {
    const auto* row = find_setting(key);
    if (row == nullptr)
      return unknown_setting(where, key);
    if (const auto flag = node.value_exact<bool>())
      return set(*row, *flag, where, where);
    if (const auto number = node.value_exact<std::int64_t>())
      return set(*row, *number, where, where);
    if (auto text = node.value_exact<std::string>()) {
      HEARTH_CHECK(resolve_path(*row, *text, where));
      return set(*row, *text, where, where);
    }
    return unfit(where, *row,
                 node.is_table()   ? "a table"
                 : node.is_array() ? "a list"
                                   : "a number or date of another kind");
  }

  // A relative path in a file would mean another place for every working directory.
  [[nodiscard]] result<void> resolve_path(const setting_row& row, std::string& text,
                                          std::string_view where) const {
    if (!std::holds_alternative<fs::path settings::*>(row.member) || text.empty() ||
        fs::path(text).is_absolute())
      return {};
    if (const auto home = variable("HOME"); home && text.starts_with("~/")) {
      text = (fs::path(*home) / text.substr(2)).native();
      return {};
    }
    return fail(errc::invalid_argument,
                core::format("{}: {} is {}; expected an absolute path, or one that starts with ~/",
                             where, row.key, describe(text)),
                std::string(row.help));
  }

  result<void> apply_environment() {
    for (const auto& row : setting_table()) {
      const auto name = variable_name(row);
      if (const auto text = variable(name))
        HEARTH_CHECK(set(row, read_text(row, *text), name, "env " + name));
    }
    return {};
  }

  result<void> apply_flags() {
    for (const auto& [key, text] : sources_.flags) {
      const auto* row = find_setting(key);
      if (row == nullptr)
        return unknown_setting("command line", key);
      const auto flag = flag_name(*row);
      HEARTH_CHECK(set(*row, read_text(*row, text), flag, "flag " + flag));
    }
    return {};
  }

  const config_sources& sources_;
  configuration loaded_;
};

configuration::configuration() : origins_(setting_table().size(), "default") {}

result<configuration> configuration::load(const config_sources& sources) {
  return config_loader(sources).load();
}

const std::string& configuration::origin(std::string_view key) const {
  const auto* row = find_setting(key);
  assert(row != nullptr);
  return origins_[static_cast<std::size_t>(row - setting_table().data())];
}

std::optional<std::string> process_environment(const std::string& name) {
  const char* text = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): as documented
  return text == nullptr ? std::nullopt : std::optional<std::string>(text);
}

}  // namespace hearth::inline core
