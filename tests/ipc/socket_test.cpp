// Where sockets lie, who may use them, and what happens to their files.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "ipc/daemon_launcher.hpp"
#include "ipc/event_loop.hpp"
#include "ipc/schema.hpp"
#include "ipc/socket_network.hpp"
#include "ipc/socket_places.hpp"
#include "raw_rpc.hpp"
#include "support.hpp"

namespace hearth::ipc::test {
namespace {

namespace fs = std::filesystem;

unsigned mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::lstat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

socket_environment in(const temporary_directory& directory) {
  return {.runtime_directory = directory.path() / "runtime",
          .run_user = directory.path() / "user",
          .uid = ::geteuid()};
}

TEST_CASE("a socket goes to the runtime directory, else to the user's, else into the store") {
  const temporary_directory directory;
  const auto store = directory.path() / "my store";
  const auto environment = in(directory);
  const auto user = environment.run_user / std::to_string(environment.uid);

  const auto in_store = socket_path(store, environment);
  REQUIRE(in_store);
  CHECK(*in_store == store / "run" / "hearthd.sock");
  CHECK(mode_of(store / "run") == 0700);

  fs::create_directories(user);
  fs::permissions(user, fs::perms::owner_all);
  const auto of_user = socket_path(store, environment);
  REQUIRE(of_user);
  CHECK(of_user->parent_path() == user / "hearth");
  CHECK(mode_of(user / "hearth") == 0700);

  fs::create_directories(environment.runtime_directory);
  fs::permissions(environment.runtime_directory, fs::perms::owner_all);
  const auto in_runtime = socket_path(store, environment);
  REQUIRE(in_runtime);
  CHECK(in_runtime->parent_path() == environment.runtime_directory / "hearth");
  CHECK(in_runtime->filename().string().starts_with("my_store-"));
  CHECK(in_runtime->extension() == ".sock");

  const std::vector<fs::path> all = {*in_runtime, *of_user, *in_store};
  CHECK(socket_places(store, environment) == all);
}

TEST_CASE("one store has one socket name, however it is spelled, and two stores have two") {
  const temporary_directory directory;
  const auto environment = in(directory);
  fs::create_directories(directory.path() / "a" / "notes");
  fs::create_directories(directory.path() / "b" / "notes");
  fs::create_symlink(directory.path() / "a", directory.path() / "link");
  const auto name = [&](const fs::path& store) {
    return socket_places(store, environment).front();
  };
  const auto first = name(directory.path() / "a" / "notes");
  CHECK(name(directory.path() / "a" / "notes" / "") == first);
  CHECK(name(directory.path() / "a" / ".." / "a" / "notes") == first);
  CHECK(name(directory.path() / "link" / "notes") == first);
  CHECK(name(directory.path() / "b" / "notes") != first);
}

TEST_CASE("a socket directory that others can use is refused") {
  const temporary_directory directory;
  const auto environment = in(directory);
  fs::create_directories(environment.runtime_directory / "hearth");
  fs::permissions(environment.runtime_directory, fs::perms::owner_all);
  const auto hearth = environment.runtime_directory / "hearth";

  fs::permissions(hearth, fs::perms::owner_all | fs::perms::group_read);
  const auto open = socket_path(directory.path() / "s", environment);
  REQUIRE_FALSE(open);
  CHECK(open.error().code == errc::permission_denied);
  CHECK(open.error().hint.find("chmod 700") != std::string::npos);

  fs::remove(hearth);
  fs::create_directory_symlink("/tmp", hearth);
  CHECK(socket_path(directory.path() / "s", environment).error().code == errc::permission_denied);

  fs::remove(hearth);
  fs::create_directory(hearth);
  fs::permissions(hearth, fs::perms::owner_all);
  auto foreign = environment;
  foreign.uid = ::geteuid() + 1;
  // Not this user's runtime directory: it is not used at all.
  const auto elsewhere = socket_path(directory.path() / "s", foreign);
  CHECK_FALSE((elsewhere && elsewhere->parent_path() == hearth));
}

TEST_CASE("a path too long for a socket is moved, and refused if there is no shorter one") {
  const temporary_directory directory;
  auto environment = in(directory);
  environment.runtime_directory = directory.path() / std::string(90, 'x');
  fs::create_directories(environment.runtime_directory);
  const auto user = environment.run_user / std::to_string(environment.uid);
  fs::create_directories(user);
  fs::permissions(user, fs::perms::owner_all);
  const auto moved = socket_path(directory.path() / "s", environment);
  REQUIRE(moved);
  CHECK(moved->parent_path() == user / "hearth");

  environment.run_user = directory.path() / std::string(90, 'y');
  const auto nowhere = socket_path(directory.path() / std::string(100, 'z'), environment);
  REQUIRE_FALSE(nowhere);
  CHECK(nowhere.error().code == errc::limit_exceeded);
  CHECK(nowhere.error().message.find("107") != std::string::npos);
}

TEST_CASE("the socket is its user's alone and is removed at the end") {
  served_store served;
  CHECK(mode_of(served.socket()) == 0600);
  served.stop();
  CHECK_FALSE(fs::exists(served.socket()));
}

TEST_CASE("a socket file of somebody else is left alone at the end") {
  served_store served;
  fs::rename(served.socket(), served.directory() / "moved");
  std::ofstream(served.socket()) << "mine";
  served.stop();
  CHECK(fs::exists(served.socket()));
}

TEST_CASE("a stale socket is replaced, an answering one is not, and no other file ever is") {
  const temporary_directory directory;
  server_options options;
  options.socket = directory.path() / "s";
  const auto start = [&] {
    return server::start(make_store(simple_behaviour()), directory.path(), options);
  };
  SECTION("stale") {
    { const listening_socket dead(options.socket); }
    REQUIRE(fs::exists(options.socket));
    CHECK(start());
  }
  SECTION("answering") {
    const auto first = start();
    REQUIRE(first);
    const auto second = start();
    REQUIRE_FALSE(second);
    CHECK(second.error().code == errc::busy);
    CHECK(raw_socket(options.socket).connected());
  }
  SECTION("a file") {
    std::ofstream(options.socket) << "precious";
    CHECK(start().error().code == errc::already_exists);
    CHECK(fs::file_size(options.socket) == 8);
  }
  SECTION("too long") {
    options.socket = directory.path() / std::string(120, 'x');
    CHECK(start().error().code == errc::limit_exceeded);
  }
}

TEST_CASE("a listening socket from outside is served and its file is left") {
  const temporary_directory directory;
  const auto path = directory.path() / "activated";
  listening_socket activated(path);
  server_options options;
  options.listen_fd = activated.release();
  {
    const auto server = server::start(make_store(simple_behaviour()), directory.path(), options);
    REQUIRE(server);
    CHECK((*server)->socket() == path);
    connect_options client;
    client.autostart = false;
    client.socket = path;
    const auto store = connect(directory.path(), client);
    REQUIRE(store);
    CHECK((*store)->info());
  }
  CHECK(fs::exists(path));
  options.listen_fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(server::start(make_store(simple_behaviour()), directory.path(), options).error().code ==
        errc::invalid_argument);
}

TEST_CASE("another user is not served, even where the file would allow it") {
  if (::geteuid() != 0)
    return;  // nobody else can be impersonated
  served_store served;
  ::chmod(served.directory().c_str(), 0755);
  ::chmod(served.socket().c_str(), 0666);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0)
      ::_exit(1);
    const raw_socket socket(served.socket());
    if (!socket.connected())
      ::_exit(2);
    socket.send(raw_rpc().open().bytes());
    ::_exit(socket.ends_within(10) ? 0 : 3);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(served.server().sessions() == 0);
}

// The error that a client of user 65534 meets, whose runtime directory is `runtime`.
std::optional<errc> refusal_of_nobody(const fs::path& store, const fs::path& runtime) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::setenv("XDG_RUNTIME_DIR", runtime.c_str(), 1);
    if (::setgid(65534) != 0 || ::setuid(65534) != 0)
      ::_exit(255);
    const auto connected = try_connect(store, {});
    ::_exit(connected.has_value() ? 254 : static_cast<int>(connected.error().code));
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WEXITSTATUS(status) != 255);
  if (WEXITSTATUS(status) == 254)
    return std::nullopt;
  return static_cast<errc>(WEXITSTATUS(status));
}

