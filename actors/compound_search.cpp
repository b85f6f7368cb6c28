#include "actors/compound_search.hpp"

#include <algorithm>
#include <chrono>
#include <limits>

#include "actors/search_run.hpp"
#include "actors/text_search.hpp"
#include "core/format.hpp"
#include "core/value_path.hpp"
#include "engine/query/diversity.hpp"
#include "engine/query/fusion.hpp"

namespace hearth::actors {

namespace {

using storage::row_id;

constexpr float no_distance = std::numeric_limits<float>::quiet_NaN();
constexpr double no_score = std::numeric_limits<double>::quiet_NaN();
/// Candidates of each side of a fusion, and of a diverse answer, for each that is asked for.
constexpr std::size_t candidates_per_hit = 4;
constexpr std::size_t least_fused = 100;
constexpr std::size_t least_diverse = 50;
/// How much deeper the next attempt to fill the groups looks.
constexpr std::size_t deeper = 4;

field_set only_vectors() {
  return {.vectors = true, .metadata = false, .texts = false};
}
field_set only_metadata() {
  return {.vectors = false, .metadata = true, .texts = false};
}

std::uint64_t microseconds_since(std::chrono::steady_clock::time_point begin) {
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                        std::chrono::steady_clock::now() - begin)
                                        .count());
}

void note_filter(const filter_answer& matching, std::chrono::steady_clock::time_point begin,
                 search_explanation& into) {
  into.filter = matching.how();
  into.stages.push_back({search_step::filter, matching.scanned(), matching.rows()->size(),
                         microseconds_since(begin)});
}

// The mean of the rows of a matrix.
std::vector<float> mean_of(matrix_view vectors) {
  std::vector<double> sum(vectors.dimension(), 0);
  for (std::size_t row = 0; row < vectors.rows(); ++row)
    for (std::size_t i = 0; i < sum.size(); ++i)
      sum[i] += static_cast<double>(vectors.row(row)[i]);
  std::vector<float> mean;
  mean.reserve(sum.size());
  for (const double each : sum)
    mean.push_back(
        static_cast<float>(each / static_cast<double>(std::max<std::size_t>(vectors.rows(), 1))));
  return mean;
}

}  // namespace

compound_search::compound_search(const read_source& from, const search_query& query)
    : source_(from), space_(from.space()), query_(query),
      vector_(space_.number_of(query.vector_name)) {}

result<search_result> compound_search::run() {
  HEARTH_CHECK(find_examples());
  search_result answered;
  answered.offsets.push_back(0);
  if (query_.explain)
    answered.explanation.emplace();
  for (std::size_t each = 0; each < query_.count(); ++each) {
    HEARTH_CHECK(answer(each, answered));
    answered.offsets.push_back(answered.distances.size());
  }
  if (!query_.text) {
    answered.scores.clear();
    answered.text_scores.clear();
  }
  return answered;
}

// Their mean, moved away from that of those it is to be unlike.
result<void> compound_search::find_examples() {
  if (query_.like.empty())
    return {};
  HEARTH_TRY(const auto view, source_.view());
  const auto load = [&](const std::vector<record_id>& ids,
                        std::string_view field) -> result<std::vector<float>> {
    HEARTH_TRY(const auto found, view->get({ids, only_vectors()}, limits::message_bytes));
    if (!found.missing.empty())
      return fail(errc::not_found,
                  core::format("{} names {}, and there is no such record", field,
                               to_string(found.missing.front())),
                  "name records that are there and have a vector");
    const auto& there =
        vector_ == 0 ? found.found.has_vector : found.found.named[vector_ - 1].has_vector;
    if (const auto without = std::ranges::find(there, false); without != there.end())
      return fail(errc::invalid_argument,
                  core::format("{}: {} has no vector{}", field,
                               to_string(ids[static_cast<std::size_t>(without - there.begin())]),
                               vector_ == 0 ? "" : " named '" + query_.vector_name + "'"));
    const auto& vectors =
        vector_ == 0 ? found.found.vectors : found.found.named[vector_ - 1].vectors;
    return mean_of(vectors.view());
  };
  HEARTH_TRY(auto wanted, load(query_.like, "like"));
  if (!query_.unlike.empty()) {
    HEARTH_TRY(const auto unwanted, load(query_.unlike, "unlike"));
    for (std::size_t i = 0; i < wanted.size(); ++i)
      wanted[i] += wanted[i] - unwanted[i];
  }
  const auto dimension = static_cast<std::uint32_t>(wanted.size());
  example_ = matrix(std::move(wanted), 1, dimension);
  return {};
}

// How many candidates a query needs if all goes well.
std::size_t compound_search::first_depth() const {
  const std::size_t asked = std::size_t{query_.k} * (query_.group ? query_.group->limit : 1) +
                            query_.offset + query_.like.size() + query_.unlike.size();
  auto depth = asked;
  if (query_.text && searches_vectors())
    depth = std::max(asked, query_.fusion.depth != 0
                                ? query_.fusion.depth
                                : std::max(candidates_per_hit * asked, least_fused));
  if (query_.diversity)
    depth = std::max(depth, query_.diversity->candidates != 0
                                ? query_.diversity->candidates
                                : std::max(candidates_per_hit * asked, least_diverse));
  return std::min(depth, limits::search_results);
}

