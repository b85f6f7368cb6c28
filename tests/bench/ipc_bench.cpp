// What a call over the socket costs, beside the socket itself. A server process answers from a
// thread of its own, as the actors do; the client is the ordinary C++ client. Run by
// `./dev bench ipc`; docs/benchmarks.md explains the numbers.
//
//   ipc_bench [--json FILE] [--calls N]
//   ipc_bench --serve DIRECTORY    serves DIRECTORY/bench.sock until it is killed, for other
//   clients
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/database.hpp"
#include "core/format.hpp"
#include "ipc/client.hpp"
#include "ipc/server.hpp"

namespace {

using namespace hearth;  // NOLINT: a program, not a header
using bench_clock = std::chrono::steady_clock;

constexpr std::uint32_t dimension = 384;
constexpr std::uint32_t hits = 10;
constexpr std::size_t small_message = 64;

// --- the server's side ---------------------------------------------------------------------------

// Answers at once, from a thread of its own.
class instant_namespace final : public namespace_handle {
 public:
  instant_namespace() : thread_([this](std::stop_token stop) { serve(stop); }) {
    config_.dimension = dimension;
    for (std::uint32_t i = 0; i < hits; ++i) {
      answer_.hits.ids.emplace_back(std::uint64_t{i});
      answer_.hits.versions.push_back(i);
      answer_.distances.push_back(static_cast<float>(i));
    }
    answer_.offsets = {0, hits};
  }

  const std::string& name() const noexcept override { return name_; }
  const namespace_config& config() const noexcept override { return config_; }
  void search(search_query, completion<search_result> done) override {
    post([this, done = std::move(done)]() mutable { done(answer_); });
  }
  /// The null call: answered without leaving the server's loop.
  void flush(lsn_t lsn, completion<lsn_t> done) override { done(lsn); }
  void alter(namespace_request, completion<namespace_config> done) override { done(config_); }
  void tune(tune_request, completion<tune_result> done) override { done(tune_result()); }
  void stats(completion<namespace_stats> done) override { done(namespace_stats()); }
  void checkpoint(completion<lsn_t> done) override { done(lsn_t{0}); }
  void compact(completion<compact_result> done) override { done(compact_result()); }
  void check(std::string, completion<check_step> done) override { done(check_step()); }
  void write(write_batch, completion<write_result> done) override { done(write_result()); }
  void get(get_query, completion<get_result> done) override { done(get_result()); }
  void scan(scan_query, completion<scan_page> done) override { done(scan_page()); }
  void count(std::optional<filter>, completion<std::uint64_t> done) override { done(0U); }
  void facets(facet_query, completion<facet_result> done) override { done(facet_result()); }
  void get_keys(key_query, completion<key_result> done) override { done(key_result()); }
  void begin(transaction_options, completion<std::shared_ptr<transaction_handle>> done) override {
    done(std::shared_ptr<transaction_handle>());
  }
  void scan_keys(key_scan, completion<key_page> done) override { done(key_page()); }
  void get_queues(queue_query, completion<queue_result> done) override { done(queue_result()); }
  void scan_items(item_scan, completion<item_page> done) override { done(item_page()); }
  void changes(change_query, completion<change_page> done) override { done(change_page()); }
  void update_consumer(consumer_request, completion<feed_position> done) override {
    done(feed_position());
  }
  void list_consumers(completion<std::vector<feed_consumer>> done) override {
    done(std::vector<feed_consumer>());
  }
  void info(completion<namespace_info> done) override { done(namespace_info()); }

 private:
  void post(std::move_only_function<void()> job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
  }
  void serve(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (wake_.wait(lock, stop, [this] { return !jobs_.empty(); })) {
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }

  const std::string name_ = "bench";
  namespace_config config_;
  search_result answer_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<std::move_only_function<void()>> jobs_;
  std::jthread thread_;
};

class instant_store final : public store_handle {
 public:
  void open_namespace(std::string, open_mode, namespace_request,
                      completion<std::shared_ptr<namespace_handle>> done) override {
    done(namespace_);
  }
  void list_namespaces(completion<std::vector<std::string>> done) override { done({}); }
  void drop_namespace(std::string, completion<std::monostate> done) override {
    done(std::monostate());
  }
  void info(completion<store_info> done) override { done(store_info()); }

 private:
  std::shared_ptr<namespace_handle> namespace_ = std::make_shared<instant_namespace>();
};

// A child process that runs `serve` until it is ended.
class child_process {
 public:
  template <class Serve>
  explicit child_process(Serve serve) : pid_(::fork()) {
    if (pid_ == 0) {
      serve();
      ::_exit(0);
    }
  }
  ~child_process() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

