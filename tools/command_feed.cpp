// `hearth watch` and `hearth consumers`: what is changed in a namespace, line by line.
#include <CLI/CLI.hpp>

#include "core/format.hpp"
#include "tools/command.hpp"
#include "tools/field_options.hpp"
#include "tools/fields.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

/// How long one call waits for a change; then the next one does.
constexpr std::uint32_t wait_ms = 10'000;

struct watch_options {
  std::string name;
  std::optional<lsn_t> from_lsn;
  std::string cursor;
  std::string consumer;
  bool records = false;
  bool keys = false;
  std::optional<std::string> where;
  std::optional<std::string> near;
  float radius = 0;
  std::string vector_name;
  std::optional<std::string> prefix;
  std::string fields = "none";
  bool values = false;
  std::optional<std::uint64_t> limit;
  bool existing = false;
};

struct consumers_options {
  std::string name;
  std::vector<std::string> erased;
};

result<std::optional<feed_position>> start_of(const watch_options& options) {
  if (options.cursor.empty())
    return options.from_lsn ? std::optional(feed_position{*options.from_lsn, 0}) : std::nullopt;
  HEARTH_TRY(const auto position, feed_position_from_string(options.cursor));
  return position;
}

result<change_query> query_of(const watch_options& options) {
  change_query query;
  HEARTH_TRY(query.after, start_of(options));
  HEARTH_TRY(query.where, parse_where(options.where));
  HEARTH_TRY(query.fields, parse_fields(options.fields));
  if (options.near) {
    HEARTH_TRY(const auto parsed, parse_json(*options.near));
    HEARTH_TRY(auto vector, vector_from_json(parsed, "--near"));
    const auto dimension = static_cast<std::uint32_t>(vector.size());
    query.near = near_condition{.vector = matrix(std::move(vector), 1, dimension),
                                .vector_name = options.vector_name,
                                .radius = options.radius};
  }
  query.prefix = options.prefix.value_or("");
  query.values = options.values;
  query.wait_ms = options.existing ? 0 : wait_ms;
  const bool of_records = options.records || query.where || query.near;
  const bool of_keys = options.keys || options.prefix;
  if (of_records != of_keys)
    query.subject = of_records ? feed_subject::records : feed_subject::keys;
  return query;
}

json event_to_json(const change_page& page, const change_event& event, const change_query& query) {
  json line{{"lsn", event.lsn}, {"change", event.erased ? "erase" : "put"}};
  if (event.is_key)
    line["key"] = event.key;
  else
    line["id"] = to_json(event.id);
  const bool there = !event.erased && event.version != 0;
  line["version"] = there ? json(event.version) : json();
  if (there && !event.is_key && query.fields != field_set())
    line["record"] = record_to_json(page.records, event.row);
  if (there && event.is_key && query.values)
    line["value"] = event.value;
  line["last"] = event.last;
  line["cursor"] = to_string(event.position());
  return line;
}

