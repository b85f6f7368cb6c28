#include "actors/search_run.hpp"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "actors/storage_scan.hpp"

namespace hearth::actors {

namespace {

using namespace std::chrono_literals;

/// How often the indexes are asked before storage is scanned, and how often that is.
constexpr int index_rounds = 3;
constexpr int scan_rounds = 4;
/// A read view pins old pages; long scans go on in a new one. Shorter than what storage allows a
/// scan, after which a view no longer is what it was when it was opened.
constexpr auto view_age = 400ms;
/// What candidates may take that are looked up only to see whether they are live.
constexpr std::size_t candidate_bytes = 8 * limits::message_bytes;
/// Rows whose vectors are read from storage at a time.
constexpr std::size_t late_rows_at_once = 1024;

std::vector<std::size_t> numbers(std::size_t first, std::size_t last) {
  std::vector<std::size_t> all(last - first);
  std::iota(all.begin(), all.end(), first);
  return all;
}

engine::index::search_effort effort_of(const search_query& query, const index_params& defaults) {
  return {std::max<std::size_t>(query.ef != 0 ? query.ef : defaults.ef_search, query.k),
          query.nprobe != 0 ? query.nprobe : defaults.nprobe, query.exact};
}

}  // namespace

search_run::search_run(const read_source& from, const search_query& query)
    : source_(from), space_(from.space()), query_(query),
      index_(space_.index(space_.number_of(query.vector_name))),
      effort_(effort_of(query, space_.config()->vector(index_->vector()).index)),
      found_(query.vectors.rows()), extra_(query.vectors.rows()), full_(query.vectors.rows()),
      tally_(query.explain) {
  // Rows that are gone but still in a graph take places among the nearest.
  std::size_t stale = 0;
  for (std::size_t shard = 0; shard < index_->shards(); ++shard)
    stale += index_->shard(shard).stale_rows();
  std::fill(extra_.begin(), extra_.end(), std::min<std::size_t>(stale, query.k));
}

// Once for all parts of the search: the first that comes does it.
result<void> search_run::choose_rows() {
  if (!query_.where)
    return {};
  std::call_once(choosing_, [this] {
    search_tally::step step(tally_, search_step::filter);
    chosen_ = [&]() -> result<void> {
      HEARTH_TRY(const auto view, open_view());
      HEARTH_TRY(auto matching, source_.filtered(*view, query_.where));
      step.rows = matching.scanned();
      how_filtered_ = matching.how();
      filtered_ = std::move(matching.found);
      return {};
    }();
    if (!chosen_)
      return;
    step.candidates = filtered_->chosen.rows.size();
    selection_ = {&filtered_->chosen.rows, filtered_->share, filtered_->futile_walks.get()};
    effort_.among = &selection_;
    as_of_ = filtered_->lsn;
  });
  return chosen_;
}

result<void> search_run::collect(std::size_t first, std::size_t last) {
  HEARTH_CHECK(choose_rows());
  HEARTH_TRY(auto view, find(numbers(first, last)));
  if (first == 0 && last == found_.size())
    view_ = std::move(view);
  return {};
}

result<search_run::view_ptr> search_run::find(const query_numbers& queries) {
  const auto visible = space_.visible_lsn();  // before any index is read
  for (auto known = as_of_.load();
       visible < known && !as_of_.compare_exchange_weak(known, visible);)
    ;
  for (const auto query : queries)
    found_[query].clear();
  scan_plan plan(index_->shards(), row_id{0});
  const auto vectors = vectors_of(queries);
  const matrix_view asked(vectors.data(), queries.size(), index_->dimension());
  for (std::size_t shard = 0; shard < index_->shards(); ++shard)
    search_shard(shard, queries, asked, plan);
  for (const auto query : queries)
    full_[query] = static_cast<char>(found_[query].size() >= wanted(query));
  if (std::ranges::all_of(plan, [](row_id after) { return after == all_indexed; }))
    return view_ptr{};
  HEARTH_TRY(auto view, open_view());
  return scan(queries, plan, std::move(view));
}

std::vector<float> search_run::vectors_of(const query_numbers& queries) const {
  std::vector<float> vectors;
  vectors.reserve(queries.size() * index_->dimension());
  for (const auto query : queries) {
    const auto vector = query_.vectors.view().row(query);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  return vectors;
}

// Searches the indexes of one shard for all queries at once and enters into the plan what they
// leave out.
void search_run::search_shard(std::size_t shard, const query_numbers& queries, matrix_view vectors,
                              scan_plan& plan) {
  const auto view = index_->shard(shard).view();
  // An index that would read all vectors from storage does it for each query; scan() does it once.
  if (query_.exact && view->main && !view->main->vectors_in_memory())
    return;
  plan[shard] = view->exact_after;
  std::size_t bound = 0;
  for (const auto query : queries)
    bound = std::max(bound, wanted(query));
  const auto search = [&](const engine::index::vector_index* index, search_step which) {
    if (index == nullptr || index->size() == 0)
      return;
    search_tally::step step(tally_, which);
    step.rows = index->size() * queries.size();
    if (which == search_step::index && tally_.wanted())
      tally_.note(index->plan(queries.size(), bound, effort_));
    const auto found = index->search_batch(vectors, bound, effort_);
    for (std::size_t i = 0; i < queries.size(); ++i) {
      step.candidates += found[i].size();
      merge_nearest(found_[queries[i]], found[i], wanted(queries[i]));
    }
  };
  try {
    search(view->tail.get(), search_step::tail);
    search(view->main.get(), search_step::index);
  } catch (const std::exception& reason) {
    // What was found so far stays: the scan offers the same rows again, and each is taken once.
    plan[shard] = 0;
    if (view->failed)
      view->failed(reason.what());
  }
}

// Adds the vectors of storage that the plan names. A view that gets old is replaced: the scan goes
// on after the last row, and rows only ever rise, so the new row of a record is not missed.
result<search_run::view_ptr> search_run::scan(const query_numbers& queries, const scan_plan& plan,
                                              view_ptr view) {
  search_tally::step step(tally_, search_step::storage);
  const auto vectors = vectors_of(queries);
  std::vector<std::size_t> bounds;
  for (const auto query : queries)
    bounds.push_back(wanted(query));
  storage_scan nearest(matrix_view(vectors.data(), queries.size(), index_->dimension()), bounds,
                       index_->distance());
  std::function<bool(row_id)> in_plan;
  if (plan.size() > 1 || plan.front() > 0 || filtered_)
    in_plan = [&](row_id row) {
      return row > plan[index_->shard_of(row)] &&
             (!filtered_ || filtered_->chosen.rows.contains(row));
    };

  row_id after = *std::ranges::min_element(plan);
  for (bool more = true; more;) {
    more = false;
    const auto started = std::chrono::steady_clock::now();
    HEARTH_CHECK(view->for_each_vector(after, [&](std::span<const row_id> rows, matrix_view block) {
      nearest.offer(rows, block, in_plan);
      after = rows.back();
      more = std::chrono::steady_clock::now() - started > view_age;
      return !more;
    }));
    if (more) {
      view.reset();
      HEARTH_TRY(view, open_view());
    }
  }
  step.rows = nearest.compared() * queries.size();
  for (std::size_t index = 0; index < queries.size(); ++index) {
    const auto more = nearest.take(index);
    step.candidates += more.size();
    merge_nearest(found_[queries[index]], more, bounds[index]);
    full_[queries[index]] = static_cast<char>(found_[queries[index]].size() >= bounds[index]);
  }
  return view;
}

result<search_result> search_run::finish() {
  auto answer = settle();
  if (answer && tally_.wanted()) {
    auto& said = answer->explanation.emplace();
    said.distance = index_->distance();
    said.kind = index_->params().kind;
    said.ef = static_cast<std::uint32_t>(std::min<std::size_t>(effort_.ef, UINT32_MAX));
    said.nprobe = static_cast<std::uint32_t>(effort_.nprobe);
    said.rounds = rounds_;
    said.filter = how_filtered_;
    tally_.explain(said);
  }
  return answer;
}

result<search_result> search_run::settle() {
  auto view = std::move(view_);
  for (int round = 1;; ++round) {
    if (!view) {
      HEARTH_TRY(view, open_view());
    }
    if (source_.transaction() != nullptr || view->lsn() > as_of_.load())
      HEARTH_CHECK(add_late_rows(*view));
    search_result answer;
    HEARTH_TRY(bool complete, resolve(*view, needed(*view), answer));
    if (complete) {
      view_ = std::move(view);
      return answer;
    }

    HEARTH_CHECK(keep_live(*view));
    const auto missing = falling_short(*view);
    if (missing.empty() || round == index_rounds + scan_rounds) {
      for (auto& candidates : found_)
        candidates.resize(std::min<std::size_t>(candidates.size(), query_.k));
      answer = {};
      HEARTH_TRY(complete, resolve(*view, 0, answer));
      if (complete) {
        view_ = std::move(view);
        return answer;
      }
      return fail(errc::internal, "a row that the read view holds could not be resolved",
                  "run the search again, and report this if it persists");
    }
    for (const auto query : missing)
      extra_[query] = std::max<std::size_t>(16, 4 * (extra_[query] + query_.k));
    view.reset();
    ++rounds_;
    if (round < index_rounds) {
      HEARTH_TRY(view, find(missing));
    } else {
      HEARTH_TRY(view, open_view());
      HEARTH_TRY(view, scan(missing, scan_plan(index_->shards(), row_id{0}), std::move(view)));
    }
  }
}

// How many match and have a vector is not known.
std::size_t search_run::needed(const storage::read_view& view) const {
  if (filtered_ || source_.transaction() != nullptr)
    return 0;
  return std::min<std::uint64_t>(query_.k, view.vector_count(index_->vector()));
}

std::vector<std::size_t> search_run::falling_short(const storage::read_view& view) const {
  const auto need = needed(view);
  query_numbers missing;
  for (std::size_t query = 0; query < found_.size(); ++query) {
    if (need == 0 ? found_[query].size() < query_.k && full_[query] != 0
                  : found_[query].size() < need)
      missing.push_back(query);
  }
  return missing;
}

// True, with the answer, if every candidate is live and nothing has to be cut off or asked for.
result<bool> search_run::resolve(storage::read_view& view, std::size_t need,
                                 search_result& answer) {
  answer.offsets.reserve(found_.size() + 1);
  answer.offsets.push_back(0);
  std::vector<row_id> rows;
  for (const auto& candidates : found_) {
    if (candidates.size() < need || candidates.size() > query_.k)
      return false;
    for (const auto& candidate : candidates) {
      rows.push_back(candidate.row);
      answer.distances.push_back(candidate.distance);
    }
    answer.offsets.push_back(rows.size());
  }
  search_tally::step step(tally_, search_step::records);
  step.rows = rows.size();
  if (filtered_ && view.lsn() != filtered_->lsn) {
    HEARTH_TRY(const auto match, view.matches(rows, filtered_->where));
    if (std::ranges::find(match, false) != match.end())
      return false;
  }
  HEARTH_TRY(const auto there,
             view.resolve(rows, query_.fields, limits::message_bytes, answer.hits));
  step.candidates = answer.hits.size();
  rows_ = std::move(rows);
  return std::ranges::find(there, false) == there.end();
}

// Drops candidates that the view does not have.
result<void> search_run::keep_live(storage::read_view& view) {
  std::vector<row_id> rows;
  for (const auto& candidates : found_) {
    for (const auto& candidate : candidates)
      rows.push_back(candidate.row);
  }
  search_tally::step step(tally_, search_step::records);
  step.rows = rows.size();
  record_columns only_ids;
  HEARTH_TRY(auto there, view.resolve(rows, field_set{}, candidate_bytes, only_ids));
  step.candidates = only_ids.size();
  if (filtered_ && view.lsn() != filtered_->lsn) {
    HEARTH_TRY(there, view.matches(rows, filtered_->where));
  }
  std::size_t next = 0;
  for (auto& candidates : found_)
    std::erase_if(candidates, [&](const neighbor&) { return !there[next++]; });
  return {};
}

// Candidates from batches that replaced rows after the indexes were read. The old row of such a
// record may have left an index before the new one came: then neither was found.
result<std::vector<row_id>> search_run::late_rows(storage::read_view& view) const {
  if (source_.transaction() != nullptr)
    return rows_beside_indexes();
  std::vector<row_id> late;
  const auto after = as_of_.load();
  const auto changes = view.changes(after, view.lsn() - after);
  if (!changes) {
    if (changes.error().code == errc::not_found)
      return late;  // history is trimmed: whoever falls short scans storage
    return std::unexpected(changes.error());
  }
  for (const auto& change : *changes) {
    if (!change.removed.empty())
      late.insert(late.end(), change.added.begin(), change.added.end());
  }
  return late;
}

// What a transaction sees and no index has: rows that went after its snapshot, and its own.
result<std::vector<row_id>> search_run::rows_beside_indexes() const {
  const auto& transaction = *source_.transaction();
  HEARTH_TRY(const auto newest, space_.store().read(index_->vector()));
  std::vector<row_id> rows;
  if (const auto after = transaction.lsn(); newest->lsn() > after) {
    const auto changes = newest->changes(after, newest->lsn() - after);
    if (!changes && changes.error().code == errc::not_found)
      return fail(errc::conflict,
                  "too much was written since the transaction began to search in it",
                  "run the transaction again");
    HEARTH_CHECK(changes);
    for (const auto& change : *changes)
      for (const auto row : change.removed)
        if (row < transaction.stored_limit())
          rows.push_back(row);
  }
  std::ranges::sort(rows);
  const auto own = transaction.own().with_vector(index_->vector());
  rows.insert(rows.end(), own.begin(), own.end());
  return rows;
}

result<void> search_run::add_late_rows(storage::read_view& view) {
  HEARTH_TRY(auto late, late_rows(view));
  // The view may be that of the selection, and visible_lsn older than both: then nobody else asks.
  if (filtered_) {
    HEARTH_TRY(const auto match, view.matches(late, filtered_->where));
    std::size_t at = 0;
    std::erase_if(late, [&](row_id) { return !match[at++]; });
  }
  if (late.empty())
    return {};
  search_tally::step step(tally_, search_step::late);
  step.rows = late.size() * found_.size();
  std::vector<std::size_t> bounds(found_.size());
  for (std::size_t query = 0; query < found_.size(); ++query)
    bounds[query] = wanted(query);
  storage_scan nearest(query_.vectors.view(), bounds, index_->distance());
  std::vector<float> vectors;
  for (std::size_t first = 0; first < late.size(); first += late_rows_at_once) {
    const std::span rows =
        std::span(late).subspan(first, std::min(late_rows_at_once, late.size() - first));
    vectors.resize(rows.size() * index_->dimension());
    HEARTH_TRY(const auto there, view.vectors(rows, vectors.data()));
    nearest.offer(rows, matrix_view(vectors.data(), rows.size(), index_->dimension()),
                  [&, index = std::size_t{0}](row_id) mutable { return there[index++]; });
  }
  for (std::size_t query = 0; query < found_.size(); ++query) {
    const auto more = nearest.take(query);
    step.candidates += more.size();
    merge_nearest(found_[query], more, bounds[query]);
  }
  return {};
}

}  // namespace hearth::actors
