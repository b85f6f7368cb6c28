// Keys and values: what Hearth does per second, embedded and behind its daemon, beside LMDB, SQLite
// and Redis doing the same durable work on the same keys. Prints one JSON object per line. Run by
// `./dev bench kv`; docs/benchmarks.md explains the numbers.
//
//   kv_bench DIRECTORY HEARTHD ROWS VALUE_BYTES SECONDS ROUNDS CLIENTS[,CLIENTS...]
//            [SYSTEM [OPERATION]]
//
// The systems take turns, cell by cell, as many rounds as wanted. With SYSTEM (the beginning of a
// name) only those, with OPERATION only that one: for a profiler. Clients of what has a server are
// processes, the others threads of one process; each has a connection of its own.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <functional>
#include <new>
#include <random>
#include <string>
#include <thread>

#include "tests/bench/kv_store.hpp"

namespace {

using namespace kv_bench;  // NOLINT: a program, not a header
using clock_type = std::chrono::steady_clock;

constexpr std::size_t most_clients = 256;
constexpr std::size_t load_batch = 10'000;
constexpr std::size_t many_keys = 100;
constexpr double warm_up = 0.2;  // of the seconds of a cell

enum class operation { put, get, multi_get, transaction, scan };
struct named_operation {
  operation what;
  std::string_view name;
};
constexpr std::array operations{named_operation{operation::put, "put"},
                                named_operation{operation::get, "get"},
                                named_operation{operation::multi_get, "multi-get"},
                                named_operation{operation::transaction, "transaction"},
                                named_operation{operation::scan, "scan"}};

struct options {
  std::filesystem::path directory;
  std::filesystem::path hearthd;
  data_shape shape;
  double seconds = 1;
  std::size_t rounds = 1;
  std::vector<std::size_t> clients;
  std::string_view only_system;
  std::string_view only_operation;
};

// ---- data ---------------------------------------------------------------------------------------

// 16 characters; in the order of rows they come in no order. (The mixer of splitmix64, which maps
// no two numbers to one.)
std::string key_of(std::uint64_t row) {
  std::uint64_t bits = row + 0x9e3779b97f4a7c15ULL;
  bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ULL;
  bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebULL;
  bits ^= bits >> 31;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string key(16, '0');
  for (auto& digit : key) {
    digit = digits[bits & 15];
    bits >>= 4;
  }
  return key;
}

// Other bytes each time, of the one size.
class value_maker {
 public:
  explicit value_maker(std::size_t bytes) : value_(bytes, 'v') {}
  const std::string& next(std::mt19937_64& random) {
    const std::uint64_t bits = random();
    for (std::size_t i = 0; i < value_.size() && i < 16; ++i)
      value_[i] = static_cast<char>('a' + ((bits >> (4 * i)) & 15));
    return value_;
  }

