#include "tools/command_kv_paths.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "core/format.hpp"
#include "core/key_path.hpp"
#include "core/path_query.hpp"
#include "core/toon.hpp"
#include "tools/field_options.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

struct path_options {
  std::string name;
  std::string path;
  std::optional<std::uint64_t> limit;
  bool reverse = false;
};

struct query_options {
  std::string name;
  path_query query;
  std::optional<std::string> where;
  bool with_path = false;
  bool toon = false;
};

constexpr std::string_view path_form =
    R"(A path is its segments with slashes between them; in a segment, \/ is a slash and \\ a
backslash.)";

// What the keys below the path of the command line begin with.
result<std::string> prefix_of(const std::string& path) {
  if (path.empty())
    return std::string();
  HEARTH_TRY(const auto segments, decode_path(path));
  return path_prefix(segments);
}

// The last segment of a key below `prefix`, as it is in the store if it is no path.
std::string name_of(const std::string& key, std::size_t prefix) {
  const auto rest = key.substr(prefix);
  const auto segments = decode_path(rest);
  return segments ? segments->front() : rest;
}

result<int> list(invocation& call, const path_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto prefix, prefix_of(options.path));
  key_scan scan{.prefix = prefix,
                .reverse = options.reverse,
                .values = false,
                .delimiter = std::string(path_delimiter)};
  auto left = options.limit.value_or(UINT64_MAX);
  while (left > 0) {
    scan.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(1000, left));
    HEARTH_TRY(const auto page, target->scan_keys(scan));
    if (page.names.size() != page.entries.size())
      return fail(errc::unsupported, "this daemon cannot list the names below a path",
                  "it is older than this program: stop it, so that a new one is started");
    for (std::size_t i = 0; i < page.entries.size(); ++i) {
      const auto entry = page.entries[i];
      const bool more = (page.names[i] & key_name::has_more) != 0;
      const std::string key(entry.key);
      const auto name = name_of(key, prefix.size());
      if (call.as_json())
        call.out() << dump_json({{"name", name},
                                 {"path", key},
                                 {"version", entry.version != 0 ? json(entry.version) : json()},
                                 {"children", more}})
                   << '\n';
      else
        call.out() << snippet(name, limits::key_bytes) << (more ? "/" : "")
                   << (more && entry.version != 0 ? " *" : "") << '\n';
    }
    left -= page.entries.size();
    if (page.next.empty())
      break;
    scan.cursor = page.next;
  }
  return exit_ok;
}

// Prints keys below one another as a tree. They come in order, so that what a key has in common
// with the one before has been printed.
class tree_printer {
 public:
  tree_printer(invocation& call, std::size_t prefix) : call_(call), prefix_(prefix) {}

  void print(const key_entry& entry) {
    if (call_.as_json()) {
      const auto read = json::parse(json_text_of(typed_value_of(entry.value)), nullptr, false);
      call_.out() << dump_json({{"path", entry.key}, {"value", read}, {"version", entry.version}})
                  << '\n';
      return;
    }
    const auto rest = entry.key.substr(prefix_);
    auto segments = decode_path(rest).value_or(std::vector<std::string>{std::string(rest)});
    std::size_t depth = 0;
    while (depth + 1 < segments.size() && depth < last_.size() && segments[depth] == last_[depth])
      ++depth;
    for (; depth < segments.size(); ++depth) {
      call_.out() << std::string(2 * depth, ' ') << snippet(segments[depth], limits::key_bytes);
      call_.out() << (depth + 1 == segments.size() ? " = " + snippet(entry.value, 4'096) : "/")
                  << '\n';
    }
    last_ = std::move(segments);
  }

 private:
  invocation& call_;
  const std::size_t prefix_;
  std::vector<std::string> last_;
};

result<int> tree(invocation& call, const path_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto prefix, prefix_of(options.path));
  key_scan scan{.prefix = prefix, .reverse = options.reverse};
  auto left = options.limit.value_or(UINT64_MAX);
  tree_printer printer(call, prefix.size());
  while (left > 0) {
    scan.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(1000, left));
    HEARTH_TRY(const auto page, target->scan_keys(scan));
    for (const auto& entry : page.entries)
      printer.print(entry);
    left -= page.entries.size();
    if (page.next.empty())
      break;
    scan.cursor = page.next;
  }
  return exit_ok;
}

result<int> erase_tree(invocation& call, const path_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(auto prefix, prefix_of(options.path));
  if (prefix.empty())
    return fail(errc::invalid_argument, "the path is empty", "name what is to be removed");
  write_batch batch;
  batch.keys.push_back({.key = options.path, .change = key_change::erase});
  batch.keys.push_back({.key = std::move(prefix), .change = key_change::erase_prefix});
  HEARTH_TRY(const auto written, target->write(std::move(batch)));
  if (call.as_json())
    call.print({{"deleted", written.keys}, {"lsn", written.lsn}});
  else
    call.note(core::format("deleted {}", written.keys));
  return exit_ok;
}

