// Builds an index over one data set and measures a sweep of its search effort. Prints one JSON
// object; ann.py beside it prepares the files, judges the answers and makes tables and pictures.
#include <malloc.h>

#include <ctime>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/format.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/ivf/ivf_index.hpp"
#include "engine/index/kernels/kernels.hpp"
#include "engine/index/vector_index.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;

constexpr const char* usage =
    "usage: ann_bench --data DIRECTORY --dimension D --found FILE [--distance l2|cosine|dot]\n"
    "                 [--index flat|hnsw|...] [--m N] [--ef-construction N] [--seed N]\n"
    "                 [--quantization NAME] [--memory NAME] [--nlist N] [--nprobe N] [--nbits N]\n"
    "                 [--effort 10,20,...] [--k 10] [--repeats 3] [--threads 1] [--batch 1]\n"
    "                 [--replace-rounds 0] [--replace-percent 50]\n"
    "  An effort is EF, or EF:NPROBE for an index of lists. A batch is searched at once.\n"
    "  DIRECTORY holds train.f32 and test.f32, float32 rows of D values.\n"
    "  FILE gets the answers: for each effort, k int32 rows for each row of test; -1 is none.\n";

constexpr std::string_view names[] = {"data",
                                      "dimension",
                                      "found",
                                      "distance",
                                      "index",
                                      "m",
                                      "ef-construction",
                                      "seed",
                                      "memory",
                                      "nlist",
                                      "quantization",
                                      "nbits",
                                      "nprobe",
                                      "effort",
                                      "k",
                                      "repeats",
                                      "threads",
                                      "replace-rounds",
                                      "replace-percent",
                                      "batch"};

using options = std::map<std::string, std::string>;

std::string text(const options& given, const std::string& name, const std::string& otherwise) {
  const auto found = given.find(name);
  return found == given.end() ? otherwise : found->second;
}

std::uint32_t parse_number(const std::string& name, std::string_view value) {
  std::uint32_t parsed = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (error != std::errc{} || end != value.data() + value.size())
    throw std::runtime_error(core::format("--{} takes a number, not '{}'", name, value));
  return parsed;
}

std::uint32_t number(const options& given, const std::string& name, std::uint32_t otherwise) {
  const auto found = given.find(name);
  return found == given.end() ? otherwise : parse_number(name, found->second);
}

// How much a search may cost: ef, and how many lists it looks into (0: what follows from ef).
struct effort {
  std::size_t ef = 0;
  std::size_t nprobe = 0;
};

std::vector<effort> read_efforts(const std::string& list) {
  std::vector<effort> parsed;
  for (std::size_t start = 0; start <= list.size();) {
    const std::size_t end = std::min(list.find(',', start), list.size());
    const auto one = std::string_view(list).substr(start, end - start);
    const std::size_t colon = std::min(one.find(':'), one.size());
    parsed.push_back({parse_number("effort", one.substr(0, colon)),
                      colon == one.size() ? 0 : parse_number("effort", one.substr(colon + 1))});
    start = end + 1;
  }
  return parsed;
}

template <class T>
T value_of(result<T> parsed) {
  if (!parsed)
    throw std::runtime_error(to_string(parsed.error()));
  return std::move(*parsed);
}

// Rows in a file, read as they are needed: what is resident in this process is the index.
class row_file {
 public:
  row_file(const std::filesystem::path& path, std::uint32_t dimension)
      : file_(path, std::ios::binary), row_bytes_(dimension * sizeof(float)) {
    file_.exceptions(std::ios::failbit | std::ios::badbit);
    const auto bytes = std::filesystem::file_size(path);
    if (bytes == 0 || bytes % row_bytes_ != 0)
      throw std::runtime_error(path.string() + " does not hold rows of that dimension");
    rows_ = bytes / row_bytes_;
  }

  [[nodiscard]] std::size_t rows() const { return rows_; }

