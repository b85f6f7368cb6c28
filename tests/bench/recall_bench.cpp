// Recall and speed of an index on one data set. Reads raw little-endian files and prints one JSON
// object; recall.py beside it prepares the files and makes tables.
#include <ctime>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "core/format.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/ivf/ivf_index.hpp"
#include "engine/index/kernels/kernels.hpp"
#include "engine/index/vector_index.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;

constexpr std::size_t k = 10;
constexpr const char* usage =
    "usage: recall_bench --train F --test F --neighbors F --dimension D --distance l2|cosine|dot\n"
    "                    [--index KIND] [--m 16] [--ef-construction 200] [--ef 10,20,...]\n"
    "                    [--nlist 0] [--nprobe 0,...] [--nbits 4] [--queries N] [--no-replace]\n"
    "  train, test: float32 rows; neighbors: int32, the same number (at least 10) for each test "
    "row\n";

struct options {
  std::map<std::string, std::string> given;

  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise = {}) const {
    const auto found = given.find(name);
    return found == given.end() ? otherwise : found->second;
  }
  /// Numbers with commas between them.
  [[nodiscard]] std::vector<std::size_t> numbers(const std::string& name,
                                                 const std::string& otherwise) const {
    std::vector<std::size_t> parsed;
    const std::string list = text(name, otherwise);
    for (std::size_t start = 0; start < list.size();) {
      const std::size_t end = std::min(list.find(',', start), list.size());
      std::from_chars(list.data() + start, list.data() + end, parsed.emplace_back());
      start = end + 1;
    }
    return parsed;
  }
  [[nodiscard]] std::uint32_t number(const std::string& name, std::uint32_t otherwise) const {
    const auto value = text(name);
    std::uint32_t parsed = otherwise;
    std::from_chars(value.data(), value.data() + value.size(), parsed);
    return parsed;
  }
};

template <class T>
std::vector<T> read_raw(const std::string& name) {
  std::ifstream file(name, std::ios::binary | std::ios::ate);
  if (!file)
    throw std::runtime_error("cannot read " + name);
  std::vector<T> values(static_cast<std::size_t>(file.tellg()) / sizeof(T));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(T)));
  return values;
}

// Of this thread: other programs on the machine must not count.
double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

struct data_set {
  std::vector<float> train;
  std::vector<float> test;
  std::vector<std::int32_t> neighbors;
  std::uint32_t dimension = 0;
  std::size_t per_query = 0;

  [[nodiscard]] std::size_t rows() const { return train.size() / dimension; }
  [[nodiscard]] std::size_t queries() const { return test.size() / dimension; }
};

data_set load(const options& given) {
  data_set data;
  data.dimension = given.number("dimension", 0);
  if (data.dimension == 0)
    throw std::runtime_error("--dimension is missing");
  data.train = read_raw<float>(given.text("train"));
  data.test = read_raw<float>(given.text("test"));
  data.neighbors = read_raw<std::int32_t>(given.text("neighbors"));
  if (data.train.empty() || data.test.empty() || data.train.size() % data.dimension != 0 ||
      data.test.size() % data.dimension != 0)
    throw std::runtime_error("train and test are not whole rows of that dimension");
  data.per_query = data.neighbors.size() / data.queries();
  if (data.per_query < k || data.neighbors.size() % data.queries() != 0)
    throw std::runtime_error("neighbors needs at least 10 per test row");
  return data;
}

// One JSON object for an effort: the share of the true ten nearest that was found, queries per
// second.
std::string measure(const vector_index& index, const data_set& data, std::size_t ef,
                    std::size_t nprobe, std::size_t queries) {
  const auto* const lists = dynamic_cast<const ivf_index*>(&index);
  std::vector<double> seconds;
  std::size_t hits = 0;
  for (int round = 0; round < 3; ++round) {
    hits = 0;
    double spent = 0;
    for (std::size_t q = 0; q < queries; ++q) {
      const std::span<const float> query(data.test.data() + q * data.dimension, data.dimension);
      const double start = cpu_seconds();
      const auto found =
          lists != nullptr ? lists->search_lists(query, k, ef, nprobe) : index.search(query, k, ef);
      spent += cpu_seconds() - start;
      const auto* truth = data.neighbors.data() + q * data.per_query;
      for (const auto& each : found)
        hits += std::find(truth, truth + k, static_cast<std::int32_t>(each.row)) != truth + k;
    }
    seconds.push_back(spent);
    if (spent > 10)
      break;
  }
  std::sort(seconds.begin(), seconds.end());
  return core::format(R"({{"ef": {}, "nprobe": {}, "recall": {:.5f}, "qps": {:.1f}}})", ef, nprobe,
                      static_cast<double>(hits) / static_cast<double>(queries * k),
                      static_cast<double>(queries) / seconds[seconds.size() / 2]);
}

