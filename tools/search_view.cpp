#include "tools/search_view.hpp"

#include <algorithm>
#include <cmath>

#include "core/format.hpp"
#include "tools/fields.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

constexpr std::size_t id_columns = 40;
constexpr std::size_t group_columns = 24;

// A hit that one side alone brought has no number of the other.
std::string number_cell(double number) {
  return std::isnan(number) ? "-" : format_fixed(number, 4);
}

json number_or_null(double number) {
  return std::isnan(number) ? json() : json(number);
}

std::size_t widest(const std::vector<std::string>& cells) {
  std::size_t width = 0;
  for (const auto& cell : cells)
    width = std::max(width, display_width(cell));
  return width;
}

// Whether vectors were compared at all: a search for words alone asks no index of them.
bool compared_vectors(const search_explanation& said) {
  const auto is = [&](search_step step) {
    return std::ranges::any_of(said.stages,
                               [step](const search_stage& stage) { return stage.step == step; });
  };
  return !is(search_step::text) || is(search_step::index) || is(search_step::tail) ||
         is(search_step::storage) || is(search_step::late);
}

}  // namespace

void print_hits(invocation& call, const search_result& found, std::uint32_t offset,
                std::chrono::nanoseconds took, const char* none) {
  const auto count = found.hits.size();
  if (count == 0) {
    call.note(none);
    return;
  }
  using side = table::align;
  const bool by_vector =
      std::ranges::any_of(found.distances, [](float distance) { return !std::isnan(distance); });
  const bool by_text =
      std::ranges::any_of(found.text_scores, [](double score) { return !std::isnan(score); });
  const bool scored = !found.scores.empty();
  const bool grouped = !found.groups.empty();
  std::vector<table::column> columns{{"#", side::right}};
  if (scored)
    columns.push_back({"score", side::right});
  if (by_vector || !scored)
    columns.push_back({"distance", side::right});
  // The score of words alone is that of the text.
  if (by_text && by_vector)
    columns.push_back({"text score", side::right});
  if (grouped)
    columns.push_back({"group"});
  std::vector<std::string> ids;
  std::vector<std::string> groups;
  ids.reserve(count);
  groups.reserve(found.groups.size());
  for (const auto& id : found.hits.ids)
    ids.push_back(snippet(id_to_text(id), id_columns));
  for (const auto& group : found.groups)
    groups.push_back(describe_value(group, group_columns));
  const auto used = 10 * columns.size() + std::max<std::size_t>(2, widest(ids)) + widest(groups);
  columns.push_back({"id"});
  columns.push_back({"record"});
  const auto width = std::max<std::size_t>(20, terminal_width() - std::min(used, terminal_width()));
  table hits(std::move(columns));
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::string> cells{std::to_string(std::uint64_t{offset} + i + 1)};
    if (scored)
      cells.push_back(number_cell(found.scores[i]));
    if (by_vector || !scored)
      cells.push_back(number_cell(found.distances[i]));
    if (by_text && by_vector)
      cells.push_back(number_cell(found.text_scores[i]));
    if (grouped)
      cells.push_back(groups[i]);
    cells.push_back(ids[i]);
    cells.push_back(describe_record(found.hits, i, width));
    hits.add(std::move(cells));
  }
  hits.print(call.out());
  call.note(core::format("{} records in {}", count, format_duration(took)));
}

json hits_to_json(const search_result& found) {
  json hits = json::array();
  for (std::size_t i = 0; i < found.hits.size(); ++i) {
    auto hit = record_to_json(found.hits, i);
    hit["distance"] = number_or_null(printable(found.distances[i]));
    if (!found.scores.empty())
      hit["score"] = number_or_null(found.scores[i]);
    if (!found.text_scores.empty())
      hit["text_score"] = number_or_null(found.text_scores[i]);
    if (!found.groups.empty())
      hit["group"] = to_json(found.groups[i]);
    hits.push_back(std::move(hit));
  }
  return hits;
}

json to_json(const search_explanation& said) {
  json stages = json::array();
  for (const auto& stage : said.stages)
    stages.push_back({{"step", core::to_string(stage.step)},
                      {"rows", stage.rows},
                      {"candidates", stage.candidates},
                      {"time_us", stage.time_us}});
  const bool vectors = compared_vectors(said);
  return {{"distance", vectors ? json(core::to_string(said.distance)) : json()},
          {"index", vectors ? json(core::to_string(said.kind)) : json()},
          {"ef", said.ef},
          {"nprobe", said.nprobe},
          {"rounds", said.rounds},
          {"exact", said.exact},
          {"walk_us", said.walk_us},
          {"exact_us", said.exact_us},
          {"filter", said.filter},
          {"time_us", said.time_us},
          {"stages", std::move(stages)}};
}

void print_explanation(invocation& call, const search_explanation& said) {
  using side = table::align;
  if (compared_vectors(said))
    call.out() << core::format("\n{}, {}, {}, {} {}, {} us in the daemon\n",
                               core::to_string(said.kind), core::to_string(said.distance),
                               said.exact ? "every vector compared"
                                          : core::format("ef {}", said.ef),
                               said.rounds, said.rounds == 1 ? "round" : "rounds", said.time_us);
  else
    call.out() << core::format("\nwords only, {} us in the daemon\n", said.time_us);
  if (said.walk_us > 0)
    call.out() << core::format("a walk was expected to take {:.0f} us, comparing all {:.0f} us\n",
                               said.walk_us, said.exact_us);
  if (!said.filter.empty())
    call.out() << core::format("filter: {}\n", said.filter);
  table steps({{"step"}, {"rows", side::right}, {"candidates", side::right}, {"us", side::right}});
  for (const auto& stage : said.stages)
    steps.add({std::string(core::to_string(stage.step)), group_digits(stage.rows),
               group_digits(stage.candidates), std::to_string(stage.time_us)});
  steps.print(call.out());
}

}  // namespace hearth::tools