 private:
  std::string value_;
};

void load(client& into, const data_shape& shape) {
  std::mt19937_64 random(1);
  value_maker values(shape.value_bytes);
  std::vector<pair> pairs;
  for (std::uint64_t row = 0; row < shape.rows; ++row) {
    pairs.emplace_back(key_of(row), values.next(random));
    if (pairs.size() == load_batch || row + 1 == shape.rows) {
      into.put_many(pairs);
      pairs.clear();
    }
  }
}

// ---- measuring ----------------------------------------------------------------------------------

enum phase : int { warming_up, counting, stopped };

// Shared by the processes of a cell.
struct scoreboard {
  std::atomic<std::size_t> ready = 0;
  std::atomic<int> phase = warming_up;
  /// When counting began, for all: who waits for others until the end has done little.
  std::atomic<clock_type::rep> since = 0;
  struct score {
    std::uint64_t done = 0;
    double seconds = 0;
    std::uint64_t seen = 0;  // so that nothing is left out as unused
  };
  std::array<score, most_clients> scores{};
};

// One call of a client; answers how many puts, gets, keys or rows it was.
std::uint64_t call(client& by, operation what, const data_shape& shape, std::mt19937_64& random,
                   value_maker& values, std::uint64_t& seen) {
  const auto any_key = [&] { return key_of(random() % shape.rows); };
  switch (what) {
  case operation::put:
    by.put(any_key(), values.next(random));
    return 1;
  case operation::get:
    if (by.get(any_key()) != shape.value_bytes)
      die("a value has the wrong size");
    return 1;
  case operation::multi_get: {
    std::vector<std::string> keys(many_keys);
    for (auto& key : keys)
      key = any_key();
    if (by.get_many(keys) != many_keys)
      die("keys are missing");
    return many_keys;
  }
  case operation::transaction: {
    const auto one = any_key();
    auto other = any_key();
    while (other == one)
      other = any_key();
    by.exchange({one, values.next(random)}, {other, values.next(random)});
    return 1;
  }
  case operation::scan:
    if (by.scan(seen) != shape.rows)
      die("a scan has not read every key");
    return shape.rows;
  }
  die("no such operation");
}

void run_client(store& of, operation what, const data_shape& shape, std::size_t number,
                scoreboard& board) {
  const auto by = of.connect();
  std::mt19937_64 random(number + 1);
  value_maker values(shape.value_bytes);
  auto& score = board.scores[number];
  const auto once = [&] { return call(*by, what, shape, random, values, score.seen); };
  (void)once();
  board.ready.fetch_add(1);
  while (board.phase.load(std::memory_order_relaxed) == warming_up)
    (void)once();
  const clock_type::time_point start{clock_type::duration(board.since.load())};
  std::uint64_t done = 0;
  do
    done += once();
  while (board.phase.load(std::memory_order_relaxed) != stopped);
  score.done = done;
  score.seconds = std::chrono::duration<double>(clock_type::now() - start).count();
}

pid_t in_child(const std::function<void()>& work) {
  const pid_t child = ::fork();
  if (child < 0)
    die("cannot fork");
  if (child == 0) {
    work();
    std::fflush(stdout);
    ::_exit(0);
  }
  return child;
}

void wait_for(pid_t child) {
  int status = 0;
  if (::waitpid(child, &status, 0) != child || status != 0)
    die("a client has failed");
}

void pause_for(double seconds) {
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

std::vector<pid_t> start_clients(store& of, operation what, std::size_t clients,
                                 const data_shape& shape, scoreboard& board) {
  std::vector<pid_t> children;
  if (!of.has_server()) {
    children.push_back(in_child([&] {
      of.open();
      std::vector<std::jthread> threads;
      threads.reserve(clients);
      for (std::size_t i = 0; i < clients; ++i)
        threads.emplace_back([&, i] { run_client(of, what, shape, i, board); });
    }));
    return children;
  }
  for (std::size_t i = 0; i < clients; ++i)
    children.push_back(in_child([&, i] {
      of.open();
      run_client(of, what, shape, i, board);
    }));
  return children;
}

// Per second, of all clients together.
double measure(store& of, operation what, std::size_t clients, const options& wanted) {
  void* const memory = ::mmap(nullptr, sizeof(scoreboard), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    die("cannot map memory");
  auto& board = *new (memory) scoreboard;
  const auto children = start_clients(of, what, clients, wanted.shape, board);
  while (board.ready < clients) {
    if (::waitpid(-1, nullptr, WNOHANG) > 0)
      die("a client has failed");
    pause_for(0.001);
  }
  pause_for(wanted.seconds * warm_up);
  board.since = clock_type::now().time_since_epoch().count();
  board.phase = counting;
  pause_for(wanted.seconds);
  board.phase = stopped;
  for (const auto child : children)
    wait_for(child);
  double rate = 0;
  for (std::size_t i = 0; i < clients; ++i)
    rate += static_cast<double>(board.scores[i].done) / board.scores[i].seconds;
  ::munmap(memory, sizeof(scoreboard));
  return rate;
}

void report(const store& of, std::string_view what, std::size_t clients, double rate) {
  std::printf("{\"system\": \"%s\", \"operation\": \"%s\", \"clients\": %zu, "
              "\"per_second\": %.1f}\n",
              std::string(of.name()).c_str(), std::string(what).c_str(), clients, rate);
  std::fflush(stdout);
}

// Reads in many keys and rows at a time keep the machine busy with few clients already.
std::vector<std::size_t> clients_for(operation what, const options& wanted) {
  if (what == operation::put || what == operation::get || what == operation::transaction)
    return wanted.clients;
  return {wanted.clients.front()};
}

void run(std::vector<std::unique_ptr<store>>& systems, const options& wanted) {
  for (const auto& each : systems) {
    each->start_server();
    const auto start = clock_type::now();
    wait_for(in_child([&] {
      each->open();
      load(*each->connect(), wanted.shape);
    }));
    const double seconds = std::chrono::duration<double>(clock_type::now() - start).count();
    report(*each, "load", 1, static_cast<double>(wanted.shape.rows) / seconds);
  }
  for (std::size_t round = 0; round < wanted.rounds; ++round)
    for (const auto& [what, name] : operations) {
      if (!wanted.only_operation.empty() && wanted.only_operation != name)
        continue;
      for (const auto clients : clients_for(what, wanted))
        for (const auto& each : systems)
          report(*each, name, clients, measure(*each, what, clients, wanted));
    }
  for (const auto& each : systems)  // last of all: it may start threads, and then no more forks
    each->stop_server();
}

// ---- command line -------------------------------------------------------------------------------

template <class Number>
Number number_from(std::string_view text) {
  Number number{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || !(number > 0))
    die("not a number above 0: " + std::string(text));
  return number;
}

std::vector<std::size_t> numbers_from(std::string_view list) {
  std::vector<std::size_t> numbers;
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    numbers.push_back(number_from<std::size_t>(list.substr(0, end)));
    if (numbers.back() > most_clients)
      die("too many clients");
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return numbers;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> given(argv + 1, argv + argc);
  if (given.size() < 7)
    die("usage: kv_bench DIRECTORY HEARTHD ROWS VALUE_BYTES SECONDS ROUNDS CLIENTS[,CLIENTS...] "
        "[SYSTEM [OPERATION]]");
  options wanted;
  wanted.directory = given[0];
  wanted.hearthd = given[1];
  wanted.shape = {number_from<std::uint64_t>(given[2]), number_from<std::size_t>(given[3])};
  wanted.seconds = number_from<double>(given[4]);
  wanted.rounds = number_from<std::size_t>(given[5]);
  wanted.clients = numbers_from(given[6]);
  wanted.only_system = given.size() > 7 ? given[7] : "";
  wanted.only_operation = given.size() > 8 ? given[8] : "";

  std::vector<std::unique_ptr<store>> systems;
  const auto take = [&](std::unique_ptr<store> one) {
    if (one && one->name().starts_with(wanted.only_system))
      systems.push_back(std::move(one));
  };
  take(make_embedded(wanted.directory / "embedded"));
  take(make_lmdb(wanted.directory / "lmdb"));
  take(make_sqlite(wanted.directory / "sqlite"));
  take(make_daemon(wanted.directory / "daemon", wanted.hearthd));
  take(make_redis(wanted.directory / "redis"));
  if (systems.empty())
    die("no system here has a name that begins with " + std::string(wanted.only_system));
  run(systems, wanted);
  return 0;
}
