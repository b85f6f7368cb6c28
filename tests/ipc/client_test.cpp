// What happens to a client when its daemon goes, comes back, is slow, is missing, or is not its
// own.
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <future>
#include <thread>

#include "support.hpp"

namespace hearth::ipc::test {
namespace {

search_query one_search() {
  search_query query;
  query.vectors = ramp(1, 4);
  query.k = 1;
  return query;
}

// Starts a search and leaves its answer to the future.
std::future<result<search_result>> start_search(namespace_handle& ns) {
  auto promise = std::make_shared<std::promise<result<search_result>>>();
  auto answer = promise->get_future();
  ns.search(one_search(), [promise](auto outcome) { promise->set_value(std::move(outcome)); });
  return answer;
}

// Sets an environment variable for the length of a test.
class scoped_variable {
 public:
  scoped_variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name))
      before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~scoped_variable() {
    if (before_.has_value())
      ::setenv(name_, before_->c_str(), 1);
    else
      ::unsetenv(name_);
  }
  scoped_variable(const scoped_variable&) = delete;
  scoped_variable& operator=(const scoped_variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> before_;
};

// Something that pretends to be hearthd.
std::filesystem::path script(const temporary_directory& directory, const std::string& text) {
  auto file = directory.path() / "hearthd";
  std::ofstream(file) << "#!/bin/sh\n" << text << "\n";
  ::chmod(file.c_str(), 0700);
  return file;
}

TEST_CASE("handles survive a restart of the daemon") {
  served_store served;
  const auto store = served.connect();
  const auto ns = store->open_namespace("docs");
  REQUIRE(ns);
  REQUIRE((*ns)->flush(1));
  for (int round = 0; round < 3; ++round) {
    served.stop();
    CHECK((*ns)->flush(2).error().code == errc::unavailable);
    std::string opened;
    served.what().open = [&opened](std::string name, open_mode mode, const namespace_request&) {
      opened = name + (mode == open_mode::open ? " open" : " other");
      namespace_config config;
      config.dimension = 4;
      return config;
    };
    served.start();
    CHECK((*ns)->flush(3).value() == 3);
    CHECK(opened == "docs open");
    CHECK(store->info());
  }
}

TEST_CASE("a namespace that is gone after a restart says so") {
  served_store served;
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  served.stop();
  CHECK((*ns)->flush(1).error().code == errc::unavailable);  // the client has noticed
  served.what().open = [](const std::string&, open_mode,
                          const namespace_request&) -> result<namespace_config> {
    return fail(errc::not_found, "no namespace docs");
  };
  served.start();
  CHECK((*ns)->flush(1).error().code == errc::not_found);
  CHECK((*ns)->search(one_search()).error().code == errc::not_found);
}

TEST_CASE("calls in flight when the connection breaks fail, and the next one connects again") {
  auto what = simple_behaviour();
  what->held_searches = std::make_shared<std::deque<completion<search_result>>>();
  served_store served(what);
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  auto answer = start_search(**ns);
  REQUIRE((*ns)->flush(1));
  served.stop();
  const auto lost = answer.get();
  REQUIRE_FALSE(lost);
  CHECK(lost.error().code == errc::unavailable);
  CHECK_FALSE(lost.error().hint.empty());
  served.start();
  CHECK((*ns)->flush(9).value() == 9);
}

TEST_CASE("without reconnect, a lost connection stays lost") {
  served_store served;
  auto options = served.client_options();
  options.reconnect = false;
  const auto store = connect(served.directory(), options);
  REQUIRE(store);
  served.stop();
  served.start();
  for (;;) {
    const auto info = (*store)->info();
    if (info)
      continue;  // the end of the connection is still on its way
    CHECK(info.error().code == errc::unavailable);
    if (info.error().hint == "connect again")
      break;
  }
}

TEST_CASE("a call that takes too long ends, and the connection stays") {
  auto what = simple_behaviour();
  what->held_searches = std::make_shared<std::deque<completion<search_result>>>();
  served_store served(what);
  auto options = served.client_options();
  options.call_timeout = std::chrono::milliseconds(100);
  const auto store = connect(served.directory(), options);
  REQUIRE(store);
  const auto ns = (*store)->open_namespace("docs");
  REQUIRE(ns);
  CHECK((*ns)->search(one_search()).error().code == errc::timeout);
  CHECK((*ns)->flush(2).value() == 2);
  CHECK(served.server().sessions() == 1);
}

TEST_CASE("handles dropped with calls in flight do not lose the answers") {
  auto what = simple_behaviour();
  what->held_searches = std::make_shared<std::deque<completion<search_result>>>();
  served_store served(what);
  std::future<result<search_result>> answer;
  {
    const auto ns = served.connect()->open_namespace("docs");
    REQUIRE(ns);
    answer = start_search(**ns);
    REQUIRE((*ns)->flush(1));
  }
  {
    const std::lock_guard lock(what->held_mutex);
    what->held_searches->front()(what->search(one_search()));
    what->held_searches->clear();
  }
  CHECK(answer.get());
  while (served.server().sessions() > 0)
    std::this_thread::yield();
  CHECK(served.connect()->info());
}

TEST_CASE("a store handle may be dropped by its own completion") {
  served_store served;
  auto store = served.connect();
  std::promise<void> called;
  auto done = called.get_future();
  auto* raw = store.get();
  raw->info([store = std::move(store), &called](const result<store_info>& info) mutable {
    store = nullptr;
    if (info)
      called.set_value();
  });
  done.get();
}

TEST_CASE("in a forked child the parent's handles fail and new ones work") {
  served_store served;
  const auto store = served.connect();
  const auto ns = store->open_namespace("docs");
  REQUIRE(ns);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto inherited = (*ns)->flush(1);
    if (inherited || inherited.error().code != errc::unavailable ||
        inherited.error().hint.find("fork") == std::string::npos)
      ::_exit(1);
    if (store->info())
      ::_exit(2);
    const auto fresh = connect(served.directory(), served.client_options());
    if (!fresh)
      ::_exit(3);
    const auto again = (*fresh)->open_namespace("docs");
    if (!again || (*again)->flush(4) != lsn_t{4})
      ::_exit(4);
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK((*ns)->flush(5).value() == 5);
}

TEST_CASE("a connection ends with its process, not with the process's children") {
  served_store served;
  auto store = served.connect();
  int finish[2];
  REQUIRE(::pipe(finish) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(finish[1]);
    char end = 0;
    ::_exit(::read(finish[0], &end, 1) == 0 ? 0 : 1);
  }
  store = nullptr;
  while (served.server().sessions() > 0)
    std::this_thread::yield();
  ::close(finish[1]);
  ::close(finish[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("without a daemon and without autostart the error says what to do") {
  const temporary_directory directory;
  connect_options options;
  options.autostart = false;
  options.socket = directory.path() / "s";
  const auto refused = connect(directory.path(), options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::unavailable);
  CHECK(refused.error().message.find(directory.path().string()) != std::string::npos);
  CHECK(refused.error().hint.find("hearthd") != std::string::npos);
}

TEST_CASE("a daemon that cannot be started is named, with its own words and its log") {
  const temporary_directory directory;
  connect_options options;
  options.socket = directory.path() / "s";
  SECTION("not there") {
    options.daemon = directory.path() / "none";
    const auto refused = connect(directory.path(), options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::unavailable);
    CHECK(refused.error().message.find("none") != std::string::npos);
  }
  SECTION("from the environment") {
    const scoped_variable variable("HEARTH_DAEMON", directory.path() / "missing");
    const auto refused = connect(directory.path(), options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("missing") != std::string::npos);
    CHECK(refused.error().hint.find("HEARTH_DAEMON") != std::string::npos);
  }
  SECTION("it fails") {
    options.daemon = script(directory, "echo noise >&2; echo 'hearthd: the disk is on fire' >&2; "
                                       "exit 4");
    const auto refused = connect(directory.path(), options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::unavailable);
    CHECK(refused.error().message.find("the disk is on fire") != std::string::npos);
    CHECK(refused.error().message.find("noise") == std::string::npos);
    CHECK(refused.error().hint.find(directory.path() / "hearthd.log") != std::string::npos);
  }
  SECTION("it crashes") {
    options.daemon = script(directory, "kill -9 $$");
    const auto refused = connect(directory.path(), options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("signal 9") != std::string::npos);
  }
  SECTION("it never answers") {
    options.daemon = script(directory, "exec sleep 5");
    options.start_timeout = std::chrono::milliseconds(150);
    const auto refused = connect(directory.path(), options);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == errc::timeout);
  }
}

TEST_CASE("the daemon gets the store's path, however odd, the socket if one is named, no more") {
  const temporary_directory directory;
  const auto store = directory.path() / "a store; $(touch x) 'quoted'";
  std::filesystem::create_directories(store);
  const temporary_directory runtime;
  const scoped_variable variable("XDG_RUNTIME_DIR", runtime.path());
  connect_options options;
  options.daemon = script(directory, "printf '%s|' \"$@\" > '" + directory.path().string() +
                                         "/arguments'; exit 4");
  const auto arguments = [&] {
    REQUIRE_FALSE(connect(store, options));
    std::string line;
    std::getline(std::ifstream(directory.path() / "arguments"), line);
    return line;
  };
  CHECK(arguments() == "--daemon|--store|" + store.string() + "|");
  options.socket = directory.path() / "s";
  CHECK(arguments() ==
        "--daemon|--store|" + store.string() + "|--socket|" + options.socket.string() + "|");
}

TEST_CASE("a daemon may take longer to start than a call") {
  const temporary_directory directory;
  connect_options options;
  options.socket = directory.path() / "s";
  options.call_timeout = std::chrono::milliseconds(100);
  options.daemon = script(directory, "sleep 0.5; echo 'hearthd: it took its time' >&2; exit 4");
  const auto refused = connect(directory.path(), options);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("it took its time") != std::string::npos);
}

TEST_CASE("who loses the race to start a daemon connects to the winner's") {
  const temporary_directory directory;
  const auto marker = directory.path() / "started";
  connect_options options;
  options.socket = directory.path() / "s";
  options.daemon = script(directory, "touch '" + marker.string() + "'; exit 3");
  auto connected =
      std::async(std::launch::async, [&] { return connect(directory.path(), options); });
  while (!std::filesystem::exists(marker))
    std::this_thread::yield();
  server_options serve;
  serve.socket = options.socket;
  const auto server = server::start(make_store(simple_behaviour()), directory.path(), serve);
  REQUIRE(server);
  const auto store = connected.get();
  REQUIRE(store);
  CHECK((*store)->info());
}

TEST_CASE("a daemon that dies between taking a connection and the login is tried again") {
  const temporary_directory directory;
  connect_options options;
  options.autostart = false;
  options.socket = directory.path() / "s";
  server_options serve;
  serve.socket = directory.path() / "new";
  const auto server = server::start(make_store(simple_behaviour()), directory.path(), serve);
  REQUIRE(server);
  std::optional<listening_socket> dying(options.socket);
  auto connected =
      std::async(std::launch::async, [&] { return connect(directory.path(), options); });
  const int taken = dying->accept();
  REQUIRE(taken >= 0);
  std::filesystem::rename(serve.socket, options.socket);  // who tries again meets the living one
  dying.reset();
  ::close(taken);
  const auto store = connected.get();
  INFO((store ? std::string() : to_string(store.error())));
  REQUIRE(store);
  CHECK((*store)->info());
}

TEST_CASE("twenty clients at once share one connection loop and one server") {
  served_store served;
  std::vector<std::thread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 20; ++i)
    clients.emplace_back([&] {
      const auto store = connect(served.directory(), served.client_options());
      if (store && (*store)->info())
        ++good;
    });
  for (auto& client : clients)
    client.join();
  CHECK(good == 20);
}

TEST_CASE("shutting down asks the daemon and waits until it is gone") {
  const temporary_directory runtime;
  const temporary_directory directory;
  const scoped_variable variable("XDG_RUNTIME_DIR", runtime.path());
  CHECK(shutdown_daemon(directory.path(), std::chrono::seconds(1)).error().code == errc::not_found);
  auto server = server::start(make_store(simple_behaviour()), directory.path());
  REQUIRE(server);
  CHECK_FALSE((*server)->shutdown_requested());
  auto down = std::async(std::launch::async, [&] {
    return shutdown_daemon(directory.path(), std::chrono::seconds(20));
  });
  while (!(*server)->shutdown_requested())
    std::this_thread::yield();
  (*server)->stop();
  CHECK(down.get());
  CHECK(shutdown_daemon(directory.path(), std::chrono::seconds(1)).error().code == errc::not_found);
}

TEST_CASE("a daemon that does not go down in time is a timeout") {
  const temporary_directory runtime;
  const temporary_directory directory;
  const scoped_variable variable("XDG_RUNTIME_DIR", runtime.path());
  const auto server = server::start(make_store(simple_behaviour()), directory.path());
  REQUIRE(server);
  CHECK(shutdown_daemon(directory.path(), std::chrono::milliseconds(200)).error().code ==
        errc::timeout);
}

}  // namespace
}  // namespace hearth::ipc::test
