#include "actors/tuning_run.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "actors/reads.hpp"
#include "core/format.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace hearth::actors {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::uint64_t least_vectors = 100;
/// How queries differ from vectors: by this share of the way to one of so many nearest.
constexpr float way_share = 0.7F;
constexpr std::uint32_t company = 10;
constexpr std::uint32_t company_ef = 100;
/// Queries whose truth is found in one scan.
constexpr std::size_t truth_at_once = 16;
constexpr std::uint64_t most_effort = 65'536;
/// Efforts that are tried at most: doublings, and halvings between the last two.
constexpr std::uint64_t most_tries = 32;
/// Distances that differ by less are ties.
constexpr float tie = 1e-5F;

class tuning {
 public:
  tuning(open_namespace& space, const tune_request& request, clock::time_point start,
         clock::time_point end)
      : space_(space), request_(request), index_(space.index(space.number_of(request.vector_name))),
        dimension_(index_->dimension()), half_time_(start + (end - start) / 2), end_(end),
        random_(request.seed) {
    answer_.kind = index_->params().kind;
  }

  [[nodiscard]] result<tune_result> run() {
    HEARTH_CHECK(check_index());
    HEARTH_TRY(rows_, count_vectors());
    note_progress(0);
    HEARTH_CHECK(draw_queries());
    HEARTH_CHECK(find_truth());
    HEARTH_CHECK(find_effort());
    return std::move(answer_);
  }

 private:
  [[nodiscard]] result<void> check_index() const;
  [[nodiscard]] result<std::uint64_t> count_vectors() const;
  [[nodiscard]] result<bool> some_after(row_id row) const;
  [[nodiscard]] result<row_id> last_row() const;
  [[nodiscard]] result<std::vector<float>> draw_vector(row_id last);
  [[nodiscard]] result<std::vector<float>> way_to_company(std::size_t drawn);
  [[nodiscard]] std::vector<float> way_in_sample(std::size_t drawn) const;
  void copy_scaled(std::span<const float> vector, float* to) const;
  void move_along(std::span<const float> way, std::span<float> query);
  [[nodiscard]] result<void> draw_queries();
  [[nodiscard]] result<void> find_truth();
  [[nodiscard]] result<void> find_effort();
  [[nodiscard]] result<double> try_effort(std::uint64_t effort);

  [[nodiscard]] result<search_result> search(const search_query& query) const {
    HEARTH_CHECK(space_.check_usable());
    return actors::search(read_source(space_), query);
  }
  [[nodiscard]] search_query query_of(std::size_t first, std::size_t count) const {
    const auto start = queries_.begin() + static_cast<std::ptrdiff_t>(first * dimension_);
    search_query query;
    query.vectors =
        matrix({start, start + static_cast<std::ptrdiff_t>(count * dimension_)}, count, dimension_);
    query.k = request_.k;
    return query;
  }
  [[nodiscard]] bool over(clock::time_point when) const { return clock::now() >= when; }
  void note_progress(std::size_t more) {
    done_ += more;
    space_.note_tuning(tune_progress{done_, request_.sample * (most_tries + 2)});
  }

  open_namespace& space_;
  const tune_request& request_;
  const std::shared_ptr<const index_set> index_;
  const std::uint32_t dimension_;
  const clock::time_point half_time_;
  const clock::time_point end_;
  std::mt19937_64 random_;
  std::uint64_t rows_ = 0;
  std::uint64_t done_ = 0;
  std::vector<float> queries_;     // one behind the other
  std::vector<float> farthest_;    // per query: the distance of the last of the true nearest
  std::vector<std::size_t> true_;  // per query: how many true nearest there are
  tune_result answer_;
};

