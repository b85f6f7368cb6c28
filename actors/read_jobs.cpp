#include "actors/read_jobs.hpp"

#include <algorithm>
#include <utility>

#include "actors/guarded.hpp"
#include "actors/index_check.hpp"
#include "actors/reads.hpp"
#include "actors/simple_job.hpp"

namespace hearth::actors {

search_job::search_job(namespace_lease space, search_query query, call<search_result> answer,
                       std::size_t parts)
    : space_(std::move(space)), query_(std::move(query)), answer_(std::move(answer)),
      run_(read_source(*space_), query_),
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
        return search(read_source(opened), query);
      });
}

std::shared_ptr<read_job> make_get_job(namespace_lease space, get_query query,
                                       call<get_result> answer) {
  return std::make_shared<simple_job<get_result>>(
      std::move(space), std::move(answer), [query = std::move(query)](open_namespace& opened) {
        return get(read_source(opened), query);
      });
}

std::shared_ptr<read_job> make_scan_job(namespace_lease space, scan_query query,
                                        call<scan_page> answer) {
  return std::make_shared<simple_job<scan_page>>(
      std::move(space), std::move(answer), [query = std::move(query)](open_namespace& opened) {
        return scan(read_source(opened), query);
      });
}

std::shared_ptr<read_job> make_count_job(namespace_lease space, std::optional<filter> where,
                                         call<std::uint64_t> answer) {
  return std::make_shared<simple_job<std::uint64_t>>(
      std::move(space), std::move(answer), [where = std::move(where)](open_namespace& opened) {
        return count(read_source(opened), where);
      });
}

std::shared_ptr<read_job> make_facet_job(namespace_lease space, facet_query query,
                                         call<facet_result> answer) {
  return std::make_shared<simple_job<facet_result>>(
      std::move(space), std::move(answer), [query = std::move(query)](open_namespace& opened) {
        return facets(read_source(opened), query);
      });
}

result<key_result> read_keys(open_namespace& space, const key_query& query) noexcept {
  return guarded<key_result>(space, [&] { return get_keys(read_source(space), query); });
}

result<key_page> read_key_page(open_namespace& space, const key_scan& query) noexcept {
  return guarded<key_page>(space, [&] { return scan_keys(read_source(space), query); });
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

std::shared_ptr<read_job> make_queue_job(namespace_lease space, queue_query query,
                                         call<queue_result> answer) {
  return std::make_shared<simple_job<queue_result>>(
      std::move(space), std::move(answer), [query = std::move(query)](open_namespace& opened) {
        return get_queues(read_source(opened), query);
      });
}

std::shared_ptr<read_job> make_item_scan_job(namespace_lease space, item_scan query,
                                             call<item_page> answer) {
  return std::make_shared<simple_job<item_page>>(
      std::move(space), std::move(answer), [query = std::move(query)](open_namespace& opened) {
        return scan_items(read_source(opened), query);
      });
}

std::shared_ptr<read_job> make_consumers_job(namespace_lease space,
                                             call<std::vector<feed_consumer>> answer) {
  return std::make_shared<simple_job<std::vector<feed_consumer>>>(
      std::move(space), std::move(answer),
      [](open_namespace& opened) -> result<std::vector<feed_consumer>> {
        HEARTH_TRY(const auto view, opened.store().read());
        return view->consumers();
      });
}

std::shared_ptr<read_job> make_info_job(namespace_lease space, call<namespace_info> answer) {
  return std::make_shared<simple_job<namespace_info>>(
      std::move(space), std::move(answer),
      [](open_namespace& opened) { return std::as_const(opened).info(); });
}

std::shared_ptr<read_job> make_stats_job(namespace_lease space, std::uint64_t queued_reads,
                                         call<namespace_stats> answer) {
  return std::make_shared<simple_job<namespace_stats>>(
      std::move(space), std::move(answer),
      [queued_reads](open_namespace& opened) -> result<namespace_stats> {
        HEARTH_TRY(auto stats, std::as_const(opened).stats());
        stats.queued_reads = queued_reads;
        return stats;
      });
}

std::shared_ptr<read_job> make_check_job(namespace_lease space, std::string cursor,
                                         call<check_step> answer) {
  return std::make_shared<simple_job<check_step>>(
      std::move(space), std::move(answer), [cursor = std::move(cursor)](open_namespace& opened) {
        return check_namespace(opened, cursor);
      });
}

}  // namespace hearth::actors
