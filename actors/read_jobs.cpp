#include "actors/read_jobs.hpp"

#include <algorithm>
#include <charconv>
#include <exception>
#include <functional>
#include <utility>

#include "actors/compound_search.hpp"
#include "core/limits.hpp"

namespace hearth::actors {

namespace {

/// A page of a scan ends here, so that its reply stays far below limits::message_bytes.
constexpr std::size_t scan_page_bytes = std::size_t{8} << 20;
/// What the cursors of scans in the order of a field begin with; the number of records follows.
constexpr char ordered_cursor = 'o';

// What `work` answers; an exception (memory ran out, say) is an error of this call alone.
template <class T, class Work>
result<T> guarded(const open_namespace& space, Work&& work) noexcept {
  HEARTH_CHECK(space.check_usable());
  try {
    return work();
  } catch (const std::exception& reason) {
    return fail(errc::internal, std::string("the read failed: ") + reason.what(),
                "try again with a smaller request");
  }
}

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

result<scan_page> scan(open_namespace& space, const scan_query& query) {
  HEARTH_TRY(const auto view, space.store().read());
  HEARTH_TRY(const auto matching, space.filtered(*view, query.where));
  return query.order_by.empty() ? view->scan(query, scan_page_bytes, matching.rows())
                                : scan_in_order(*view, query, matching.rows());
}

/// A read in one part.
template <class T>
class simple_job final : public read_job {
 public:
  using work = std::move_only_function<result<T>(open_namespace&)>;

  simple_job(namespace_lease space, call<T> answer, work what)
      : space_(std::move(space)), answer_(std::move(answer)), work_(std::move(what)) {}

  void run(std::size_t) noexcept override {
    if (!answer_.open())
      return;  // timed out while it was queued
    answer_.settle(guarded<T>(*space_, [this] { return work_(*space_); }));
  }

 private:
  namespace_lease space_;
  call<T> answer_;
  work work_;
};

}  // namespace

search_job::search_job(namespace_lease space, search_query query, call<search_result> answer,
                       std::size_t parts)
    : space_(std::move(space)), query_(std::move(query)), answer_(std::move(answer)),
      run_(*space_, query_),
      parts_(std::clamp<std::size_t>(query_.vectors.rows() / queries_per_part, 1, parts)),
      left_(parts_) {}

void search_job::run(std::size_t part) noexcept {
  if (answer_.open()) {
    if (auto found = collect(part); !found)
      answer_.settle(std::unexpected(std::move(found).error()));
  }
  if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1 && answer_.open())
    answer_.settle(guarded<search_result>(*space_, [this] { return run_.finish(); }));
}

result<void> search_job::collect(std::size_t part) {
  const auto rows = query_.vectors.rows();
  return guarded<void>(
      *space_, [&] { return run_.collect(rows * part / parts_, rows * (part + 1) / parts_); });
}

std::shared_ptr<read_job> make_compound_job(namespace_lease space, search_query query,
                                            call<search_result> answer) {
  return std::make_shared<simple_job<search_result>>(
      std::move(space), std::move(answer), [query = std::move(query)](open_namespace& opened) {
        return compound_search(opened, query).run();
      });
}

std::shared_ptr<read_job> make_get_job(namespace_lease space, get_query query,
                                       call<get_result> answer) {
  return std::make_shared<simple_job<get_result>>(
      std::move(space), std::move(answer),
      [query = std::move(query)](open_namespace& opened) -> result<get_result> {
        HEARTH_TRY(const auto view, opened.store().read());
        return view->get(query, limits::message_bytes);
      });
}

std::shared_ptr<read_job> make_scan_job(namespace_lease space, scan_query query,
                                        call<scan_page> answer) {
  return std::make_shared<simple_job<scan_page>>(
      std::move(space), std::move(answer),
      [query = std::move(query)](open_namespace& opened) -> result<scan_page> {
        return scan(opened, query);
      });
}

std::shared_ptr<read_job> make_count_job(namespace_lease space, std::optional<filter> where,
                                         call<std::uint64_t> answer) {
  return std::make_shared<simple_job<std::uint64_t>>(
      std::move(space), std::move(answer),
      [where = std::move(where)](open_namespace& opened) -> result<std::uint64_t> {
        HEARTH_TRY(const auto view, opened.store().read());
        HEARTH_TRY(const auto matching, opened.filtered(*view, where));
        return matching.found ? matching.rows()->size() : view->record_count();
      });
}

std::shared_ptr<read_job> make_facet_job(namespace_lease space, facet_query query,
                                         call<facet_result> answer) {
  return std::make_shared<simple_job<facet_result>>(
      std::move(space), std::move(answer),
      [query = std::move(query)](open_namespace& opened) -> result<facet_result> {
        HEARTH_TRY(const auto view, opened.store().read());
        HEARTH_TRY(const auto path, parse_path(query.field));
        HEARTH_TRY(const auto matching, opened.filtered(*view, query.where));
        facet_result found;
        found.records = matching.found ? matching.rows()->size() : view->record_count();
        HEARTH_TRY(found.facets, view->facets(path, matching.rows(), query.limit));
        return found;
      });
}

result<key_result> read_keys(open_namespace& space, const key_query& query) noexcept {
  return guarded<key_result>(space, [&]() -> result<key_result> {
    HEARTH_TRY(const auto view, space.store().read());
    return view->get_keys(query, limits::message_bytes);
  });
}

result<key_page> read_key_page(open_namespace& space, const key_scan& query) noexcept {
  return guarded<key_page>(space, [&]() -> result<key_page> {
    HEARTH_TRY(const auto view, space.store().read());
    return view->scan_keys(query, scan_page_bytes);
  });
}

std::shared_ptr<read_job> make_key_job(namespace_lease space, key_query query,
                                       call<key_result> answer) {
  return std::make_shared<simple_job<key_result>>(
      std::move(space), std::move(answer),
      [query = std::move(query)](open_namespace& opened) { return read_keys(opened, query); });
}

std::shared_ptr<read_job> make_key_scan_job(namespace_lease space, key_scan query,
                                            call<key_page> answer) {
  return std::make_shared<simple_job<key_page>>(
      std::move(space), std::move(answer),
      [query = std::move(query)](open_namespace& opened) { return read_key_page(opened, query); });
}

std::shared_ptr<read_job> make_info_job(namespace_lease space, call<namespace_info> answer) {
  return std::make_shared<simple_job<namespace_info>>(
      std::move(space), std::move(answer),
      [](open_namespace& opened) { return std::as_const(opened).info(); });
}

}  // namespace hearth::actors
