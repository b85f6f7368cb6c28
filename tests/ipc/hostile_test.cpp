// Clients that misbehave. Whatever they do, the server stays alive, stays small, and serves others.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <future>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "raw_rpc.hpp"
#include "support.hpp"

namespace hearth::ipc::test {
namespace {

constexpr std::size_t mib = std::size_t{1} << 20;
constexpr int patience_s = 20;

void check_serves(const served_store& served) {
  const auto ns = served.connect()->open_namespace("docs");
  REQUIRE(ns);
  CHECK((*ns)->flush(5).value() == 5);
}

std::vector<raw_socket> crowd(const served_store& served, std::size_t count,
                              const std::string& bytes) {
  std::vector<raw_socket> sockets;
  for (std::size_t i = 0; i < count; ++i) {
    sockets.emplace_back(served.socket());
    REQUIRE(sockets.back().connected());
    sockets.back().send(bytes);
  }
  return sockets;
}

std::size_t grown_since(std::size_t before) {
  const std::size_t now = resident_bytes();
  return now > before ? now - before : 0;
}

TEST_CASE("hundreds of connections with random bytes") {
  served_store served;
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    std::string noise(1 + random() % 2'000, '\0');
    for (auto& byte : noise)
      byte = static_cast<char>(random());
    // Half of them look like a frame of the right size, so that the RPC system gets to see them.
    if (i % 2 == 0 && noise.size() >= 16) {
      noise.resize(noise.size() / 8 * 8);
      const auto header = frame_header(static_cast<std::uint32_t>(noise.size() / 8 - 1));
      noise.replace(0, header.size(), header);
    }
    const raw_socket socket(served.socket());
    REQUIRE(socket.connected());
    socket.send(noise);
  }
  check_serves(served);
}

TEST_CASE("valid conversations with flipped bytes") {
  served_store served;
  std::mt19937 random(2);
  const auto good = raw_rpc().open().search(3).flush(1).search(1).bytes();
  for (int i = 0; i < 500; ++i) {
    auto bad = good;
    for (std::size_t flips = 1 + random() % 8; flips > 0; --flips)
      bad[random() % bad.size()] = static_cast<char>(random());
    const raw_socket socket(served.socket());
    REQUIRE(socket.connected());
    socket.send(bad);
  }
  check_serves(served);
}

TEST_CASE("headers that announce more than is allowed end the connection and take no memory") {
  served_store served;
  check_serves(served);
  const std::size_t before = resident_bytes();
  std::string many_segments(511 * 4 + 4, '\xff');  // 511 segments of 32 GiB
  const std::uint32_t last_segment = 510;
  std::memcpy(many_segments.data(), &last_segment, sizeof last_segment);
  const std::vector<std::string> headers = {std::string(8, '\xff'), many_segments,
                                            frame_header(0x7fffffff), frame_header(8 << 20),
                                            frame_header(64 * 1024 / 8)};
  for (const auto& header : headers) {
    const auto sockets = crowd(served, 30, header);
    for (const auto& socket : sockets)
      CHECK(socket.ends_within(patience_s));
  }
  CHECK(grown_since(before) < 64 * mib);
  check_serves(served);
}

TEST_CASE("after the login, memory follows what arrives and not what is announced") {
  served_store served;
  check_serves(served);
  const std::size_t before = resident_bytes();
  const auto sockets = crowd(served, 20, raw_rpc().open().bytes());
  // A reply to the login is on its way once the session counts.
  while (served.server().sessions() < sockets.size())
    std::this_thread::yield();
  for (const auto& socket : sockets)
    socket.send(frame_header(79 * mib / 8) + std::string(100'000, 'x'));
  for (int i = 0; i < 20; ++i)
    check_serves(served);
  CHECK(grown_since(before) < 300 * mib);  // they announced 1.5 GiB
}

TEST_CASE("a connection that does not log in, or stops inside a message, is closed") {
  server_options options;
  options.login_timeout = std::chrono::milliseconds(100);
  options.partial_message_timeout = std::chrono::milliseconds(100);
  served_store served(simple_behaviour(), options);
  const raw_socket silent(served.socket());
  const auto half_open = crowd(served, 50, std::string(1, '\0'));
  const auto logged_in = crowd(served, 1, raw_rpc().open().bytes());
  const auto torn = crowd(served, 10, raw_rpc().open().bytes() + frame_header(1'000'000) + "abc");
  CHECK(silent.ends_within(patience_s));
  for (const auto& socket : half_open)
    CHECK(socket.ends_within(patience_s));
  for (const auto& socket : torn)
    CHECK(socket.ends_within(patience_s));
  CHECK(served.server().sessions() == 1);  // the one that is only quiet
  check_serves(served);
}

TEST_CASE("a client that never reads does not grow the server") {
  server_options options;
  options.queued_reply_bytes = 4 * mib;
  auto what = simple_behaviour();
  std::atomic<int> searches{0};
  const auto answer = what->search;
  what->search = [&searches, answer](search_query query) {
    ++searches;
    return answer(std::move(query));
  };
  served_store served(what, options);
  check_serves(served);
  const std::size_t before = resident_bytes();
  {
    raw_rpc calls;
    calls.open();
    for (int i = 0; i < 1'000; ++i)
      calls.search(100'000);  // 2 MB per reply, 2 GB together
    const raw_socket socket(served.socket());
    const std::size_t sent = socket.send(calls.bytes());
    CHECK(sent > 0);
    while (searches == 0)
      std::this_thread::yield();
    for (int i = 0; i < 50; ++i)
      check_serves(served);
    CHECK(searches <= 8);
    CHECK(grown_since(before) < 200 * mib);
  }
  while (served.server().sessions() > 0)
    std::this_thread::yield();
  check_serves(served);
}

TEST_CASE("calls that are never answered are bounded, and the client that piles them up is ended") {
  server_options options;
  options.calls_in_flight = 64;
  auto what = simple_behaviour();
  what->held_searches = std::make_shared<std::deque<completion<search_result>>>();
  served_store served(what, options);
  const std::size_t before = resident_bytes();
  raw_rpc calls;
  calls.open();
  const raw_socket socket(served.socket());
  REQUIRE(socket.connected());
  bool ended = false;
  for (int i = 0; i < 200'000 && !ended; ++i) {
    calls.search(1);
    if (calls.bytes().size() < 60'000)
      continue;
    for (std::string_view left = calls.bytes(); !left.empty() && !ended;) {
      left.remove_prefix(socket.send(left));
      ended = !left.empty() && !socket.can_send_within(patience_s);
    }
    calls.clear();
  }
  CHECK((ended || socket.ends_within(patience_s)));
  CHECK(grown_since(before) < 100 * mib);
  {
    const std::lock_guard lock(what->held_mutex);
    CHECK(what->held_searches->size() <= 64);
  }
  check_serves(served);
}

TEST_CASE("answers to clients that are gone, and to a server that is gone, are harmless") {
  auto what = simple_behaviour();
  what->held_searches = std::make_shared<std::deque<completion<search_result>>>();
  served_store served(what);
  const auto wait_for_held = [&](std::size_t count) {
    for (;;) {
      const std::lock_guard lock(what->held_mutex);
      if (what->held_searches->size() == count)
        return;
    }
  };
  {
    const auto sockets = crowd(served, 10, raw_rpc().open().search(1).search(2).bytes());
    wait_for_held(20);
  }
  while (served.server().sessions() > 0)
    std::this_thread::yield();
  const auto sockets = crowd(served, 10, raw_rpc().open().search(1).search(2).bytes());
  wait_for_held(40);
  search_query query;
  query.vectors = ramp(1, 4);
  query.k = 1;
  const auto answer_some = [&](std::size_t count) {
    const std::lock_guard lock(what->held_mutex);
    for (; count > 0; --count) {
      what->held_searches->front()(what->search(query));
      what->held_searches->pop_front();
    }
  };
  answer_some(30);  // 20 for the gone, 10 for the living
  check_serves(served);
  served.stop();
  answer_some(10);
}

TEST_CASE("connections past the cap are told so, and get in when there is room") {
  server_options options;
  options.connections = 3;
  served_store served(simple_behaviour(), options);
  std::vector<std::shared_ptr<store_handle>> stores;
  for (int i = 0; i < 3; ++i)
    stores.push_back(served.connect());
  const auto refused = connect(served.directory(), served.client_options());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == errc::busy);
  CHECK(refused.error().message.find('3') != std::string::npos);
  // Those who do not even ask are closed past the lobby.
  const auto sockets = crowd(served, 100, {});
  CHECK(sockets.back().ends_within(patience_s));
  CHECK(stores.front()->info());

  stores.clear();
  while (served.server().sessions() > 0)
    std::this_thread::yield();
}

TEST_CASE("a server out of file descriptors waits and serves again") {
  const temporary_directory directory;
  const auto socket = directory.path() / "s";
  int ready[2];
  int finish[2];
  REQUIRE(::pipe(ready) == 0);
  REQUIRE(::pipe(finish) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(finish[1]);
    const rlimit limit{48, 48};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    server_options options;
    options.socket = socket;
    const auto server = server::start(make_store(simple_behaviour()), directory.path(), options);
    const char ok = server.has_value() ? 'y' : 'n';
    char end = 0;
    if (::write(ready[1], &ok, 1) != 1 || ::read(finish[0], &end, 1) < 0)
      ::_exit(3);
    ::_exit(server.has_value() ? 0 : 2);
  }
  ::close(finish[0]);
  char ok = 0;
  REQUIRE(::read(ready[0], &ok, 1) == 1);
  REQUIRE(ok == 'y');
  connect_options options;
  options.autostart = false;
  options.socket = socket;
  options.start_timeout = std::chrono::seconds(patience_s);
  {
    std::vector<raw_socket> sockets;
    for (int i = 0; i < 100; ++i)
      sockets.emplace_back(socket);
    CHECK(::kill(child, 0) == 0);
  }
  const auto store = connect(directory.path(), options);
  CHECK(store);
  if (store)
    CHECK((*store)->info());
  ::close(finish[1]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace hearth::ipc::test
