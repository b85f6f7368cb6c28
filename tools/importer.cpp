#include "tools/importer.hpp"

#include <algorithm>
#include <deque>
#include <future>
#include <string_view>
#include <thread>
#include <unordered_set>

#include "core/format.hpp"
#include "engine/text/lexical_embedder.hpp"

namespace hearth::tools {
namespace {

// Rows that will be one write, and where the first of them is.
struct pending_batch {
  std::vector<import_row> rows;
  std::unordered_set<record_id> ids;
  std::string first_place;
  std::uint64_t first_row = 0;  // of the source, from 0
  std::size_t bytes = 0;

  [[nodiscard]] bool with_vectors() const { return !rows.front().vector.empty(); }
  [[nodiscard]] bool with_ids() const { return rows.front().id.has_value(); }
};

struct acknowledged_batch {
  lsn_t lsn = 0;
  std::uint64_t end_row = 0;  // of the source: the first one after the batch
};

std::size_t bytes_of(const import_row& row) {
  std::size_t bytes = row.vector.size() * sizeof(float) + metadata_size(row.metadata) + 64;
  for (const auto& [name, values] : row.named_vectors)
    bytes += values.size() * sizeof(float);
  if (row.id && !row.id->is_number())
    bytes += row.id->text().size();
  return bytes + (row.text ? row.text->size() : 0);
}

write_batch to_batch(pending_batch pending, std::uint32_t dimension, durability ack) {
  write_batch batch;
  batch.kind = write_kind::upsert;
  batch.ack = ack;
  const bool vectors = pending.with_vectors();
  const bool any_text = std::ranges::any_of(pending.rows, [](auto& row) { return !!row.text; });
  std::vector<float> values;
  values.reserve(vectors ? pending.rows.size() * dimension : 0);
  for (auto& row : pending.rows) {
    if (row.id)
      batch.ids.push_back(*std::move(row.id));
    values.insert(values.end(), row.vector.begin(), row.vector.end());
    batch.metadata.push_back(std::move(row.metadata));
    if (any_text)
      batch.texts.push_back(std::move(row.text));
  }
  if (vectors)
    batch.vectors = matrix(std::move(values), pending.rows.size(), dimension);
  for (const auto& [name, first] : pending.rows.front().named_vectors) {
    values.clear();
    for (const auto& row : pending.rows) {
      const auto& own = row.named_vectors.at(name);
      values.insert(values.end(), own.begin(), own.end());
    }
    batch.named.push_back(
        {name, matrix(values, pending.rows.size(), static_cast<std::uint32_t>(first.size()))});
  }
  return batch;
}

class importer {
 public:
  importer(row_source& source, const open_target& open, const import_options& options,
           const std::function<void(std::uint64_t)>& progress)
      : source_(source), open_(open), options_(options), progress_(progress) {}

  result<import_report> run() {
    auto outcome = read_all();
    // Rows before a bad one are written, so that going on can start at it.
    if (!outcome && !failed_) {
      auto sent = send();
      if (!sent)
        return std::unexpected(std::move(sent).error());
    }
    auto settled = settle();
    if (!settled)
      return std::unexpected(std::move(settled).error());
    if (failed_)
      return std::unexpected(std::move(outcome).error());
    if (auto flushed = flush(); !flushed)
      return std::unexpected(resumable(std::move(flushed).error(), read_));
    if (!outcome)
      return std::unexpected(resumable(std::move(outcome).error(), read_));
    return report_;
  }

 private:
  result<void> read_all() {
    import_row row;
    for (;; ++read_) {
      HEARTH_TRY(const bool more, source_.next(row));
      if (!more)
        break;
      if (read_ < options_.skip)
        continue;
      HEARTH_CHECK(prepare(row));
      if (!fits(row))
        HEARTH_CHECK(send());
      append(std::move(row));
    }
    if (options_.skip > read_)
      return fail(errc::invalid_argument,
                  core::format("--skip is {}, but the file has {} rows", options_.skip, read_));
    return send();
  }

  // Opens the namespace at the first row, and refuses here what the daemon would refuse, where the
  // row can still be named.
  result<void> prepare(import_row& row) {
    if (!target_) {
      HEARTH_TRY(target_, open_(static_cast<std::uint32_t>(row.vector.size())));
    }
    if (auto checked = check(row); !checked) {
      auto failure = std::move(checked).error();
      failure.message = source_.place() + ": " + failure.message;
      return std::unexpected(std::move(failure));
    }
    return {};
  }