  void read(std::span<const row_id> rows, std::vector<float>& into) {
    into.resize(rows.size() * row_bytes_ / sizeof(float));
    auto* target = reinterpret_cast<char*>(into.data());
    for (std::size_t first = 0; first < rows.size();) {
      std::size_t last = first + 1;
      while (last < rows.size() && rows[last] == rows[last - 1] + 1)
        ++last;
      file_.seekg(static_cast<std::streamoff>(rows[first] * row_bytes_));
      file_.read(target, static_cast<std::streamsize>((last - first) * row_bytes_));
      target += (last - first) * row_bytes_;
      first = last;
    }
  }

 private:
  std::ifstream file_;
  std::size_t row_bytes_;
  std::size_t rows_ = 0;
};

std::vector<row_id> row_numbers(std::size_t count) {
  std::vector<row_id> rows(count);
  std::iota(rows.begin(), rows.end(), row_id{0});
  return rows;
}

double wall_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

// CLOCK_THREAD_CPUTIME_ID or CLOCK_PROCESS_CPUTIME_ID: other programs on the machine do not count.
double cpu_seconds(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// What this process holds in memory, files left out.
std::uint64_t resident_bytes() {
  malloc_trim(0);
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::uint64_t kilobytes = 0;
    if (word == "RssAnon:" && status >> kilobytes)
      return kilobytes * 1024;
  }
  throw std::runtime_error("/proc/self/status has no RssAnon");
}

// Tells the person who waits how far it is, every two seconds.
void progress(const char* what, std::size_t done, std::size_t all) {
  static double told = wall_seconds();
  if (wall_seconds() - told < 2)
    return;
  told = wall_seconds();
  std::cerr << core::format("    {} {} of {}\n", what, done, all);
}

struct cost {
  double wall_s = 0;
  double cpu_s = 0;  // of all threads
};

template <class Work>
void add_cost(cost& sum, Work&& work) {
  const double wall = wall_seconds();
  const double cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
  work();
  sum.wall_s += wall_seconds() - wall;
  sum.cpu_s += cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
}

cost insert(vector_index& index, row_file& train, std::span<const row_id> rows) {
  constexpr std::size_t batch = 16'384;
  cost sum;
  std::vector<float> values;
  for (std::size_t first = 0; first < rows.size(); first += batch) {
    const auto part = rows.subspan(first, std::min(batch, rows.size() - first));
    train.read(part, values);
    add_cost(sum, [&] {
      const auto inserted = index.insert(part, {values.data(), part.size(), index.dimension()});
      if (!inserted)
        throw std::runtime_error(to_string(inserted.error()));
    });
    progress("inserted", first + part.size(), rows.size());
  }
  return sum;
}

void check(const vector_index& index) {
  const auto* graph = dynamic_cast<const hnsw_index*>(&index);
  if (graph == nullptr)
    return;
  if (const auto sound = graph->check(); !sound)
    throw std::runtime_error(to_string(sound.error()));
}

// How to measure, the same for all efforts.
struct plan {
  std::vector<float> test;
  std::size_t queries = 0;
  std::size_t k = 10;
  std::size_t repeats = 3;
  std::size_t threads = 1;
  std::size_t batch = 1;  // queries that are given at once
  std::vector<effort> efforts;
};

class sweep {
 public:
  sweep(const vector_index& index, const plan& plan, std::ofstream& found)
      : index_(index), plan_(plan), found_(found) {}

  // One JSON object for each effort.
  std::string run() {
    std::vector<std::string> points;
    for (const effort& spent : plan_.efforts)
      points.push_back(measure(spent));
    return core::format("[{}]", core::join(points, ", "));
  }

