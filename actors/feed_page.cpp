#include "actors/feed_page.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "actors/storage_scan.hpp"
#include "core/format.hpp"

namespace hearth::actors {

namespace {

/// A page ends here, so that a reader that is far behind takes little memory at a time.
constexpr std::size_t page_bytes = std::size_t{4} << 20;
/// Names that one call looks at, however few of them are wanted.
constexpr std::size_t most_names = 200'000;
/// Of vectors that `near` looks at together.
constexpr std::size_t near_bytes = std::size_t{4} << 20;

// The changes behind a position, as far as names alone say that they are wanted.
class change_walk {
 public:
  change_walk(const change_query& query, feed_position from) : query_(query), from_(from) {}

  [[nodiscard]] result<void> run(storage::read_view& view) {
    events_.clear();
    bytes_ = 0;
    batch_ = 0;
    stopped_ = false;
    HEARTH_CHECK(view.for_each_change(from_.lsn, [this](const storage::changed_name& name) {
      return result<bool>(visit(name));
    }));
    if (!stopped_) {
      end_batch();
      from_ = std::max(from_, feed_position{view.lsn(), 0});
    }
    return {};
  }

  /// Behind what was looked at.
  [[nodiscard]] feed_position position() const noexcept { return from_; }
  /// Nothing is behind it.
  [[nodiscard]] bool at_end() const noexcept { return !stopped_; }
  [[nodiscard]] bool exhausted() const noexcept { return names_ >= most_names; }
  [[nodiscard]] std::vector<change_event> take() { return std::move(events_); }

 private:
  void end_batch() {
    if (!events_.empty() && events_.back().lsn == batch_)
      events_.back().last = true;
  }

  [[nodiscard]] bool wanted(const storage::changed_name& name) const {
    if (name.kind == storage::name_kind::key)
      return query_.subject != feed_subject::records && name.text.starts_with(query_.prefix);
    return query_.subject != feed_subject::keys;
  }

  bool visit(const storage::changed_name& name) {
    if (name.lsn != batch_) {
      end_batch();
      batch_ = name.lsn;
      number_ = 0;
    }
    const auto first = number_;
    number_ += name.count;
    // What was dealt with before, in the batch that the position lies in.
    const auto skip = name.lsn == from_.lsn + 1 ? from_.skip : 0;
    const auto begin = std::clamp(skip, first, number_);
    if (!wanted(name)) {
      names_ += 1;
      return !exhausted() || stop_at(number_);
    }
    for (auto at = begin; at < number_; ++at) {
      if (events_.size() >= query_.limit || bytes_ >= page_bytes || exhausted())
        return stop_at(at);
      add(name, first, at);
    }
    return true;
  }

  // What is from this number on is for the next page.
  bool stop_at(std::uint64_t number) {
    from_ = std::max(from_, feed_position{batch_ - 1, number});
    stopped_ = true;
    return false;
  }

  void add(const storage::changed_name& name, std::uint64_t first, std::uint64_t at) {
    auto& event = events_.emplace_back();
    event.lsn = name.lsn;
    event.number = at;
    event.erased = name.erased;
    event.is_key = name.kind == storage::name_kind::key;
    if (event.is_key)
      event.key = name.text;
    else if (name.kind == storage::name_kind::record)
      event.id = record_id(std::string(name.text));
    else
      event.id = record_id(name.first + (at - first));
    bytes_ += sizeof(change_event) + name.text.size();
    ++names_;
  }

  const change_query& query_;
  feed_position from_;
  std::vector<change_event> events_;
  std::size_t bytes_ = 0;
  std::size_t names_ = 0;
  lsn_t batch_ = 0;
  std::uint64_t number_ = 0;  // of the next change in it
  bool stopped_ = false;
};

// Whether the records of some rows are near enough.
result<std::unordered_set<storage::row_id>> rows_near(storage::read_view& view,
                                                      const near_condition& near,
                                                      distance_kind distance,
                                                      const std::vector<storage::row_id>& rows) {
  std::unordered_set<storage::row_id> found;
  const auto dimension = near.vector.dimension();
  const auto at_once = std::max<std::size_t>(1, near_bytes / (dimension * sizeof(float)));
  std::vector<float> values;
  for (std::size_t first = 0; first < rows.size(); first += at_once) {
    const auto part = std::span(rows).subspan(first, std::min(at_once, rows.size() - first));
    values.resize(part.size() * dimension);
    HEARTH_TRY(const auto there, view.vectors(part, values.data()));
    const std::size_t bound = part.size();
    storage_scan scan(near.vector.view(), {&bound, 1}, distance);
    for (std::size_t i = 0; i < part.size(); ++i)
      if (there[i])
        scan.offer(part.subspan(i, 1), matrix_view(values.data() + i * dimension, 1, dimension),
                   {});
    for (const auto& each : scan.take(0))
      if (each.distance <= near.radius)
        found.insert(each.row);
  }
  return found;
}

// Keeps, of the records that were put, those that match by now.
class feed_conditions {
 public:
  [[nodiscard]] static result<feed_conditions> make(const open_namespace& space,
                                                    const change_query& query) {
    feed_conditions made;
    if (query.where) {
      HEARTH_TRY(made.where_, compiled_filter::compile(*query.where));
    }
    if (query.near) {
      made.near_ = &*query.near;
      const auto number = space.number_of(query.near->vector_name);
      made.distance_ = space.config()->vector(number).distance;
    }
    return made;
  }

