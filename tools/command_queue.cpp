// `hearth queue push|lease|ack|nack|stats|peek|dead|requeue|remove`: the queues of a namespace.
#include <CLI/CLI.hpp>
#include <cmath>

#include "core/format.hpp"
#include "tools/command.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

constexpr std::size_t shown_payload = 200;

struct push_options {
  std::string name;
  queue_write one;
  std::vector<std::string> payloads;
  double delay = 0;
};

struct lease_options {
  std::string name;
  queue_write one;
  double visibility = 30;
};

struct item_options {
  std::string name;
  queue_write one;
  std::vector<std::uint64_t> items;
  double delay = 0;
};

struct stats_options {
  std::string name;
  queue_query query;
};

struct list_options {
  std::string name;
  item_scan scan;
  std::string state = "ready";
  std::uint64_t limit = 20;
};

// Options are checked to be 0 or more.
std::uint64_t milliseconds(double seconds) {
  constexpr double most = 1e15;  // far beyond every limit
  return static_cast<std::uint64_t>(std::ceil(std::min(seconds * 1000, most)));
}

double seconds(std::int64_t milliseconds) {
  return static_cast<double>(milliseconds) / 1000;
}

result<std::vector<queue_reply>> write(invocation& call, const std::string& name,
                                       std::vector<queue_write> operations) {
  HEARTH_TRY(const auto target, call.open(name));
  write_batch batch;
  batch.queue = std::move(operations);
  const auto expected = batch.queue.size();
  HEARTH_TRY(auto written, target->write(std::move(batch)));
  if (written.queue.size() != expected)
    return fail(errc::internal, "the daemon answered too few operations");
  return std::move(written.queue);
}

json document_of(const queue_item& item) {
  json document = {{"id", item.id},
                   {"payload", item.payload},
                   {"state", std::string(to_string(item.state))},
                   {"priority", item.priority},
                   {"attempts", item.attempts},
                   {"max_attempts", item.max_attempts},
                   {"pushed", seconds(item.pushed_ms)},
                   {"since", seconds(item.since_ms)},
                   {"due", item.due_ms == 0 ? json() : json(seconds(item.due_ms))},
                   {"consumer", item.consumer}};
  if (item.token != 0)
    document["token"] = item.token;
  return document;
}

result<int> push(invocation& call, const push_options& options) {
  std::vector<queue_write> operations(options.payloads.size(), options.one);
  for (std::size_t i = 0; i < operations.size(); ++i) {
    operations[i].payload = options.payloads[i];
    operations[i].delay_ms = milliseconds(options.delay);
  }
  HEARTH_TRY(const auto replies, write(call, options.name, std::move(operations)));
  json ids = json::array();
  for (const auto& each : replies) {
    ids.push_back(each.item);
    if (!call.as_json())
      call.out() << each.item << '\n';
  }
  if (call.as_json())
    call.print({{"items", std::move(ids)}});
  return exit_ok;
}

result<int> lease(invocation& call, const lease_options& options) {
  auto one = options.one;
  one.change = queue_change::lease;
  one.visibility_ms = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(milliseconds(options.visibility), UINT32_MAX));
  HEARTH_TRY(const auto replies, write(call, options.name, {std::move(one)}));
  const auto& leased = replies.front().leased;
  json items = json::array();
  for (const auto& each : leased)
    if (call.as_json())
      items.push_back(document_of(each));
    else
      call.out() << each.id << '\t' << each.token << '\t' << each.payload << '\n';
  if (call.as_json())
    call.print({{"items", std::move(items)}});
  else if (leased.empty())
    call.err() << "hearth: nothing is ready\n";
  return leased.empty() ? exit_not_found : exit_ok;
}

// An ack or a nack.
result<int> end_lease(invocation& call, const item_options& options) {
  auto one = options.one;
  one.delay_ms = milliseconds(options.delay);
  HEARTH_TRY(const auto replies, write(call, options.name, {std::move(one)}));
  const std::string state(to_string(replies.front().state));
  if (call.as_json())
    call.print({{"item", options.one.item}, {"state", state}});
  else
    call.note(core::format("item {} is {}", options.one.item, state));
  return exit_ok;
}