TEST_CASE("another user's runtime directory does not hide the other places, one's own is told") {
  if (::geteuid() != 0)
    return;  // nobody else can be impersonated
  const temporary_directory directory;
  const auto runtime = directory.path() / "runtime";
  const auto store = directory.path() / "store";
  fs::create_directories(runtime / "hearth");
  fs::create_directories(store / "run");
  for (const auto& each : {directory.path(), store, store / "run"})
    REQUIRE(::chown(each.c_str(), 65534, 65534) == 0);

  fs::permissions(runtime, fs::perms::owner_all);  // root's
  CHECK(refusal_of_nobody(store, runtime) == errc::not_found);
  REQUIRE(::chown(runtime.c_str(), 65534, 65534) == 0);
  fs::permissions(runtime, fs::perms::none);
  CHECK(refusal_of_nobody(store, runtime) == errc::permission_denied);

  const listening_socket listening(store / "run" / "hearthd.sock");
  REQUIRE(::chown((store / "run" / "hearthd.sock").c_str(), 65534, 65534) == 0);
  CHECK(refusal_of_nobody(store, runtime) == std::nullopt);
  REQUIRE(::chown(runtime.c_str(), 0, 0) == 0);
  CHECK(refusal_of_nobody(store, runtime) == std::nullopt);
}

