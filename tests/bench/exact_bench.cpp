// Speed of exact searches on one data set. Reads raw little-endian files and prints one JSON
// object; exact.py beside it prepares the files, measures the peer and makes tables.
#include <ctime>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "core/format.hpp"
#include "engine/index/exact_cost.hpp"
#include "engine/index/flat_index.hpp"
#include "engine/index/kernels/kernels.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;

constexpr const char* usage =
    "usage: exact_bench --data FOLDER --dimension D --distance l2|cosine|dot\n"
    "                   [--k 10] [--repeats 5] [--threads 2] [--single 200]\n"
    "  the folder has train.f32 and test.f32: rows of float32; single: how many queries are asked "
    "one\n"
    "  by one, and compared with a scan of the vectors\n";

std::vector<float> read_raw(const std::string& name) {
  std::ifstream file(name, std::ios::binary | std::ios::ate);
  if (!file)
    throw std::runtime_error("cannot read " + name);
  std::vector<float> values(static_cast<std::size_t>(file.tellg()) / sizeof(float));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

// CPU time where one thread works: other programs on the machine must not count.
double seconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class Work>
double timed(clockid_t clock, Work&& work) {
  const double start = seconds_of(clock);
  work();
  return seconds_of(clock) - start;
}

template <class Work>
double median_seconds(clockid_t clock, std::size_t repeats, Work&& work) {
  std::vector<double> seconds;
  while (seconds.size() < repeats)
    seconds.push_back(timed(clock, work));
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

void insert_rows(vector_index& index, matrix_view train) {
  constexpr std::size_t block = 1024;
  for (std::size_t first = 0; first < train.rows(); first += block) {
    std::vector<row_id> rows(std::min(block, train.rows() - first));
    std::iota(rows.begin(), rows.end(), row_id{first});
    const auto inserted =
        index.insert(rows, {train.row(first).data(), rows.size(), train.dimension()});
    if (!inserted)
      throw std::runtime_error(to_string(inserted.error()));
  }
}

matrix_view part_of(matrix_view all, std::size_t first, std::size_t last) {
  return {all.data() + first * all.dimension(), last - first, all.dimension()};
}

void search_on_threads(const vector_index& index, matrix_view queries, std::size_t k,
                       std::size_t threads) {
  std::vector<std::jthread> workers;
  workers.reserve(threads);
  for (std::size_t t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      const auto part =
          part_of(queries, queries.rows() * t / threads, queries.rows() * (t + 1) / threads);
      (void)index.search_batch(part, k, k);
    });
}

int run(const std::map<std::string, std::string>& given) {
  const auto text = [&](const std::string& name, const std::string& otherwise) {
    const auto found = given.find(name);
    return found == given.end() ? otherwise : found->second;
  };
  const auto number = [&](const std::string& name, const std::string& otherwise) {
    const auto value = text(name, otherwise);
    std::size_t parsed = 0;
    std::from_chars(value.data(), value.data() + value.size(), parsed);
    return parsed;
  };
  const auto dimension = static_cast<std::uint32_t>(number("dimension", "0"));
  const auto distance = distance_from_string(text("distance", "l2"));
  const auto train = read_raw(text("data", ".") + "/train.f32");
  const auto test = read_raw(text("data", ".") + "/test.f32");
  const std::size_t k = number("k", "10");
  const std::size_t repeats = std::max<std::size_t>(number("repeats", "5"), 1);
  if (dimension == 0 || !distance || train.size() % dimension != 0 || test.size() % dimension != 0)
    throw std::runtime_error("train and test are not whole rows, or --distance is unknown");
  const matrix_view rows(train.data(), train.size() / dimension, dimension);
  const matrix_view queries(test.data(), test.size() / dimension, dimension);

  flat_index index(dimension, *distance, flat_codes::learned);
  flat_index plain(dimension, *distance);
  const double build = timed(CLOCK_THREAD_CPUTIME_ID, [&] { insert_rows(index, rows); });
  const double plain_build = timed(CLOCK_THREAD_CPUTIME_ID, [&] { insert_rows(plain, rows); });

  const double measuring = timed(CLOCK_THREAD_CPUTIME_ID, [] { (void)exact_cost::here(); });
  const auto singles = part_of(queries, 0, std::min(queries.rows(), number("single", "200")));
  const bool equal = index.search_batch(singles, k, k) == plain.search_batch(singles, k, k);
  const auto one_by_one = [&](const vector_index& searched) {
    return median_seconds(CLOCK_THREAD_CPUTIME_ID, repeats, [&] {
      for (std::size_t query = 0; query < singles.rows(); ++query)
        (void)searched.search(singles.row(query), k, k);
    });
  };
  const double single = one_by_one(index);
  const double single_plain = one_by_one(plain);
  const std::size_t threads = std::max<std::size_t>(number("threads", "2"), 1);
  const double one_thread = median_seconds(CLOCK_THREAD_CPUTIME_ID, repeats,
                                           [&] { (void)index.search_batch(queries, k, k); });
  const double all_threads = median_seconds(CLOCK_MONOTONIC, repeats,
                                            [&] { search_on_threads(index, queries, k, threads); });
  const auto qps = [](std::size_t count, double seconds) {
    return static_cast<double>(count) / seconds;
  };
  std::cout << core::format(
      R"({{"kernels": "{}", "rows": {}, "dimension": {}, "equal": {}, "build_s": {:.2f}, )"
      R"("plain_build_s": {:.2f}, "memory_bytes": {}, "plain_memory_bytes": {}, )"
      R"("single_qps": {:.1f}, "plain_single_qps": {:.1f}, "qps": {:.1f}, )"
      R"("threads": {}, "qps_threads": {:.1f}, "expected_single_qps": {:.1f}, )"
      R"("expected_batch_qps": {:.1f}, "cost_ms": {:.1f}}})",
      kernels().name, rows.rows(), dimension, equal, build, plain_build, index.memory_bytes(),
      plain.memory_bytes(), qps(singles.rows(), single), qps(singles.rows(), single_plain),
      qps(queries.rows(), one_thread), threads, qps(queries.rows(), all_threads),
      1 / exact_cost::here().alone(rows.rows(), dimension),
      1 / exact_cost::here().batched(rows.rows(), dimension), 1e3 * measuring);
  std::cout << '\n';
  return equal ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  std::map<std::string, std::string> given;
  for (int i = 1; i + 1 < count; i += 2)
    given[std::string(arguments[i]).substr(std::min<std::size_t>(2, std::strlen(arguments[i])))] =
        arguments[i + 1];
  try {
    return run(given);
  } catch (const std::exception& failure) {
    std::cerr << "exact_bench: " << failure.what() << '\n' << usage;
    return 1;
  }
}
