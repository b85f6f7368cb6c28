#pragma once
// The reads that a search worker answers.
#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "actors/call.hpp"
#include "actors/open_namespace.hpp"
#include "actors/search_run.hpp"
#include "actors/search_worker.hpp"

namespace hearth::actors {

/// Queries of one call that one worker takes, at least.
inline constexpr std::size_t queries_per_part = 4;

/// A search, split by queries over up to `parts` workers; the last one to finish answers.
class search_job final : public read_job {
 public:
  search_job(namespace_lease space, search_query query, call<search_result> answer,
             std::size_t parts);
  void run(std::size_t part) noexcept override;
  [[nodiscard]] std::size_t parts() const noexcept { return parts_; }

 private:
  [[nodiscard]] result<void> collect(std::size_t part);

  namespace_lease space_;
  const search_query query_;
  call<search_result> answer_;
  search_run run_;
  const std::size_t parts_;
  std::atomic<std::size_t> left_;
};

/// A search that asks for more than the nearest vectors.
[[nodiscard]] std::shared_ptr<read_job> make_compound_job(namespace_lease space, search_query query,
                                                          call<search_result> answer);
[[nodiscard]] std::shared_ptr<read_job> make_get_job(namespace_lease space, get_query query,
                                                     call<get_result> answer);
[[nodiscard]] std::shared_ptr<read_job> make_scan_job(namespace_lease space, scan_query query,
                                                      call<scan_page> answer);
[[nodiscard]] std::shared_ptr<read_job>
make_count_job(namespace_lease space, std::optional<filter> where, call<std::uint64_t> answer);
[[nodiscard]] std::shared_ptr<read_job> make_facet_job(namespace_lease space, facet_query query,
                                                       call<facet_result> answer);
/// What key and key scan jobs answer, on the caller's thread.
[[nodiscard]] result<key_result> read_keys(open_namespace& space, const key_query& query) noexcept;
[[nodiscard]] result<key_page> read_key_page(open_namespace& space, const key_scan& query) noexcept;
[[nodiscard]] std::shared_ptr<read_job> make_key_job(namespace_lease space, key_query query,
                                                     call<key_result> answer);
[[nodiscard]] std::shared_ptr<read_job> make_key_scan_job(namespace_lease space, key_scan query,
                                                          call<key_page> answer);
[[nodiscard]] std::shared_ptr<read_job> make_queue_job(namespace_lease space, queue_query query,
                                                       call<queue_result> answer);
[[nodiscard]] std::shared_ptr<read_job> make_item_scan_job(namespace_lease space, item_scan query,
                                                           call<item_page> answer);
[[nodiscard]] std::shared_ptr<read_job> make_consumers_job(namespace_lease space,
                                                           call<std::vector<feed_consumer>> answer);
[[nodiscard]] std::shared_ptr<read_job> make_info_job(namespace_lease space,
                                                      call<namespace_info> answer);
/// `queued_reads`: see namespace_stats.
[[nodiscard]] std::shared_ptr<read_job>
make_stats_job(namespace_lease space, std::uint64_t queued_reads, call<namespace_stats> answer);
[[nodiscard]] std::shared_ptr<read_job> make_check_job(namespace_lease space, std::string cursor,
                                                       call<check_step> answer);

}  // namespace hearth::actors
