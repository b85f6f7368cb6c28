#include "actors/open_namespace.hpp"

#include <algorithm>

#include "core/format.hpp"

namespace hearth::actors {

namespace {

/// About how long a queue of this kind takes to drain noticeably.
constexpr std::uint32_t busy_retry_ms = 50;

index_state worse(index_state a, index_state b) noexcept {
  return a > b ? a : b;
}

}  // namespace

open_namespace::open_namespace(std::string name, std::unique_ptr<storage::namespace_store> store,
                               std::size_t write_queue_bytes,
                               std::shared_ptr<const void> open_token)
    : open_token_(std::move(open_token)), name_(std::move(name)), store_(std::move(store)),
      visible_lsn_(store_->durable_lsn()), write_queue_bytes_(write_queue_bytes) {
  accepted_lsn = store_->durable_lsn();
  const auto config = store_->config();
  set_config(config);
  shards_.reserve(config.shards);
  for (std::uint32_t shard = 0; shard < config.shards; ++shard)
    shards_.push_back(std::make_unique<shard_slot>());
}

open_namespace::~open_namespace() = default;

result<void> open_namespace::check_usable() const {
  const auto reason = abandoned_.load(std::memory_order_relaxed);
  if (reason == errc{})
    return {};
  if (reason == errc::not_found)
    return fail(errc::not_found, core::format("namespace \"{}\" was dropped", name_));
  return fail(errc::unavailable, "the store is closing", "open the store again");
}

result<void> open_namespace::reserve(std::size_t bytes) {
  const auto before = queued_bytes_.fetch_add(bytes);
  if (before == 0 || before + bytes <= write_queue_bytes_)
    return {};
  release(bytes);
  return std::unexpected(
      error{errc::busy,
            core::format("the write queue of \"{}\" holds {} of at most {} bytes", name_, before,
                         write_queue_bytes_),
            "wait and repeat the write, or send smaller batches", busy_retry_ms});
}

result<namespace_info> open_namespace::info() const {
  HEARTH_TRY(const auto view, store_->read());
  namespace_info answer;
  answer.name = name_;
  answer.config = *config();
  answer.count = view->record_count();
  answer.vectors = view->vector_count();
  answer.lsn = std::max(view->lsn(), accepted_lsn.load());
  answer.durable_lsn = store_->durable_lsn();
  for (const auto& slot : shards_) {
    const auto shard = slot->view();
    answer.index = worse(answer.index, slot->state());
    answer.fresh += slot->fresh_rows();
    if (shard->tail)
      answer.index_bytes += shard->tail->memory_bytes();
    if (shard->main) {
      answer.indexed += shard->main->size();
      answer.index_bytes += shard->main->memory_bytes();
    }
  }
  answer.file_bytes = store_->usage().used_bytes;
  if (const auto reason = store_->read_only_reason()) {
    answer.read_only = true;
    answer.read_only_reason = reason->message;
  }
  return answer;
}

}  // namespace hearth::actors
