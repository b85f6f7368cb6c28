#include "actors/transaction.hpp"

#include <utility>

#include "actors/reads.hpp"
#include "actors/simple_job.hpp"
#include "actors/with_port.hpp"
#include "core/clock.hpp"
#include "storage/transaction/conflicts.hpp"
#include "storage/transaction/key_reads.hpp"
#include "storage/where_batch.hpp"

namespace hearth::actors {

namespace {

/// Calls that wait for their turn.
constexpr std::size_t most_waiting = 256;
constexpr std::uint32_t busy_retry_ms = 10;

}  // namespace

result<std::shared_ptr<transaction_handle>>
begin_transaction(std::shared_ptr<embedded_namespace> in, open_namespace& space,
                  const transaction_options& options) {
  const auto& counts = space.transactions();
  if (counts->open.fetch_add(1) >= limits::open_transactions) {
    counts->open.fetch_sub(1);
    return std::unexpected(
        error{errc::busy,
              core::format("{} transactions of \"{}\" are open, which is the limit",
                           limits::open_transactions, space.name()),
              "end some, or try again", busy_retry_ms});
  }
  auto pin = space.snapshots().newest(space.store());
  if (!pin) {
    counts->open.fetch_sub(1);
    return std::unexpected(std::move(pin).error());
  }
  return std::make_shared<embedded_transaction>(std::move(in), options, (*pin)->view->lsn(),
                                                counts);
}

embedded_transaction::embedded_transaction(std::shared_ptr<embedded_namespace> in,
                                           const transaction_options& options, lsn_t snapshot,
                                           std::shared_ptr<transaction_counts> counts)
    : space_(std::move(in)), options_(options), began_at_(snapshot),
      deadline_(system_clock().steady_now() + std::chrono::milliseconds(options.timeout_ms)),
      lsn_(snapshot), counts_(std::move(counts)) {}

embedded_transaction::~embedded_transaction() {
  forget();
  counts_->open.fetch_sub(1);
}

void embedded_transaction::enqueue(start_call start) {
  {
    const std::lock_guard lock(guard_);
    if (busy_) {
      if (waiting_.size() < most_waiting)
        waiting_.push_back(std::move(start));
      return;  // one too many is dropped, which answers it
    }
    busy_ = true;
  }
  start(turn(shared_from_this()));
}

void embedded_transaction::begin_next() {
  start_call next;
  {
    const std::lock_guard lock(guard_);
    if (waiting_.empty()) {
      busy_ = false;
      return;
    }
    next = std::move(waiting_.front());
    waiting_.pop_front();
  }
  next(turn(shared_from_this()));
}

// Carries out `work(space)` on a worker when its turn has come.
template <class T, class Work>
void embedded_transaction::run(completion<T> done, Work work) {
  enqueue([this, answer = call<T>(space_->runtime().calls(), std::move(done)),
           work = std::move(work)](turn now) mutable {
    space_->with_port(answer,
                      [this, now = std::move(now), work = std::move(work)](
                          const namespace_port&, namespace_lease lease, call<T> reply) mutable {
                        space_->runtime().workers().post(std::make_shared<simple_job<T>>(
                            std::move(lease), std::move(reply),
                            [this, now = std::move(now),
                             work = std::move(work)](open_namespace& space) mutable -> result<T> {
                              count_in(space);
                              HEARTH_CHECK(check_open());
                              return work(space);
                            }));
                      });
  });
}

// A read with the snapshot and the own writes. note(answer) enters in reads_ what it depended on.
template <class T, class Note, class Read>
void embedded_transaction::read(completion<T> done, Note note, Read how) {
  run<T>(std::move(done),
         [this, note = std::move(note), how = std::move(how)](open_namespace& space) -> result<T> {
           HEARTH_TRY(const auto pinned, pin(space));
           const std::lock_guard lock(pinned->guard);
           const auto config = space.config();
           const storage::overlay_view view(pinned->view->fork(0), own(), *config, 0);
           HEARTH_TRY(auto answer, how(read_source(space, view)));
           note(answer);
           return answer;
         });
}

// A namespace that was closed and opened since has counts of its own.
void embedded_transaction::count_in(const open_namespace& space) {
  if (counts_ == space.transactions())
    return;
  const auto before = std::exchange(counts_, space.transactions());
  counts_->open.fetch_add(1);
  counts_->bytes.fetch_add(counted_bytes_);
  before->open.fetch_sub(1);
  before->bytes.fetch_sub(counted_bytes_);
}

result<void> embedded_transaction::check_open() {
  if (ended_)
    return std::unexpected(*ended_);
  if (system_clock().steady_now() < deadline_)
    return {};
  return end_with(
      {errc::timeout,
       core::format("the transaction is older than its time-out of {} ms", options_.timeout_ms),
       "run it again, with a longer timeout if it needs one", 0});
}

std::unexpected<error> embedded_transaction::end_with(error reason) {
  forget();
  ended_ = reason;
  return std::unexpected(std::move(reason));
}

// What it has written takes memory that others wait for.
void embedded_transaction::forget() {
  own_.reset();
  savepoints_.clear();
  writes_ = {};
  reads_ = {};
  counts_->bytes.fetch_sub(std::exchange(counted_bytes_, 0));
}

result<std::shared_ptr<pinned_snapshot>> embedded_transaction::pin(open_namespace& space) {
  if (auto pinned = space.snapshots().find(lsn_))
    return pinned;
  HEARTH_TRY(auto pinned, space.snapshots().newest(space.store()));
  const std::lock_guard lock(pinned->guard);
  if (pinned->view->lsn() != lsn_)
    HEARTH_CHECK(move_to(*pinned->view));
  return pinned;
}

// The snapshot was let go. If nothing that was read has changed, all of it could as well have been
// read in a newer one (Riegel, Felber and Fetzer, "A Lazy Snapshot Algorithm with Eager
// Validation", 2006).
result<void> embedded_transaction::move_to(storage::read_view& newer) {
  auto moved = storage::check_unchanged(reads_, lsn_, [&](const storage::visit_change& visit) {
    return newer.for_each_change(lsn_, visit);
  });
  if (!moved)
    return end_with(std::move(moved).error());
  own_.reset();
  HEARTH_CHECK(writes_.look_up_rows(newer));
  lsn_ = newer.lsn();
  return {};
}

const storage::own_rows& embedded_transaction::own() {
  if (!own_)
    own_.emplace(writes_);
  return *own_;
}

void embedded_transaction::search(search_query query, completion<search_result> done) {
  if (auto valid = validate(query, space_->config()); !valid)
    return refuse(std::move(done), std::move(valid).error());
  read<search_result>(
      std::move(done), [this](const auto&) { reads_.add_all_records(); },
      [query = std::move(query)](const read_source& from) -> result<search_result> {
        HEARTH_CHECK(from.space().check_values(query.vectors.view(), query.vector_name));
        return actors::search(from, query);
      });
}

void embedded_transaction::get(get_query query, completion<get_result> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  const auto asked = std::make_shared<const get_query>(std::move(query));
  read<get_result>(
      std::move(done),
      [this, asked](const auto&) {
        for (const auto& id : asked->ids)
          reads_.add_record(id);
      },
      [asked](const read_source& from) { return actors::get(from, *asked); });
}

void embedded_transaction::scan(scan_query query, completion<scan_page> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  read<scan_page>(
      std::move(done), [this](const auto&) { reads_.add_all_records(); },
      [query = std::move(query)](const read_source& from) { return actors::scan(from, query); });
}

void embedded_transaction::count(std::optional<filter> where, completion<std::uint64_t> done) {
  if (where) {
    if (auto valid = validate(*where); !valid)
      return refuse(std::move(done), std::move(valid).error());
  }
  read<std::uint64_t>(
      std::move(done), [this](const auto&) { reads_.add_all_records(); },
      [where = std::move(where)](const read_source& from) { return actors::count(from, where); });
}

void embedded_transaction::facets(facet_query query, completion<facet_result> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  read<facet_result>(
      std::move(done), [this](const auto&) { reads_.add_all_records(); },
      [query = std::move(query)](const read_source& from) { return actors::facets(from, query); });
}

void embedded_transaction::get_keys(key_query query, completion<key_result> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  const auto asked = std::make_shared<const key_query>(std::move(query));
  read<key_result>(
      std::move(done),
      [this, asked](const auto&) {
        for (const auto& key : asked->keys)
          reads_.add_key(key);
      },
      [asked](const read_source& from) { return actors::get_keys(from, *asked); });
}

void embedded_transaction::scan_keys(key_scan query, completion<key_page> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  const auto asked = std::make_shared<const key_scan>(std::move(query));
  read<key_page>(
      std::move(done),
      [this, asked](const key_page& page) { storage::add_scan(reads_, *asked, page); },
      [asked](const read_source& from) { return actors::scan_keys(from, *asked); });
}

void embedded_transaction::write(write_batch batch, completion<write_result> done) {
  auto valid = validate(batch, space_->config());
  if (valid && options_.read_only)
    valid = fail(errc::invalid_argument, "the transaction is read-only",
                 "begin one that is not, or write to the namespace itself");
  if (!valid)
    return refuse(std::move(done), std::move(valid).error());
  run<write_result>(std::move(done), [this, batch = std::move(batch)](open_namespace& space) {
    return apply(space, batch);
  });
}

result<write_result> embedded_transaction::apply(open_namespace& space, const write_batch& batch) {
  HEARTH_CHECK(space.check_values(batch));
  HEARTH_TRY(const auto pinned, pin(space));
  const std::lock_guard lock(pinned->guard);
  const auto config = space.config();
  const auto stored = pinned->view->fork(0);
  std::optional<write_batch> named;
  if (batch.where) {
    const storage::overlay_view view(pinned->view->fork(0), own(), *config, 0);
    HEARTH_TRY(named, with_ids(view, batch));
  }
  const auto before = writes_.bytes();
  HEARTH_TRY(auto answer, writes_.apply(named ? *named : batch, *config, *stored, reads_));
  own_.reset();
  HEARTH_CHECK(count_bytes(before));
  return answer;
}

// In the place of the filter, the records that match.
result<write_batch> embedded_transaction::with_ids(const storage::overlay_view& view,
                                                   write_batch batch) {
  const auto every = view.fork(0);
  HEARTH_TRY(const auto chosen, every->select(*batch.where));
  HEARTH_CHECK(storage::check_chosen(chosen.rows));
  record_columns records;
  HEARTH_CHECK(every->resolve(chosen.rows.rows(), field_set{}, limits::message_bytes, records));
  reads_.add_all_records();
  return storage::with_ids(batch, std::move(records.ids));
}

// All open transactions of a namespace share a bound.
result<void> embedded_transaction::count_bytes(std::size_t before) {
  const auto now = writes_.bytes();
  counted_bytes_ += now - before;
  const auto all = counts_->bytes.fetch_add(now - before) + (now - before);
  if (now <= before || all <= limits::transaction_bytes)
    return {};
  return end_with(
      {errc::busy,
       core::format("the open transactions of \"{}\" have written {}; the limit is {}",
                    space_->name(), format_bytes(all), format_bytes(limits::transaction_bytes)),
       "run the transaction again when others have ended", busy_retry_ms});
}

void embedded_transaction::savepoint(completion<std::uint32_t> done) {
  run<std::uint32_t>(std::move(done), [this](open_namespace&) -> result<std::uint32_t> {
    if (savepoints_.size() == limits::savepoints)
      return fail(
          errc::limit_exceeded,
          core::format("the transaction has {} savepoints, which is the limit", limits::savepoints),
          "roll back to an earlier one, or do without");
    savepoints_.push_back(writes_);
    return static_cast<std::uint32_t>(savepoints_.size());
  });
}

void embedded_transaction::rollback_to(std::uint32_t savepoint, completion<std::monostate> done) {
  run<std::monostate>(
      std::move(done), [this, savepoint](open_namespace& space) -> result<std::monostate> {
        if (savepoint == 0 || savepoint > savepoints_.size())
          return fail(errc::invalid_argument,
                      core::format("there is no savepoint {}; the transaction has {}", savepoint,
                                   savepoints_.size()));
        const auto before = writes_.bytes();
        savepoints_.resize(savepoint);
        own_.reset();
        writes_ = savepoints_.back();
        HEARTH_CHECK(count_bytes(before));
        // It may be of a snapshot before.
        HEARTH_TRY(const auto pinned, pin(space));
        const std::lock_guard lock(pinned->guard);
        HEARTH_CHECK(writes_.look_up_rows(*pinned->view));
        return std::monostate{};
      });
}

void embedded_transaction::abort(completion<std::monostate> done) {
  run<std::monostate>(std::move(done), [this](open_namespace&) -> result<std::monostate> {
    end_with({errc::invalid_argument, "the transaction was aborted", "begin another one", 0});
    return std::monostate{};
  });
}

/// Hands what a transaction has written to the writer, which answers.
class embedded_transaction::commit_job final : public read_job {
 public:
  commit_job(std::shared_ptr<embedded_transaction> of, turn now, writer_actor writer,
             namespace_lease space, durability ack, call<write_result> answer)
      : of_(std::move(of)), now_(std::move(now)), writer_(std::move(writer)),
        space_(std::move(space)), ack_(ack), answer_(std::move(answer)) {}

