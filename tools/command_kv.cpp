// `hearth kv put|get|delete|add|scan`: the key-value side of a namespace. Keys as paths are in
// tools/command_kv_paths.cpp.
#include <CLI/CLI.hpp>

#include "core/format.hpp"
#include "tools/command.hpp"
#include "tools/command_kv_paths.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

struct put_options {
  std::string name;
  std::string key;
  std::string value;
  std::optional<lsn_t> version;
};

struct keys_options {
  std::string name;
  std::vector<std::string> keys;
};

struct add_options {
  std::string name;
  std::string key;
  std::int64_t amount = 1;
};

struct scan_options {
  std::string name;
  key_scan scan;
  std::optional<std::uint64_t> limit;
  bool keys_only = false;
};

result<write_result> write(namespace_handle& target, std::vector<key_write> keys) {
  write_batch batch;
  batch.keys = std::move(keys);
  return target.write(std::move(batch));
}

result<int> put(invocation& call, const put_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  key_write one{.key = options.key, .value = options.value, .expected = options.version};
  HEARTH_TRY(const auto written, write(*target, {std::move(one)}));
  if (call.as_json())
    call.print({{"key", options.key}, {"version", written.lsn}});
  else
    call.note(core::format("version {}", written.lsn));
  return exit_ok;
}

result<int> get(invocation& call, const keys_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto answer, target->get_keys({options.keys}));
  json entries = json::array();
  bool all = true;
  for (std::size_t i = 0; i < options.keys.size(); ++i) {
    const auto& found = answer.found[i];
    all = all && found;
    if (call.as_json())
      entries.push_back({{"key", options.keys[i]},
                         {"value", found ? json(found->value) : json()},
                         {"version", found ? json(found->version) : json()}});
    else if (found)
      call.out() << found->value << '\n';
    else
      call.err() << "hearth: no key " << snippet(options.keys[i], 80) << '\n';
  }
  if (call.as_json())
    call.print({{"entries", std::move(entries)}});
  return all ? exit_ok : exit_not_found;
}

result<int> erase(invocation& call, const keys_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  std::vector<key_write> writes;
  writes.reserve(options.keys.size());
  for (const auto& key : options.keys)
    writes.push_back({.key = key, .change = key_change::erase});
  HEARTH_TRY(const auto written, write(*target, std::move(writes)));
  if (call.as_json())
    call.print({{"deleted", written.keys}, {"lsn", written.lsn}});
  else
    call.note(core::format("deleted {} of {}", written.keys, options.keys.size()));
  return exit_ok;
}

result<int> add(invocation& call, const add_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  key_write one{.key = options.key, .change = key_change::add, .amount = options.amount};
  HEARTH_TRY(const auto written, write(*target, {std::move(one)}));
  if (written.sums.empty())
    return fail(errc::internal, "the daemon did not answer the sum");
  if (call.as_json())
    call.print({{"key", options.key}, {"value", written.sums.front()}});
  else
    call.out() << written.sums.front() << '\n';
  return exit_ok;
}

void print_entry(invocation& call, const key_entry& entry, bool keys_only) {
  if (call.as_json() && keys_only)
    call.out() << dump_json({{"key", entry.key}, {"version", entry.version}}) << '\n';
  else if (call.as_json())
    call.out() << dump_json(
                      {{"key", entry.key}, {"value", entry.value}, {"version", entry.version}})
               << '\n';
  else if (keys_only)
    call.out() << snippet(entry.key, limits::key_bytes) << '\n';
  else
    call.out() << snippet(entry.key, limits::key_bytes) << '\t' << snippet(entry.value, 4'096)
               << '\n';
}

result<int> scan(invocation& call, const scan_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  auto scan = options.scan;
  scan.values = !options.keys_only;
  auto left = options.limit.value_or(UINT64_MAX);
  const auto page_keys = scan.limit;
  while (left > 0) {
    scan.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(page_keys, left));
    HEARTH_TRY(const auto page, target->scan_keys(scan));
    for (const auto& entry : page.entries)
      print_entry(call, entry, options.keys_only);
    left -= page.entries.size();
    if (page.next.empty())
      break;
    scan.cursor = page.next;
  }
  return exit_ok;
}

void add_scan_command(CLI::App& group, action& chosen) {
  auto* command = group.add_subcommand("scan", "Print keys and values in the order of keys");
  auto options = bind_action<scan_options>(*command, chosen, scan);
  command->add_option("namespace", options->name, "The namespace")->required();
  command->add_option("--prefix", options->scan.prefix, "Only keys that begin like this");
  command->add_option("--start", options->scan.start, "The first key");
  command->add_option("--end", options->scan.end, "The first key that is left out again");
  command->add_flag("--reverse", options->scan.reverse, "From the last key to the first");
  command->add_option("--limit", options->limit, "Keys to print at most (default: all)");
  command->add_flag("--keys-only", options->keys_only, "Without the values");
  command->footer("With --json, one object per line.\n\n"
                  "Examples:\n"
                  "  hearth kv scan docs --prefix users/\n"
                  "  hearth kv scan docs --reverse --limit 10 --keys-only");
}

}  // namespace

void add_kv_commands(CLI::App& app, action& chosen) {
  auto* group = app.add_subcommand("kv", "Put, get, delete, add to, scan and query keys");
  group->require_subcommand(1);
  group->footer("Keys and values are the bytes of the words given.\n\n"
                "Example:\n  hearth kv put docs users/7 '{\"name\": \"Ann\"}'");

  auto* put_command = group->add_subcommand("put", "Insert or replace a key");
  auto put_state = bind_action<put_options>(*put_command, chosen, put);
  put_command->add_option("namespace", put_state->name, "The namespace")->required();
  put_command->add_option("key", put_state->key, "The key")->required();
  put_command->add_option("value", put_state->value, "The value")->required();
  put_command
      ->add_option("--if-version", put_state->version,
                   "Only if the key has this version (0: is not there), else change nothing")
      ->type_name("VERSION");
  put_command->footer("Example:\n  hearth kv put docs greeting hello");

  auto* get_command = group->add_subcommand("get", "Print the values of keys");
  auto get_state = bind_action<keys_options>(*get_command, chosen, get);
  get_command->add_option("namespace", get_state->name, "The namespace")->required();
  get_command->add_option("keys", get_state->keys, "The keys")->required();
  get_command->footer("Example:\n  hearth kv get docs greeting");

  auto* delete_command = group->add_subcommand("delete", "Remove keys");
  auto delete_state = bind_action<keys_options>(*delete_command, chosen, erase);
  delete_command->add_option("namespace", delete_state->name, "The namespace")->required();
  delete_command->add_option("keys", delete_state->keys, "The keys")->required();
  delete_command->footer("Example:\n  hearth kv delete docs greeting");

  auto* add_command = group->add_subcommand("add", "Add to a whole number, and print the sum");
  auto add_state = bind_action<add_options>(*add_command, chosen, add);
  add_command->add_option("namespace", add_state->name, "The namespace")->required();
  add_command->add_option("key", add_state->key, "The key; 0 if it is not there")->required();
  add_command->add_option("amount", add_state->amount, "What to add; may be negative")
      ->capture_default_str();
  add_command->footer("Example:\n  hearth kv add docs visits");

  add_scan_command(*group, chosen);
  add_kv_path_commands(*group, chosen);
}

}  // namespace hearth::tools
