// Many calls at once, and calls whose answer never comes.
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "core/limits.hpp"
#include "support.hpp"

namespace hearth::ipc::test {
namespace {

TEST_CASE("many threads with many calls in flight get their own answers") {
  served_store served;
  served.what().flush = [](lsn_t lsn) { return lsn * 2 + 1; };
  const auto store = served.connect();
  constexpr int threads = 8;
  constexpr int in_flight = 64;
  constexpr int rounds = 20;
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < threads; ++t)
    callers.emplace_back([&, t] {
      const auto ns = store->open_namespace("docs");
      if (!ns) {
        ++wrong;
        return;
      }
      for (int round = 0; round < rounds; ++round) {
        std::vector<std::future<result<lsn_t>>> answers;
        for (int i = 0; i < in_flight; ++i) {
          auto promise = std::make_shared<std::promise<result<lsn_t>>>();
          answers.push_back(promise->get_future());
          const auto lsn = static_cast<lsn_t>((t * rounds + round) * in_flight + i);
          (*ns)->flush(
              lsn, [promise](result<lsn_t> durable) { promise->set_value(std::move(durable)); });
        }
        for (int i = 0; i < in_flight; ++i) {
          const auto durable = answers[static_cast<std::size_t>(i)].get();
          const auto lsn = static_cast<lsn_t>((t * rounds + round) * in_flight + i);
          if (!durable || *durable != lsn * 2 + 1)
            ++wrong;
        }
      }
    });
  for (auto& caller : callers)
    caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("more calls than allowed in flight are answered busy, and the others are answered") {
  server_options options;
  options.calls_in_flight = 10;
  auto what = simple_behaviour();
  what->held_searches = std::make_shared<std::deque<completion<search_result>>>();
  served_store served(what, options);
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  search_query query;
  query.vectors = ramp(1, 4);
  query.k = 1;
  std::vector<std::future<result<search_result>>> answers;
  for (int i = 0; i < 12; ++i) {
    auto promise = std::make_shared<std::promise<result<search_result>>>();
    answers.push_back(promise->get_future());
    (*ns)->search(query, [promise](auto outcome) { promise->set_value(std::move(outcome)); });
  }
  for (std::size_t i = 10; i < 12; ++i) {
    const auto refused = answers[i].get();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::busy);
    CHECK(refused.error().retry_after_ms > 0);
  }
  {
    const std::lock_guard lock(what->held_mutex);
    REQUIRE(what->held_searches->size() == 10);
    for (auto& done : *what->held_searches)
      done(what->search(query));
    what->held_searches->clear();
  }
  for (std::size_t i = 0; i < 10; ++i)
    CHECK(answers[i].get());
}

TEST_CASE("a completion that the store drops is an error, not a hang") {
  auto what = simple_behaviour();
  what->held_searches = std::make_shared<std::deque<completion<search_result>>>();
  served_store served(what);
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  std::promise<result<search_result>> promise;
  auto answer = promise.get_future();
  search_query query;
  query.vectors = ramp(1, 4);
  query.k = 1;
  (*ns)->search(query, [&](auto outcome) { promise.set_value(std::move(outcome)); });
  REQUIRE((*ns)->flush(1));  // sent after the search, so the search has arrived
  {
    const std::lock_guard lock(what->held_mutex);
    what->held_searches->clear();
  }
  CHECK(answer.get().error().code == errc::internal);
}

}  // namespace
}  // namespace hearth::ipc::test