result<void> tuning::check_index() const {
  if (answer_.kind == index_kind::flat || answer_.kind == index_kind::kd_tree)
    return fail(errc::unsupported, core::format("a {} index is exact: there is nothing to tune",
                                                to_string(answer_.kind)));
  if (!index_->ready() || space_.coming(index_->vector()))
    return std::unexpected(error{errc::busy, "the index is being built",
                                 "tune it when info() says that it is ready", 1'000});
  return {};
}

result<std::uint64_t> tuning::count_vectors() const {
  HEARTH_TRY(const auto view, space_.store().read(index_->vector()));
  const auto rows = view->vector_count(index_->vector());
  if (rows < least_vectors)
    return fail(errc::invalid_argument,
                core::format("the namespace has {} vectors; tuning takes at least {}", rows,
                             least_vectors));
  return rows;
}

result<bool> tuning::some_after(row_id row) const {
  bool some = false;
  HEARTH_TRY(const auto view, space_.store().read(index_->vector()));
  HEARTH_CHECK(view->for_each_vector(row, [&](std::span<const row_id>, matrix_view) {
    some = true;
    return false;
  }));
  return some;
}

// Some row number that no vector is behind.
result<row_id> tuning::last_row() const {
  row_id low = 0;
  row_id high = 1;
  for (;;) {
    HEARTH_TRY(const bool some, some_after(high));
    if (!some)
      break;
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const auto middle = low + (high - low) / 2;
    HEARTH_TRY(const bool some, some_after(middle));
    (some ? low : high) = middle;
  }
  return high;
}

// Row numbers are dense but for what was erased, so the row that follows a number drawn by chance
// is nearly as good as any.
result<std::vector<float>> tuning::draw_vector(row_id last) {
  std::vector<float> drawn;
  const auto take = [&drawn](std::span<const row_id>, matrix_view vectors) {
    const auto row = vectors.row(0);
    drawn.assign(row.begin(), row.end());
    return false;
  };
  HEARTH_TRY(const auto view, space_.store().read(index_->vector()));
  HEARTH_CHECK(view->for_each_vector(random_() % last, take));
  if (drawn.empty())  // what was behind the number is erased meanwhile
    HEARTH_CHECK(view->for_each_vector(0, take));
  if (drawn.empty())
    return fail(errc::conflict, "the vectors were erased while they were drawn", "try again");
  return drawn;
}

// From a drawn vector to one of its nearest, by chance.
result<std::vector<float>> tuning::way_to_company(std::size_t drawn) {
  auto query = query_of(drawn, 1);
  query.k = company + 1;
  query.ef = company_ef;
  query.fields.vectors = true;
  HEARTH_TRY(const auto found, search(query));
  const auto from = query.vectors.view().row(0);
  std::vector<float> way(dimension_, 0);
  if (found.hits.size() < 2)
    return way;
  // The nearest is the vector itself, or a copy of it.
  const auto chosen = 1 + random_() % (found.hits.size() - 1);
  std::vector<float> to(dimension_);
  copy_scaled(found.hits.vectors.view().row(chosen), to.data());
  std::ranges::transform(to, from, way.begin(), std::minus());
  return way;
}

std::vector<float> tuning::way_in_sample(std::size_t drawn) const {
  const auto vectors = matrix_view(queries_.data(), request_.sample, dimension_);
  const auto from = vectors.row(drawn);
  std::vector<float> nearest(dimension_, 0);
  float least = std::numeric_limits<float>::max();
  for (std::size_t other = 0; other < vectors.rows(); ++other) {
    const auto to = vectors.row(other);
    const float squared = engine::index::kernels().l2_squared(from.data(), to.data(), dimension_);
    if (squared == 0 || squared >= least)
      continue;
    least = squared;
    std::ranges::transform(to, from, nearest.begin(), std::minus());
  }
  return nearest;
}

// As the distance sees it: for cosine, lengths do not count.
void tuning::copy_scaled(std::span<const float> vector, float* to) const {
  double squares = 0;
  for (const float value : vector)
    squares += double{value} * value;
  const bool scale = index_->distance() == distance_kind::cosine && squares > 0;
  const double length = scale ? std::sqrt(squares) : 1;
  std::ranges::transform(vector, to,
                         [length](float value) { return static_cast<float>(value / length); });
}

result<void> tuning::draw_queries() {
  HEARTH_TRY(const auto last, last_row());
  queries_.resize(std::size_t{request_.sample} * dimension_);
  for (std::size_t drawn = 0; drawn < request_.sample; ++drawn) {
    HEARTH_TRY(const auto vector, draw_vector(last));
    copy_scaled(vector, queries_.data() + drawn * dimension_);
  }
  std::vector<std::vector<float>> ways;
  for (std::size_t drawn = 0; drawn < request_.sample; ++drawn) {
    if (index_->distance() == distance_kind::dot) {
      ways.push_back(way_in_sample(drawn));
    } else {
      HEARTH_TRY(auto way, way_to_company(drawn));
      ways.push_back(std::move(way));
    }
    note_progress(1);
  }
  for (std::size_t drawn = 0; drawn < request_.sample; ++drawn) {
    // The way of the next one: the own one leads to a neighbour.
    const auto& way = ways[(drawn + 1) % ways.size()];
    move_along(way, std::span(queries_).subspan(drawn * dimension_, dimension_));
  }
  return {};
}

// Bits are turned over or not: on the average, so many of those that differ.
void tuning::move_along(std::span<const float> way, std::span<float> query) {
  const bool bits = index_->distance() == distance_kind::hamming;
  std::bernoulli_distribution turns(way_share);
  for (std::size_t i = 0; i < dimension_; ++i) {
    if (!bits)
      query[i] += way_share * way[i];
    else if (way[i] != 0 && turns(random_))
      query[i] = 1 - query[i];
  }
}

result<void> tuning::find_truth() {
  for (std::size_t first = 0; first < request_.sample && (first == 0 || !over(half_time_));
       first += truth_at_once) {
    const auto count = std::min<std::size_t>(truth_at_once, request_.sample - first);
    auto query = query_of(first, count);
    query.exact = true;
    HEARTH_TRY(const auto found, search(query));
    for (std::size_t each = 0; each < count; ++each) {
      const auto hits = found.offsets[each + 1] - found.offsets[each];
      true_.push_back(hits);
      farthest_.push_back(hits == 0 ? 0 : found.distances[found.offsets[each + 1] - 1]);
    }
    note_progress(count);
  }
  answer_.queries = static_cast<std::uint32_t>(true_.size());
  answer_.finished = answer_.queries == request_.sample;
  return {};
}

// The mean recall with this effort, noted among what was tried. Every query is a search of its own,
// as users have it.
result<double> tuning::try_effort(std::uint64_t effort) {
  std::vector<double> took_ms;
  double recall = 0;
  for (std::size_t each = 0; each < true_.size(); ++each) {
    auto query = query_of(each, 1);
    (searches_lists(answer_.kind) ? query.nprobe : query.ef) = static_cast<std::uint32_t>(effort);
    const auto started = clock::now();
    HEARTH_TRY(const auto found, search(query));
    took_ms.push_back(std::chrono::duration<double, std::milli>(clock::now() - started).count());
    // Who is no farther than the last of the true nearest is one of them, or as good.
    const float bound = farthest_[each] + tie * std::max(1.0F, std::abs(farthest_[each]));
    const auto right = std::ranges::count_if(found.distances, [&](float d) { return d <= bound; });
    recall += true_[each] == 0
                  ? 1
                  : std::min(1.0, static_cast<double>(right) / static_cast<double>(true_[each]));
    note_progress(1);
  }
  const auto count = static_cast<double>(true_.size());
  tune_point point{static_cast<std::uint32_t>(effort), recall / count, 0, 0};
  for (const auto took : took_ms)
    point.mean_ms += took / count;
  std::ranges::sort(took_ms);
  point.p95_ms = took_ms[took_ms.size() * 95 / 100];
  answer_.tried.push_back(point);
  return point.recall;
}

result<void> tuning::find_effort() {
  const auto most = std::min(most_effort, std::max<std::uint64_t>(rows_, request_.k));
  const auto least = searches_lists(answer_.kind) ? std::uint64_t{1} : std::uint64_t{request_.k};
  std::uint64_t low = 0;  // does not reach it
  std::uint64_t high = std::min(least, most);
  for (;;) {
    HEARTH_TRY(const auto recall, try_effort(high));
    if (recall >= request_.recall)
      break;
    if (high == most || over(end_)) {
      answer_.finished = answer_.finished && high == most;
      return {};
    }
    low = high;
    high = std::min(2 * high, most);
  }
  while (low >= least && high - low > 1) {
    if (over(end_)) {
      answer_.finished = false;
      break;
    }
    const auto middle = low + (high - low) / 2;
    HEARTH_TRY(const auto recall, try_effort(middle));
    (recall >= request_.recall ? high : low) = middle;
  }
  answer_.effort = static_cast<std::uint32_t>(high);
  return {};
}

}  // namespace

result<tune_result> run_tuning(open_namespace& space, const tune_request& request,
                               std::chrono::milliseconds limit) {
  const auto start = clock::now();
  const auto patience = std::min(limit, std::chrono::milliseconds(request.time_limit_ms));
  auto found = tuning(space, request, start, start + patience).run();
  space.note_tuning(std::nullopt);
  return found;
}

}  // namespace hearth::actors
