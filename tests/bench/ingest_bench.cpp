// Durable ingest: vectors per second by batch size and client count, of plain LMDB, of the embedded
// runtime and of the daemon over its socket, in one run. Prints one JSON object per line.
//
//   ingest_bench DIRECTORY HEARTHD [SECONDS_PER_CELL [BATCH CLIENTS [SYSTEM]]]
//
// With BATCH and CLIENTS only that cell, with SYSTEM (lmdb, embedded, daemon) only that one: for a
// profiler.
//
// Plain LMDB puts one value per vector (keys appended in order) and syncs each commit of
// batch x clients vectors: the commits that a perfect group commit of the same clients would do.
#include <lmdb.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "actors/runtime.hpp"
#include "ipc/client.hpp"

namespace {

using clock_type = std::chrono::steady_clock;
namespace fs = std::filesystem;

constexpr std::uint32_t speed_dimension = 768;
constexpr std::size_t most_rows_per_cell = 40'000;  // stays inside the fresh tail

struct cell {
  std::size_t batch;
  std::size_t clients;
};

[[noreturn]] void die(const std::string& what) {
  std::fprintf(stderr, "ingest_bench: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(hearth::result<T> outcome) {
  if (!outcome)
    die(to_string(outcome.error()));
  return *std::move(outcome);
}

hearth::matrix random_rows(std::size_t rows, std::uint32_t dimension) {
  std::mt19937 random(42);
  std::normal_distribution<float> normal;
  std::vector<float> values(rows * dimension);
  for (auto& value : values)
    value = normal(random);
  return {std::move(values), rows, dimension};
}

double plain_lmdb(const fs::path& directory, cell shape, double seconds,
                  const hearth::matrix& rows) {
  fs::create_directories(directory);
  MDB_env* env = nullptr;
  mdb_env_create(&env);
  mdb_env_set_mapsize(env, std::size_t{16} << 30);
  if (mdb_env_open(env, directory.c_str(), MDB_NOTLS, 0600) != 0)
    die("cannot open LMDB");
  const std::size_t per_commit = shape.batch * shape.clients;
  const std::size_t bytes = rows.dimension() * sizeof(float);
  std::uint64_t key = 0;
  const auto start = clock_type::now();
  double elapsed = 0;
  while (elapsed < seconds && key < most_rows_per_cell) {
    MDB_txn* transaction = nullptr;
    MDB_dbi table = 0;
    if (mdb_txn_begin(env, nullptr, 0, &transaction) != 0 ||
        mdb_dbi_open(transaction, nullptr, MDB_INTEGERKEY, &table) != 0)
      die("cannot begin an LMDB transaction");
    for (std::size_t row = 0; row < per_commit; ++row, ++key) {
      MDB_val name{sizeof key, &key};
      MDB_val place{bytes, nullptr};
      if (mdb_put(transaction, table, &name, &place, MDB_RESERVE | MDB_APPEND) != 0)
        die("cannot put into LMDB");
      std::memcpy(place.mv_data, rows.view().row(key % rows.rows()).data(), bytes);
    }
    if (mdb_txn_commit(transaction) != 0)
      die("cannot commit to LMDB");
    elapsed = std::chrono::duration<double>(clock_type::now() - start).count();
  }
  mdb_env_close(env);
  return static_cast<double>(key) / elapsed;
}

double through_handles(hearth::namespace_handle& target, cell shape, double seconds,
                       const hearth::matrix& rows) {
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> written{0};
  const auto start = clock_type::now();
  std::vector<std::thread> clients;
  for (std::size_t client = 0; client < shape.clients; ++client) {
    clients.emplace_back([&] {
      while (next < most_rows_per_cell &&
             std::chrono::duration<double>(clock_type::now() - start).count() < seconds) {
        const std::uint64_t first = next.fetch_add(shape.batch);
        hearth::write_batch batch;
        for (std::size_t row = 0; row < shape.batch; ++row)
          batch.ids.emplace_back(first + row);
        const std::size_t offset = first % (rows.rows() - shape.batch + 1);
        batch.vectors = hearth::matrix(
            std::shared_ptr<const float[]>(rows.data(), rows.view().row(offset).data()),
            shape.batch, rows.dimension());
        written += must(target.write(std::move(batch))).affected;
      }
    });
  }
  for (auto& client : clients)
    client.join();
  const double elapsed = std::chrono::duration<double>(clock_type::now() - start).count();
  return static_cast<double>(written) / elapsed;
}

std::shared_ptr<hearth::namespace_handle> fresh_namespace(hearth::store_handle& store,
                                                          std::uint32_t dimension) {
  hearth::namespace_request request;
  request.dimension = dimension;
  request.distance = hearth::distance_kind::l2;
  return must(store.open_namespace("bench", hearth::open_mode::create, request));
}

double embedded(const fs::path& directory, cell shape, double seconds, const hearth::matrix& rows) {
  auto runtime = must(hearth::runtime::start());
  auto store = must(runtime->open(directory));
  return through_handles(*fresh_namespace(*store, speed_dimension), shape, seconds, rows);
}

double over_socket(const fs::path& directory, const char* hearthd, cell shape, double seconds,
                   const hearth::matrix& rows) {
  hearth::connect_options options;
  options.daemon = hearthd;
  double rate = 0;
  {
    auto store = must(hearth::connect(directory, options));
    rate = through_handles(*fresh_namespace(*store, speed_dimension), shape, seconds, rows);
  }
  if (auto stopped = hearth::ipc::shutdown_daemon(directory, std::chrono::seconds(60)); !stopped)
    die(to_string(stopped.error()));
  return rate;
}

void measure_cell(const fs::path& root, const char* hearthd, cell shape, double seconds,
                  std::string_view only) {
  const auto rows = random_rows(4096, speed_dimension);
  const auto measure = [&](std::string_view system, const auto& run) {
    if (!only.empty() && only != system)
      return;
    const auto directory = root / system;
    const double rate = run(directory);
    std::printf("{\"system\": \"%s\", \"batch\": %zu, \"clients\": %zu, \"rows_per_s\": %.1f}\n",
                system.data(), shape.batch, shape.clients, rate);
    std::fflush(stdout);
    fs::remove_all(directory);
  };
  measure("lmdb",
          [&](const auto& directory) { return plain_lmdb(directory, shape, seconds, rows); });
  measure("embedded",
          [&](const auto& directory) { return embedded(directory, shape, seconds, rows); });
  measure("daemon", [&](const auto& directory) {
    return over_socket(directory, hearthd, shape, seconds, rows);
  });
}

void measure_size(const fs::path& root) {
  for (const std::uint32_t dimension : {384U, 768U, 1024U, 1536U}) {
    const auto directory = root / ("size-" + std::to_string(dimension));
    constexpr std::size_t count = 20'000;
    constexpr std::size_t batch_rows = 500;
    const auto rows = random_rows(batch_rows, dimension);
    auto runtime = must(hearth::runtime::start());
    auto store = must(runtime->open(directory));
    auto target = fresh_namespace(*store, dimension);
    for (std::size_t first = 0; first < count; first += batch_rows) {
      hearth::write_batch batch;
      for (std::size_t row = 0; row < batch_rows; ++row)
        batch.ids.emplace_back(first + row);
      batch.vectors = rows;
      must(target->write(std::move(batch)));
    }
    const auto info = must(target->info());
    const double raw = static_cast<double>(count) * dimension * sizeof(float);
    std::printf("{\"system\": \"size\", \"dimension\": %u, \"rows\": %zu, \"ratio\": %.4f}\n",
                dimension, count, static_cast<double>(info.file_bytes) / raw);
    std::fflush(stdout);
    target.reset();
    store.reset();
    runtime.reset();
    fs::remove_all(directory);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3)
    die("usage: ingest_bench DIRECTORY HEARTHD [SECONDS_PER_CELL [BATCH CLIENTS [SYSTEM]]]");
  const fs::path root = argv[1];
  const double seconds = argc > 3 ? std::atof(argv[3]) : 2.0;
  if (argc > 5) {
    const cell one{std::strtoul(argv[4], nullptr, 10), std::strtoul(argv[5], nullptr, 10)};
    measure_cell(root, argv[2], one, seconds, argc > 6 ? argv[6] : "");
    return 0;
  }
  for (const cell shape : {cell{1, 1}, cell{1, 16}, cell{1, 64}, cell{16, 1}, cell{16, 16},
                           cell{128, 1}, cell{128, 8}, cell{1024, 1}, cell{1024, 4}})
    measure_cell(root, argv[2], shape, seconds, "");
  measure_size(root);
  return 0;
}
