#include "ipc/client.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>
#include <utility>

#include "core/format.hpp"
#include "ipc/client_connection.hpp"
#include "ipc/client_loop.hpp"
#include "ipc/client_reader.hpp"
#include "ipc/client_transaction.hpp"
#include "ipc/daemon_launcher.hpp"

namespace hearth::ipc {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

class client_namespace final : public client_reader<namespace_handle, client_namespace> {
 public:
  client_namespace(std::shared_ptr<client_connection> connection,
                   std::shared_ptr<namespace_link> link, namespace_config config)
      : connection_(std::move(connection)), link_(std::move(link)), name_(link_->name),
        config_(std::move(config)) {}
  ~client_namespace() override { connection_->dispose(std::move(link_)); }

  const std::string& name() const noexcept override { return name_; }
  const namespace_config& config() const noexcept override { return config_; }

  // The daemon checks everything. A filter, though, can be written down only if it is valid.
  void write(write_batch batch, completion<write_result> done) override {
    if (auto valid = check_filter(batch.where); !valid)
      return done(std::unexpected(std::move(valid).error()));
    request<write_result>(std::move(batch), std::move(done),
                          [](auto& on, auto size) { return on.writeRequest(size); });
  }
  void begin(transaction_options options,
             completion<std::shared_ptr<transaction_handle>> done) override {
    if (auto valid = validate(options); !valid)
      return done(std::unexpected(std::move(valid).error()));
    begin_transaction(connection_, link_, options, std::move(done));
  }
  void get_queues(queue_query query, completion<queue_result> done) override {
    request<queue_result>(std::move(query), std::move(done),
                          [](auto& on, auto size) { return on.getQueuesRequest(size); });
  }
  void scan_items(item_scan query, completion<item_page> done) override {
    request<item_page>(std::move(query), std::move(done),
                       [](auto& on, auto size) { return on.scanItemsRequest(size); });
  }
  void changes(change_query query, completion<change_page> done) override {
    if (auto valid = check_filter(query.where); !valid)
      return done(std::unexpected(std::move(valid).error()));
    // The answer has to come before the call times out.
    query.wait_ms = static_cast<std::uint32_t>(
        std::min<std::int64_t>(query.wait_ms, connection_->call_timeout().count() / 2));
    request<change_page>(std::move(query), std::move(done),
                         [](auto& on, auto size) { return on.changesRequest(size); });
  }
  void update_consumer(consumer_request wish, completion<feed_position> done) override {
    request<feed_position>(std::move(wish), std::move(done),
                           [](auto& on, auto size) { return on.updateConsumerRequest(size); });
  }
  void list_consumers(completion<std::vector<feed_consumer>> done) override {
    connection_->call<std::vector<feed_consumer>>(
        link_, std::move(done),
        [link = link_](live_session&) {
          return sent(link->capability.listConsumersRequest().send());
        },
        read_what{});
  }
  void info(completion<namespace_info> done) override {
    connection_->call<namespace_info>(
        link_, std::move(done),
        [link = link_](live_session&) { return sent(link->capability.infoRequest().send()); },
        read_what{});
  }
  void flush(lsn_t lsn, completion<lsn_t> done) override {
    connection_->call<lsn_t>(
        link_, std::move(done),
        [link = link_, lsn](live_session&) {
          auto message = link->capability.flushRequest();
          message.setLsn(lsn);
          return sent(message.send());
        },
        [](auto reply) { return lsn_t{reply.getDurableLsn()}; });
  }
  void alter(namespace_request wish, completion<namespace_config> done) override {
    connection_->call<namespace_config>(
        link_, std::move(done),
        [link = link_, wish = std::move(wish)](live_session& live) {
          return build(
              live, wish, [&](auto size) { return link->capability.alterRequest(size); },
              [](auto& message, const auto& what) { wire::write(message.initRequest(), what); });
        },
        read_what{});
  }
  void tune(tune_request wish, completion<tune_result> done) override {
    connection_->call<tune_result>(
        link_, std::move(done),
        [link = link_, wish](live_session&) {
          auto message = link->capability.tuneRequest();
          wire::write(message, wish);
          return sent(message.send());
        },
        read_what{});
  }

  void stats(completion<namespace_stats> done) override {
    connection_->call<namespace_stats>(
        link_, std::move(done),
        [link = link_](live_session&) { return sent(link->capability.statsRequest().send()); },
        read_what{});
  }
  void checkpoint(completion<lsn_t> done) override {
    connection_->call<lsn_t>(
        link_, std::move(done),
        [link = link_](live_session&) { return sent(link->capability.checkpointRequest().send()); },
        [](auto reply) { return lsn_t{reply.getLsn()}; });
  }
  void compact(completion<compact_result> done) override {
    connection_->call<compact_result>(
        link_, std::move(done),
        [link = link_](live_session&) { return sent(link->capability.compactRequest().send()); },
        read_what{});
  }
  void check(std::string cursor, completion<check_step> done) override {
    connection_->call<check_step>(
        link_, std::move(done),
        [link = link_, cursor = std::move(cursor)](live_session&) {
          auto message = link->capability.checkRequest();
          message.setCursor(kj::arrayPtr(cursor.data(), cursor.size()).asBytes());
          return sent(message.send());
        },
        read_what{});
  }

 private:
  friend class client_reader<namespace_handle, client_namespace>;
  template <class Answer, class Request, class Make, class Fill = write_what,
            class Read = read_what>
  void request(Request&& what, completion<Answer> done, Make make, Fill fill = {}, Read read = {}) {
    connection_->call<Answer>(
        link_, std::move(done),
        [link = link_, what = std::forward<Request>(what), make, fill](live_session& live) {
          return build(
              live, what, [&](auto size) { return make(link->capability, size); }, fill);
        },
        read);
  }

