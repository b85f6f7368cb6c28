#include "actors/index_check.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "core/bytes.hpp"
#include "core/format.hpp"

namespace hearth::actors {

namespace {

using namespace std::chrono_literals;

/// What a step may take of a worker before others get their turn.
constexpr auto step_time = 50ms;
constexpr std::size_t rows_per_step = 16'384;
/// How long a row may be on its way into an index, or out of it, before that is a problem.
constexpr auto settle_pause = 2ms;
constexpr int settle_attempts = 100;

constexpr char storage_part = 's';
constexpr char index_part = 'i';

constexpr std::string_view index_hint =
    "alter a parameter of the index that shapes it, such as its seed: it is then built anew from "
    "storage";

struct index_cursor {
  std::uint64_t vector = 0;
  row_id after = 0;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

std::string encode(const index_cursor& at) {
  std::vector<std::byte> bytes;
  byte_writer out(bytes);
  out.varint(at.vector);
  out.varint(at.after);
  out.varint(at.done);
  out.varint(at.total);
  return index_part + std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::optional<index_cursor> decode(std::string_view cursor, std::size_t vectors) {
  byte_reader in(std::as_bytes(std::span(cursor)));
  index_cursor at;
  at.vector = in.varint();
  at.after = in.varint();
  at.done = in.varint();
  at.total = in.varint();
  if (!in.ok() || in.remaining() > 0 || at.vector >= vectors)
    return std::nullopt;
  return at;
}

class index_checker {
 public:
  index_checker(const open_namespace& space, index_cursor at)
      : space_(space), at_(at), set_(space.index(at.vector)) {}

  result<check_step> run() {
    step_.stage = core::format("index of {}", set_->title(space_.name()));
    if (set_->shards() == 0 || !set_->ready()) {
      note_skipped();
      finish_vector();
      return std::move(step_);
    }
    std::vector<row_id> rows;
    bool ended = true;
    auto taken = take_rows(rows, ended);
    if (!taken && taken.error().code != errc::corruption)
      return std::unexpected(std::move(taken).error());
    HEARTH_CHECK(find_missing(rows));
    step_.checked.push_back({"index entries", rows.size()});
    at_.done += rows.size();
    if (!taken) {
      report(core::format("it could not be compared with storage: {}", taken.error().message));
      finish_vector();
    } else if (ended) {
      HEARTH_CHECK(compare_sizes());
      finish_vector();
    } else {
      step_.next = encode(at_);
    }
    step_.done = at_.done;
    step_.total = std::max(at_.total, at_.done);
    return std::move(step_);
  }

 private:
  void note_skipped() {
    if (set_->shards() > 0)
      step_.checked.push_back({"indexes that are being built, not compared", 1});
    step_.done = at_.done;
    step_.total = at_.total;
  }

  void finish_vector() {
    at_.after = 0;
    if (++at_.vector < space_.vector_count())
      step_.next = encode(at_);
  }

  void report(std::string what) {
    ++step_.problem_count;
    if (step_.problems.size() < limits::check_problems)
      step_.problems.push_back({step_.stage, std::move(what), std::string(index_hint)});
  }

  result<void> take_rows(std::vector<row_id>& rows, bool& ended) {
    const auto until = std::chrono::steady_clock::now() + step_time;
    HEARTH_TRY(const auto view, space_.store().read(at_.vector));
    seen_lsn_ = view->lsn();
    return view->for_each_vector(at_.after, [&](std::span<const row_id> block, matrix_view) {
      rows.insert(rows.end(), block.begin(), block.end());
      at_.after = block.back();
      ended = rows.size() < rows_per_step && std::chrono::steady_clock::now() < until;
      return ended;
    });
  }

  // Rows move from the tail to the main index: in this order none is missed.
  [[nodiscard]] bool holds(row_id row) const {
    const auto view = set_->shard(set_->shard_of(row)).view();
    return (view->tail && view->tail->contains(row)) || (view->main && view->main->contains(row));
  }

  result<void> find_missing(std::vector<row_id> rows) {
    // What was committed a moment ago is on its way.
    for (int attempt = 0; attempt < settle_attempts && space_.visible_lsn() < seen_lsn_; ++attempt)
      std::this_thread::sleep_for(settle_pause);
    std::erase_if(rows, [this](row_id row) { return holds(row); });
    if (rows.empty() || space_.visible_lsn() < seen_lsn_ || !set_->ready())
      return {};
    // Rows that are there after they were missed were there when they were.
    HEARTH_TRY(const auto view, space_.store().read(at_.vector));
    std::vector<float> values(rows.size() * set_->dimension());
    HEARTH_TRY(const auto there, view->vectors(rows, values.data()));
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (there[i])
        report(core::format("row {} has a vector and is not in the index", rows[i]));
    return {};
  }

  [[nodiscard]] std::uint64_t entries() const {
    std::uint64_t total = 0;
    for (std::size_t shard = 0; shard < set_->shards(); ++shard) {
      const auto view = set_->shard(shard).view();
      total += (view->tail ? view->tail->size() : 0) + (view->main ? view->main->size() : 0);
    }
    return total;
  }

  // No row is missing: the sizes say whether there are any that should not be. While somebody
  // writes there is no moment to compare them.
  result<void> compare_sizes() {
    std::uint64_t held = 0;
    std::uint64_t live = 0;
    lsn_t first = 0;
    for (int attempt = 0; attempt < settle_attempts; ++attempt) {
      held = entries();
      HEARTH_TRY(const auto view, space_.store().read(at_.vector));
      live = view->vector_count(at_.vector);
      if (held == live)
        return {};
      if (attempt == 0)
        first = view->lsn();
      else if (first != view->lsn())
        return {};
      std::this_thread::sleep_for(settle_pause);
    }
    if (set_->ready() && space_.visible_lsn() == first)
      report(core::format("it has {} entries; {} vectors are stored", held, live));
    return {};
  }

  const open_namespace& space_;
  index_cursor at_;
  const std::shared_ptr<index_set> set_;
  check_step step_;
  lsn_t seen_lsn_ = 0;
};

}  // namespace

result<check_step> check_namespace(const open_namespace& space, std::string_view cursor) {
  const auto refused = [] {
    return fail(errc::invalid_argument, "cursor is not one that a check answered",
                "start without a cursor");
  };
  if (cursor.starts_with(index_part)) {
    const auto at = decode(cursor.substr(1), space.vector_count());
    if (!at)
      return refused();
    return index_checker(space, *at).run();
  }
  if (!cursor.empty() && !cursor.starts_with(storage_part))
    return refused();
  HEARTH_TRY(auto step, space.store().check(cursor.empty() ? cursor : cursor.substr(1), step_time));
  if (step.next.empty())
    step.next = encode({0, 0, step.done, step.total});
  else
    step.next.insert(step.next.begin(), storage_part);
  return step;
}

}  // namespace hearth::actors