result<void> compound_search::answer(std::size_t query, search_result& into) {
  const auto started = std::chrono::steady_clock::now();
  view_ptr view;
  std::vector<hit> hits;
  for (auto depth = first_depth();; depth *= deeper) {
    HEARTH_TRY(auto found, candidates(query, depth, view, into));
    hits = std::move(found.hits);
    if (!query_.group)
      break;
    HEARTH_TRY(const bool enough, group(*view, hits));
    if (enough || !found.more || depth >= limits::search_results)
      break;
    view.reset();
  }
  if (query_.diversity)
    HEARTH_CHECK(diversify(*view, hits));
  // group() has left out groups.
  const auto first = query_.group ? 0 : std::min<std::size_t>(query_.offset, hits.size());
  const auto most = query_.group ? hits.size() : std::size_t{query_.k};
  HEARTH_CHECK(
      append(*view, std::span(hits).subspan(first, std::min(most, hits.size() - first)), into));
  if (into.explanation)
    into.explanation->time_us += microseconds_since(started);
  return {};
}

result<compound_search::hit_list> compound_search::candidates(std::size_t query, std::size_t depth,
                                                              view_ptr& view, search_result& into) {
  hit_list found;
  if (searches_vectors()) {
    HEARTH_TRY(found, by_vector(query, depth, view, into));
  }
  if (!view) {
    HEARTH_TRY(view, source_.view(vector_));
  }
  if (query_.text) {
    HEARTH_TRY(auto texts, by_text(query, depth, *view, into));
    found = searches_vectors() ? fused(found, texts) : std::move(texts);
  }
  if (query_.min_score)
    std::erase_if(found.hits, [&](const hit& each) { return each.score < *query_.min_score; });
  if (!query_.like.empty()) {
    // In each view anew: an example that is updated meanwhile gets another row.
    std::vector<record_id> examples = query_.like;
    examples.insert(examples.end(), query_.unlike.begin(), query_.unlike.end());
    HEARTH_TRY(const auto rows, view->rows_of(examples));
    std::erase_if(found.hits,
                  [&](const hit& each) { return std::ranges::find(rows, each.row) != rows.end(); });
  }
  return found;
}

result<compound_search::hit_list> compound_search::by_vector(std::size_t query, std::size_t depth,
                                                             view_ptr& view, search_result& into) {
  search_query asked;
  const auto& from = example_.rows() > 0 ? example_ : query_.vectors;
  const auto vector = from.view().row(example_.rows() > 0 ? 0 : query);
  asked.vectors = matrix(std::vector<float>(vector.begin(), vector.end()), 1, from.dimension());
  asked.vector_name = query_.vector_name;
  asked.k = static_cast<std::uint32_t>(depth);
  asked.ef = query_.ef;
  asked.nprobe = query_.nprobe;
  asked.exact = query_.exact;
  asked.explain = query_.explain;
  asked.where = query_.where;
  search_run run(source_, asked);
  HEARTH_CHECK(run.collect(0, 1));
  HEARTH_TRY(auto found, run.finish());
  view = run.take_view();
  hit_list list;
  list.more = found.distances.size() == depth;
  for (std::size_t i = 0; i < found.distances.size(); ++i) {
    const float distance = found.distances[i];
    if (query_.max_distance && !(distance <= *query_.max_distance)) {
      list.more = false;
      break;
    }
    list.hits.push_back({run.rows()[i], -static_cast<double>(distance), distance, no_score, {}});
  }
  if (into.explanation) {
    auto& said = *into.explanation;
    const auto time_us = said.time_us;  // answer() counts it
    const auto before = std::move(said.stages);
    said = *std::move(found.explanation);
    said.time_us = time_us;
    said.stages.insert(said.stages.begin(), before.begin(), before.end());
  }
  return list;
}

result<compound_search::hit_list> compound_search::by_text(std::size_t query, std::size_t depth,
                                                           storage::read_view& view,
                                                           search_result& into) {
  const auto started = std::chrono::steady_clock::now();
  HEARTH_TRY(const auto matching, source_.filtered(view, query_.where));
  // With vectors, their search has said it.
  if (matching.found && into.explanation && !searches_vectors())
    note_filter(matching, started, *into.explanation);
  HEARTH_TRY(const auto found,
             search_text(source_, view, *query_.text, query, depth, matching.rows()));
  hit_list list;
  list.more = found.hits.size() == depth;
  // A record that was damaged when it went may have left its words behind.
  std::vector<row_id> rows;
  rows.reserve(found.hits.size());
  for (const auto& each : found.hits)
    rows.push_back(each.row);
  record_columns only_ids;
  HEARTH_TRY(const auto there,
             view.resolve(rows, field_set{}, 8 * limits::message_bytes, only_ids));
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (there[i])
      list.hits.push_back({rows[i], found.hits[i].score, no_distance, found.hits[i].score, {}});
  if (into.explanation)
    into.explanation->stages.push_back(
        {search_step::text, found.scored, found.hits.size(), microseconds_since(started)});
  return list;
}