  std::shared_ptr<client_connection> connection_;
  std::shared_ptr<namespace_link> link_;
  const std::string name_;
  const namespace_config config_;
};

class client_store final : public store_handle {
 public:
  explicit client_store(std::shared_ptr<client_connection> connection)
      : connection_(std::move(connection)) {}

  void open_namespace(std::string name, open_mode mode, namespace_request request,
                      completion<std::shared_ptr<namespace_handle>> done) override {
    if (auto valid = validate_namespace_name(name); !valid)
      return done(std::unexpected(std::move(valid).error()));
    auto link = std::make_shared<namespace_link>(std::move(name));
    connection_->call<std::shared_ptr<namespace_handle>>(
        std::move(done),
        [link, mode, request = std::move(request)](live_session& live) {
          link->generation = live.generation();
          return build(
              live, request, [&](auto size) { return live.session().openNamespaceRequest(size); },
              [&](auto& message, const auto& what) {
                message.setName(text(link->name));
                message.setMode(wire::to_wire(mode));
                wire::write(message.initRequest(), what);
              });
        },
        [link, connection = connection_](auto reply) -> result<std::shared_ptr<namespace_handle>> {
          HEARTH_TRY(auto config, wire::read(reply.getConfig()));
          link->capability = reply.getNamespace();
          return std::make_shared<client_namespace>(connection, link, std::move(config));
        });
  }

  void list_namespaces(completion<std::vector<std::string>> done) override {
    connection_->call<std::vector<std::string>>(
        std::move(done),
        [](live_session& live) { return sent(live.session().listNamespacesRequest().send()); },
        [](auto reply) {
          std::vector<std::string> names;
          for (const auto name : reply)
            names.emplace_back(name.begin(), name.size());
          return names;
        });
  }

  void drop_namespace(std::string name, completion<std::monostate> done) override {
    if (auto valid = validate_namespace_name(name); !valid)
      return done(std::unexpected(std::move(valid).error()));
    connection_->call<std::monostate>(
        std::move(done),
        [name = std::move(name)](live_session& live) {
          auto message = live.session().dropNamespaceRequest();
          message.setName(text(name));
          return sent(message.send());
        },
        [](auto) { return std::monostate(); });
  }

  void info(completion<store_info> done) override {
    connection_->call<store_info>(
        std::move(done),
        [](live_session& live) { return sent(live.session().infoRequest().send()); }, read_what{});
  }

 private:
  std::shared_ptr<client_connection> connection_;
};

result<std::shared_ptr<client_connection>> open_connection(const std::filesystem::path& directory,
                                                           const connect_options& options) {
  std::error_code failure;
  const auto absolute = std::filesystem::absolute(directory, failure);
  if (failure || directory.empty())
    return fail(errc::invalid_argument, "directory is not a path", "name the store's directory");
  HEARTH_TRY(auto loop, client_loop::shared());
  auto connection = std::make_shared<client_connection>(std::move(loop), absolute, options);
  HEARTH_CHECK(wait_for<std::monostate>([&](auto done) { connection->connect(std::move(done)); }));
  return connection;
}

// True if the process is a daemon of its own, and not a host that embeds the server.
bool is_daemon_process(std::uint32_t pid) {
  std::ifstream file(core::format("/proc/{}/comm", pid));
  std::string name;
  std::getline(file, name);
  return name == "hearthd";
}

// Waits until the process is gone, or the deadline. True if it is gone.
bool wait_for_exit(std::uint32_t pid, steady_clock::time_point deadline) {
  const kj::AutoCloseFd process(
      static_cast<int>(::syscall(SYS_pidfd_open, static_cast<pid_t>(pid), 0)));
  if (process.get() < 0)
    return true;
  const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
  pollfd ended{process.get(), POLLIN, 0};
  return ::poll(&ended, 1, static_cast<int>(std::max(left, milliseconds(0)).count())) == 1;
}

}  // namespace

result<std::shared_ptr<store_handle>> connect(const std::filesystem::path& directory,
                                              const connect_options& options) {
  HEARTH_TRY(auto connection, open_connection(directory, options));
  return std::make_shared<client_store>(std::move(connection));
}

result<void> shutdown_daemon(const std::filesystem::path& directory, milliseconds timeout,
                             const std::filesystem::path& socket) {
  const auto deadline = steady_clock::now() + timeout;
  connect_options options;
  options.socket = socket;
  options.autostart = false;
  options.reconnect = false;
  options.call_timeout = timeout;
  options.start_timeout = timeout;
  const auto too_late = [&] {
    return fail(errc::timeout,
                core::format("the daemon of {} has not ended within {} ms", directory.string(),
                             timeout.count()),
                core::format("it may still be saving; see its log, {}",
                             (directory / "hearthd.log").string()));
  };

  if (const auto probe = try_connect(directory, options);
      !probe && probe.error().code == errc::not_found)
    return fail(errc::not_found, core::format("no daemon serves {}", directory.string()));
  HEARTH_TRY(const auto connection, open_connection(directory, options));
  const auto store = std::make_shared<client_store>(connection);
  HEARTH_TRY(const auto info, static_cast<store_handle&>(*store).info());
  HEARTH_CHECK(wait_for<std::monostate>([&](auto done) {
    connection->call<std::monostate>(
        std::move(done),
        [](live_session& live) { return sent(live.session().shutdownRequest().send()); },
        [](auto) { return std::monostate(); });
  }));
  const auto ended =
      wait_for<std::monostate>([&](auto done) { connection->wait_for_end(std::move(done)); });
  if (!ended && ended.error().code == errc::timeout)
    return too_late();
  if (is_daemon_process(info.pid) && !wait_for_exit(info.pid, deadline))
    return too_late();
  return {};
}

}  // namespace hearth::ipc
