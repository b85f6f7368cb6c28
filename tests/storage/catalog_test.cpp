#include "storage/catalog.hpp"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/lmdb.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

std::unique_ptr<catalog> open(const std::filesystem::path& store) {
  return need(catalog::open(store, null_logger()));
}

std::vector<std::string> names(const catalog& of) {
  std::vector<std::string> found;
  for (const auto& entry : need(of.list()))
    found.push_back(entry.name);
  return found;
}

std::size_t directories(const std::filesystem::path& store) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(store / "namespaces"), {}));
}

// What a crash in the middle of creating or dropping leaves: a directory listed as pending.
void leave_pending(const std::filesystem::path& store, std::uint64_t number) {
  auto environment = need(lmdb::environment::open(store / "catalog", {}));
  auto transaction = need(environment->begin_write());
  const auto pending = need(transaction.open_table("pending", false));
  need(transaction.put(pending, std::as_bytes(std::span(&number, 1)), {}));
  need(transaction.commit());
}

}  // namespace

TEST_CASE("namespaces are created, found, listed in order and dropped, across openings") {
  const temporary_directory home;
  const auto store = home.path() / "store";
  {
    auto catalog = open(store);
    REQUIRE(need(catalog->list()).empty());
    const auto docs = need(catalog->create("docs", config_of(3)));
    REQUIRE(docs.name == "docs");
    REQUIRE(docs.directory.is_absolute());
    need(catalog->create("a-b_9", config_of(4)));
    REQUIRE(code_of(catalog->create("docs", config_of(3))) == errc::already_exists);
    REQUIRE(code_of(catalog->create("Docs", config_of(3))) == errc::invalid_argument);
    REQUIRE(code_of(catalog->find("../docs")) == errc::invalid_argument);
    REQUIRE(code_of(catalog->find("none")) == errc::not_found);
  }
  auto catalog = open(store);
  REQUIRE(names(*catalog) == std::vector<std::string>{"a-b_9", "docs"});
  const auto docs = need(catalog->find("docs"));
  REQUIRE(need(namespace_store::open(docs.directory, {}))->config() == config_of(3));
  need(catalog->drop("docs"));
  REQUIRE_FALSE(std::filesystem::exists(docs.directory));
  REQUIRE(code_of(catalog->drop("docs")) == errc::not_found);
  REQUIRE(names(*catalog) == std::vector<std::string>{"a-b_9"});
  REQUIRE(need(catalog->create("docs", config_of(5))).directory != docs.directory);
}

TEST_CASE("what a crash left half created or half dropped is removed at opening") {
  const temporary_directory home;
  const auto store = home.path() / "store";
  std::filesystem::path kept;
  {
    auto catalog = open(store);
    kept = need(catalog->create("kept", config_of(3))).directory;
  }
  leave_pending(store, 0xABCD);  // with files
  std::filesystem::create_directories(store / "namespaces" / "000000000000abcd" / "more");
  leave_pending(store, 0x1234);  // without
  auto catalog = open(store);
  REQUIRE(names(*catalog) == std::vector<std::string>{"kept"});
  REQUIRE(directories(store) == 1);
  REQUIRE(std::filesystem::exists(kept / "data.mdb"));
}

TEST_CASE("creating a catalog can be interrupted anywhere") {
  const temporary_directory home;
  const auto store = home.path() / "store";
  SECTION("before the file is written") {
    std::filesystem::create_directories(store / "catalog");
    write_file(store / "catalog" / "data.mdb", {});
  }
  SECTION("before the tables are") {
    std::filesystem::create_directories(store / "catalog");
    lmdb::environment_options options;
    options.create = true;
    need(lmdb::environment::open(store / "catalog", options));
  }
  auto catalog = open(store);
  need(catalog->create("docs", config_of(3)));
  REQUIRE(names(*catalog) == std::vector<std::string>{"docs"});
}

