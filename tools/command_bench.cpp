// `hearth bench`: ingest and search figures of the daemon at hand, in a throw-away namespace.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <random>
#include <thread>
#include <unordered_set>

#include "core/format.hpp"
#include "tools/command.hpp"
#include "tools/namespace_options.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

using clock_type = std::chrono::steady_clock;
using milliseconds = std::chrono::duration<double, std::milli>;

struct bench_options {
  std::string source;
  std::uint64_t rows = 10'000;
  std::uint32_t queries = 200;
  std::uint32_t k = 10;
  std::uint64_t batch = 1'000;
  std::vector<std::uint32_t> efs{16, 64, 200};
  namespace_options config;
};

struct bench_data {
  std::vector<float> rows;
  std::vector<float> queries;
  std::uint32_t dimension = 0;

  [[nodiscard]] std::size_t count() const { return rows.size() / dimension; }
  [[nodiscard]] matrix query(std::size_t index) const {
    const auto* begin = queries.data() + index * dimension;
    return matrix(std::vector<float>(begin, begin + dimension), 1, dimension);
  }
};

struct figures {
  double per_second = 0;
  double p50_ms = 0;
  double p95_ms = 0;
  double p99_ms = 0;
};

figures summarize(std::vector<double> took_ms, double units) {
  std::ranges::sort(took_ms);
  double total_ms = 0;
  for (const double one : took_ms)
    total_ms += one;
  const auto at = [&](double share) {
    const auto rank = std::ceil(share * static_cast<double>(took_ms.size()));
    return took_ms[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
  };
  return {units / total_ms * 1'000, at(0.50), at(0.95), at(0.99)};
}

json to_json(const figures& of) {
  return {{"per_second", of.per_second},
          {"p50_ms", of.p50_ms},
          {"p95_ms", of.p95_ms},
          {"p99_ms", of.p99_ms}};
}

// Clusters, because nothing that people store is spread evenly. The same in every run.
bench_data synthetic(const bench_options& options) {
  bench_data data;
  data.dimension = options.config.dimension.value_or(384);
  constexpr std::uint32_t seed = 7;
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  const std::size_t clusters = std::max<std::uint64_t>(1, options.rows / 100);
  std::vector<float> centers(clusters * data.dimension);
  std::ranges::generate(centers, [&] { return normal(random); });
  const bool bits = options.config.distance == core::to_string(distance_kind::hamming);
  const auto value_of = [bits](float drawn) { return bits ? (drawn > 0 ? 1.0F : 0.0F) : drawn; };
  const auto fill = [&](std::vector<float>& into, std::size_t count) {
    into.reserve(count * data.dimension);
    for (std::size_t i = 0; i < count; ++i) {
      const float* center = centers.data() + random() % clusters * data.dimension;
      for (std::uint32_t d = 0; d < data.dimension; ++d)
        into.push_back(value_of(center[d] + 0.5F * normal(random)));
    }
  };
  fill(data.rows, options.rows);
  fill(data.queries, options.queries);
  return data;
}

// Vectors of an existing namespace: the first ones are the queries, and are not inserted.
result<bench_data> sampled(namespace_handle& source, const bench_options& options) {
  bench_data data;
  data.dimension = source.config().dimension;
  const std::size_t want_queries = std::size_t{options.queries} * data.dimension;
  const std::size_t want_rows = options.rows * data.dimension;
  scan_query query;
  query.fields.vectors = true;
  do {
    HEARTH_TRY(const auto page, source.scan(query));
    for (std::size_t i = 0; i < page.rows.size() && data.rows.size() < want_rows; ++i) {
      if (!page.rows.has_vector[i])
        continue;
      const auto values = page.rows.vectors.view().row(i);
      auto& into = data.queries.size() < want_queries ? data.queries : data.rows;
      into.insert(into.end(), values.begin(), values.end());
    }
    query.cursor = page.next;
  } while (!query.cursor.empty() && data.rows.size() < want_rows);
  if (data.rows.empty() || data.queries.size() < want_queries)
    return fail(errc::invalid_argument,
                core::format("namespace '{}' has too few vectors for {} queries and some rows",
                             options.source, options.queries),
                "give a smaller --queries, or no namespace for made-up vectors");
  return data;
}

// Holds Ctrl-C and SIGTERM back until the namespace is dropped; then they end the process as they
// would have.
class interruption {
 public:
  interruption() {
    for (std::size_t i = 0; i < numbers.size(); ++i)
      before_[i] = std::signal(numbers[i], [](int number) { caught = number; });
  }
  ~interruption() {
    for (std::size_t i = 0; i < numbers.size(); ++i)
      std::signal(numbers[i], before_[i]);
    if (const int number = caught.exchange(0); number != 0)
      std::raise(number);
  }
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;

  static result<void> check() {
    if (caught != 0)
      return fail(errc::cancelled, "interrupted");
    return {};
  }

 private:
  static constexpr std::array numbers{SIGINT, SIGTERM};
  static inline std::atomic<int> caught = 0;
  std::array<void (*)(int), numbers.size()> before_{};
};

// Drops the namespace when the command ends, however it ends.
class throw_away {
 public:
  throw_away(std::shared_ptr<store_handle> store, std::shared_ptr<namespace_handle> target)
      : store_(std::move(store)), target_(std::move(target)) {}
  ~throw_away() { static_cast<void>(store_->drop_namespace(target_->name())); }
  throw_away(const throw_away&) = delete;
  throw_away& operator=(const throw_away&) = delete;

  namespace_handle& operator*() const { return *target_; }

 private:
  std::shared_ptr<store_handle> store_;
  std::shared_ptr<namespace_handle> target_;
};

result<figures> ingest(namespace_handle& target, const bench_data& data, std::uint64_t first,
                       std::uint64_t count, std::uint64_t batch_rows) {
  std::vector<double> took;
  for (std::uint64_t row = first; row < first + count; row += batch_rows) {
    HEARTH_CHECK(interruption::check());
    const auto rows = std::min(batch_rows, first + count - row);
    write_batch batch;
    for (std::uint64_t i = 0; i < rows; ++i)
      batch.ids.emplace_back(row + i);
    const auto* begin = data.rows.data() + row * data.dimension;
    batch.vectors =
        matrix(std::vector<float>(begin, begin + rows * data.dimension), rows, data.dimension);
    const auto start = clock_type::now();
    for (;;) {
      const auto written = target.write(write_batch(batch));
      if (written)
        break;
      if (written.error().code != errc::busy)
        return std::unexpected(written.error());
      if (auto interrupted = interruption::check(); !interrupted)
        return std::unexpected(std::move(interrupted).error());
      std::this_thread::sleep_for(
          std::chrono::milliseconds(std::max(10U, written.error().retry_after_ms)));
    }
    took.push_back(milliseconds(clock_type::now() - start).count());
  }
  return summarize(std::move(took), static_cast<double>(count));
}

result<double> wait_until_indexed(namespace_handle& target) {
  const auto start = clock_type::now();
  const auto give_up = start + std::chrono::minutes(30);
  for (;;) {
    HEARTH_CHECK(interruption::check());
    HEARTH_TRY(const auto info, target.info());
    if (info.index == index_state::ready && (info.fresh == 0 || info.indexed == info.vectors))
      return std::chrono::duration<double>(clock_type::now() - start).count();
    if (clock_type::now() > give_up)
      return fail(errc::timeout,
                  core::format("{} vectors are still not indexed after 30 minutes", info.fresh));
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

struct search_run {
  bool exact = false;
  std::uint32_t ef = 0;
  figures speed;
  double recall = 1;
  std::vector<std::vector<record_id>> found;
};

result<search_run> run_searches(namespace_handle& target, const bench_data& data,
                                const bench_options& options, std::uint32_t ef,
                                const search_run* truth) {
  search_run run;
  run.exact = truth == nullptr;
  run.ef = ef;
  std::vector<double> took;
  std::size_t hits = 0;
  std::size_t possible = 0;
  for (std::uint32_t i = 0; i < options.queries; ++i) {
    HEARTH_CHECK(interruption::check());
    search_query query;
    query.vectors = data.query(i);
    query.k = options.k;
    query.ef = ef;
    query.exact = run.exact;
    const auto start = clock_type::now();
    HEARTH_TRY(auto answer, target.search(std::move(query)));
    took.push_back(milliseconds(clock_type::now() - start).count());
    if (truth != nullptr) {
      const std::unordered_set<record_id> expected(truth->found[i].begin(), truth->found[i].end());
      possible += expected.size();
      hits += static_cast<std::size_t>(std::ranges::count_if(
          answer.hits.ids, [&](const auto& id) { return expected.contains(id); }));
    }
    run.found.push_back(std::move(answer.hits.ids));
  }
  run.speed = summarize(std::move(took), options.queries);
  if (possible > 0)
    run.recall = static_cast<double>(hits) / static_cast<double>(possible);
  return run;
}

struct bench_report {
  namespace_config config;
  std::uint64_t rows = 0;
  std::uint64_t single_rows = 0;
  figures batches;
  figures singles;
  double index_seconds = 0;
  std::vector<search_run> searches;
};

result<bench_report> measure(namespace_handle& target, const bench_data& data,
                             const bench_options& options) {
  bench_report report;
  report.config = target.config();
  report.rows = data.count();
  report.single_rows = std::min<std::uint64_t>(100, report.rows);
  HEARTH_TRY(report.singles, ingest(target, data, 0, report.single_rows, 1));
  HEARTH_TRY(report.batches, ingest(target, data, 0, report.rows, options.batch));
  HEARTH_TRY(report.index_seconds, wait_until_indexed(target));
  HEARTH_TRY(auto truth, run_searches(target, data, options, 0, nullptr));
  for (const auto ef : options.efs) {
    HEARTH_TRY(auto run, run_searches(target, data, options, ef, &truth));
    report.searches.push_back(std::move(run));
  }
  report.searches.push_back(std::move(truth));
  return report;
}

json to_json(const bench_report& report, const bench_options& options) {
  json searches = json::array();
  for (const auto& run : report.searches) {
    json entry = to_json(run.speed);
    entry["exact"] = run.exact;
    entry["ef"] = run.exact ? json(nullptr) : json(run.ef);
    entry["recall"] = run.recall;
    searches.push_back(std::move(entry));
  }
  json batches = to_json(report.batches);
  batches["batch_rows"] = options.batch;
  json singles = to_json(report.singles);
  singles["batch_rows"] = 1;
  return {{"rows", report.rows},
          {"dimension", report.config.dimension},
          {"distance", core::to_string(report.config.distance)},
          {"k", options.k},
          {"queries", options.queries},
          {"ingest", json::array({std::move(singles), std::move(batches)})},
          {"index_seconds", report.index_seconds},
          {"search", std::move(searches)}};
}

void print_report(invocation& call, const bench_report& report, const bench_options& options) {
  constexpr auto right = table::align::right;
  call.out() << core::format("{} x {} {}, one client, durable writes, {} held-out queries\n\n",
                             group_digits(report.rows), report.config.dimension,
                             core::to_string(report.config.distance), options.queries);
  table rows({{"what"},
              {"per second", right},
              {"p50 ms", right},
              {"p95 ms", right},
              {"p99 ms", right},
              {core::format("recall@{}", options.k), right}});
  const auto add = [&rows](std::string what, const figures& of, std::string recall) {
    rows.add({std::move(what), group_digits(static_cast<std::uint64_t>(of.per_second)),
              format_fixed(of.p50_ms, 3), format_fixed(of.p95_ms, 3), format_fixed(of.p99_ms, 3),
              std::move(recall)});
  };
  add("upsert 1 row", report.singles, "");
  add(core::format("upsert {} rows", options.batch), report.batches, "");
  for (const auto& run : report.searches)
    add(run.exact ? "search exact" : core::format("search ef {}", run.ef), run.speed,
        format_fixed(run.recall, 4));
  rows.print(call.out());
  call.note(
      core::format("\nindexed {} s after the last write", format_fixed(report.index_seconds, 1)));
}

result<int> bench(invocation& call, const bench_options& options) {
  HEARTH_TRY(auto request, to_request(options.config));
  HEARTH_TRY(const auto store, call.connect(store_use::creating));
  bench_data data;
  if (options.source.empty()) {
    data = synthetic(options);
  } else {
    HEARTH_TRY(const auto source, store->open_namespace(options.source));
    HEARTH_TRY(data, sampled(*source, options));
    request.distance = request.distance.value_or(source->config().distance);
  }
  request.dimension = data.dimension;
  const auto name = core::format("bench-{:08x}", std::random_device{}());
  const interruption held_back;
  HEARTH_TRY(auto target, store->open_namespace(name, open_mode::create, request));
  const throw_away space(store, std::move(target));
  HEARTH_TRY(const auto report, measure(*space, data, options));
  if (call.as_json())
    call.print(to_json(report, options));
  else
    print_report(call, report, options);
  return exit_ok;
}

}  // namespace

void add_bench_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand(
      "bench", "Measure this daemon: ingest and search speed, and recall against exact search");
  auto options = bind_action<bench_options>(*command, chosen, bench);
  command->add_option(
      "namespace", options->source,
      "Take the vectors of this namespace (it is only read); default: made-up ones");
  command->add_option("--rows", options->rows, "How many vectors")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000'000}))
      ->capture_default_str();
  command->add_option("--queries", options->queries, "How many searches per line")
      ->check(CLI::Range(1U, 1'000'000U))
      ->capture_default_str();
  command->add_option("-k", options->k, "Hits per search")
      ->check(CLI::Range(1U, 10'000U))
      ->capture_default_str();
  command->add_option("--batch", options->batch, "Rows per write")
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{100'000}))
      ->capture_default_str();
  command->add_option("--ef", options->efs, "Candidates to try, with commas")
      ->delimiter(',')
      ->capture_default_str();
  add_namespace_options(*command, options->config);
  command->footer("The vectors go into a namespace of their own, which is dropped at the end.\n"
                  "Examples:\n"
                  "  hearth bench docs --rows 5000\n"
                  "  hearth bench --rows 20000 --dimension 768 --distance dot --json");
}

}  // namespace hearth::tools
