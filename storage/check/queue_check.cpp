#include "core/format.hpp"
#include "storage/check/checker.hpp"
#include "storage/keys.hpp"
#include "storage/queue/queue_codec.hpp"

namespace hearth::storage {

namespace {

constexpr std::string_view item_hint = "look at the item, and remove it";

}  // namespace

// Items, their payloads, and their places in the order of their queue.
result<bool> checker::check_queues() {
  std::uint64_t looked = 0;
  HEARTH_TRY(const bool over, walk(source_.from.queues.items, [&](byte_span key, byte_span) {
               ++looked;
               return note(check_item(key), item_hint);
             }));
  looked_at("queue items", looked);
  return over;
}

result<void> checker::check_item(byte_span key) {
  if (key.size() != 2 * sizeof(std::uint64_t)) {
    report("a key of the table of queue items is damaged", item_hint);
    return {};
  }
  const item_key at{read_big_endian<std::uint64_t>(key),
                    read_big_endian<std::uint64_t>(key.subspan(sizeof(std::uint64_t)))};
  HEARTH_TRY(const auto item, read_item(source_.in, source_.from.queues, at));
  HEARTH_CHECK(read_payload(source_.in, source_.from.queues, at));
  if (!item)
    return {};
  const auto place = encode_item_place(place_of(at, *item));
  HEARTH_TRY(const auto found, source_.in.get(source_.from.queues.order, place));
  if (!found)
    report(core::format("item {} is not in the order of its queue: it cannot be leased", at.item),
           item_hint);
  return {};
}

}  // namespace hearth::storage