// A requeue or a removal.
result<int> change_items(invocation& call, const item_options& options) {
  std::vector<queue_write> operations(options.items.size(), options.one);
  for (std::size_t i = 0; i < operations.size(); ++i)
    operations[i].item = options.items[i];
  HEARTH_TRY(const auto replies, write(call, options.name, std::move(operations)));
  const auto changed = std::ranges::count(replies, true, &queue_reply::changed);
  const bool requeues = options.one.change == queue_change::requeue;
  if (call.as_json())
    call.print({{requeues ? "requeued" : "removed", changed}});
  else
    call.note(core::format("{} {} of {}", requeues ? "requeued" : "removed", changed,
                           options.items.size()));
  return exit_ok;
}

result<int> stats(invocation& call, const stats_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto found, target->get_queues(options.query));
  json queues = json::array();
  table rows({{"queue"},
              {"ready", table::align::right},
              {"delayed", table::align::right},
              {"leased", table::align::right},
              {"dead", table::align::right},
              {"oldest", table::align::right}});
  for (const auto& each : found.queues) {
    queues.push_back({{"queue", each.name},
                      {"ready", each.ready},
                      {"delayed", each.delayed},
                      {"leased", each.leased},
                      {"dead", each.dead},
                      {"oldest_ready", static_cast<double>(each.oldest_ready_ms) / 1000}});
    rows.add({snippet(each.name, 80), group_digits(each.ready), group_digits(each.delayed),
              group_digits(each.leased), group_digits(each.dead),
              format_duration(std::chrono::milliseconds(each.oldest_ready_ms))});
  }
  if (call.as_json())
    call.print({{"queues", std::move(queues)}});
  else
    rows.print(call.out());
  return exit_ok;
}

result<int> list(invocation& call, const list_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  auto scan = options.scan;
  scan.state = item_state::gone;
  for (const auto state :
       {item_state::ready, item_state::delayed, item_state::leased, item_state::dead})
    if (options.state == to_string(state))
      scan.state = state;
  const auto page_items = scan.limit;
  for (auto left = options.limit; left > 0;) {
    scan.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(page_items, left));
    HEARTH_TRY(const auto page, target->scan_items(scan));
    for (const auto& item : page.items)
      if (call.as_json())
        call.out() << dump_json(document_of(item)) << '\n';
      else
        call.out() << item.id << '\t' << item.priority << '\t' << item.attempts << '/'
                   << item.max_attempts << '\t' << snippet(item.payload, shown_payload) << '\n';
    left -= page.items.size();
    if (page.next.empty())
      break;
    scan.cursor = page.next;
  }
  return exit_ok;
}

template <class Options>
void add_queue(CLI::App& command, Options& options, std::string& queue) {
  command.add_option("namespace", options.name, "The namespace")->required();
  command.add_option("queue", queue, "The queue")->required();
}

void add_push_command(CLI::App& group, action& chosen) {
  auto* command = group.add_subcommand("push", "Add items, and print their ids");
  auto options = bind_action<push_options>(*command, chosen, push);
  add_queue(*command, *options, options->one.queue);
  command->add_option("payloads", options->payloads, "What is to be done: one item each")
      ->required();
  command->add_option("--priority", options->one.priority, "Higher ones are leased first")
      ->capture_default_str();
  command->add_option("--delay", options->delay, "Seconds until they are ready")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--max-attempts", options->one.max_attempts,
                   "Leases that may fail before an item is dead")
      ->capture_default_str();
  command->footer("All of them are added, or none.\n\n"
                  "Example:\n  hearth queue push docs tasks 'read page 7' --priority 2");
}

void add_lease_command(CLI::App& group, action& chosen) {
  auto* command = group.add_subcommand("lease", "Take items, for a time");
  auto options = bind_action<lease_options>(*command, chosen, lease);
  add_queue(*command, *options, options->one.queue);
  command->add_option("--count", options->one.count, "Items at most")->capture_default_str();
  command->add_option("--visibility", options->visibility, "Seconds that they are held")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--consumer", options->one.consumer, "Who takes them, for people who look");
  command->footer(
      "Prints id, token and payload of each, with tabs between them. Ack it with these,\n"
      "or it is ready again when the time is over. Exits with 3 if nothing is ready.\n\n"
      "Example:\n  hearth queue lease docs tasks --visibility 60");
}

