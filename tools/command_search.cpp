// `hearth search`: nearest records by vector, by words, by both, or by examples.
#include <CLI/CLI.hpp>
#include <chrono>

#include "tools/command.hpp"
#include "tools/search_request.hpp"
#include "tools/search_view.hpp"

namespace hearth::tools {
namespace {

result<int> search(invocation& call, const search_options& options) {
  HEARTH_TRY(auto query, plain_query(options));
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_CHECK(add_sources(call, options, target->config(), query));
  const bool chosen = query.compound() || query.where;
  const auto start = std::chrono::steady_clock::now();
  HEARTH_TRY(const auto found, target->search(std::move(query)));
  const auto took = std::chrono::steady_clock::now() - start;
  if (!call.as_json()) {
    print_hits(call, found, options.offset, took,
               chosen ? "no records match" : "no records with a vector");
    if (found.explanation)
      print_explanation(call, *found.explanation);
    return exit_ok;
  }
  json answer{{"namespace", options.name},
              {"k", options.k},
              {"exact", options.exact},
              {"took_ms", std::chrono::duration<double, std::milli>(took).count()},
              {"hits", hits_to_json(found)}};
  if (found.explanation)
    answer["explanation"] = to_json(*found.explanation);
  call.take_warnings(answer);
  call.print(answer);
  return exit_ok;
}

}  // namespace

void add_search_command(CLI::App& app, action& chosen) {
  auto* command =
      app.add_subcommand("search", "Find records by a vector, by words, by both, or by examples");
  auto options = bind_action<search_options>(*command, chosen, search);
  add_search_options(*command, *options);
  command->footer(
      "Examples:\n"
      "  hearth search docs --text \"red bicycle\" -k 5\n"
      "  hearth search docs --vector \"[0.1, 0.7, 0.2]\" --exact --json\n"
      "  hearth search docs --vector-file queries.npy --row 3 --ef 200\n"
      "  hearth search docs --text \"red bicycle\" --where 'year >= 2020 AND NOT sold == TRUE'\n"
      "  hearth search docs --text '\"red bicycle\" -child*' --mode text --operators\n"
      "  hearth search docs --text bicycle --mode hybrid --weights 0.7,0.3 --text-field title:2\n"
      "  hearth search docs --like 17 --like 21 --unlike 4 --group-by author\n"
      "The words and operators of filters are in docs/filters.md, those of texts in\n"
      "docs/text_search.md.");
}

}  // namespace hearth::tools
