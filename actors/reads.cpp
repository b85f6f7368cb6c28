#include "actors/reads.hpp"

#include <algorithm>
#include <charconv>
#include <string>

#include "actors/compound_search.hpp"
#include "actors/search_run.hpp"
#include "core/limits.hpp"

namespace hearth::actors {

namespace {

/// A page of a scan ends here, so that its reply stays far below limits::message_bytes.
constexpr std::size_t scan_page_bytes = std::size_t{8} << 20;
/// What the cursors of scans in the order of a field begin with; the number of records follows.
constexpr char ordered_cursor = 'o';

result<scan_page> scan_in_order(storage::read_view& view, const scan_query& query,
                                const row_set* among) {
  std::uint64_t position = query.offset;
  if (!query.cursor.empty()) {
    const auto* const end = query.cursor.data() + query.cursor.size();
    const auto parsed = std::from_chars(query.cursor.data() + 1, end, position);
    if (query.cursor[0] != ordered_cursor || parsed.ec != std::errc{} || parsed.ptr != end)
      return fail(errc::invalid_argument, "cursor is not one that a scan in this order answered",
                  "start without a cursor");
  }
  HEARTH_TRY(const auto path, parse_path(query.order_by));
  // One more than wanted says whether there is a next page.
  HEARTH_TRY(auto rows,
             view.rows_in_order(path, {query.descending, position, query.limit + 1U}, among));
  const bool more = rows.size() > query.limit;
  rows.resize(std::min<std::size_t>(rows.size(), query.limit));
  scan_page page;
  HEARTH_TRY(const auto there, view.resolve(rows, query.fields, limits::message_bytes, page.rows));
  if (more)
    page.next = ordered_cursor + std::to_string(position + rows.size());
  return page;
}

}  // namespace

result<search_result> search(const read_source& from, const search_query& query) {
  if (query.compound())
    return compound_search(from, query).run();
  search_run run(from, query);
  HEARTH_CHECK(run.collect(0, query.vectors.rows()));
  return run.finish();
}

result<get_result> get(const read_source& from, const get_query& query) {
  HEARTH_TRY(const auto view, from.view());
  return view->get(query, limits::message_bytes);
}

result<scan_page> scan(const read_source& from, const scan_query& query) {
  HEARTH_TRY(const auto view, from.view());
  HEARTH_TRY(const auto matching, from.filtered(*view, query.where));
  return query.order_by.empty() ? view->scan(query, scan_page_bytes, matching.rows())
                                : scan_in_order(*view, query, matching.rows());
}

result<std::uint64_t> count(const read_source& from, const std::optional<filter>& where) {
  HEARTH_TRY(const auto view, from.view());
  HEARTH_TRY(const auto matching, from.filtered(*view, where));
  return matching.found ? matching.rows()->size() : view->record_count();
}

result<facet_result> facets(const read_source& from, const facet_query& query) {
  HEARTH_TRY(const auto view, from.view());
  HEARTH_TRY(const auto path, parse_path(query.field));
  HEARTH_TRY(const auto matching, from.filtered(*view, query.where));
  facet_result found;
  found.records = matching.found ? matching.rows()->size() : view->record_count();
  HEARTH_TRY(found.facets, view->facets(path, matching.rows(), query.limit));
  return found;
}

result<key_result> get_keys(const read_source& from, const key_query& query) {
  HEARTH_TRY(const auto view, from.view());
  return view->get_keys(query, limits::message_bytes);
}

result<key_page> scan_keys(const read_source& from, const key_scan& query) {
  HEARTH_TRY(const auto view, from.view());
  return view->scan_keys(query, scan_page_bytes);
}

result<queue_result> get_queues(const read_source& from, const queue_query& query) {
  HEARTH_TRY(const auto view, from.view());
  return view->get_queues(query);
}

result<item_page> scan_items(const read_source& from, const item_scan& query) {
  HEARTH_TRY(const auto view, from.view());
  return view->scan_items(query, scan_page_bytes);
}

}  // namespace hearth::actors