  void run(std::size_t) noexcept override {
    if (!answer_.open())
      return;
    auto done = guarded<std::optional<write_result>>(
        *space_, [this] { return of_->hand_over(space_, writer_, ack_, answer_); });
    if (!done)
      answer_.settle(std::unexpected(std::move(done).error()));
    else if (*done)
      answer_.settle(**std::move(done));
  }

 private:
  std::shared_ptr<embedded_transaction> of_;
  turn now_;
  writer_actor writer_;
  namespace_lease space_;
  const durability ack_;
  call<write_result> answer_;
};

void embedded_transaction::commit(durability ack, completion<write_result> done) {
  enqueue([this, ack, answer = call<write_result>(space_->runtime().calls(), std::move(done))](
              turn now) mutable {
    space_->with_port(
        answer,
        [this, ack, now = std::move(now)](const namespace_port& port, namespace_lease lease,
                                          call<write_result> reply) mutable {
          space_->runtime().workers().post(
              std::make_shared<commit_job>(shared_from_this(), std::move(now), port.writer,
                                           std::move(lease), ack, std::move(reply)));
        },
        options_.read_only ? access::read : access::write);
  });
}

// Nothing: the writer will answer.
result<std::optional<write_result>>
embedded_transaction::hand_over(namespace_lease& space, const writer_actor& writer, durability ack,
                                const call<write_result>& answer) {
  HEARTH_CHECK(check_open());
  const auto finish = [this] {
    end_with({errc::invalid_argument, "the transaction was committed", "begin another one", 0});
  };
  if (writes_.empty()) {
    finish();
    write_result nothing;
    nothing.lsn = lsn_;
    nothing.durable_lsn = space->store().durable_lsn();
    return nothing;
  }
  HEARTH_CHECK(space->reserve(writes_.bytes()));
  const auto bytes = writes_.bytes();
  auto batch = std::make_unique<storage::transaction_batch>();
  batch->parts = writes_.batches(*space->config());
  batch->snapshot = lsn_;
  batch->reads = std::move(reads_);
  finish();
  write_batch head;
  head.ack = ack;
  caf::anon_send(writer, write_message{std::make_shared<const write_job>(
                             std::move(space), std::move(head), bytes, answer, std::move(batch))});
  return std::nullopt;
}

}  // namespace hearth::actors
