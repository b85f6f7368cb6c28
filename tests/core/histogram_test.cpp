#include "core/histogram.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <thread>
#include <vector>

#include "core/administration.hpp"

using namespace hearth;
using std::chrono::nanoseconds;

TEST_CASE("every value counts into a bucket whose last value is at most 1/32 above it") {
  std::size_t before = 0;
  for (std::uint64_t value = 0; value < std::uint64_t{1} << 36; value += 1 + value / 50) {
    const auto bucket = histogram_buckets::of(value);
    REQUIRE(bucket >= before);
    REQUIRE(bucket < histogram_buckets::count);
    const auto last = histogram_buckets::last_of(bucket);
    REQUIRE(last >= value);
    REQUIRE(last - value <= value / 32);
    REQUIRE(histogram_buckets::of(last) == bucket);
    REQUIRE(histogram_buckets::of(last + 1) == bucket + 1);
    before = bucket;
  }
  CHECK(histogram_buckets::of(UINT64_MAX) == histogram_buckets::count - 1);
}

TEST_CASE("percentiles are those of the sorted times, at most 3.2 % above") {
  std::mt19937_64 random(7);
  std::vector<std::uint64_t> times;
  histogram counted;
  for (int i = 0; i < 10'000; ++i) {
    times.push_back(random() % 1'000'000'000 >> random() % 24);
    counted.record(nanoseconds(times.back()));
  }
  std::ranges::sort(times);
  for (const double share : {0.01, 0.5, 0.9, 0.99, 1.0}) {
    const auto exact = times[static_cast<std::size_t>(share * 10'000) - 1];
    const auto answered = static_cast<std::uint64_t>(counted.percentile(share).count());
    CHECK(answered >= exact);
    CHECK(answered <= exact + exact / 31 + 1);
  }
  CHECK(counted.max() == nanoseconds(times.back()));
  CHECK(histogram().percentile(0.5) == nanoseconds(0));
}

TEST_CASE("histograms add up, and threads that record at once lose nothing") {
  shared_histogram shared;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&shared, thread] {
      for (int i = 0; i < 5'000; ++i)
        shared.record(nanoseconds(thread * 1'000 + i));
    });
  for (auto& each : threads)
    each.join();
  auto all = shared.snapshot();
  CHECK(all.count() == 20'000);
  CHECK(all.max() == nanoseconds(7'999));
  histogram more;
  more.record(std::chrono::hours(1));
  all.merge(more);
  CHECK(all.count() == 20'001);
  CHECK(all.percentile(1) == std::chrono::hours(1));
  const auto summary = summarize(call_kind::get, more);
  CHECK(summary.count == 1);
  CHECK(summary.max_us == 3.6e9);
}
