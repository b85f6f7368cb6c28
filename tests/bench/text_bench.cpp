// Speed of full text on a file of texts, one per line: indexing, and searches for the best ten.
// Prints one JSON object. CPU time of the one thread that works: other programs must not count.
#include <stdlib.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "actors/text_source.hpp"
#include "core/format.hpp"
#include "engine/text/text_search.hpp"
#include "storage/text/text_writer.hpp"

namespace {

using namespace hearth;
namespace text = hearth::engine::text;
namespace lmdb = hearth::storage::lmdb;

constexpr const char* usage =
    "usage: text_bench TEXTS QUERIES [LANGUAGE] [BATCH] [REPEATS] [HITS]\n"
    "  files of one text or query per line; LANGUAGE (english), texts "
    "per commit (10000), how often\n"
    "  each query is asked (5); HITS gets a line of rows for each query\n";

std::vector<std::string> read_lines(const std::string& name) {
  std::ifstream file(name);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);)
    lines.push_back(line);
  if (lines.empty())
    throw std::runtime_error("cannot read " + name);
  return lines;
}

double seconds_of(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class T>
T need(result<T> outcome) {
  if (!outcome)
    throw std::runtime_error(to_string(outcome.error()));
  if constexpr (!std::is_void_v<T>)
    return *std::move(outcome);
}

std::size_t number(const char* argument) {
  std::size_t value = 0;
  const std::string_view digits(argument);
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return std::max<std::size_t>(value, 1);
}

struct indexing {
  double analysis = 0;
  double collecting = 0;
  double writing = 0;
  double wall = 0;
};

indexing index_texts(lmdb::environment& environment, const storage::text_tables& tables,
                     const text::analyzer& by, const std::vector<std::string>& texts,
                     std::size_t batch) {
  indexing times;
  text::token_list tokens;
  const auto begin = seconds_of(CLOCK_MONOTONIC);
  for (std::size_t at = 0; at < texts.size(); at += batch) {
    auto transaction = need(environment.begin_write());
    storage::text_writer writer(transaction, tables);
    for (auto i = at; i < std::min(texts.size(), at + batch); ++i) {
      const auto start = seconds_of(CLOCK_THREAD_CPUTIME_ID);
      by.analyze(texts[i], tokens);
      const auto analyzed = seconds_of(CLOCK_THREAD_CPUTIME_ID);
      need(writer.add(i + 1, 0, tokens.tokens()));
      times.analysis += analyzed - start;
      times.collecting += seconds_of(CLOCK_THREAD_CPUTIME_ID) - analyzed;
    }
    const auto start = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    need(writer.finish());
    need(transaction.commit());
    times.writing += seconds_of(CLOCK_THREAD_CPUTIME_ID) - start;
  }
  times.wall = seconds_of(CLOCK_MONOTONIC) - begin;
  return times;
}

void run(const std::string& directory, int argc, char** argv) {
  const auto texts = read_lines(argv[1]);
  const auto queries = read_lines(argv[2]);
  const auto by = need(text::analyzer::make({argc > 3 ? argv[3] : "english", {}}));
  const auto environment = need(lmdb::environment::open(directory, {.create = true}));
  auto transaction = need(environment->begin_write());
  const auto tables = need(storage::text_tables::open(transaction, true));
  need(transaction.commit());
  const auto times =
      index_texts(*environment, tables, by, texts, argc > 4 ? number(argv[4]) : 10'000);

  const std::vector<text::searched_field> fields{{"text", 0, 1, true}};
  const auto repeats = argc > 5 ? number(argv[5]) : 5;
  std::vector<double> microseconds;
  text::text_search_work work;
  std::size_t hits = 0;
  double score_sum = 0;
  std::ofstream found_rows(argc > 6 ? argv[6] : "/dev/null");
  const auto snapshot = need(environment->begin_read());
  for (const auto& query : queries) {
    double best = 1e9;
    for (std::size_t i = 0; i < repeats; ++i) {
      const auto start = seconds_of(CLOCK_THREAD_CPUTIME_ID);
      const auto plan = need(text::make_text_plan(text::plain_text_query(query), by, fields));
      actors::text_source source(snapshot, tables);
      const auto found = need(text::search_text(plan, source, {}));
      best = std::min(best, seconds_of(CLOCK_THREAD_CPUTIME_ID) - start);
      if (i > 0)
        continue;
      hits += found.hits.size();
      for (const auto& hit : found.hits) {
        score_sum += hit.score;
        found_rows << hit.row << ' ';
      }
      found_rows << '\n';
      work.postings += found.work.postings;
      work.blocks_decoded += found.work.blocks_decoded;
      work.rows_scored += found.work.rows_scored;
    }
    microseconds.push_back(best * 1e6);
  }
  double sum = 0;
  for (const auto each : microseconds)
    sum += each;
  std::ranges::sort(microseconds);
  const auto usage_now = need(storage::text_usage_of(snapshot, tables));
  std::cout << core::format(
      "{{\"texts\": {}, \"analysis_s\": {:.3f}, \"collecting_s\": {:.3f}, \"writing_s\": {:.3f}, "
      "\"indexing_wall_s\": {:.3f}, \"posting_bytes\": {}, \"position_bytes\": {}, \"queries\": "
      "{}, "
      "\"mean_us\": {:.1f}, \"median_us\": {:.1f}, \"p99_us\": {:.1f}, \"hits\": {}, "
      "\"score_sum\": {:.6f}, \"postings\": {}, \"blocks_decoded\": {}, \"rows_scored\": {}}}\n",
      texts.size(), times.analysis, times.collecting, times.writing, times.wall,
      usage_now.posting_bytes, usage_now.position_bytes, queries.size(),
      sum / static_cast<double>(microseconds.size()), microseconds[microseconds.size() / 2],
      microseconds[microseconds.size() * 99 / 100], hits, score_sum, work.postings,
      work.blocks_decoded, work.rows_scored);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << usage;
    return 2;
  }
  std::string directory = "/tmp/hearth-text-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr)
    return 1;
  int status = 0;
  try {
    run(directory, argc, argv);
  } catch (const std::exception& failure) {
    std::cerr << failure.what() << '\n';
    status = 1;
  }
  std::filesystem::remove_all(directory);
  return status;
}
