// `hearth tune` and `hearth suggest-index`: how much effort searches need, and which index to take.
#include <CLI/CLI.hpp>
#include <unistd.h>

#include <chrono>
#include <future>

#include "core/format.hpp"
#include "engine/advice/index_advice.hpp"
#include "tools/command.hpp"
#include "tools/namespace_view.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

using namespace std::chrono_literals;
using side = table::align;

struct tune_options {
  std::string name;
  tune_request request;
};

struct suggest_options {
  engine::advice::index_needs needs;
};

const char* parameter_of(const tune_result& found) {
  return searches_lists(found.kind) ? "nprobe" : "ef_search";
}

// Waits for the tuning, and shows how far it is.
result<tune_result> tune_with_progress(invocation& call, namespace_handle& target,
                                       const tune_request& request) {
  // Shared with the completion, which may come after this has given up.
  const auto answer = std::make_shared<std::promise<result<tune_result>>>();
  auto found = answer->get_future();
  target.tune(request,
              [answer](result<tune_result> outcome) { answer->set_value(std::move(outcome)); });
  const bool visible = !call.as_json() && !call.options().quiet && isatty(STDERR_FILENO) == 1;
  progress_bar bar(call.err(), visible);
  while (found.wait_for(100ms) != std::future_status::ready) {
    if (!visible)
      continue;
    HEARTH_TRY(const auto info, target.info());
    if (info.tuning)
      bar.update(-1, info.tuning->done);
  }
  return found.get();
}

json to_json(const tune_result& found) {
  json tried = json::array();
  for (const auto& point : found.tried)
    tried.push_back({{"value", point.effort},
                     {"recall", point.recall},
                     {"mean_ms", point.mean_ms},
                     {"p95_ms", point.p95_ms}});
  return {{"parameter", parameter_of(found)},
          {"value", found.effort == 0 ? json() : json(found.effort)},
          {"finished", found.finished},
          {"queries", found.queries},
          {"tried", std::move(tried)}};
}

void print_tuning(invocation& call, const tune_request& request, const tune_result& found) {
  const char* parameter = parameter_of(found);
  table tried({{parameter, side::right},
               {"recall", side::right},
               {"mean ms", side::right},
               {"p95 ms", side::right}});
  for (const auto& point : found.tried)
    tried.add({std::to_string(point.effort), format_fixed(point.recall, 4),
               format_fixed(point.mean_ms, 3), format_fixed(point.p95_ms, 3)});
  tried.print(call.out());
  if (found.effort == 0)
    call.note(core::format("none reached recall {}; {} stays as it is", request.recall, parameter));
  else
    call.note(core::format("{} is {} from now on{}", parameter, found.effort,
                           found.finished ? "" : "; time was too short to look for less"));
}

result<int> tune(invocation& call, const tune_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_CHECK(validate(options.request, target->config()));
  HEARTH_TRY(const auto found, tune_with_progress(call, *target, options.request));
  if (call.as_json()) {
    json document{{"namespace", options.name}, {"recall", options.request.recall}};
    document.update(to_json(found));
    call.print(document);
  } else {
    print_tuning(call, options.request, found);
  }
  return exit_ok;
}

result<int> suggest(invocation& call, const suggest_options& options) {
  HEARTH_TRY(const auto advice, engine::advice::suggest_index(options.needs));
  if (call.as_json()) {
    call.print({{"index", tools::to_json(advice.params)},
                {"memory_bytes", advice.memory_bytes},
                {"recall", advice.recall},
                {"searches_per_second", advice.searches_per_second},
                {"build_seconds", advice.build_seconds},
                {"fits", advice.fits},
                {"reasons", advice.reasons}});
    return exit_ok;
  }
  const auto line = [&call](const char* name, const std::string& text) {
    call.out() << core::format("{:<12}{}\n", name, text);
  };
  line("index", describe_index(advice.params));
  line("memory", core::format("{}{}", core::format_bytes(advice.memory_bytes),
                              advice.fits ? "" : ", which is more than there is"));
  line("recall", core::format("{:.3g}", advice.recall));
  line("speed", core::format("about {} searches per second and thread",
                             static_cast<std::uint64_t>(advice.searches_per_second)));
  line("build", core::format("about {:.2g} s of CPU time", advice.build_seconds));
  for (std::size_t i = 0; i < advice.reasons.size(); ++i)
    line(i == 0 ? "because" : "", advice.reasons[i]);
  return exit_ok;
}

}  // namespace

void add_tune_commands(CLI::App& app, action& chosen) {
  auto* tuning = app.add_subcommand("tune", "Find the least effort that reaches a recall");
  auto how = bind_action<tune_options>(*tuning, chosen, tune);
  auto& request = how->request;
  tuning->add_option("namespace", how->name, "The namespace to measure and set")->required();
  tuning->add_option("--recall", request.recall, "Share of the true k nearest to find")
      ->capture_default_str();
  tuning->add_option("-k", request.k, "Hits per search")->capture_default_str();
  tuning->add_option("--sample", request.sample, "Queries to measure with")->capture_default_str();
  tuning->add_option("--seed", request.seed, "The same seed draws the same queries")
      ->capture_default_str();
  tuning->add_option("--time-limit-ms", request.time_limit_ms, "Take what is found until then")
      ->capture_default_str();
  tuning->add_option("--vector-name", request.vector_name, "Tune the index of this named vector")
      ->type_name("NAME");
  tuning->footer("Example:\n  hearth tune docs --recall 0.99");

  auto* advice = app.add_subcommand("suggest-index", "Say which index fits, and what to expect");
  auto options = bind_action<suggest_options>(*advice, chosen, suggest);
  auto& needs = options->needs;
  advice->add_option("-n,--rows", needs.rows, "How many vectors")->required();
  advice->add_option("--dimension", needs.dimension, "Numbers per vector")->required();
  advice
      ->add_option(
          "--memory", needs.memory_bytes,
          "What the index may take: bytes, or with a unit as in 500MB or 2GB (default: any)")
      ->transform(CLI::AsSizeValue(false));
  advice->add_option("--recall", needs.recall, "Share of the ten nearest to find")
      ->capture_default_str();
  advice->footer("Example:\n  hearth suggest-index -n 1000000 --dimension 384 --memory 1GB");
}

}  // namespace hearth::tools