  result<void> check(const import_row& row) const {
    if (row.id)
      HEARTH_CHECK(validate_id(*row.id, "id"));
    HEARTH_CHECK(validate_metadata(row.metadata, "metadata"));
    if (row.text && row.text->size() > limits::text_bytes)
      return fail(errc::limit_exceeded, core::format("text has {} bytes; at most {} are possible",
                                                     row.text->size(), limits::text_bytes));
    if (row.text && !is_utf8(*row.text))
      return fail(errc::invalid_argument, "text is not UTF-8");
    const auto dimension = target_->config().dimension;
    if (!row.vector.empty())
      HEARTH_CHECK(target_->config().vector_number({}));
    if (!row.vector.empty() && row.vector.size() != dimension)
      return fail(errc::dimension_mismatch,
                  core::format("vector has {} values, but namespace '{}' has dimension {}",
                               row.vector.size(), target_->name(), dimension));
    if (!all_finite(row.vector))
      return fail(errc::invalid_argument, "vector holds NaN or infinity");
    return check_named(row);
  }

  result<void> check_named(const import_row& row) const {
    const auto& config = target_->config();
    for (const auto& [name, values] : row.named_vectors) {
      HEARTH_TRY(const auto number, config.vector_number(name));
      const auto dimension = config.vector(number).dimension;
      if (number == 0 || values.size() != dimension)
        return fail(errc::dimension_mismatch,
                    core::format("named_vectors.{} has {} values, but has dimension {} in "
                                 "namespace '{}'",
                                 name, values.size(), dimension, target_->name()));
      if (!all_finite(values))
        return fail(errc::invalid_argument,
                    core::format("named_vectors.{} holds NaN or infinity", name));
    }
    return {};
  }

  static bool same_names(const import_row& a, const import_row& b) {
    return std::ranges::equal(
        a.named_vectors, b.named_vectors, {}, [](const auto& item) { return item.first; },
        [](const auto& item) { return item.first; });
  }

  // A batch has each of the vectors in all rows or in none, likewise ids, and names no id twice.
  bool fits(const import_row& row) const {
    if (batch_.rows.empty())
      return true;
    const bool row_has_vector = !row.vector.empty() || (options_.embed && row.text);
    const bool batch_has_vectors =
        batch_.with_vectors() || (options_.embed && batch_.rows.front().text);
    return row_has_vector == batch_has_vectors && same_names(row, batch_.rows.front()) &&
           row.id.has_value() == batch_.with_ids() && !(row.id && batch_.ids.contains(*row.id)) &&
           batch_.rows.size() < options_.batch_rows &&
           batch_.bytes + bytes_of(row) <= options_.batch_bytes;
  }

  void append(import_row row) {
    if (batch_.rows.empty()) {
      batch_.first_place = source_.place();
      batch_.first_row = read_;
    }
    if (row.vector.empty())
      ++(options_.embed && row.text ? unembedded_ : report_.without_vector);
    batch_.bytes += bytes_of(row);
    if (row.id)
      batch_.ids.insert(*row.id);
    batch_.rows.push_back(std::move(row));
  }

  result<void> embed() {
    if (unembedded_ == 0)
      return {};
    std::vector<std::string_view> texts;
    std::vector<import_row*> rows;
    for (auto& row : batch_.rows) {
      if (row.vector.empty() && row.text) {
        texts.push_back(*row.text);
        rows.push_back(&row);
      }
    }
    HEARTH_CHECK(target_->config().vector_number({}));
    HEARTH_TRY(const auto vectors, engine::text::embed_lexical(texts, target_->config().dimension));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto values = vectors.view().row(i);
      rows[i]->vector.assign(values.begin(), values.end());
    }
    unembedded_ = 0;
    return {};
  }

  // Starts the write of the batch at hand, after the one before it has ended.
  result<void> send() {
    if (batch_.rows.empty())
      return {};
    HEARTH_CHECK(embed());
    HEARTH_CHECK(settle());
    in_flight_rows_ = batch_.rows.size();
    in_flight_first_ = batch_.first_row;
    in_flight_place_ = batch_.first_place;
    in_flight_ = to_batch(std::move(batch_), target_->config().dimension, options_.ack);
    batch_ = {};
    start();
    progress_(report_.rows);
    return {};
  }

