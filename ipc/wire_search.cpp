// Searches and facets, between wire and core, and how large they get.
#include <cmath>
#include <limits>
#include <utility>

#include "core/limits.hpp"
#include "ipc/wire.hpp"
#include "ipc/wire_columns.hpp"

namespace hearth::ipc::wire {

namespace {

constexpr float any_distance = std::numeric_limits<float>::infinity();
constexpr double any_score = -std::numeric_limits<double>::infinity();
constexpr double no_diversity = -1;

result<void> read_text(schema::SearchQuery::Reader from, search_query& to) {
  if (!from.hasTexts() || from.getTexts().size() == 0)
    return {};
  auto& text = to.text.emplace();
  HEARTH_TRY(text.queries,
             read_strings(from.getTexts(), "texts", limits::query_rows, limits::text_query_bytes));
  text.operators = from.getTextOperators();
  HEARTH_TRY(text.fields, read_weights(from.getTextFields(), "textFields"));
  return {};
}

result<fusion_options> read_fusion(schema::SearchQuery::Reader from) {
  fusion_options to;
  if (from.getFusion() != schema::Fusion::UNSPECIFIED) {
    HEARTH_TRY(to.kind, read_enum(from.getFusion(), "fusion", fusion_kind::borda));
  }
  to.vector_weight = from.getVectorWeight();
  to.text_weight = from.getTextWeight();
  to.rank_constant = from.getRankConstant();
  to.depth = from.getDepth();
  return to;
}

result<void> read_choices(schema::SearchQuery::Reader from, search_query& to) {
  HEARTH_TRY(to.where, read_filter(from.getWhere()));
  HEARTH_TRY(to.like, read_ids(from.getLike(), "like", limits::examples));
  HEARTH_TRY(to.unlike, read_ids(from.getUnlike(), "unlike", limits::examples));
  to.offset = from.getOffset();
  if (from.getMaxDistance() != any_distance)
    to.max_distance = from.getMaxDistance();
  if (from.getMinScore() != any_score)
    to.min_score = from.getMinScore();
  if (from.getGroupBy().size() > 0) {
    auto& group = to.group.emplace();
    HEARTH_TRY(group.field,
               wire::read_text(from.getGroupBy(), "groupBy", limits::field_path_bytes));
    group.limit = from.getGroupLimit();
  }
  if (!(from.getDiversity() < 0))
    to.diversity = {from.getDiversity(), from.getDiversityCandidates()};
  return {};
}

}  // namespace

result<search_query> read(schema::SearchQuery::Reader from) {
  search_query to;
  const auto vectors = from.getVectors();
  const std::size_t rows = std::max<std::size_t>(vectors.getRows(), from.getTexts().size());
  if (rows > limits::query_rows)
    return over_limit("vectors", rows, limits::query_rows, "rows");
  to.k = from.getK();
  if (rows * to.k > limits::search_results)
    return over_limit("the answer", rows * to.k, limits::search_results, "hits (rows times k)");
  HEARTH_TRY(to.vectors, read_matrix(vectors, "vectors"));
  to.ef = from.getEf();
  to.nprobe = from.getNprobe();
  HEARTH_TRY(to.vector_name,
             read_text(from.getVectorName(), "vectorName", limits::namespace_name_bytes));
  to.exact = from.getExact();
  to.explain = from.getExplain();
  to.fields = read_fields(from.getFields());
  HEARTH_CHECK(read_text(from, to));
  HEARTH_TRY(to.fusion, read_fusion(from));
  HEARTH_CHECK(read_choices(from, to));
  return to;
}

result<search_result> read(schema::SearchResult::Reader from) {
  search_result to;
  HEARTH_TRY(to.offsets, read_numbers<std::uint64_t>(from.getOffsets(), "offsets"));
  HEARTH_TRY(to.distances, read_numbers<float>(from.getDistances(), "distances"));
  HEARTH_TRY(to.hits, read_records(from.getHits()));
  HEARTH_TRY(to.scores, read_numbers<double>(from.getScores(), "scores"));
  HEARTH_TRY(to.text_scores, read_numbers<double>(from.getTextScores(), "textScores"));
  HEARTH_TRY(to.groups, read_values(from.getGroups(), "groups", limits::search_results));
  const auto hits = to.hits.size();
  HEARTH_CHECK(same_length("distances", to.distances.size(), hits, false));
  HEARTH_CHECK(same_length("scores", to.scores.size(), hits, true));
  HEARTH_CHECK(same_length("textScores", to.text_scores.size(), hits, true));
  HEARTH_CHECK(same_length("groups", to.groups.size(), hits, true));
  std::uint64_t last = 0;
  for (const auto offset : to.offsets) {
    if (offset < last || offset > hits)
      return fail(errc::invalid_argument, "offsets do not ascend to the number of hits");
    last = offset;
  }
  if (to.offsets.empty() || to.offsets.front() != 0 || last != hits)
    return fail(errc::invalid_argument, "offsets do not cover the hits");
  if (from.hasExplanation()) {
    HEARTH_TRY(to.explanation, read(from.getExplanation()));
  }
  return to;
}

result<facet_query> read(schema::FacetQuery::Reader from) {
  facet_query to;
  HEARTH_TRY(to.field, wire::read_text(from.getField(), "field", limits::field_path_bytes));
  HEARTH_TRY(to.where, read_filter(from.getWhere()));
  to.limit = from.getLimit();
  return to;
}

result<facet_result> read(schema::Facets::Reader from) {
  facet_result to;
  HEARTH_TRY(auto values, read_values(from.getValues(), "values", limits::facets));
  HEARTH_TRY(const auto counts, read_numbers<std::uint64_t>(from.getCounts(), "counts"));
  HEARTH_CHECK(same_length("counts", counts.size(), values.size(), false));
  for (std::size_t i = 0; i < values.size(); ++i)
    to.facets.push_back({std::move(values[i]), counts[i]});
  to.records = from.getRecords();
  return to;
}

void write(schema::SearchQuery::Builder to, const search_query& from) {
  write_matrix(to.initVectors(), from.vectors);
  to.setK(from.k);
  to.setEf(from.ef);
  to.setNprobe(from.nprobe);
  to.setVectorName(to_text(from.vector_name));
  to.setExact(from.exact);
  to.setExplain(from.explain);
  write_fields(to.initFields(), from.fields);
  if (from.where)
    to.setWhere(to_text(to_string(*from.where)));
  if (from.text) {
    write_strings(to.initTexts(static_cast<kj::uint>(from.text->queries.size())),
                  from.text->queries);
    to.setTextOperators(from.text->operators);
    write_weights(to.initTextFields(static_cast<kj::uint>(from.text->fields.size())),
                  from.text->fields);
  }
  to.setFusion(static_cast<schema::Fusion>(from.fusion.kind));
  to.setVectorWeight(from.fusion.vector_weight);
  to.setTextWeight(from.fusion.text_weight);
  to.setRankConstant(from.fusion.rank_constant);
  to.setDepth(from.fusion.depth);
  if (!from.like.empty())
    write_ids(to.initLike(), from.like);
  if (!from.unlike.empty())
    write_ids(to.initUnlike(), from.unlike);
  to.setOffset(from.offset);
  to.setMaxDistance(from.max_distance.value_or(any_distance));
  to.setMinScore(from.min_score.value_or(any_score));
  if (from.group) {
    to.setGroupBy(to_text(from.group->field));
    to.setGroupLimit(from.group->limit);
  }
  to.setDiversity(from.diversity ? from.diversity->balance : no_diversity);
  if (from.diversity)
    to.setDiversityCandidates(from.diversity->candidates);
}

void write(schema::SearchResult::Builder to, const search_result& from) {
  to.setOffsets(to_data(from.offsets));
  to.setDistances(to_data(from.distances));
  write_records(to.initHits(), from.hits);
  to.setScores(to_data(from.scores));
  to.setTextScores(to_data(from.text_scores));
  if (!from.groups.empty()) {
    auto groups = to.initGroups(static_cast<kj::uint>(from.groups.size()));
    for (kj::uint i = 0; i < groups.size(); ++i)
      write_value(groups[i], from.groups[i]);
  }
  if (from.explanation)
    write(to.initExplanation(), *from.explanation);
}

void write(schema::FacetQuery::Builder to, const facet_query& from) {
  to.setField(to_text(from.field));
  if (from.where)
    to.setWhere(to_text(to_string(*from.where)));
  to.setLimit(from.limit);
}

void write(schema::Facets::Builder to, const facet_result& from) {
  auto values = to.initValues(static_cast<kj::uint>(from.facets.size()));
  std::vector<std::uint64_t> counts;
  for (kj::uint i = 0; i < values.size(); ++i) {
    write_value(values[i], from.facets[i].item);
    counts.push_back(from.facets[i].count);
  }
  to.setCounts(to_data(counts));
  to.setRecords(from.records);
}

std::size_t words(const search_query& value) {
  return fixed_words + words_of_matrix(value.vectors) +
         (value.where ? text_words(to_string(*value.where)) : 0) +
         (value.text ? words_of_strings(value.text->queries) + words_of_weights(value.text->fields)
                     : 0) +
         words_of_ids(value.like) + words_of_ids(value.unlike) +
         (value.group ? text_words(value.group->field) : 0) + text_words(value.vector_name);
}

std::size_t words(const search_result& value) {
  const std::size_t said = value.explanation ? 4 * value.explanation->stages.size() +
                                                   text_words(value.explanation->filter)
                                             : 0;
  std::size_t groups = value_words * value.groups.size() + 1;
  for (const auto& group : value.groups)
    groups += words_of_value(group);
  return fixed_words + said + groups + value.offsets.size() + value.scores.size() +
         value.text_scores.size() + data_words(value.distances.size() * sizeof(float)) +
         words_of_records(value.hits);
}

std::size_t words(const std::optional<filter>& where) {
  return fixed_words + (where ? text_words(to_string(*where)) : 0);
}

std::size_t words(const facet_query& value) {
  return words(value.where) + text_words(value.field);
}

std::size_t words(const facet_result& value) {
  std::size_t total = fixed_words;
  for (const auto& each : value.facets)
    total += 1 + value_words + words_of_value(each.item);
  return total;
}

}  // namespace hearth::ipc::wire