 private:
  // One batch from query `first` on; answers how many queries it had.
  std::size_t search(std::size_t first, const effort& spent, std::span<std::int32_t> rows) const {
    const std::size_t count = std::min(plan_.batch, plan_.queries - first);
    const auto dimension = index_.dimension();
    const matrix_view queries(plan_.test.data() + first * dimension, count, dimension);
    const search_effort effort(spent.ef, spent.nprobe);
    const auto found = index_.search_batch(queries, plan_.k, effort);
    std::fill(rows.begin(), rows.end(), -1);
    for (std::size_t query = 0; query < count; ++query)
      for (std::size_t i = 0; i < std::min(found[query].size(), plan_.k); ++i)
        rows[query * plan_.k + i] = static_cast<std::int32_t>(found[query][i].row);
    return count;
  }

  // CPU seconds of one thread for all queries. What each took goes to took_us, by the wall clock.
  double search_alone(const effort& spent, std::vector<double>& took_us) {
    answers_.resize(plan_.queries * plan_.k);
    const double start = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (std::size_t query = 0; query < plan_.queries;) {
      const double begin = wall_seconds();
      query += search(query, spent, std::span(answers_).subspan(query * plan_.k));
      took_us.push_back((wall_seconds() - begin) * 1e6);
    }
    return cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - start;
  }

  // Wall seconds of all threads together for all queries.
  [[nodiscard]] double search_together(const effort& spent) const {
    std::atomic<std::size_t> next{0};
    const double start = wall_seconds();
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < plan_.threads; ++i) {
        threads.emplace_back([&] {
          std::vector<std::int32_t> rows(plan_.k * plan_.batch);
          for (auto query = next.fetch_add(plan_.batch); query < plan_.queries;
               query = next.fetch_add(plan_.batch))
            (void)search(query, spent, rows);
        });
      }
    }
    return wall_seconds() - start;
  }

  std::string measure(const effort& spent) {
    constexpr double patience_s = 10;  // a slow point is not repeated
    std::vector<double> alone_s, together_s, took_us;
    while (alone_s.size() < plan_.repeats &&
           std::reduce(alone_s.begin(), alone_s.end()) < patience_s)
      alone_s.push_back(search_alone(spent, took_us));
    while (together_s.size() < plan_.repeats &&
           std::reduce(together_s.begin(), together_s.end()) < patience_s)
      together_s.push_back(search_together(spent));
    found_.write(reinterpret_cast<const char*>(answers_.data()),
                 static_cast<std::streamsize>(answers_.size() * sizeof(std::int32_t)));
    const auto queries = static_cast<double>(plan_.queries);
    const double qps = queries / at(alone_s, 0.5);
    std::cerr << core::format("    effort {} {}: {:.0f} QPS\n", spent.ef, spent.nprobe, qps);
    return core::format(R"({{"effort": [{}, {}], "qps": {:.1f}, "qps_threads": {:.1f}, )"
                        R"("p50_us": {:.1f}, "p99_us": {:.1f}}})",
                        spent.ef, spent.nprobe, qps, queries / at(together_s, 0.5),
                        at(took_us, 0.5), at(took_us, 0.99));
  }

  // The value that this share of all does not exceed.
  static double at(std::vector<double>& values, double share) {
    std::ranges::sort(values);
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  }

  const vector_index& index_;
  const plan& plan_;
  std::ofstream& found_;
  std::vector<std::int32_t> answers_;
};

// Erases a part of the rows and inserts them again, another part each round.
cost replace(vector_index& index, row_file& train, std::size_t rounds, std::size_t percent) {
  cost sum;
  std::mt19937 random(7);
  auto rows = row_numbers(train.rows());
  for (std::size_t round = 0; round < rounds; ++round) {
    std::ranges::shuffle(rows, random);
    const std::span part(rows.data(), rows.size() * percent / 100);
    add_cost(sum, [&] { index.erase(part); });
    check(index);
    const auto inserted = insert(index, train, part);
    sum.wall_s += inserted.wall_s;
    sum.cpu_s += inserted.cpu_s;
    check(index);
    progress("replaced: rounds", round + 1, rounds);
  }
  return sum;
}