  [[nodiscard]] result<void> apply(storage::read_view& view,
                                   std::vector<change_event>& events) const {
    if (!where_ && near_ == nullptr)
      return {};
    std::vector<record_id> ids;
    for (const auto& event : events)
      if (tests(event))
        ids.push_back(event.id);
    HEARTH_TRY(const auto rows, view.rows_of(ids));
    HEARTH_TRY(const auto matching, match(view, rows));
    std::vector<change_event> kept;
    std::size_t tested = 0;
    for (auto& event : events) {
      const auto row = tests(event) ? rows[tested++] : 0;
      if (!tests(event) || matching.contains(row))
        kept.push_back(std::move(event));
      else if (event.last && !kept.empty() && kept.back().lsn == event.lsn)
        kept.back().last = true;
    }
    events = std::move(kept);
    return {};
  }

 private:
  static bool tests(const change_event& event) noexcept { return !event.is_key && !event.erased; }

  [[nodiscard]] result<std::unordered_set<storage::row_id>>
  match(storage::read_view& view, std::vector<storage::row_id> rows) const {
    std::erase(rows, storage::row_id{0});
    std::ranges::sort(rows);
    rows.erase(std::ranges::unique(rows).begin(), rows.end());
    if (where_) {
      HEARTH_TRY(const auto matches, view.matches(rows, *where_));
      std::size_t at = 0;
      std::erase_if(rows, [&](storage::row_id) { return !matches[at++]; });
    }
    if (near_ != nullptr)
      return rows_near(view, *near_, distance_, rows);
    return std::unordered_set<storage::row_id>(rows.begin(), rows.end());
  }

  std::optional<compiled_filter> where_;
  const near_condition* near_ = nullptr;
  distance_kind distance_ = distance_kind::cosine;
};

// What is there now of the records and keys that were put. limit_exceeded where it outgrows
// `max_bytes`.
result<void> fetch(storage::read_view& view, const change_query& query, std::size_t max_bytes,
                   change_page& page) {
  get_query records{.ids = {}, .fields = query.fields};
  key_query keys{.keys = {}, .values = query.values};
  for (const auto& event : page.events) {
    if (!event.erased && event.is_key)
      keys.keys.push_back(event.key);
    else if (!event.erased)
      records.ids.push_back(event.id);
  }
  HEARTH_TRY(auto found, view.get(records, max_bytes));
  HEARTH_TRY(auto values, view.get_keys(keys, max_bytes));
  std::uint32_t row = 0;
  std::size_t key = 0;
  for (auto& event : page.events) {
    if (event.erased)
      continue;
    if (event.is_key) {
      auto& stored = values.found[key++];
      event.version = stored ? stored->version : 0;
      event.value = stored ? std::move(stored->value) : std::string();
    } else if (row < found.found.size() && found.found.ids[row] == event.id) {
      event.version = found.found.versions[row];
      event.row = row++;  // in the order asked; those that are gone are left out
    }
  }
  page.records = std::move(found.found);
  return {};
}

// As fetch, of as many events as fit: half of them, half of that; one in any case.
result<void> fetch_what_fits(storage::read_view& view, const change_query& query, feed_page& page) {
  for (;;) {
    auto& events = page.page.events;
    const bool single = events.size() <= 1;
    const auto done = fetch(view, query, single ? limits::message_bytes : page_bytes, page.page);
    if (done || single || done.error().code != errc::limit_exceeded)
      return done;
    events.resize(events.size() / 2);
    page.page.next = events.back().position();
    page.at_end = false;
  }
}

constexpr auto start_over =
    "read the records and keys themselves, and go on from the lsn before that";

error too_old(const open_namespace& space, lsn_t after, const error& reason) {
  return {errc::cursor_too_old,
          core::format("the change feed of \"{}\" does not reach back to lsn {}: {}", space.name(),
                       after, reason.message),
          start_over, 0};
}

// A cursor of a namespace of this name that is no more would wait for LSNs that other changes get.
result<void> check_reached(const open_namespace& space, const feed_position& from, lsn_t newest) {
  newest = std::max(newest, space.accepted_lsn.load());
  if (from <= feed_position{newest, 0})
    return {};
  return fail(errc::cursor_too_old,
              core::format("the cursor is at lsn {}, but the newest change of \"{}\" is {}: it is "
                           "another namespace by now, or an older copy",
                           from.lsn, space.name(), newest),
              start_over);
}

}  // namespace

result<feed_page> read_feed_page(open_namespace& space, const change_query& query) {
  const auto number = query.near ? space.number_of(query.near->vector_name) : 0;
  HEARTH_TRY(const auto view, space.store().read(number));
  HEARTH_TRY(const auto conditions, feed_conditions::make(space, query));
  const auto from = query.after.value_or(feed_position{view->lsn(), 0});
  HEARTH_CHECK(check_reached(space, from, view->lsn()));
  change_walk walk(query, from);
  feed_page answer;
  do {
    if (auto walked = walk.run(*view); !walked)
      return std::unexpected(walked.error().code == errc::not_found
                                 ? too_old(space, from.lsn, walked.error())
                                 : std::move(walked).error());
    answer.page.events = walk.take();
    HEARTH_CHECK(conditions.apply(*view, answer.page.events));
  } while (answer.page.events.empty() && !walk.at_end() && !walk.exhausted());
  answer.page.next = walk.position();
  answer.at_end = walk.at_end();
  answer.page.newest = view->lsn();
  HEARTH_CHECK(fetch_what_fits(*view, query, answer));
  return answer;
}

}  // namespace hearth::actors
