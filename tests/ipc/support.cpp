#include "support.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <utility>

namespace hearth::ipc::test {

temporary_directory::temporary_directory() {
  std::string name = "/tmp/hearth-ipc-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

temporary_directory::~temporary_directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

worker::worker()
    : thread_([this] {
        std::unique_lock lock(mutex_);
        for (;;) {
          wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
          if (jobs_.empty())
            return;
          auto job = std::move(jobs_.front());
          jobs_.pop_front();
          lock.unlock();
          job();
          lock.lock();
        }
      }) {}

worker::~worker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void worker::post(std::move_only_function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

namespace {

// The handles share one worker that lives as long as any of them.
class fake_namespace final : public namespace_handle {
 public:
  fake_namespace(std::shared_ptr<behaviour> what, std::shared_ptr<worker> thread, std::string name,
                 namespace_config config)
      : what_(std::move(what)), thread_(std::move(thread)), name_(std::move(name)),
        config_(std::move(config)) {}

  const std::string& name() const noexcept override { return name_; }
  const namespace_config& config() const noexcept override { return config_; }

  void write(write_batch batch, completion<write_result> done) override {
    answer(std::move(done), [what = what_, batch = std::move(batch)]() mutable {
      return what->write(std::move(batch));
    });
  }
  void search(search_query query, completion<search_result> done) override {
    if (what_->held_searches != nullptr) {
      const std::lock_guard lock(what_->held_mutex);
      what_->held_searches->push_back(std::move(done));
      return;
    }
    answer(std::move(done), [what = what_, query = std::move(query)]() mutable {
      return what->search(std::move(query));
    });
  }
  void get(get_query query, completion<get_result> done) override {
    answer(std::move(done), [what = what_, query = std::move(query)]() mutable {
      return what->get(std::move(query));
    });
  }
  void scan(scan_query query, completion<scan_page> done) override {
    answer(std::move(done), [what = what_, query = std::move(query)]() mutable {
      return what->scan(std::move(query));
    });
  }
  void count(std::optional<filter> where, completion<std::uint64_t> done) override {
    answer(std::move(done),
           [what = what_, where = std::move(where)]() mutable { return what->count(where); });
  }
  void facets(facet_query query, completion<facet_result> done) override {
    answer(std::move(done), [what = what_, query = std::move(query)]() mutable {
      return what->facets(std::move(query));
    });
  }
  void get_keys(key_query query, completion<key_result> done) override {
    answer(std::move(done), [what = what_, query = std::move(query)]() mutable {
      return what->get_keys(std::move(query));
    });
  }
  void begin(transaction_options options,
             completion<std::shared_ptr<transaction_handle>> done) override {
    answer(std::move(done), [what = what_, options] { return what->begin(options); });
  }
  void scan_keys(key_scan query, completion<key_page> done) override {
    answer(std::move(done), [what = what_, query = std::move(query)]() mutable {
      return what->scan_keys(std::move(query));
    });
  }
  void get_queues(queue_query query, completion<queue_result> done) override {
    answer(std::move(done), [what = what_, query = std::move(query)]() mutable {
      return what->get_queues(std::move(query));
    });
  }
  void scan_items(item_scan query, completion<item_page> done) override {
    answer(std::move(done), [what = what_, query = std::move(query)]() mutable {
      return what->scan_items(std::move(query));
    });
  }
  void changes(change_query query, completion<change_page> done) override {
    answer(std::move(done), [what = what_, query = std::move(query)]() mutable {
      return what->changes(std::move(query));
    });
  }
  void update_consumer(consumer_request request, completion<feed_position> done) override {
    answer(std::move(done), [what = what_, request = std::move(request)]() mutable {
      return what->update_consumer(std::move(request));
    });
  }
  void list_consumers(completion<std::vector<feed_consumer>> done) override {
    answer(std::move(done), [what = what_] { return what->list_consumers(); });
  }
  void info(completion<namespace_info> done) override {
    answer(std::move(done), [what = what_] { return what->info(); });
  }
  void flush(lsn_t lsn, completion<lsn_t> done) override {
    answer(std::move(done), [what = what_, lsn] { return what->flush(lsn); });
  }
  void alter(namespace_request request, completion<namespace_config> done) override {
    answer(std::move(done), [what = what_, request = std::move(request)]() mutable {
      return what->alter(std::move(request));
    });
  }
  void stats(completion<namespace_stats> done) override {
    answer(std::move(done), [what = what_] { return what->stats(); });
  }
  void checkpoint(completion<lsn_t> done) override {
    answer(std::move(done), [what = what_] { return what->checkpoint(); });
  }
  void compact(completion<compact_result> done) override {
    answer(std::move(done), [what = what_] { return what->compact(); });
  }
  void check(std::string cursor, completion<check_step> done) override {
    answer(std::move(done), [what = what_, cursor] { return what->check(cursor); });
  }
  void tune(tune_request request, completion<tune_result> done) override {
    answer(std::move(done), [what = what_, request] { return what->tune(request); });
  }

 private:
  template <class T, class Make>
  void answer(completion<T> done, Make make) {
    thread_->post([done = std::move(done), make = std::move(make)]() mutable { done(make()); });
  }

  std::shared_ptr<behaviour> what_;
  std::shared_ptr<worker> thread_;
  const std::string name_;
  const namespace_config config_;
};

class fake_store final : public store_handle {
 public:
  explicit fake_store(std::shared_ptr<behaviour> what) : what_(std::move(what)) {}

  void open_namespace(std::string name, open_mode mode, namespace_request request,
                      completion<std::shared_ptr<namespace_handle>> done) override {
    thread_->post([what = what_, thread = thread_, name = std::move(name), mode,
                   request = std::move(request), done = std::move(done)]() mutable {
      auto config = what->open(name, mode, std::move(request));
      if (config.has_value())
        done(std::make_shared<fake_namespace>(what, keep(thread), name, std::move(*config)));
      else
        done(std::unexpected(std::move(config).error()));
    });
  }
  void list_namespaces(completion<std::vector<std::string>> done) override {
    thread_->post([what = what_, done = std::move(done)]() mutable { done(what->list()); });
  }
  void drop_namespace(std::string name, completion<std::monostate> done) override {
    thread_->post([what = what_, name = std::move(name), done = std::move(done)]() mutable {
      const auto dropped = what->drop(name);
      if (dropped.has_value())
        done(std::monostate());
      else
        done(std::unexpected(dropped.error()));
    });
  }
  void info(completion<store_info> done) override {
    thread_->post([what = what_, done = std::move(done)]() mutable { done(what->store()); });
  }

 private:
  // A job must not drop the last reference to the thread that it runs on.
  static std::shared_ptr<worker> keep(const std::shared_ptr<worker>& thread) { return thread; }

  std::shared_ptr<behaviour> what_;
  std::shared_ptr<worker> thread_ = std::shared_ptr<worker>(
      new worker, [](worker* ending) { std::thread([ending] { delete ending; }).detach(); });
};

}  // namespace

std::shared_ptr<store_handle> make_store(std::shared_ptr<behaviour> what) {
  return std::make_shared<fake_store>(std::move(what));
}

std::shared_ptr<behaviour> simple_behaviour() {
  auto what = std::make_shared<behaviour>();
  what->write = [](const write_batch& batch) {
    return write_result{.lsn = 7, .durable_lsn = 7, .affected = batch.rows()};
  };
  what->search = [](const search_query& query) {
    search_result found;
    found.offsets.push_back(0);
    for (std::size_t row = 0; row < query.vectors.rows(); ++row) {
      for (std::uint32_t i = 0; i < query.k; ++i) {
        found.hits.ids.emplace_back(std::uint64_t{i});
        found.hits.versions.push_back(i + 1);
        found.distances.push_back(static_cast<float>(i));
      }
      found.offsets.push_back(found.hits.size());
    }
    return found;
  };
  what->get = [](const get_query& query) {
    get_result answer;
    answer.missing = query.ids;
    return answer;
  };
  what->scan = [](const scan_query&) { return scan_page(); };
  what->info = [] {
    namespace_info info;
    info.config.dimension = 4;
    return info;
  };
  what->flush = [](lsn_t lsn) { return lsn; };
  what->stats = [] { return namespace_stats(); };
  what->checkpoint = [] { return lsn_t{1}; };
  what->compact = [] { return compact_result(); };
  what->check = [](const std::string&) { return check_step(); };
  what->tune = [](const tune_request&) { return tune_result(); };
  what->alter = [](const namespace_request&) { return namespace_config{.dimension = 4}; };
  what->open = [](const std::string&, open_mode, const namespace_request& request) {
    namespace_config config;
    config.dimension = request.dimension.value_or(4);
    return config;
  };
  what->list = [] { return std::vector<std::string>{}; };
  what->drop = [](const std::string&) { return result<void>(); };
  what->store = [] {
    store_info info;
    info.path = "/fake";
    return info;
  };
  return what;
}

served_store::served_store(std::shared_ptr<behaviour> what, server_options options)
    : what_(std::move(what)), options_(std::move(options)) {
  options_.socket = socket();
  start();
}

void served_store::start() {
  auto started = ipc::server::start(make_store(what_), directory_.path(), options_);
  INFO((started ? std::string() : to_string(started.error())));
  REQUIRE(started.has_value());
  server_ = std::move(*started);
}

connect_options served_store::client_options() const {
  connect_options options;
  options.autostart = false;
  options.socket = socket();
  options.call_timeout = std::chrono::seconds(20);
  return options;
}

std::shared_ptr<store_handle> served_store::connect() const {
  auto connected = ipc::connect(directory_.path(), client_options());
  INFO((connected ? std::string() : to_string(connected.error())));
  REQUIRE(connected.has_value());
  return std::move(*connected);
}

namespace {

sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

}  // namespace

listening_socket::listening_socket(const std::filesystem::path& path)
    : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const auto address = address_of(path);
  REQUIRE(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(fd_, 8) == 0);
}

listening_socket::~listening_socket() {
  if (fd_ >= 0)
    ::close(fd_);
}

int listening_socket::accept() const {
  return ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
}

raw_socket::raw_socket(const std::filesystem::path& path) {
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = address_of(path);
  if (fd_ >= 0 && ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

raw_socket::~raw_socket() {
  if (fd_ >= 0)
    ::close(fd_);
}

raw_socket::raw_socket(raw_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

std::size_t raw_socket::send(std::string_view bytes) const {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count =
        ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count <= 0)
      break;
    sent += static_cast<std::size_t>(count);
  }
  return sent;
}

bool raw_socket::ends_within(int seconds) const {
  using clock = std::chrono::steady_clock;
  const auto deadline = clock::now() + std::chrono::seconds(seconds);
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
    pollfd ready{fd_, POLLIN, 0};
    if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) <= 0)
      return false;
    char rest[4096];
    const ssize_t count = ::recv(fd_, rest, sizeof rest, MSG_DONTWAIT);
    if (count == 0 || (count < 0 && errno != EAGAIN))
      return true;
  }
}

bool raw_socket::can_send_within(int seconds) const {
  pollfd ready{fd_, POLLOUT, 0};
  return ::poll(&ready, 1, seconds * 1'000) == 1 && (ready.revents & (POLLHUP | POLLERR)) == 0;
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

matrix ramp(std::size_t rows, std::uint32_t dimension, float start) {
  std::vector<float> values(rows * dimension);
  for (auto& value : values)
    value = start += 0.25F;
  return matrix(std::move(values), rows, dimension);
}

}  // namespace hearth::ipc::test