void add_end_commands(CLI::App& group, action& chosen) {
  auto* ack = group.add_subcommand("ack", "A leased item is done");
  auto done = bind_action<item_options>(*ack, chosen, end_lease);
  done->one.change = queue_change::ack;
  add_queue(*ack, *done, done->one.queue);
  ack->add_option("item", done->one.item, "The item")->required();
  ack->add_option("token", done->one.token, "The token of its lease")->required();
  ack->footer("Example:\n  hearth queue ack docs tasks 17 8123456789");

  auto* nack = group.add_subcommand("nack", "Give a leased item back");
  auto back = bind_action<item_options>(*nack, chosen, end_lease);
  back->one.change = queue_change::nack;
  add_queue(*nack, *back, back->one.queue);
  nack->add_option("item", back->one.item, "The item")->required();
  nack->add_option("token", back->one.token, "The token of its lease")->required();
  nack->add_option("--delay", back->delay, "Seconds until it is ready again")
      ->check(CLI::NonNegativeNumber);
  nack->add_flag("--dead", back->one.dead, "No further attempt");
  nack->footer("Example:\n  hearth queue nack docs tasks 17 8123456789 --delay 60");
}

void add_list_commands(CLI::App& group, action& chosen) {
  auto* peek = group.add_subcommand("peek", "Print items without leasing them");
  auto options = bind_action<list_options>(*peek, chosen, list);
  add_queue(*peek, *options, options->scan.queue);
  peek->add_option("--state", options->state, "ready, delayed, leased or dead")
      ->check(CLI::IsMember({"ready", "delayed", "leased", "dead"}))
      ->capture_default_str();
  peek->add_option("--limit", options->limit, "Items to print at most")->capture_default_str();
  peek->footer("Prints id, priority, attempts and payload of each. With --json, one object per\n"
               "line.\n\nExample:\n  hearth queue peek docs tasks --state leased");

  auto* dead = group.add_subcommand("dead", "Print the dead items");
  auto given_up = bind_action<list_options>(*dead, chosen, list);
  given_up->state = "dead";
  add_queue(*dead, *given_up, given_up->scan.queue);
  dead->add_option("--limit", given_up->limit, "Items to print at most")->capture_default_str();
  dead->footer("Example:\n  hearth queue dead docs tasks");

  auto* stats_command = group.add_subcommand("stats", "Count items by state");
  auto counted = bind_action<stats_options>(*stats_command, chosen, stats);
  stats_command->add_option("namespace", counted->name, "The namespace")->required();
  stats_command->add_option("queue", counted->query.queue, "The queue (default: all)");
  stats_command->footer("Example:\n  hearth queue stats docs");
}

void add_change_commands(CLI::App& group, action& chosen) {
  auto* requeue = group.add_subcommand("requeue", "Make dead items ready again");
  auto again = bind_action<item_options>(*requeue, chosen, change_items);
  again->one.change = queue_change::requeue;
  add_queue(*requeue, *again, again->one.queue);
  requeue->add_option("items", again->items, "The items: all of them, or none")->required();
  requeue->footer("Example:\n  hearth queue requeue docs tasks 17");

  auto* remove = group.add_subcommand("remove", "Remove items whatever their state");
  auto gone = bind_action<item_options>(*remove, chosen, change_items);
  gone->one.change = queue_change::remove;
  add_queue(*remove, *gone, gone->one.queue);
  remove->add_option("items", gone->items, "The items")->required();
  remove->footer("Example:\n  hearth queue remove docs tasks 17");
}

}  // namespace

void add_queue_commands(CLI::App& app, action& chosen) {
  auto* group = app.add_subcommand("queue", "Push, lease, ack and list items of queues");
  group->require_subcommand(1);
  group->footer("A queue is a list of work that many processes share, one holder per item.\n\n"
                "Example:\n  hearth queue push docs tasks 'read page 7'\n"
                "  hearth queue lease docs tasks");
  add_push_command(*group, chosen);
  add_lease_command(*group, chosen);
  add_end_commands(*group, chosen);
  add_list_commands(*group, chosen);
  add_change_commands(*group, chosen);
}

}  // namespace hearth::tools
