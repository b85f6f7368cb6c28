// What a shard publishes, and that a shard which was replaced cannot be heard any more.
#include "actors/shard_slot.hpp"

#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::actors;
using namespace hearth::test;

shard_view view_with_index() {
  index_params flat;
  flat.kind = index_kind::flat;
  return {nullptr, engine::index::make_index(4, distance_kind::l2, flat), all_indexed, {}};
}

TEST_CASE("a new slot says that storage is to be scanned") {
  const shard_slot slot;
  REQUIRE(slot.view()->exact_after == 0);
  REQUIRE(slot.view()->main == nullptr);
  REQUIRE(slot.state() == index_state::building);
}

TEST_CASE("retiring an owner withdraws what it published, and ignores what it says later") {
  shard_slot slot;
  const auto first = slot.take_over();
  REQUIRE(slot.publish(first, view_with_index(), index_state::ready));
  slot.count(first, 10, 40, 2);
  REQUIRE(slot.state() == index_state::ready);
  const auto held = slot.view();  // a search goes on with what it has

  slot.retire(first);
  REQUIRE(slot.state() == index_state::failed);
  REQUIRE(slot.view()->exact_after == 0);
  REQUIRE(slot.fresh_rows() == 0);
  REQUIRE(held->exact_after == all_indexed);
  REQUIRE(!slot.publish(first, view_with_index(), index_state::ready));
  slot.count(first, 99, 99, 99);
  REQUIRE(slot.fresh_rows() == 0);
  REQUIRE(slot.stale_rows() == 0);

  const auto second = slot.take_over();
  REQUIRE(second != first);
  slot.retire(first);  // late news of the first owner's end
  REQUIRE(slot.publish(second, view_with_index(), index_state::ready));
  REQUIRE(slot.state() == index_state::ready);
}

TEST_CASE("taking over withdraws the view of an owner that never said goodbye") {
  shard_slot slot;
  const auto first = slot.take_over();
  REQUIRE(slot.publish(first, view_with_index(), index_state::ready));
  (void)slot.take_over();
  REQUIRE(slot.view()->main == nullptr);
  REQUIRE(slot.state() == index_state::building);
}

}  // namespace