TEST_CASE("kill -9 while namespaces are created and dropped leaves a consistent catalog") {
  const temporary_directory home;
  const auto store = home.path() / "store";
  open(store).reset();
  std::mt19937_64 random(5);
  for (int round = 0; round < 8; ++round) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      auto catalog = catalog::open(store, null_logger());
      if (!catalog)
        ::_exit(1);
      for (int i = 0;; ++i) {
        const auto name = "n" + std::to_string(i % 3);
        const bool there = (*catalog)->find(name).has_value();
        const bool ok = there ? (*catalog)->drop(name).has_value()
                              : (*catalog)->create(name, config_of(2)).has_value();
        if (!ok || ::write(pipe[1], "x", 1) != 1)
          ::_exit(2);
      }
    }
    ::close(pipe[1]);
    char step = 0;
    for (auto left = 1 + random() % 5; left > 0; --left)
      REQUIRE(::read(pipe[0], &step, 1) == 1);
    volatile std::uint64_t spin = random() % 8'000'000;
    while (spin > 0)
      spin = spin - 1;
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    ::close(pipe[0]);
    auto catalog = open(store);
    const auto entries = need(catalog->list());
    REQUIRE(directories(store) == entries.size());
    for (const auto& entry : entries)
      REQUIRE(need(namespace_store::open(entry.directory, {}))->config() == config_of(2));
  }
}

TEST_CASE("a creation that fails leaves neither entry nor files") {
  const temporary_directory home;
  const auto store = home.path() / "store";
  auto catalog = open(store);
  // No directory can be made under a file.
  std::filesystem::remove(store / "namespaces");
  write_file(store / "namespaces", {});
  REQUIRE_FALSE(catalog->create("docs", config_of(3)).has_value());
  REQUIRE(need(catalog->list()).empty());
  std::filesystem::remove(store / "namespaces");
  REQUIRE(catalog->create("docs", config_of(3)).has_value());
  catalog.reset();
  REQUIRE(names(*open(store)) == std::vector<std::string>{"docs"});
  REQUIRE(directories(store) == 1);
}

TEST_CASE("a catalog of a newer format is refused, a damaged one is corruption") {
  const temporary_directory home;
  const auto store = home.path() / "store";
  need(open(store)->create("docs", config_of(3)));
  SECTION("newer") {
    {
      auto environment = need(lmdb::environment::open(store / "catalog", {}));
      auto transaction = need(environment->begin_write());
      need(write_format(transaction, need(transaction.open_table("meta", false)), 2));
      need(transaction.commit());
    }
    REQUIRE(code_of(catalog::open(store, null_logger())) == errc::unsupported);
  }
  SECTION("truncated") {
    std::filesystem::resize_file(store / "catalog" / "data.mdb", 8192);
    REQUIRE(code_of(catalog::open(store, null_logger())) == errc::corruption);
  }
}

TEST_CASE("one process at a time serves a store, and the others learn which") {
  const temporary_directory home;
  const auto store = home.path() / "deep" / "store";
  auto lock = need(store_lock::acquire(store));
  struct stat status {};
  REQUIRE(::stat(store.c_str(), &status) == 0);
  REQUIRE((status.st_mode & 0777) == 0700);

  const auto refused = store_lock::acquire(store);
  REQUIRE(code_of(refused) == errc::busy);
  REQUIRE(refused.error().message.find(std::to_string(::getpid())) != std::string::npos);
  lock.reset();
  lock = need(store_lock::acquire(store));
  lock.reset();

  // A holder that was killed holds nothing.
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto held = store_lock::acquire(store);
    if (!held || ::write(pipe[1], "l", 1) != 1)
      ::_exit(1);
    for (;;)
      ::pause();
  }
  ::close(pipe[1]);
  char ready = 0;
  REQUIRE(::read(pipe[0], &ready, 1) == 1);
  ::close(pipe[0]);
  const auto busy = store_lock::acquire(store);
  REQUIRE(code_of(busy) == errc::busy);
  REQUIRE(busy.error().message.find(std::to_string(child)) != std::string::npos);
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  REQUIRE(store_lock::acquire(store).has_value());
}

TEST_CASE("a store whose catalog is gone is not taken for a new one") {
  const temporary_directory home;
  need(open(home.path())->create("docs", config_of(2)));
  for (const bool truncated : {true, false}) {
    const auto file = home.path() / "catalog" / "data.mdb";
    if (truncated)
      std::filesystem::resize_file(file, 0);
    else
      std::filesystem::remove(file);
    REQUIRE(code_of(catalog::open(home.path(), null_logger())) == errc::corruption);
  }
}
