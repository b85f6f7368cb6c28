// `hearth stats|checkpoint|compact|check NAMESPACE`: how a namespace is doing, and upkeep on
// request.
#include <CLI/CLI.hpp>
#include <unistd.h>

#include <chrono>
#include <future>

#include "core/format.hpp"
#include "tools/command.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

using namespace std::chrono_literals;
using side = table::align;

struct target_options {
  std::string name;
};

bool shows_progress(invocation& call) {
  return !call.as_json() && !call.options().quiet && isatty(STDERR_FILENO) == 1;
}

result<int> checkpoint(invocation& call, const target_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto lsn, target->checkpoint());
  if (call.as_json())
    call.print({{"namespace", options.name}, {"lsn", lsn}});
  else
    call.note(core::format("index snapshots cover lsn {}", lsn));
  return exit_ok;
}

// Waits for the compaction, and shows how much is copied.
result<compact_result> compact_with_progress(invocation& call, namespace_handle& target) {
  // Shared with the completion, which may come after this has given up.
  const auto answer = std::make_shared<std::promise<result<compact_result>>>();
  auto outcome = answer->get_future();
  target.compact([answer](result<compact_result> done) { answer->set_value(std::move(done)); });
  const bool visible = shows_progress(call);
  progress_bar bar(call.err(), visible);
  while (outcome.wait_for(200ms) != std::future_status::ready) {
    if (!visible)
      continue;
    // While the file is exchanged there are no statistics, and no progress to show.
    const auto now = target.stats();
    if (now && now->compaction)
      bar.update(static_cast<double>(now->compaction->bytes_done) /
                     static_cast<double>(std::max<std::uint64_t>(now->compaction->bytes_total, 1)),
                 now->compaction->bytes_done);
  }
  return outcome.get();
}

result<int> compact(invocation& call, const target_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto done, compact_with_progress(call, *target));
  if (call.as_json())
    call.print({{"namespace", options.name},
                {"bytes_before", done.bytes_before},
                {"bytes_after", done.bytes_after},
                {"lsn", done.lsn}});
  else
    call.note(core::format("{}: {} before, {} after", options.name,
                           core::format_bytes(done.bytes_before),
                           core::format_bytes(done.bytes_after)));
  return exit_ok;
}

json to_json(const check_report& report) {
  json checked = json::object();
  for (const auto& each : report.checked)
    checked[each.what] = each.count;
  json problems = json::array();
  for (const auto& each : report.problems)
    problems.push_back({{"where", each.where}, {"what", each.what}, {"hint", each.hint}});
  return {{"ok", report.ok()},
          {"checked", std::move(checked)},
          {"problem_count", report.problem_count},
          {"problems", std::move(problems)}};
}

result<int> check(invocation& call, const target_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  result<check_report> report;
  {
    progress_bar bar(call.err(), shows_progress(call));
    report = target->check([&bar](const check_step& step) {
      bar.update(static_cast<double>(step.done) /
                     static_cast<double>(std::max<std::uint64_t>(step.total, 1)),
                 step.done);
    });
  }
  HEARTH_CHECK(report);
  if (call.as_json()) {
    json document{{"namespace", options.name}};
    document.update(to_json(*report));
    call.print(document);
  } else {
    for (const auto& each : report->problems)
      call.out() << core::format("{}: {}\n    {}\n", each.where, each.what, each.hint);
    table counts({{"checked"}, {"count", side::right}});
    for (const auto& each : report->checked)
      counts.add({each.what, group_digits(each.count)});
    counts.print(call.out());
    call.note(report->ok() ? core::format("{} is sound", options.name)
                           : core::format("{} problems in {}", group_digits(report->problem_count),
                                          options.name));
  }
  return report->ok() ? exit_ok : exit_service;
}

void add(CLI::App& app, action& chosen, const char* name, const char* what, const char* footer,
         result<int> (*run)(invocation&, const target_options&)) {
  auto* command = app.add_subcommand(name, what);
  auto state = bind_action<target_options>(*command, chosen, run);
  command->add_option("namespace", state->name, "The namespace")->required();
  command->footer(footer);
}

}  // namespace

void add_administration_commands(CLI::App& app, action& chosen) {
  add(app, chosen, "checkpoint", "Write index snapshots, so that opening is fast",
      "Prints the LSN that the snapshots cover.\n\nExample:\n  hearth checkpoint docs", checkpoint);
  add(app, chosen, "compact", "Give the free space of a namespace's file back",
      "The file is copied without its free pages and the copy put in its place: there has to be\n"
      "room for both. Writes wait meanwhile, reads only for the exchange.\n\n"
      "Example:\n  hearth compact docs",
      compact);
  add(app, chosen, "check", "Verify all checksums, and that indexes agree with what is stored",
      "Can be run while others read and write. Ends with 1 if something is wrong.\n\n"
      "Example:\n  hearth check docs --json",
      check);
}

}  // namespace hearth::tools