 private:
  pid_t pid_;
};

void pin(bool to_one_core, const cpu_set_t& all) {
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &all)) {
      CPU_SET(core, &one);
      break;
    }
  ::sched_setaffinity(0, sizeof one, to_one_core ? &one : &all);
}

// --- measuring -----------------------------------------------------------------------------------

struct measurement {
  std::string name;
  bool pinned = false;
  std::size_t in_flight = 1;
  double p50_us = 0;
  double p95_us = 0;
  double p99_us = 0;
  double per_second = 0;
  double ratio = 0;  // p50 to that of the raw socket in the same mode
};

measurement summarise(std::string name, bool pinned, std::size_t in_flight,
                      std::vector<double>& micros, double seconds) {
  std::sort(micros.begin(), micros.end());
  const auto at = [&](double share) {
    return micros[std::min(micros.size() - 1,
                           static_cast<std::size_t>(share * static_cast<double>(micros.size())))];
  };
  return {.name = std::move(name),
          .pinned = pinned,
          .in_flight = in_flight,
          .p50_us = at(0.50),
          .p95_us = at(0.95),
          .p99_us = at(0.99),
          .per_second = static_cast<double>(micros.size()) / seconds,
          .ratio = 0};
}

double micros_since(bench_clock::time_point start) {
  return std::chrono::duration<double, std::micro>(bench_clock::now() - start).count();
}

bool read_exactly(int fd, char* to, std::size_t bytes) {
  for (std::size_t got = 0; got < bytes;) {
    const ssize_t count = ::read(fd, to + got, bytes - got);
    if (count <= 0)
      return false;
    got += static_cast<std::size_t>(count);
  }
  return true;
}

// The floor: one blocking read and write per side.
measurement measure_raw(std::string name, bool pinned, std::size_t request, std::size_t reply,
                        std::size_t calls) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
    std::abort();
  const child_process echo([&] {
    std::vector<char> buffer(std::max(request, reply));
    while (read_exactly(ends[1], buffer.data(), request))
      if (::write(ends[1], buffer.data(), reply) < 0)
        return;
  });
  std::vector<char> buffer(std::max(request, reply));
  std::vector<double> micros;
  micros.reserve(calls);
  const auto start = bench_clock::now();
  for (std::size_t i = 0; i < calls; ++i) {
    const auto before = bench_clock::now();
    if (::write(ends[0], buffer.data(), request) < 0 ||
        !read_exactly(ends[0], buffer.data(), reply))
      std::abort();
    micros.push_back(micros_since(before));
  }
  const double seconds = micros_since(start) / 1e6;
  ::close(ends[0]);
  ::close(ends[1]);
  return summarise(std::move(name), pinned, 1, micros, seconds);
}

// One call after the other, from one thread.
template <class Call>
measurement measure_blocking(std::string name, bool pinned, std::size_t calls, Call call) {
  std::vector<double> micros;
  micros.reserve(calls);
  for (std::size_t i = 0; i < calls / 10; ++i)
    call();
  const auto start = bench_clock::now();
  for (std::size_t i = 0; i < calls; ++i) {
    const auto before = bench_clock::now();
    call();
    micros.push_back(micros_since(before));
  }
  const double seconds = micros_since(start) / 1e6;
  return summarise(std::move(name), pinned, 1, micros, seconds);
}

// Keeps `in_flight` calls going: each completion starts the next.
template <class Start>
measurement measure_in_flight(std::string name, bool pinned, std::size_t in_flight,
                              std::size_t calls, Start start_call) {
  std::vector<double> micros(calls);
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> left{calls};
  std::promise<void> finished;
  std::function<void()> go = [&] {
    const std::size_t index = next.fetch_add(1);
    if (index >= calls)
      return;
    start_call([&, index, before = bench_clock::now()](auto outcome) {
      if (!outcome)
        std::abort();
      micros[index] = micros_since(before);
      go();
      if (left.fetch_sub(1) == 1)
        finished.set_value();
    });
  };
  const auto start = bench_clock::now();
  for (std::size_t i = 0; i < in_flight; ++i)
    go();
  finished.get_future().wait();
  const double seconds = micros_since(start) / 1e6;
  return summarise(std::move(name), pinned, in_flight, micros, seconds);
}

