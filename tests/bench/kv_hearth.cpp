// Hearth under kv_bench: the same client through both implementations of its handles.
#include "actors/runtime.hpp"
#include "ipc/client.hpp"
#include "tests/bench/kv_store.hpp"

namespace kv_bench {

namespace {

template <class T>
T must(hearth::result<T> outcome) {
  if (!outcome)
    die(to_string(outcome.error()));
  return *std::move(outcome);
}

class hearth_client final : public client {
 public:
  explicit hearth_client(std::shared_ptr<hearth::namespace_handle> handle)
      : handle_(std::move(handle)) {}

  void put(const std::string& key, const std::string& value) override {
    hearth::write_batch batch;
    batch.keys.push_back({.key = key, .value = value});
    must(handle_->write(std::move(batch)));
  }

  void put_many(const std::vector<pair>& pairs) override {
    hearth::write_batch batch;
    batch.keys.reserve(pairs.size());
    for (const auto& [key, value] : pairs)
      batch.keys.push_back({.key = key, .value = value});
    must(handle_->write(std::move(batch)));
  }

  std::size_t get(const std::string& key) override {
    const auto answer = must(handle_->get_keys({.keys = {key}}));
    if (!answer.found.front())
      die("a key is missing");
    return answer.found.front()->value.size();
  }

  std::size_t get_many(const std::vector<std::string>& keys) override {
    const auto answer = must(handle_->get_keys({.keys = keys}));
    std::size_t there = 0;
    for (const auto& each : answer.found)
      there += each ? 1 : 0;
    return there;
  }

  void exchange(const pair& one, const pair& other) override {
    for (;;) {
      const auto begun = must(handle_->begin());
      const auto answer = must(begun->get_keys({.keys = {one.first, other.first}}));
      if (!answer.found.front() || !answer.found.back())
        die("a key is missing");
      hearth::write_batch batch;
      batch.keys.push_back({.key = one.first, .value = one.second});
      batch.keys.push_back({.key = other.first, .value = other.second});
      must(begun->write(std::move(batch)));
      const auto done = begun->commit();
      if (done)
        return;
      if (done.error().code != hearth::errc::conflict)
        die(to_string(done.error()));
    }
  }

  std::uint64_t scan(std::uint64_t& seen) override {
    std::uint64_t rows = 0;
    hearth::key_scan wanted{.limit = 10'000};
    do {
      const auto page = must(handle_->scan_keys(wanted));
      for (const auto& [key, value, version] : page.entries)
        seen += static_cast<unsigned char>(key.back()) + static_cast<unsigned char>(value.back());
      rows += page.entries.size();
      wanted.cursor = page.next;
    } while (!wanted.cursor.empty());
    return rows;
  }

 private:
  const std::shared_ptr<hearth::namespace_handle> handle_;
};

std::shared_ptr<hearth::namespace_handle> open_bench(hearth::store_handle& in) {
  hearth::namespace_request request;
  request.dimension = 1;  // there are no vectors
  return must(in.open_namespace("bench", hearth::open_mode::open_or_create, request));
}

class embedded final : public store {
 public:
  using store::store;
  std::string_view name() const override { return "Hearth, embedded"; }
  bool has_server() const override { return false; }
  void open() override {
    runtime_ = must(hearth::runtime::start());
    store_ = must(runtime_->open(directory()));
    handle_ = open_bench(*store_);
  }
  std::unique_ptr<client> connect() override { return std::make_unique<hearth_client>(handle_); }

 private:
  std::unique_ptr<hearth::runtime> runtime_;
  std::shared_ptr<hearth::store_handle> store_;
  std::shared_ptr<hearth::namespace_handle> handle_;
};

// The first client starts the daemon.
class daemon final : public store {
 public:
  daemon(const std::filesystem::path& directory, std::filesystem::path hearthd)
      : store(directory), hearthd_(std::move(hearthd)) {}
  std::string_view name() const override { return "Hearth, daemon"; }
  bool has_server() const override { return true; }
  void stop_server() override {
    const auto stopped = hearth::ipc::shutdown_daemon(directory(), std::chrono::seconds(60));
    if (!stopped)
      die(to_string(stopped.error()));
  }
  void open() override {
    hearth::connect_options options;
    options.daemon = hearthd_;
    store_ = must(hearth::connect(directory(), options));
  }
  std::unique_ptr<client> connect() override {
    return std::make_unique<hearth_client>(open_bench(*store_));
  }

 private:
  const std::filesystem::path hearthd_;
  std::shared_ptr<hearth::store_handle> store_;
};

}  // namespace

std::unique_ptr<store> make_embedded(const std::filesystem::path& directory) {
  return std::make_unique<embedded>(directory);
}

std::unique_ptr<store> make_daemon(const std::filesystem::path& directory,
                                   const std::filesystem::path& hearthd) {
  return std::make_unique<daemon>(directory, hearthd);
}

}  // namespace kv_bench