TEST_CASE("the server knows since when it is idle") {
  served_store served;
  CHECK(served.server().sessions() == 0);
  const auto store = served.connect();
  CHECK(served.server().sessions() == 1);
  CHECK(served.server().idle_for().count() == 0);
  CHECK_FALSE(served.server().shutdown_requested());
}

// --- the RPC by hand -----------------------------------------------------------------------------

// A loop and a connection in the test's own thread, for what the client never does.
struct bare_client {
  explicit bare_client(const fs::path& path)
      : port(std::move(*event_port::create(*inbox::create()))), loop(*port), scope(loop) {
    raw_socket connected(path);
    network = kj::heap<socket_network>(*port, kj::AutoCloseFd(::dup(connected.fd())),
                                       capnp::rpc::twoparty::Side::CLIENT,
                                       network_limits{.message_bytes = 1 << 20});
    rpc.emplace(capnp::makeRpcClient(*network));
    capnp::MallocMessageBuilder message;
    auto peer = message.initRoot<capnp::rpc::twoparty::VatId>();
    peer.setSide(capnp::rpc::twoparty::Side::SERVER);
    gate = rpc->bootstrap(peer).castAs<schema::Gate>();
  }
  auto login(std::uint16_t major) {
    auto request = gate.loginRequest();
    request.setMajor(major);
    request.setMinor(99);
    return request.send().wait(scope);
  }

  std::unique_ptr<event_port> port;
  kj::EventLoop loop;
  kj::WaitScope scope;
  kj::Own<socket_network> network;
  std::optional<capnp::RpcSystem<capnp::rpc::twoparty::VatId>> rpc;
  schema::Gate::Client gate = nullptr;
};

TEST_CASE("another major version is refused with both numbers, a newer minor one is welcome") {
  served_store served;
  bare_client client(served.socket());
  const auto refused = client.login(protocol_major + 1);
  REQUIRE(refused.isError());
  CHECK(refused.getError().getCode() == static_cast<std::uint16_t>(errc::protocol_mismatch));
  const std::string message = refused.getError().getMessage().cStr();
  CHECK(message.find("2.99") != std::string::npos);
  CHECK(message.find(core::format("{}.{}", protocol_major, protocol_minor)) != std::string::npos);
  CHECK(client.login(protocol_major).isOk());
}

TEST_CASE("a login tells the limits, and a second one is a conflict") {
  served_store served;
  bare_client client(served.socket());
  const auto reply = client.login(protocol_major);
  REQUIRE(reply.isOk());
  CHECK(reply.getOk().getLimits().getMessageBytes() == limits::message_bytes);
  CHECK(reply.getOk().getLimits().getCallsInFlight() == server_options().calls_in_flight);
  CHECK(reply.getOk().getMajor() == protocol_major);
  const auto again = client.login(protocol_major);
  REQUIRE(again.isError());
  CHECK(again.getError().getCode() == static_cast<std::uint16_t>(errc::conflict));
}

TEST_CASE("a name outside the rules is refused by the server before the store sees it") {
  served_store served;
  served.what().open = [](const std::string&, open_mode,
                          const namespace_request&) -> result<namespace_config> {
    return fail(errc::internal, "the store saw it");
  };
  bare_client client(served.socket());
  auto session = client.login(protocol_major).getOk().getSession();
  for (const auto* name : {"", "Upper", "a/b", "../x"}) {
    auto request = session.openNamespaceRequest();
    request.setName(name);
    request.setMode(schema::OpenMode::OPEN_OR_CREATE);
    const auto reply = request.send().wait(client.scope);
    REQUIRE(reply.isError());
    CHECK(reply.getError().getCode() == static_cast<std::uint16_t>(errc::invalid_argument));
  }
}

TEST_CASE("a connection holds a bounded number of namespaces") {
  served_store served;
  bare_client client(served.socket());
  auto session = client.login(protocol_major).getOk().getSession();
  std::vector<schema::Namespace::Client> held;
  const auto open = [&] {
    auto request = session.openNamespaceRequest();
    request.setName("docs");
    request.setMode(schema::OpenMode::OPEN);
    return request.send().wait(client.scope);
  };
  for (std::uint32_t i = 0; i < max_open_namespaces; ++i) {
    auto reply = open();
    REQUIRE(reply.isOk());
    held.push_back(reply.getOk().getNamespace());
  }
  const auto refused = open();
  REQUIRE(refused.isError());
  CHECK(refused.getError().getCode() == static_cast<std::uint16_t>(errc::limit_exceeded));
  held.clear();
  CHECK(open().isOk());
}

}  // namespace
}  // namespace hearth::ipc::test