template <class T>
T or_abort(result<T> outcome) {
  if (!outcome) {
    std::fprintf(stderr, "ipc_bench: %s\n", to_string(outcome.error()).c_str());
    std::abort();
  }
  return std::move(*outcome);
}

// Serves until the process ends; writes a byte to `ready` when clients can come.
void serve_instantly(const std::filesystem::path& directory, int ready) {
  ipc::server_options options;
  options.socket = directory / "bench.sock";
  const auto server =
      or_abort(ipc::server::start(std::make_shared<instant_store>(), directory, options));
  if (::write(ready, "y", 1) == 1)
    ::pause();
}

std::vector<measurement> measure_mode(bool pinned, std::size_t calls,
                                      const std::filesystem::path& directory) {
  // A 384-d query and 10 hits take about this much on the wire.
  constexpr std::size_t request = 1'800;
  constexpr std::size_t reply = 500;
  std::vector<measurement> all;
  all.push_back(measure_raw("raw socket, 64 bytes", pinned, small_message, small_message, calls));
  all.push_back(measure_raw("raw socket, search-sized", pinned, request, reply, calls));

  int ready[2];
  if (::pipe(ready) < 0)
    std::abort();
  const child_process daemon([&] { serve_instantly(directory, ready[1]); });
  char ok = 0;
  if (::read(ready[0], &ok, 1) != 1)
    std::abort();
  ::close(ready[0]);
  ::close(ready[1]);

  connect_options options;
  options.autostart = false;
  options.socket = directory / "bench.sock";
  const auto store = or_abort(connect(directory, options));
  const auto bench = or_abort(store->open_namespace("bench"));
  search_query query;
  query.vectors = matrix(std::vector<float>(dimension, 0.5F), 1, dimension);
  query.k = hits;

  all.push_back(measure_blocking("null call", pinned, calls, [&] { or_abort(bench->flush(1)); }));
  all.push_back(measure_blocking("search-sized call", pinned, calls,
                                 [&] { or_abort(bench->search(query)); }));
  for (const std::size_t in_flight : {4, 64}) {
    all.push_back(measure_in_flight("null call", pinned, in_flight, calls,
                                    [&](auto done) { bench->flush(1, std::move(done)); }));
    all.push_back(measure_in_flight("search-sized call", pinned, in_flight, calls,
                                    [&](auto done) { bench->search(query, std::move(done)); }));
  }
  for (auto& one : all)
    one.ratio = one.p50_us / all.front().p50_us;
  return all;
}

std::string to_json(const std::vector<measurement>& all) {
  std::string text = "[\n";
  for (const auto& one : all)
    text += core::format("  {{\"name\": \"{}\", \"pinned\": {}, \"in_flight\": {}, "
                         "\"p50_us\": {:.2f}, \"p95_us\": {:.2f}, \"p99_us\": {:.2f}, "
                         "\"calls_per_second\": {:.0f}, \"ratio_to_raw\": {:.2f}}}{}\n",
                         one.name, one.pinned, one.in_flight, one.p50_us, one.p95_us, one.p99_us,
                         one.per_second, one.ratio, &one == &all.back() ? "" : ",");
  return text + "]\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--serve") {
    serve_instantly(argv[2], STDOUT_FILENO);
    return 0;
  }
  std::string json;
  std::size_t calls = 20'000;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string_view(argv[i]) == "--json")
      json = argv[i + 1];
    else if (std::string_view(argv[i]) == "--calls")
      calls = std::max<std::size_t>(100, std::strtoull(argv[i + 1], nullptr, 10));
  }
  std::string directory = "/tmp/hearth-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr)
    return 1;
  cpu_set_t cores;
  ::sched_getaffinity(0, sizeof cores, &cores);

  std::vector<measurement> all;
  for (const bool pinned : {true, false}) {
    pin(pinned, cores);
    const auto some = measure_mode(pinned, calls, directory);
    all.insert(all.end(), some.begin(), some.end());
  }
  std::printf("%-26s %-8s %9s %9s %9s %9s %9s %7s\n", "call", "cores", "in flight", "p50 us",
              "p95 us", "p99 us", "calls/s", "x raw");
  for (const auto& one : all)
    std::printf("%-26s %-8s %9zu %9.1f %9.1f %9.1f %9.0f %7.1f\n", one.name.c_str(),
                one.pinned ? "one" : "all", one.in_flight, one.p50_us, one.p95_us, one.p99_us,
                one.per_second, one.ratio);
  if (!json.empty())
    std::ofstream(json) << to_json(all);
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
  return 0;
}