void print_event(invocation& call, const change_page& page, const change_event& event,
                 const change_query& query) {
  if (call.as_json()) {
    call.out() << dump_json(event_to_json(page, event, query)) << '\n';
    return;
  }
  const bool there = !event.erased && event.version != 0;
  call.out() << event.lsn << '\t' << (event.erased ? "erase" : "put") << '\t'
             << (event.is_key ? "key\t" + snippet(event.key, 4'096)
                              : "record\t" + snippet(id_to_text(event.id), 4'096));
  if (there && !event.is_key && query.fields != field_set())
    call.out() << '\t' << describe_record(page.records, event.row, 4'096);
  if (there && event.is_key && query.values)
    call.out() << '\t' << snippet(event.value, 4'096);
  call.out() << '\n';
}

result<feed_position> move_consumer(namespace_handle& target, const std::string& name,
                                    consumer_action action, std::optional<feed_position> position) {
  return target.update_consumer({name, action, position});
}

// A lost daemon is found or started again by the next call; what breaks for longer is told.
bool passes(const error& reason) noexcept {
  return reason.code == errc::unavailable || reason.code == errc::busy;
}

result<int> watch(invocation& call, const watch_options& options) {
  HEARTH_TRY(auto query, query_of(options));
  HEARTH_TRY(const auto target, call.open(options.name));
  if (!options.consumer.empty()) {
    HEARTH_TRY(query.after,
               move_consumer(*target, options.consumer, consumer_action::open, query.after));
  }
  auto left = options.limit.value_or(UINT64_MAX);
  const auto page_changes = query.limit;
  bool failed = false;  // the call before
  while (left > 0) {
    query.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(page_changes, left));
    const auto page = target->changes(query);
    if (!page && passes(page.error()) && !std::exchange(failed, true))
      continue;
    if (!page)
      return std::unexpected(page.error());
    failed = false;
    for (const auto& event : page->events)
      print_event(call, *page, event, query);
    call.out().flush();
    left -= page->events.size();
    query.after = page->next;
    if (!options.consumer.empty() && !page->events.empty())
      HEARTH_CHECK(
          move_consumer(*target, options.consumer, consumer_action::acknowledge, page->next));
    if (options.existing && page->next.lsn >= page->newest)
      break;
  }
  return exit_ok;
}

result<int> consumers(invocation& call, const consumers_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  for (const auto& name : options.erased)
    HEARTH_CHECK(move_consumer(*target, name, consumer_action::erase, {}));
  HEARTH_TRY(const auto all, target->list_consumers());
  HEARTH_TRY(const auto info, target->info());
  json listed = json::array();
  table lines({{"consumer"}, {"cursor", table::align::right}, {"behind", table::align::right}});
  for (const auto& each : all) {
    const auto behind = info.lsn - std::min(info.lsn, each.position.lsn);
    listed.push_back(
        {{"name", each.name}, {"cursor", to_string(each.position)}, {"behind", behind}});
    lines.add({snippet(each.name, 128), to_string(each.position), group_digits(behind)});
  }
  if (call.as_json())
    call.print({{"lsn", info.lsn}, {"consumers", std::move(listed)}});
  else
    lines.print(call.out());
  return exit_ok;
}

}  // namespace

void add_feed_commands(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("watch", "Print what is changed, a line per record or key");
  auto options = bind_action<watch_options>(*command, chosen, watch);
  command->add_option("namespace", options->name, "The namespace")->required();
  auto* from =
      command->add_option("--from-lsn", options->from_lsn,
                          "After this LSN; 0: all that history holds (default: from now on)");
  command->add_option("--cursor", options->cursor, "Where another watch stopped")->excludes(from);
  command->add_option("--consumer", options->consumer,
                      "A name whose position the namespace keeps: go on behind what it was shown");
  command->add_flag("--records", options->records, "Only records");
  command->add_flag("--keys", options->keys, "Only keys");
  add_where_option(*command, options->where);
  auto* near = command->add_option("--near", options->near,
                                   "Only records that are near this vector, a JSON array");
  command->add_option("--radius", options->radius, "How near: the largest distance")->needs(near);
  command->add_option("--vector-name", options->vector_name, "The vector that --near means")
      ->needs(near);
  command->add_option("--prefix", options->prefix, "Only keys that begin like this");
  add_fields_option(*command, options->fields);
  command->add_flag("--values", options->values, "Print the values of keys");
  command->add_option("--limit", options->limit, "End after so many changes");
  command->add_flag("--existing", options->existing, "End where nothing more is there yet");
  command->footer(
      "Runs until Ctrl-C. Each change comes at least once, in the order of LSNs; what is printed "
      "of\n"
      "a record or key is how it is now. With --json, one object per line. A consumer's position\n"
      "moves behind what was printed.\n\n"
      "Examples:\n"
      "  hearth watch docs\n"
      "  hearth watch docs --from-lsn 0 --where 'year >= 2024' --fields metadata --json\n"
      "  hearth watch docs --prefix users/ --values --consumer mailer");

  auto* list = app.add_subcommand("consumers", "Named readers of changes, and how far they are");
  auto list_options = bind_action<consumers_options>(*list, chosen, consumers);
  list->add_option("namespace", list_options->name, "The namespace")->required();
  list->add_option("--delete", list_options->erased, "Forget these first")->type_name("NAME");
  list->footer("Example:\n  hearth consumers docs --delete mailer");
}

}  // namespace hearth::tools
