#pragma once
// How one search_query is answered from what an open namespace publishes. No actor in here: the
// search workers call it.
#include <atomic>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "actors/nearest_rows.hpp"
#include "actors/read_source.hpp"
#include "actors/search_tally.hpp"
#include "core/query.hpp"

namespace hearth::actors {

/// Why the answer is right. Candidates come from the indexes as of some LSN `a` or later
/// (open_namespace::visible_lsn, read first); they are resolved in one read view that is opened
/// afterwards, so every hit is a live record at its true distance. A record that is updated
/// meanwhile may be missed in both places: its old row leaves an index before that is read, its new
/// row enters after. Therefore the rows of updates that the change table names between `a` and the
/// view are candidates too. Candidates that the view no longer has are dropped, and if fewer than k
/// remain, the indexes are asked for more; the last rounds scan storage, which falls short only of
/// rows that go while a scan takes more than one view.
///
/// A filter is evaluated first, in a view of its own; the indexes are asked for rows of its
/// selection only. Rows that are written afterwards are candidates as above. Where the last view is
/// a newer one, the candidates are evaluated again.
///
/// A transaction looks at a snapshot that is older than the indexes, and has rows of its own. Rows
/// that came after the snapshot fall out when they are resolved in it; rows that went after it, and
/// the transaction's own, are candidates like those of late updates.
class search_run {
 public:
  /// The query was validated. Both outlive the run.
  search_run(const read_source& from, const search_query& query);

  /// Finds the candidates of queries [first, last). Thread-safe for disjoint ranges.
  [[nodiscard]] result<void> collect(std::size_t first, std::size_t last);
  /// Resolves what collect() found. Once, when every range is done.
  [[nodiscard]] result<search_result> finish();
  /// After finish(): the row of each hit, and the view that they were resolved in.
  [[nodiscard]] const std::vector<row_id>& rows() const noexcept { return rows_; }
  [[nodiscard]] std::unique_ptr<storage::read_view> take_view() noexcept {
    return std::move(view_);
  }

 private:
  using view_ptr = std::unique_ptr<storage::read_view>;
  using query_numbers = std::vector<std::size_t>;

  /// Per shard, after which row storage is to be scanned; all_indexed: nowhere.
  using scan_plan = std::vector<row_id>;

  [[nodiscard]] result<view_ptr> open_view() const { return source_.view(index_->vector()); }
  [[nodiscard]] result<search_result> settle();
  [[nodiscard]] result<void> choose_rows();
  [[nodiscard]] result<view_ptr> find(const query_numbers& queries);
  /// One behind the other.
  [[nodiscard]] std::vector<float> vectors_of(const query_numbers& queries) const;
  void search_shard(std::size_t shard, const query_numbers& queries, matrix_view vectors,
                    scan_plan& plan);
  [[nodiscard]] result<view_ptr> scan(const query_numbers& queries, const scan_plan& plan,
                                      view_ptr view);
  [[nodiscard]] result<void> keep_live(storage::read_view& view);
  [[nodiscard]] result<void> add_late_rows(storage::read_view& view);
  [[nodiscard]] result<std::vector<row_id>> late_rows(storage::read_view& view) const;
  [[nodiscard]] result<std::vector<row_id>> rows_beside_indexes() const;
  [[nodiscard]] result<bool> resolve(storage::read_view& view, std::size_t need,
                                     search_result& answer);
  [[nodiscard]] std::size_t needed(const storage::read_view& view) const;
  [[nodiscard]] query_numbers falling_short(const storage::read_view& view) const;
  [[nodiscard]] std::size_t wanted(std::size_t query) const noexcept {
    return query_.k + extra_[query];
  }

  const read_source source_;
  const open_namespace& space_;
  const search_query& query_;
  const std::shared_ptr<const index_set> index_;  // the one index, and distance, of this search
  engine::index::search_effort effort_;
  std::once_flag choosing_;
  result<void> chosen_;  // of choose_rows()
  std::shared_ptr<const filtered_rows> filtered_;
  std::string how_filtered_;  // for the explanation
  engine::index::row_selection selection_;
  std::vector<std::vector<neighbor>> found_;  // per query, nearest first
  std::vector<std::size_t> extra_;            // per query: candidates asked for beyond k
  std::vector<char> full_;                    // per query: there may be more than were found
  std::atomic<lsn_t> as_of_ =
      std::numeric_limits<lsn_t>::max();  // every candidate list is at least this new
  std::vector<row_id> rows_;
  view_ptr view_;  // of a scan that collected for all queries
  search_tally tally_;
  std::uint32_t rounds_ = 1;
};

}  // namespace hearth::actors
