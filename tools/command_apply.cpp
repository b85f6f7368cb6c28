// `hearth apply`: many changes of one namespace, all of them or none.
#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <set>

#include "core/format.hpp"
#include "tools/command.hpp"

namespace hearth::tools {
namespace {

struct apply_options {
  std::string name;
  std::string file = "-";
  std::uint32_t attempts = 20;
};

/// A change as a line of JSON says it: its name and its members.
struct change {
  std::size_t line = 0;
  std::string what;
  json members;

  [[nodiscard]] std::string field(std::string_view name) const {
    return core::format("line {}: {}", line, name);
  }
  [[nodiscard]] std::unexpected<error> wrong(const std::string& why) const {
    return fail(errc::invalid_argument, core::format("line {}: {}", line, why),
                "`hearth apply --help` shows what a line may say");
  }
};

using allowed_members = std::set<std::string, std::less<>>;
const std::map<std::string, allowed_members, std::less<>> known_changes = {
    {"put", {"put", "value"}},
    {"delete", {"delete"}},
    {"add", {"add", "amount"}},
    {"expect", {"expect", "value"}},
    {"upsert", {"upsert", "vector", "metadata", "text"}},
    {"update", {"update", "vector", "metadata", "text"}},
    {"erase", {"erase"}},
};

result<change> change_from(std::size_t line, std::string_view text) {
  change one{line, {}, {}};
  auto parsed = parse_json(text);
  if (!parsed)
    return one.wrong(parsed.error().message);
  if (!parsed->is_object() || parsed->empty())
    return one.wrong("it is not a JSON object");
  one.what = parsed->begin().key();
  one.members = *std::move(parsed);
  const auto known = known_changes.find(one.what);
  if (known == known_changes.end())
    return one.wrong(core::format("there is no change '{}'", one.what));
  for (const auto& [name, unused] : one.members.items())
    if (!known->second.contains(name))
      return one.wrong(core::format("'{}' has no member '{}'", one.what, name));
  return one;
}

result<std::vector<change>> changes_from(std::istream& in) {
  std::vector<change> all;
  std::string text;
  for (std::size_t line = 1; std::getline(in, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    HEARTH_TRY(auto one, change_from(line, text));
    all.push_back(std::move(one));
  }
  return all;
}

result<std::vector<change>> changes_in(const std::string& file) {
  if (file == "-")
    return changes_from(std::cin);
  std::ifstream in(file);
  if (!in)
    return fail(errc::not_found, core::format("cannot read {}", file));
  return changes_from(in);
}

result<std::string> text_of(const change& one, const char* name) {
  const auto found = one.members.find(name);
  if (found == one.members.end() || !found->is_string())
    return one.wrong(core::format("'{}' has to be a string", name));
  return found->get<std::string>();
}

result<write_batch> key_batch(const change& one) {
  key_write key;
  HEARTH_TRY(key.key, text_of(one, one.what.c_str()));
  if (one.what == "put") {
    HEARTH_TRY(key.value, text_of(one, "value"));
  } else if (one.what == "add") {
    key.change = key_change::add;
    const auto amount = one.members.value("amount", json(1));
    if (!amount.is_number_integer())
      return one.wrong("'amount' has to be a whole number");
    key.amount = amount.get<std::int64_t>();
  } else {
    key.change = key_change::erase;
  }
  write_batch batch;
  batch.keys.push_back(std::move(key));
  return batch;
}

result<write_batch> record_batch(const change& one) {
  write_batch batch;
  batch.kind = one.what == "upsert"   ? write_kind::upsert
               : one.what == "update" ? write_kind::update
                                      : write_kind::erase;
  HEARTH_TRY(auto id, id_from_json(one.members.front(), one.field(one.what)));
  batch.ids.push_back(std::move(id));
  if (const auto found = one.members.find("vector"); found != one.members.end()) {
    HEARTH_TRY(auto vector, vector_from_json(*found, one.field("vector")));
    const auto dimension = static_cast<std::uint32_t>(vector.size());
    batch.vectors = matrix(std::move(vector), 1, dimension);
  }
  if (const auto found = one.members.find("metadata"); found != one.members.end()) {
    HEARTH_TRY(auto metadata, metadata_from_json(*found, one.field("metadata")));
    batch.metadata.push_back(std::move(metadata));
  }
  if (one.members.contains("text")) {
    HEARTH_TRY(auto text, text_of(one, "text"));
    batch.texts.emplace_back(std::move(text));
  }
  return batch;
}

// A key has to have the value, or null: it must not be there.
result<void> expect(transaction_handle& in, const change& one) {
  HEARTH_TRY(const auto key, text_of(one, "expect"));
  const auto wanted = one.members.value("value", json());
  if (!wanted.is_null() && !wanted.is_string())
    return one.wrong("'value' has to be a string, or null");
  HEARTH_TRY(const auto answer, in.get_keys({{key}}));
  const auto& found = answer.found.front();
  if (wanted.is_null() ? !found.has_value() : found && found->value == wanted.get<std::string>())
    return {};
  return fail(
      errc::already_exists,
      core::format("line {}: '{}' is {}", one.line, core::printable(key),
                   found ? core::format("'{}'", core::printable(found->value)) : "not there"),
      "nothing was changed");
}

result<write_result> apply_once(namespace_handle& target, const std::vector<change>& changes) {
  HEARTH_TRY(const auto begun, target.begin());
  for (const auto& one : changes) {
    if (one.what == "expect") {
      HEARTH_CHECK(expect(*begun, one));
      continue;
    }
    const bool of_keys = one.what == "put" || one.what == "delete" || one.what == "add";
    HEARTH_TRY(auto batch, of_keys ? key_batch(one) : record_batch(one));
    if (auto written = begun->write(std::move(batch)); !written) {
      auto reason = std::move(written).error();
      reason.message = core::format("line {}: {}", one.line, reason.message);
      return std::unexpected(std::move(reason));
    }
  }
  return begun->commit();
}

result<int> apply(invocation& call, const apply_options& options) {
  HEARTH_TRY(const auto changes, changes_in(options.file));
  HEARTH_TRY(const auto target, call.open(options.name));
  auto done = apply_once(*target, changes);
  for (std::uint32_t attempt = 1;
       attempt < options.attempts && !done && done.error().code == errc::conflict; ++attempt)
    done = apply_once(*target, changes);
  HEARTH_TRY(const auto written, std::move(done));
  if (call.as_json())
    call.print({{"changes", changes.size()},
                {"records", written.affected},
                {"keys", written.keys},
                {"lsn", written.lsn}});
  else
    call.note(core::format("{} records and {} keys at lsn {}", written.affected, written.keys,
                           written.lsn));
  return exit_ok;
}

}  // namespace

void add_apply_command(CLI::App& app, action& chosen) {
  auto* command =
      app.add_subcommand("apply", "Make many changes of records and keys, all of them or none");
  auto options = bind_action<apply_options>(*command, chosen, apply);
  command->add_option("namespace", options->name, "The namespace")->required();
  command->add_option("file", options->file, "The changes, one JSON object per line; - reads stdin")
      ->capture_default_str();
  command
      ->add_option("--attempts", options->attempts,
                   "How often to try when others change the same at the same time")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->footer(
      "Changes happen in one transaction, in their order. The first member of each names it:\n"
      "  {\"put\": KEY, \"value\": TEXT}      {\"delete\": KEY}      {\"add\": KEY, \"amount\": "
      "1}\n"
      "  {\"expect\": KEY, \"value\": TEXT}   or else nothing is changed; null: it must not be "
      "there\n"
      "  {\"upsert\": ID, \"vector\": [..], \"metadata\": {..}, \"text\": TEXT}\n"
      "  {\"update\": ID, ...}              {\"erase\": ID}\n\n"
      "Example:\n"
      "  echo '{\"put\": \"greeting\", \"value\": \"hello\"}' | hearth apply docs");
}

}  // namespace hearth::tools
