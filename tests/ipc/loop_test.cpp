// The parts below the RPC: the inbox of a loop, and budgets of bytes.
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "ipc/bridge.hpp"
#include "ipc/byte_budget.hpp"
#include "ipc/event_loop.hpp"

namespace hearth::ipc::test {
namespace {

struct loop_fixture {
  std::shared_ptr<inbox> box = *inbox::create();
  std::unique_ptr<event_port> port = std::move(*event_port::create(box));
  kj::EventLoop loop{*port};
  kj::WaitScope scope{loop};
};

TEST_CASE("every completion of many threads reaches the loop once") {
  loop_fixture fixture;
  constexpr int threads = 8;
  constexpr int each = 2'000;
  std::vector<std::thread> posting;
  std::vector<std::shared_ptr<completion_box<int>>> boxes;
  auto all = kj::heapArrayBuilder<kj::Promise<void>>(threads * each);
  for (int i = 0; i < threads * each; ++i) {
    boxes.push_back(std::make_shared<completion_box<int>>(fixture.box));
    all.add(boxes.back()->promise());
  }
  for (int t = 0; t < threads; ++t)
    posting.emplace_back([&, t] {
      for (int i = t * each; i < (t + 1) * each; ++i)
        boxes[static_cast<std::size_t>(i)]->completer()(i);
    });
  kj::joinPromises(all.finish()).wait(fixture.scope);
  for (auto& thread : posting)
    thread.join();
  for (int i = 0; i < threads * each; ++i)
    REQUIRE(boxes[static_cast<std::size_t>(i)]->take() == i);
}

TEST_CASE("a completion is settled by its first call, and by being dropped") {
  loop_fixture fixture;
  auto box = std::make_shared<completion_box<int>>(fixture.box);
  auto promise = box->promise();
  {
    auto done = box->completer();
    done(1);
    done(2);
  }
  promise.wait(fixture.scope);
  CHECK(box->take() == 1);

  auto dropped = std::make_shared<completion_box<int>>(fixture.box);
  auto waiting = dropped->promise();
  { const auto done = dropped->completer(); }
  waiting.wait(fixture.scope);
  CHECK(dropped->take().error().code == errc::internal);
}

TEST_CASE("nobody waits, or the loop has ended: a completion is harmless") {
  completion<int> late;
  {
    loop_fixture fixture;
    auto box = std::make_shared<completion_box<int>>(fixture.box);
    auto first = box->completer();
    { const auto promise = box->promise(); }
    first(1);
    auto never = std::make_shared<completion_box<int>>(fixture.box);
    late = never->completer();
  }
  late(2);
}

TEST_CASE("a budget serves in order, as far as there is room") {
  loop_fixture fixture;
  const auto budget = std::make_shared<byte_budget>(100);
  auto first = budget->try_take(60);
  REQUIRE(first);
  CHECK_FALSE(budget->try_take(50));
  std::vector<int> order;
  auto second = budget->when_taken(50).then([&](budget_share share) {
    order.push_back(2);
    return kj::mv(share);
  });
  // It would fit, but it is not its turn.
  auto third = budget->when_taken(10).then([&](budget_share share) {
    order.push_back(3);
    return kj::mv(share);
  });
  CHECK_FALSE(budget->try_take(1));
  first.reset();
  const auto held = second.wait(fixture.scope);
  const auto also = third.wait(fixture.scope);
  CHECK(order == std::vector<int>{2, 3});
  CHECK(budget->used() == 60);
}

TEST_CASE("what is larger than a budget gets it alone") {
  loop_fixture fixture;
  const auto budget = std::make_shared<byte_budget>(100);
  {
    const auto large = budget->try_take(500);
    REQUIRE(large);
    CHECK_FALSE(budget->try_take(1));
  }
  CHECK(budget->used() == 0);
}

TEST_CASE("who leaves the line, waiting or served, keeps nothing") {
  loop_fixture fixture;
  const auto budget = std::make_shared<byte_budget>(100);
  auto holder = budget->try_take(100);
  auto behind = [&] {
    auto leaves_waiting = budget->when_taken(100);
    auto stays = budget->when_taken(10);
    return stays;
  }();
  holder.reset();
  { const auto share = behind.wait(fixture.scope); }
  CHECK(budget->used() == 0);

  holder = budget->try_take(100);
  {
    auto leaves_served = budget->when_taken(30);
    holder.reset();  // served now, but nobody looks
    CHECK(budget->used() == 30);
  }
  CHECK(budget->used() == 0);
}

TEST_CASE("bytes elsewhere count, and pumping notices when they go") {
  loop_fixture fixture;
  std::size_t elsewhere = 90;
  const auto budget = std::make_shared<byte_budget>(100, [&] { return elsewhere; });
  CHECK_FALSE(budget->try_take(20));
  auto waiting = budget->when_taken(20);
  elsewhere = 50;
  budget->pump();
  const auto share = waiting.wait(fixture.scope);
  CHECK(budget->used() == 20);
}

}  // namespace
}  // namespace hearth::ipc::test
