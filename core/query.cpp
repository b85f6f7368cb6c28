#include "core/query.hpp"

#include "core/validation.hpp"

namespace hearth::inline core {

namespace {

// A cursor is ours: a position and at most one id.
constexpr std::size_t cursor_bytes = 2 * limits::id_bytes;

}  // namespace

std::string_view to_string(search_step step) noexcept {
  switch (step) {
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

result<void> validate(const search_query& query, const namespace_config& config) {
  const auto rows = query.vectors.rows();
  if (rows == 0)
    return fail(errc::invalid_argument, "the search has no query vector");
  if (rows > limits::query_rows)
    return fail(
        errc::limit_exceeded,
        core::format("the search has {} query vectors; the limit is {}", rows, limits::query_rows),
        "split it into several calls");
  if (query.k == 0)
    return fail(errc::invalid_argument, "k is 0; ask for at least 1 hit");
  // At most 2^16 rows times 2^32: no overflow.
  if (const auto hits = std::uint64_t{rows} * query.k; hits > limits::search_results)
    return fail(errc::limit_exceeded,
                core::format("{} query vectors times k {} are {} hits; the limit is {}", rows,
                             query.k, hits, limits::search_results),
                "search with fewer vectors per call, or a smaller k");
  return validation::check_vectors(query.vectors.view(), config.dimension);
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
  return {};
}

}  // namespace hearth::inline core