  void start() {
    auto promise = std::make_shared<std::promise<result<write_result>>>();
    answer_ = promise->get_future();
    target_->write(write_batch(in_flight_), [promise](result<write_result> outcome) {
      promise->set_value(std::move(outcome));
    });
  }

  // A write that was refused for lack of room is sent again. One whose connection broke may have
  // happened: sending it again is harmless only if the rows have ids, and only if a daemon that
  // died took no acknowledged batches with it.
  bool may_retry(const error& failure) const {
    if (failure.code == errc::busy)
      return true;
    return failure.code == errc::unavailable && !in_flight_.ids.empty() && !deferred();
  }

  // Batches are acknowledged before they are on disk.
  bool deferred() const { return options_.ack == durability::interval; }

  result<void> flush() {
    if (!target_)
      return {};
    HEARTH_TRY(const auto durable, target_->flush(report_.lsn));
    note_durable(durable);
    return {};
  }

  void note_durable(lsn_t durable) {
    for (; !acknowledged_.empty() && acknowledged_.front().lsn <= durable;
         acknowledged_.pop_front())
      durable_rows_ = acknowledged_.front().end_row;
  }

  // Waits for the batch in flight, if there is one.
  result<void> settle() {
    const auto give_up = std::chrono::steady_clock::now() + options_.patience;
    std::chrono::milliseconds pause{50};
    while (answer_.valid()) {
      auto outcome = answer_.get();
      if (outcome) {
        report_.rows += in_flight_rows_;
        ++report_.batches;
        report_.lsn = outcome->lsn;
        acknowledged_.push_back({outcome->lsn, in_flight_first_ + in_flight_rows_});
        note_durable(outcome->durable_lsn);
        return {};
      }
      auto failure = std::move(outcome).error();
      if (!may_retry(failure) || std::chrono::steady_clock::now() > give_up) {
        failed_ = true;
        failure.message = in_flight_place_ + ": " + failure.message;
        // What can still be saved need not be sent again. It is not asked of a lost connection.
        if (deferred() && failure.code != errc::unavailable) {
          [[maybe_unused]] const auto saved = flush();
        }
        return std::unexpected(resumable(std::move(failure), in_flight_first_));
      }
      std::this_thread::sleep_for(
          failure.retry_after_ms != 0 ? std::chrono::milliseconds(failure.retry_after_ms) : pause);
      pause = std::min(pause * 2, std::chrono::milliseconds(1'000));
      start();
    }
    return {};
  }

  // Says in the hint how to go on at `next`, the first row of the source that is not written, or
  // before it, where acknowledged rows may not be on disk.
  error resumable(error failure, std::uint64_t next) const {
    if (deferred())
      next = std::min(next, std::max(durable_rows_, options_.skip));
    if (next == 0)
      return failure;
    if (!failure.hint.empty())
      failure.hint += "; ";
    failure.hint += core::format("the first {} rows are written: go on with --skip {}", next, next);
    return failure;
  }

  row_source& source_;
  const open_target& open_;
  const import_options& options_;
  const std::function<void(std::uint64_t)>& progress_;
  std::shared_ptr<namespace_handle> target_;
  import_report report_;
  std::uint64_t read_ = 0;  // rows taken from the source
  pending_batch batch_;
  std::uint64_t unembedded_ = 0;  // rows of batch_ that still need a vector
  write_batch in_flight_;
  std::uint64_t in_flight_rows_ = 0;
  std::uint64_t in_flight_first_ = 0;
  std::string in_flight_place_;
  std::future<result<write_result>> answer_;
  std::deque<acknowledged_batch> acknowledged_;  // not known to be on disk
  std::uint64_t durable_rows_ = 0;               // of the source, from its start
  bool failed_ = false;
};

}  // namespace

result<import_report> import_rows(row_source& source, const open_target& open,
                                  const import_options& options,
                                  const std::function<void(std::uint64_t)>& progress) {
  return importer(source, open, options, progress).run();
}

}  // namespace hearth::tools