std::string measure_all(const vector_index& index, const data_set& data, const options& given) {
  const std::size_t queries = std::min<std::size_t>(
      data.queries(), given.number("queries", static_cast<std::uint32_t>(data.queries())));
  std::vector<std::string> points;
  for (const std::size_t nprobe : given.numbers("nprobe", "0"))
    for (const std::size_t ef : given.numbers("ef", "10,20,40,80,100,200,400"))
      points.push_back(measure(index, data, ef, nprobe, queries));
  return core::format("[{}]", core::join(points, ", "));
}

template <class Work>
double timed(Work&& work) {
  const double start = cpu_seconds();
  work();
  return cpu_seconds() - start;
}

void insert_rows(vector_index& index, const data_set& data, std::span<const row_id> rows) {
  constexpr std::size_t block = 1024;
  std::vector<float> values;
  for (std::size_t first = 0; first < rows.size(); first += block) {
    const auto part = rows.subspan(first, std::min(block, rows.size() - first));
    values.clear();
    for (const row_id row : part) {
      const float* source = data.train.data() + row * data.dimension;
      values.insert(values.end(), source, source + data.dimension);
    }
    const auto inserted = index.insert(part, {values.data(), part.size(), data.dimension});
    if (!inserted)
      throw std::runtime_error(to_string(inserted.error()));
  }
}

void check(const vector_index& index) {
  const auto* graph = dynamic_cast<const hnsw_index*>(&index);
  if (graph == nullptr)
    return;
  if (const auto sound = graph->check(); !sound)
    throw std::runtime_error(to_string(sound.error()));
}

int run(const options& given) {
  const auto data = load(given);
  const auto distance = distance_from_string(given.text("distance", "l2"));
  const auto kind = index_kind_from_string(given.text("index", "hnsw"));
  if (!distance || !kind)
    throw std::runtime_error("unknown --distance or --index");
  index_params params;
  params.kind = *kind;
  params.m = given.number("m", *kind == index_kind::ivf_pq ? 0 : params.m);
  params.nlist = given.number("nlist", params.nlist);
  params.nbits = given.number("nbits", params.nbits);
  params.ef_construction = given.number("ef-construction", 200);
  const auto index = make_index(data.dimension, *distance, params);

  std::vector<row_id> rows(data.rows());
  std::iota(rows.begin(), rows.end(), row_id{0});
  const double build = timed([&] { insert_rows(*index, data, rows); });
  check(*index);
  std::cout << core::format(
      R"({{"kernels": "{}", "rows": {}, "dimension": {}, "m": {}, "ef_construction": {}, )"
      R"("build_s": {:.2f}, "memory_bytes": {}, "built": {})",
      kernels().name, data.rows(), data.dimension, params.m, params.ef_construction, build,
      index->memory_bytes(), measure_all(*index, data, given));
  if (!given.given.contains("no-replace")) {
    std::vector<row_id> half;
    for (std::size_t row = 0; row < rows.size(); row += 2)
      half.push_back(rows[row]);
    const double erase = timed([&] { index->erase(half); });
    check(*index);
    const double insert = timed([&] { insert_rows(*index, data, half); });
    check(*index);
    std::cout << core::format(
        R"(, "erase_s": {:.2f}, "insert_s": {:.2f}, "replaced_memory_bytes": {}, "replaced": {})",
        erase, insert, index->memory_bytes(), measure_all(*index, data, given));
  }
  std::cout << "}\n";
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  options given;
  for (int i = 1; i < count; ++i) {
    const std::string name = arguments[i];
    if (name == "--no-replace") {
      given.given["no-replace"] = "1";
    } else if (name.starts_with("--") && i + 1 < count) {
      given.given[name.substr(2)] = arguments[++i];
    } else {
      std::cerr << usage;
      return 2;
    }
  }
  try {
    return run(given);
  } catch (const std::exception& failure) {
    std::cerr << "recall_bench: " << failure.what() << '\n' << usage;
    return 1;
  }
}