index_params read_params(const options& given) {
  index_params params;
  params.kind = value_of(index_kind_from_string(text(given, "index", "hnsw")));
  params.m = number(given, "m", params.m);
  params.ef_construction = number(given, "ef-construction", params.ef_construction);
  params.seed = number(given, "seed", static_cast<std::uint32_t>(params.seed));
  params.quantization = value_of(quantization_from_string(text(given, "quantization", "auto")));
  params.memory = value_of(memory_from_string(text(given, "memory", "fast")));
  params.nlist = number(given, "nlist", params.nlist);
  params.nprobe = number(given, "nprobe", params.nprobe);
  params.nbits = number(given, "nbits", params.nbits);
  return params;
}

plan read_plan(const options& given, const std::filesystem::path& data, std::uint32_t dimension) {
  plan read;
  row_file test(data / "test.f32", dimension);
  test.read(row_numbers(test.rows()), read.test);
  read.queries = test.rows();
  read.k = number(given, "k", 10);
  read.repeats = std::max(1U, number(given, "repeats", 3));
  read.threads = std::max(1U, number(given, "threads", 1));
  // No thread goes without.
  read.batch = std::clamp<std::size_t>(number(given, "batch", 1), 1,
                                       std::max<std::size_t>(read.queries / read.threads, 1));
  read.efforts = read_efforts(text(given, "effort", "10,20,40,80,160,320"));
  return read;
}

// One JSON object: what came to be at which cost, and how it searches.
std::string report(const char* state, const cost& cost, const vector_index& index,
                   std::uint64_t resident, const std::string& points) {
  return core::format(
      R"({{"state": "{}", "build_s": {:.6f}, "build_cpu_s": {:.6f}, "memory_bytes": {}, )"
      R"("rss_bytes": {}, "points": {}}})",
      state, cost.wall_s, cost.cpu_s, index.memory_bytes(), resident, points);
}

void run(const options& given) {
  const auto dimension = number(given, "dimension", 0);
  if (dimension == 0 || !given.contains("data") || !given.contains("found"))
    throw std::runtime_error("--data, --dimension and --found are needed");
  const std::filesystem::path data = given.at("data");
  row_file train(data / "train.f32", dimension);
  const plan plan = read_plan(given, data, dimension);
  std::ofstream found(given.at("found"), std::ios::binary);
  found.exceptions(std::ios::failbit | std::ios::badbit);

  const std::uint64_t before = resident_bytes();
  const auto index = make_index(
      dimension, value_of(distance_from_string(text(given, "distance", "l2"))), read_params(given));
  const auto built = insert(*index, train, row_numbers(train.rows()));
  check(*index);
  // Searching first: what it keeps for later searches counts as well.
  auto points = sweep(*index, plan, found).run();
  std::vector<std::string> reports{
      report("built", built, *index, resident_bytes() - before, points)};

  if (const auto rounds = number(given, "replace-rounds", 0); rounds > 0) {
    const auto replaced = replace(*index, train, rounds, number(given, "replace-percent", 50));
    points = sweep(*index, plan, found).run();
    reports.push_back(report("replaced", replaced, *index, resident_bytes() - before, points));
  }
  std::cout << core::format(R"({{"version": "{} kernels", "measured": [{}]}})", kernels().name,
                            core::join(reports, ", "))
            << '\n';
}

}  // namespace

int main(int count, char** arguments) {
  options given;
  for (int i = 1; i < count; i += 2) {
    const std::string_view option = arguments[i];
    if (!option.starts_with("--") || i + 1 == count ||
        std::ranges::find(names, option.substr(2)) == std::end(names)) {
      std::cerr << usage;
      return 2;
    }
    given[std::string(option.substr(2))] = arguments[i + 1];
  }
  try {
    run(given);
    return 0;
  } catch (const std::exception& failure) {
    std::cerr << "ann_bench: " << failure.what() << '\n';
    return 1;
  }
}
