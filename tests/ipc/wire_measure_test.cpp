// Tunings and explanations from a real client over a real socket to a real server and back.
#include <catch2/catch.hpp>

#include "support.hpp"

namespace hearth::ipc::test {
namespace {

TEST_CASE("a tuning arrives as it was asked for and found") {
  served_store served;
  tune_request seen;
  const tune_result found{.kind = index_kind::ivf_pq,
                          .effort = 12,
                          .finished = false,
                          .queries = 99,
                          .tried = {{1, 0.25, 0.5, 0.75}, {12, 0.5, 1.5, 2.5}}};
  served.what().tune = [&](const tune_request& request) -> result<tune_result> {
    seen = request;
    if (request.k == 3)
      return fail(errc::busy, "later");
    return found;
  };
  const auto store = served.connect();
  const auto ns = store->open_namespace("docs");
  REQUIRE(ns);
  const auto tuned =
      (*ns)->tune({.recall = 0.75, .k = 7, .sample = 20, .seed = 9, .time_limit_ms = 1'000});
  REQUIRE(tuned);
  CHECK(*tuned == found);
  CHECK(seen.recall == 0.75);
  CHECK(seen.k == 7);
  CHECK(seen.sample == 20);
  CHECK(seen.seed == 9);
  CHECK(seen.time_limit_ms == 1'000);
  CHECK((*ns)->tune({.k = 3}).error().code == errc::busy);

  served.what().info = [] {
    namespace_info info;
    info.tuning = tune_progress{3, 40};
    return info;
  };
  CHECK((*ns)->info().value().tuning == tune_progress{3, 40});
}

TEST_CASE("a search is asked to explain itself, and what it says arrives") {
  served_store served;
  search_query seen;
  search_result answer;
  answer.offsets = {0, 0};
  served.what().search = [&](search_query query) {
    seen = std::move(query);
    return answer;
  };
  const auto store = served.connect();
  const auto ns = store->open_namespace("docs");
  REQUIRE(ns);
  search_query query;
  query.vectors = ramp(1, 4);
  CHECK_FALSE((*ns)->search(query).value().explanation);
  CHECK_FALSE(seen.explain);
  CHECK(seen.nprobe == 0);
  query.explain = true;
  query.nprobe = 8;
  answer.explanation = {.distance = distance_kind::dot,
                        .kind = index_kind::ivf_flat,
                        .ef = 1,
                        .nprobe = 2,
                        .rounds = 3,
                        .exact = true,
                        .walk_us = 1.5,
                        .exact_us = 2.5,
                        .time_us = 4,
                        .stages = {{search_step::tail, 5, 6, 7}, {search_step::records, 8, 9, 10}}};
  CHECK((*ns)->search(query).value().explanation == answer.explanation);
  CHECK(seen.explain);
  CHECK(seen.nprobe == 8);
}
}  // namespace
}  // namespace hearth::ipc::test