compound_search::hit_list compound_search::fused(const hit_list& by_vector,
                                                 const hit_list& by_text) const {
  const auto scored = [](const hit_list& list) {
    std::vector<engine::query::scored_row> rows;
    rows.reserve(list.hits.size());
    for (const auto& each : list.hits)
      rows.push_back({each.row, each.score});
    return rows;
  };
  hit_list list;
  list.more = by_vector.more || by_text.more;
  for (const auto& each : engine::query::fuse(scored(by_vector), scored(by_text), query_.fusion))
    list.hits.push_back(
        {each.row, each.score, static_cast<float>(-each.vector_part), each.text_part, {}});
  return list;
}

result<bool> compound_search::group(storage::read_view& view, std::vector<hit>& hits) const {
  HEARTH_TRY(const auto path, parse_path(query_.group->field));
  std::vector<row_id> rows;
  rows.reserve(hits.size());
  for (const auto& each : hits)
    rows.push_back(each.row);
  record_columns records;
  HEARTH_TRY(const auto there,
             view.resolve(rows, only_metadata(), 8 * limits::message_bytes, records));
  // Groups in the order of their best hits; records without the field are a group, too.
  std::vector<value> seen;
  std::vector<std::vector<hit>> members;
  const std::size_t wanted = std::size_t{query_.k} + query_.offset;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    const auto* const item = value_at(records.metadata[i], path);
    auto key = item == nullptr ? value() : *item;
    const auto at = static_cast<std::size_t>(std::ranges::find(seen, key) - seen.begin());
    if (at == seen.size()) {
      if (seen.size() == wanted)
        continue;
      seen.push_back(key);
      members.emplace_back();
    }
    if (members[at].size() < query_.group->limit) {
      hits[i].group = std::move(key);
      members[at].push_back(std::move(hits[i]));
    }
  }
  const bool full = seen.size() == wanted && std::ranges::all_of(members, [&](const auto& each) {
                      return each.size() == query_.group->limit;
                    });
  hits.clear();
  for (std::size_t i = query_.offset; i < members.size(); ++i)
    std::ranges::move(members[i], std::back_inserter(hits));
  return full;
}

result<void> compound_search::diversify(storage::read_view& view, std::vector<hit>& hits) const {
  if (hits.size() > limits::diversity_candidates)
    hits.resize(limits::diversity_candidates);
  std::vector<std::pair<row_id, std::size_t>> order;
  order.reserve(hits.size());
  for (std::size_t i = 0; i < hits.size(); ++i)
    order.emplace_back(hits[i].row, i);
  std::ranges::sort(order);
  std::vector<row_id> rows;
  rows.reserve(order.size());
  for (const auto& [row, at] : order)
    rows.push_back(row);
  const auto index = space_.index(vector_);
  const auto dimension = index->dimension();
  std::vector<float> read(rows.size() * dimension);
  HEARTH_TRY(const auto there, view.vectors(rows, read.data()));
  // A record without a vector is like no other: zeros.
  std::vector<float> vectors(read.size(), 0.0F);
  std::vector<double> relevance(hits.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    if (there[i])
      std::copy_n(read.data() + i * dimension, dimension,
                  vectors.data() + order[i].second * dimension);
  for (std::size_t i = 0; i < hits.size(); ++i)
    relevance[i] = hits[i].score;
  const auto chosen = engine::query::choose_diverse(
      relevance, matrix_view(vectors.data(), hits.size(), dimension), index->distance(),
      query_.diversity->balance,
      query_.group ? hits.size() : std::size_t{query_.k} + query_.offset);
  std::vector<hit> diverse;
  diverse.reserve(chosen.size());
  for (const auto at : chosen)
    diverse.push_back(std::move(hits[at]));
  hits = std::move(diverse);
  return {};
}

result<void> compound_search::append(storage::read_view& view, std::span<const hit> hits,
                                     search_result& into) const {
  std::vector<row_id> rows;
  for (const auto& each : hits) {
    rows.push_back(each.row);
    into.distances.push_back(each.distance);
    into.scores.push_back(each.score);
    into.text_scores.push_back(each.text_score);
    if (query_.group)
      into.groups.push_back(each.group);
  }
  HEARTH_TRY(const auto there, view.resolve(rows, query_.fields, limits::message_bytes, into.hits));
  if (std::ranges::find(there, false) != there.end())
    return fail(errc::internal, "a row of the read view could not be resolved",
                "run the search again, and report this if it persists");
  return {};
}

}  // namespace hearth::actors
