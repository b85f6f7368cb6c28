// Every completion is called exactly once, whatever happens to the call.
#include "actors/call.hpp"

#include <stdexcept>

#include "actors/gate.hpp"
#include "tests/actors/support.hpp"

namespace {

using namespace hearth;
using namespace hearth::actors;
using namespace hearth::test;
using namespace std::chrono_literals;

struct receiver {
  std::atomic<int> calls = 0;
  result<int> last = 0;

  completion<int> completion_of() {
    return [this](result<int> outcome) {
      last = std::move(outcome);
      ++calls;
    };
  }
};

TEST_CASE("a call is settled once, by whoever is first") {
  call_table table(1h);
  receiver answer;
  {
    const call<int> first(table, answer.completion_of());
    const auto second = first;  // NOLINT: the copy is the point
    second.settle(7);
    first.settle(8);
    REQUIRE(!first.open());
  }
  REQUIRE(answer.calls == 1);
  REQUIRE(answer.last == 7);
}

TEST_CASE("a call that is dropped answers unavailable") {
  call_table table(1h);
  receiver answer;
  { const call<int> dropped(table, answer.completion_of()); }
  REQUIRE(answer.calls == 1);
  REQUIRE(code_of(answer.last) == errc::unavailable);
}

TEST_CASE("a call that is not answered in time answers timeout, and a late answer is ignored") {
  call_table table(1h);
  receiver answer;
  const call<int> slow(table, answer.completion_of());
  REQUIRE(table.sweep(std::chrono::steady_clock::now()) == 0);
  REQUIRE(table.sweep(std::chrono::steady_clock::now() + 2h) == 1);
  REQUIRE(code_of(answer.last) == errc::timeout);
  slow.settle(1);
  REQUIRE(answer.calls == 1);
}

TEST_CASE("the table times calls out by itself") {
  call_table table(20ms);
  receiver answer;
  const call<int> forgotten(table, answer.completion_of());
  REQUIRE(eventually([&] { return answer.calls == 1; }));
  REQUIRE(code_of(answer.last) == errc::timeout);
}

TEST_CASE("stopping the table ends what is left") {
  call_table table(1h);
  receiver answer;
  const call<int> open(table, answer.completion_of());
  table.stop();
  REQUIRE(answer.calls == 1);
  REQUIRE(code_of(answer.last) == errc::unavailable);
}

TEST_CASE("a completion that throws, or that is empty, harms nobody") {
  call_table table(1h);
  const call<int> rude(table, [](result<int>) { throw std::runtime_error("rude"); });
  rude.settle(1);
  REQUIRE(!inside_completion());
  const call<int> nobody(table, nullptr);
  nobody.settle(1);
  const call<int> empty;
  empty.settle(1);
  REQUIRE(!empty.open());
}

TEST_CASE("a completion may start and end other calls") {
  call_table table(1h);
  receiver inner;
  bool was_inside = false;
  const call<int> outer(table, [&](result<int>) {
    was_inside = inside_completion();
    call<int>(table, inner.completion_of()).settle(5);
  });
  outer.settle(1);
  REQUIRE(was_inside);
  REQUIRE(inner.last == 5);
}

TEST_CASE("calls that are settled, dropped and timed out at once settle once each") {
  constexpr int calls = 2000;
  std::vector<std::atomic<int>> settled(calls);
  {
    call_table table(1h);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int index = thread; index < calls; index += 4) {
          const call<int> mine(table, [&, index](result<int>) { ++settled[index]; });
          if (index % 3 == 0)
            mine.settle(1);
        }
      });
    }
    for (int round = 0; round < 200; ++round)
      table.sweep(std::chrono::steady_clock::now() + 2h);
    for (auto& thread : threads)
      thread.join();
  }
  REQUIRE(std::ranges::all_of(settled, [](const auto& times) { return times == 1; }));
}

TEST_CASE("a gate lets nobody in once it is closed, and closes as idle only when it is empty") {
  gate door;
  {
    const gate_pass inside(door);
    REQUIRE(inside);
    REQUIRE(!door.idle());
    REQUIRE(!door.close_if_idle());
  }
  REQUIRE(door.close_if_idle());
  REQUIRE(door.close_if_idle());
  const gate_pass late(door);
  REQUIRE(!late);
  REQUIRE(door.closed());
  REQUIRE(door.entered() == 1);
}

TEST_CASE("closing a gate waits for those inside") {
  gate door;
  std::atomic<bool> left = false;
  std::atomic<bool> in = false;
  std::thread visitor([&] {
    const gate_pass inside(door);
    in = true;
    while (!door.closed())
      std::this_thread::yield();
    left = true;
  });
  REQUIRE(eventually([&] { return in.load(); }));
  door.close_and_wait();
  REQUIRE(left);
  visitor.join();
}

}  // namespace
