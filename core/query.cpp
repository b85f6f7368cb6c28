#include "core/query.hpp"

#include <cmath>

#include "core/validation.hpp"

namespace hearth::inline core {

namespace {

// A cursor is ours: a position and at most one id.
constexpr std::size_t cursor_bytes = 2 * limits::id_bytes;

}  // namespace

std::string_view to_string(search_step step) noexcept {
  switch (step) {
  case search_step::filter:
    return "filter";
  case search_step::text:
    return "text";
  case search_step::tail:
    return "tail";
  case search_step::index:
    return "index";
  case search_step::storage:
    return "storage";
  case search_step::late:
    return "late";
  case search_step::records:
    return "records";
  }
  return "unknown";
}

std::string_view to_string(fusion_kind kind) noexcept {
  switch (kind) {
  case fusion_kind::reciprocal_rank:
    return "rrf";
  case fusion_kind::weighted:
    return "weighted";
  case fusion_kind::borda:
    return "borda";
  }
  return "unknown";
}

result<fusion_kind> fusion_from_string(std::string_view name) {
  for (const auto kind : {fusion_kind::reciprocal_rank, fusion_kind::weighted, fusion_kind::borda})
    if (name == to_string(kind))
      return kind;
  return fail(errc::invalid_argument, core::format("fusion is \"{}\"", name),
              "one of: rrf, weighted, borda");
}

vector_info namespace_info::vector(std::size_t number) const {
  return number == 0 ? vector_info{{}, vectors, index, indexed, fresh, index_bytes, rebuild}
                     : named[number - 1];
}

std::string_view state_name(const vector_info& info) noexcept {
  if (info.rebuild && info.index == index_state::ready)
    return "rebuilding";
  switch (info.index) {
  case index_state::ready:
    return "ready";
  case index_state::building:
    return "building";
  case index_state::failed:
    return "failed";
  }
  return "unknown";
}

namespace {

result<void> check_weight(std::string_view field, double weight) {
  if (std::isfinite(weight) && weight >= 0)
    return {};
  return fail(errc::invalid_argument,
              core::format("{} is {}; it must be finite and not negative", field, weight));
}

result<void> check_path(std::string_view field, std::string_view path) {
  if (auto parsed = parse_path(path); !parsed)
    return fail(errc::invalid_argument,
                core::format("{} is \"{}\": {}", field, path, parsed.error().message));
  return {};
}

// What the queries are: vectors, texts, both, or examples.
result<void> check_sources(const search_query& query) {
  const auto rows = query.vectors.rows();
  if (query.count() == 0)
    return fail(errc::invalid_argument, "the search has no query vector",
                "give a vector, a text, or the ids of examples (like)");
  if (!query.like.empty() && rows > 0)
    return fail(errc::invalid_argument, "the search has a query vector and examples (like)",
                "give one of the two");
  if (query.like.empty() && !query.unlike.empty())
    return fail(errc::invalid_argument, "unlike is given, but like is empty",
                "name at least one example that hits are to be near");
  if (query.like.size() + query.unlike.size() > limits::examples)
    return fail(errc::limit_exceeded,
                core::format("like and unlike name {} records; the limit is {}",
                             query.like.size() + query.unlike.size(), limits::examples));
  for (const auto* ids : {&query.like, &query.unlike})
    for (const auto& id : *ids)
      HEARTH_CHECK(validate_id(id, ids == &query.like ? "like" : "unlike"));
  if (!query.text)
    return {};
  const auto texts = query.text->queries.size();
  if (texts == 0 || (rows > 0 && texts != rows) || (!query.like.empty() && texts != 1))
    return fail(errc::invalid_argument,
                core::format("the search has {} texts for {} vectors", texts, rows),
                "give one text per vector, or no vectors");
  for (const auto& text : query.text->queries)
    if (text.size() > limits::text_query_bytes)
      return validation::too_large("text is", text.size(), limits::text_query_bytes);
  return {};
}

result<void> check_options(const search_query& query) {
  HEARTH_CHECK(check_weight("fusion.vector_weight", query.fusion.vector_weight));
  HEARTH_CHECK(check_weight("fusion.text_weight", query.fusion.text_weight));
  HEARTH_CHECK(check_weight("fusion.rank_constant", query.fusion.rank_constant));
  if (query.text)
    for (const auto& [field, weight] : query.text->fields)
      HEARTH_CHECK(check_weight(core::format("the weight of text field \"{}\"", field), weight));
  if (query.max_distance && std::isnan(*query.max_distance))
    return fail(errc::invalid_argument, "max_distance is not a number");
  if (query.min_score && std::isnan(*query.min_score))
    return fail(errc::invalid_argument, "min_score is not a number");
  if (query.min_score && !query.text)
    return fail(errc::invalid_argument, "min_score is given, but there is no text to score",
                "use max_distance to bound the distance");
  if (query.group) {
    HEARTH_CHECK(check_path("group.field", query.group->field));
    HEARTH_CHECK(validation::in_range("group.limit", query.group->limit, 1, 1000));
  }
  if (query.diversity && !(query.diversity->balance >= 0 && query.diversity->balance <= 1))
    return fail(errc::invalid_argument, core::format("diversity.balance is {}; the range is 0 to 1",
                                                     query.diversity->balance));
  if (query.diversity)
    HEARTH_CHECK(validation::in_range("diversity.candidates", query.diversity->candidates, 0,
                                      limits::diversity_candidates));
  return {};
}

}  // namespace

result<void> validate(const search_query& query, const namespace_config& config) {
  HEARTH_CHECK(check_sources(query));
  HEARTH_CHECK(check_options(query));
  const auto rows = query.count();
  if (rows > limits::query_rows)
    return fail(
        errc::limit_exceeded,
        core::format("the search has {} query vectors; the limit is {}", rows, limits::query_rows),
        "split it into several calls");
  if (query.k == 0)
    return fail(errc::invalid_argument, "k is 0; ask for at least 1 hit");
  if (query.where)
    HEARTH_CHECK(validate(*query.where));
  // At most 2^16 rows times 2^32: no overflow.
  const auto each = std::uint64_t{query.k} * (query.group ? query.group->limit : 1) + query.offset;
  if (const auto hits = std::uint64_t{rows} * each;
      each > limits::search_results || hits > limits::search_results)
    return fail(errc::limit_exceeded,
                core::format("{} query vectors times k {} are {} hits; the limit is {}", rows,
                             query.k, hits, limits::search_results),
                "search with fewer vectors per call, or a smaller k");
  // A text alone is looked for where there is no vector, too.
  const bool needs_vector = query.vectors.rows() > 0 || !query.like.empty() || query.diversity;
  if (!needs_vector && query.vector_name.empty())
    return {};
  HEARTH_TRY(const auto number, config.vector_number(query.vector_name));
  return query.vectors.rows() == 0
             ? result<void>()
             : validation::check_vectors(query.vectors.view(), config.vector(number).dimension);
}

result<void> validate(const get_query& query) {
  if (query.ids.size() > limits::batch_rows)
    return fail(errc::limit_exceeded,
                core::format("the call names {} ids; the limit is {}", query.ids.size(),
                             limits::batch_rows),
                "split it into several calls");
  for (std::size_t row = 0; row < query.ids.size(); ++row)
    if (!validation::is_valid_id(query.ids[row]))
      return validate_id(query.ids[row], core::format("ids[{}]", row));
  return {};
}

result<void> validate(const scan_query& query) {
  HEARTH_CHECK(validation::in_range("limit", query.limit, 1, limits::batch_rows));
  if (query.cursor.size() > cursor_bytes)
    return validation::too_large("cursor is", query.cursor.size(), cursor_bytes,
                                 "pass the cursor of the previous page unchanged");
  if (query.where)
    HEARTH_CHECK(validate(*query.where));
  if (!query.order_by.empty())
    HEARTH_CHECK(check_path("order_by", query.order_by));
  return {};
}

result<void> validate(const facet_query& query) {
  HEARTH_CHECK(check_path("field", query.field));
  HEARTH_CHECK(validation::in_range("limit", query.limit, 1, limits::facets));
  return query.where ? validate(*query.where) : result<void>();
}

}  // namespace hearth::inline core