void print_row(invocation& call, const typed_object& row) {
  call.out() << json_text_of(row) << '\n';
}

result<int> query(invocation& call, const query_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  auto wanted = options.query;
  HEARTH_TRY(wanted.where, parse_where(options.where));
  if (options.with_path)
    wanted.path_column = "path";
  const bool as_toon = options.toon || !call.as_json();
  HEARTH_TRY(auto run, path_query_run::start(wanted));
  std::vector<typed_object> rows;
  while (!run.done()) {
    HEARTH_TRY(auto page, target->scan_keys(run.wanted()));
    HEARTH_TRY(auto some, run.take(std::move(page)));
    if (as_toon)
      std::ranges::move(some, std::back_inserter(rows));
    else
      for (const auto& row : some)
        print_row(call, row);
  }
  if (!as_toon)
    return exit_ok;
  // Without rows, the columns that were asked for are still to be seen.
  auto columns = wanted.select;
  if (options.with_path)
    columns.insert(columns.begin(), wanted.path_column);
  HEARTH_TRY(const auto text, write_toon(toon_table_of("result", rows, std::move(columns))));
  call.out() << text << '\n';
  return exit_ok;
}

void add_query_command(CLI::App& group, action& chosen) {
  auto* command = group.add_subcommand("query", "Print rows made of paths");
  auto options = bind_action<query_options>(*command, chosen, query);
  command->add_option("namespace", options->name, "The namespace")->required();
  command->add_option("prefix", options->query.prefix, "Only keys that begin like this")
      ->required();
  command->add_option("--select", options->query.select, "Only these columns, in this order")
      ->delimiter(',')
      ->type_name("COLUMN,...");
  command
      ->add_option("--where", options->where,
                   "Only rows that match: 'age >= 18 AND `address/city` == \"Berlin\"'")
      ->type_name("FILTER");
  command->add_option("--order-by", options->query.order_by, "Order rows by this column")
      ->type_name("COLUMN");
  command->add_flag("--descending", options->query.descending,
                    "With --order-by: the largest first");
  command->add_option("--offset", options->query.offset, "Rows to leave out");
  command->add_option("--limit", options->query.limit, "Rows to print at most (default: all)");
  command->add_flag("--with-path", options->with_path, "The path of each row as a first column");
  command->add_flag("--toon", options->toon, "Print TOON also with --json");
  command->footer(
      "Keys that share their first two segments are one row; the rest of each path is a\n"
      "column. Prints TOON (docs/toon.md), or with --json one object per line.\n\n"
      "Examples:\n"
      "  hearth kv query docs users/ --select name,age --where 'age >= 18' --order-by age\n"
      "  hearth kv query docs users/ --with-path --json");
}

}  // namespace

void add_kv_path_commands(CLI::App& group, action& chosen) {
  auto* list_command = group.add_subcommand("ls", "Print the names directly below a path");
  auto list_state = bind_action<path_options>(*list_command, chosen, list);
  list_command->add_option("namespace", list_state->name, "The namespace")->required();
  list_command->add_option("path", list_state->path, "The path (default: the topmost names)");
  list_command->add_flag("--reverse", list_state->reverse, "From the last name to the first");
  list_command->add_option("--limit", list_state->limit, "Names to print at most (default: all)");
  list_command->footer(core::format(
      "A name that others are below ends in a slash; with a value of its own, too, a star\n"
      "follows. With --json, one object per line.\n{}\n\nExample:\n  hearth kv ls docs users/alice",
      path_form));

  auto* tree_command = group.add_subcommand("tree", "Print everything below a path");
  auto tree_state = bind_action<path_options>(*tree_command, chosen, tree);
  tree_command->add_option("namespace", tree_state->name, "The namespace")->required();
  tree_command->add_option("path", tree_state->path, "The path (default: everything)");
  tree_command->add_option("--limit", tree_state->limit, "Values to print at most (default: all)");
  tree_command->footer(core::format("With --json, one object per line, with the value as JSON.\n{}"
                                    "\n\nExample:\n  hearth kv tree docs users",
                                    path_form));

  auto* delete_command =
      group.add_subcommand("delete-tree", "Remove a path and everything below it");
  auto delete_state = bind_action<path_options>(*delete_command, chosen, erase_tree);
  delete_command->add_option("namespace", delete_state->name, "The namespace")->required();
  delete_command->add_option("path", delete_state->path, "The path")->required();
  delete_command->footer(core::format("All of it or, if something fails, nothing. {}\n\nExample:\n"
                                      "  hearth kv delete-tree docs users/alice",
                                      path_form));

  add_query_command(group, chosen);
}

}  // namespace hearth::tools
