// Opening what a crash, a full disk, a newer version or a bad disk left behind.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "storage/bytes.hpp"
#include "storage/lmdb_file_check.hpp"
#include "storage/tables.hpp"
#include "tests/storage/crash_workload.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

// The file of a store with some records, and where it is.
struct saved_store {
  temporary_directory home;
  std::filesystem::path directory = home.path() / "docs";
  std::filesystem::path file = directory / "data.mdb";

  saved_store() {
    auto store = create(directory, 32);
    for (std::uint64_t i = 0; i < 5; ++i)
      write(*store, batch_of(write_kind::add, numbers(1000 * i, 300), vectors_of(300, 32, i)));
  }
};

}  // namespace

TEST_CASE("a namespace of a newer format is refused with both versions") {
  saved_store saved;
  {
    auto environment = need(lmdb::environment::open(saved.directory, {}));
    auto transaction = need(environment->begin_write());
    const auto meta = need(transaction.open_table("meta", false));
    need(write_format(transaction, meta, 42));
    need(transaction.commit());
  }
  const auto opened = namespace_store::open(saved.directory, {});
  REQUIRE(code_of(opened) == errc::unsupported);
  REQUIRE(opened.error().message.find("format 42") != std::string::npos);
  REQUIRE(opened.error().message.find("up to format " + std::to_string(namespace_format)) !=
          std::string::npos);
}

namespace {

// Replaces "config" in the meta table by what `encode` writes.
template <class Encode>
void rewrite_config(const std::filesystem::path& directory, std::uint64_t format, Encode encode) {
  std::vector<std::byte> value;
  begin_checked(value);
  byte_writer out(value);
  encode(out);
  finish_checked(value, checksum(lmdb::as_key("config")));
  auto environment = need(lmdb::environment::open(directory, {}));
  auto transaction = need(environment->begin_write());
  const auto meta = need(transaction.open_table("meta", false));
  need(transaction.put(meta, lmdb::as_key("config"), value));
  need(write_format(transaction, meta, format));
  need(transaction.commit());
}

// A configuration as format 1 has it.
void write_format_1(byte_writer& out) {
  out.varint(32);
  out.u8(3);  // dot
  out.u8(2);  // hnsw
  out.varint(24);
  out.varint(100);
  out.varint(80);
  out.u64(7);
  out.varint(1);
  out.text("lexical");
}

std::uint64_t format_of(const std::filesystem::path& directory) {
  auto environment = need(lmdb::environment::open(directory, {}));
  auto transaction = need(environment->begin_write());
  const auto meta = need(transaction.open_table("meta", false));
  for (std::uint64_t format = 0; format < 100; ++format)
    if (check_format(transaction, meta, format))
      return format;
  return 100;
}

}  // namespace

TEST_CASE(
    "a namespace of format 1 opens with defaults and becomes one of ours when it is configured") {
  saved_store saved;
  rewrite_config(saved.directory, 1, write_format_1);
  const namespace_config old{.dimension = 32,
                             .distance = distance_kind::dot,
                             .index = {.m = 24, .ef_construction = 100, .ef_search = 80, .seed = 7},
                             .embedder = "lexical"};
  auto changed = old;
  changed.index.quantization = quantization_kind::binary;
  changed.index.memory = memory_kind::lean;
  changed.index.nlist = 300;
  changed.index.nprobe = 20;
  changed.index.nbits = 8;
  {
    const auto store = need(namespace_store::open(saved.directory, {}));
    REQUIRE(store->config() == old);
    REQUIRE(need(store->read())->record_count() == 1500);
  }
  REQUIRE(format_of(saved.directory) == 1);
  need(need(namespace_store::open(saved.directory, {}))->set_config(changed));
  REQUIRE(format_of(saved.directory) == namespace_format);
  REQUIRE(need(namespace_store::open(saved.directory, {}))->config() == changed);
}

TEST_CASE("a namespace of format 2 becomes format 6 with its first write, and not before") {
  saved_store saved;
  {
    auto environment = need(lmdb::environment::open(saved.directory, {}));
    auto transaction = need(environment->begin_write());
    need(write_format(transaction, need(transaction.open_table("meta", false)), 2));
    need(transaction.commit());
  }
  {
    auto store = need(namespace_store::open(saved.directory, {}));
    REQUIRE(code_of(store->apply(batch_of(write_kind::add, {}))) == errc::invalid_argument);
    need(store->commit());
  }
  REQUIRE(format_of(saved.directory) == 2);
  {
    auto store = need(namespace_store::open(saved.directory, {}));
    auto batch = batch_of(write_kind::upsert, {"typed"});
    batch.metadata = {{{"when", value_list{timestamp{0}}}, {"where", geo_point{48, 11}}}};
    write(*store, batch);
  }
  REQUIRE(format_of(saved.directory) == 6);
}

TEST_CASE("a configuration with an unknown enumerator or a torn end is corruption") {
  saved_store saved;
  const auto refused = [&](auto encode) {
    rewrite_config(saved.directory, 2, encode);
    return code_of(namespace_store::open(saved.directory, {})) == errc::corruption;
  };
  const auto with = [](std::uint8_t quantization, std::uint8_t memory) {
    return [=](byte_writer& out) {
      write_format_1(out);
      out.u8(quantization);
      out.u8(memory);
      out.varint(0);
      out.varint(0);
      out.varint(4);
    };
  };
  REQUIRE(refused(with(0, 1)));
  REQUIRE(refused(with(7, 1)));
  REQUIRE(refused(with(1, 0)));
  REQUIRE(refused(with(1, 4)));
  REQUIRE(refused([](byte_writer& out) {
    write_format_1(out);
    out.u8(1);
  }));
  rewrite_config(saved.directory, 2, with(6, 3));
  REQUIRE(namespace_store::open(saved.directory, {}).has_value());
}

TEST_CASE("a truncated file is corruption, however much of it is left") {
  saved_store saved;
  const auto whole = read_file(saved.file);
  for (std::size_t size = 0; size < whole.size(); size += size < 8192 ? 701 : 4096) {
    write_file(saved.file, std::span(whole).first(size));
    const auto opened = namespace_store::open(saved.directory, {});
    REQUIRE(code_of(opened) == errc::corruption);
    REQUIRE(read_file(saved.file).size() == size);  // the evidence stays
  }
  write_file(saved.file, whole);
  REQUIRE(namespace_store::open(saved.directory, {}).has_value());
}

TEST_CASE("a file that is something else is corruption") {
  saved_store saved;
  std::mt19937_64 random(1);
  auto bytes = read_file(saved.file);
  SECTION("random bytes") {
    for (auto& byte : bytes)
      byte = static_cast<std::byte>(random());
  }
  SECTION("zeros") {
    std::ranges::fill(bytes, std::byte{0});
  }
  SECTION("text") {
    bytes.assign(100, std::byte{'x'});
  }
  write_file(saved.file, bytes);
  REQUIRE(code_of(namespace_store::open(saved.directory, {})) == errc::corruption);
}

TEST_CASE("an LMDB environment of something else is corruption") {
  const temporary_directory home;
  {
    lmdb::environment_options options;
    options.create = true;
    auto environment = need(lmdb::environment::open(home.path(), options));
    auto transaction = need(environment->begin_write());
    std::ignore = need(transaction.open_table("other", true));
    need(transaction.commit());
  }
  REQUIRE(code_of(namespace_store::open(home.path(), {})) == errc::corruption);
}

TEST_CASE("damaged meta pages never crash the check of the file") {
  saved_store saved;
  const auto size = std::filesystem::file_size(saved.file);
  const auto whole = read_file(saved.file);
  std::fstream file(saved.file, std::ios::in | std::ios::out | std::ios::binary);
  std::mt19937_64 random(4);
  std::size_t refused = 0;
  for (int round = 0; round < 2000; ++round) {
    // The meta pages, and sometimes a shorter file: then the list of free pages is read, too.
    std::vector<std::byte> metas(whole.begin(), whole.begin() + 8192);
    for (int flips = 0; flips < 3; ++flips)
      metas[random() % 2 * 4096 + random() % 152] = static_cast<std::byte>(random());
    std::filesystem::resize_file(saved.file, size - (round % 2 == 0 ? 0 : 4096 * (random() % 3)));
    file.seekp(0);
    file.write(reinterpret_cast<const char*>(metas.data()), 8192);
    file.flush();
    REQUIRE(file.good());
    const auto checked = lmdb::check_file(saved.file);
    if (!checked) {
      REQUIRE(
          (checked.error().code == errc::corruption || checked.error().code == errc::unsupported));
      ++refused;
    }
  }
  REQUIRE(refused > 500);
}

TEST_CASE("a file that lacks only free pages at its end is whole") {
  const temporary_directory home;
  const auto directory = home.path() / "docs";
  const auto vectors = vectors_of(400, 256, 1);
  std::uint64_t last_page = 0;
  {
    auto store = create(directory, 256);
    write(*store, batch_of(write_kind::add, numbers(0, 5), vectors_of(5, 256, 2)));
    write(*store, batch_of(write_kind::add, numbers(1000, 400), vectors));
    write(*store, batch_of(write_kind::erase, numbers(1000, 400)));
    maintain_all(*store);
    write(*store, batch_of(write_kind::add, {"last"}, vectors_of(1, 256, 3)));
    const auto& environment = dynamic_cast<lmdb_namespace_store&>(*store).environment();
    last_page = environment->file_bytes() / 4096 - 1;
  }
  // Cut page by page while what is missing is free.
  const auto file = directory / "data.mdb";
  const auto whole = read_file(file);
  std::size_t free_pages = 0;
  for (;; ++free_pages) {
    write_file(file, std::span(whole).first(whole.size() - 4096 * (free_pages + 1)));
    const auto checked = lmdb::check_file(file);
    if (!checked) {
      REQUIRE(checked.error().code == errc::corruption);
      break;
    }
    REQUIRE(std::filesystem::file_size(file) == (last_page + 1) * 4096);
  }
  INFO(free_pages << " free pages at the end");
  REQUIRE(free_pages > 50);  // the erased chunks
  write_file(file, std::span(whole).first(whole.size() - 4096 * free_pages));
  auto store = need(namespace_store::open(directory, {}));
  REQUIRE(need(store->read())->record_count() == 6);
  write(*store, batch_of(write_kind::add, numbers(1000, 400), vectors));
  REQUIRE(row_of(get(*store, {1399}).found.vectors, 0) == row_of(vectors, 399));
}

TEST_CASE("a failed commit makes the store read-only until it is reopened") {
  const temporary_directory home;
  const auto directory = home.path() / "docs";
  bool full = false;
  namespace_store_options options;
  options.before_commit = [&]() -> result<void> {
    if (full)
      return fail(errc::no_space, "the disk is full", "free some space");
    return {};
  };
  auto store = create(directory, 4, options);
  write(*store, batch_of(write_kind::add, {"kept"}, vectors_of(1, 4, 1)));
  REQUIRE_FALSE(store->read_only_reason().has_value());

  full = true;
  need(store->apply(batch_of(write_kind::add, {"lost"}, vectors_of(1, 4, 2))));
  REQUIRE(code_of(store->commit()) == errc::no_space);
  full = false;
  REQUIRE(store->read_only_reason()->code == errc::no_space);
  const auto refused = store->apply(batch_of(write_kind::erase, {"kept"}));
  REQUIRE(code_of(refused) == errc::read_only);
  REQUIRE(refused.error().message.find("the disk is full") != std::string::npos);
  REQUIRE(refused.error().hint.find("reopen") != std::string::npos);
  REQUIRE(code_of(store->commit()) == errc::read_only);
  REQUIRE(code_of(store->maintain(0)) == errc::read_only);
  REQUIRE(code_of(store->set_config(config_of(4))) == errc::read_only);
  REQUIRE(store->durable_lsn() == 1);
  REQUIRE(get(*store, {"kept", "lost"}).missing == std::vector<record_id>{"lost"});

  store.reset();
  store = need(namespace_store::open(directory, options));
  REQUIRE(write(*store, batch_of(write_kind::add, {"lost"})).result.lsn == 2);
}

TEST_CASE("a full map is no_space, and what was committed stays readable") {
  const temporary_directory home;
  namespace_store_options options;
  options.map_bytes = 2 << 20;
  auto store = create(home.path() / "docs", 256, options);
  std::uint64_t written = 0;
  errc failure{};
  while (failure == errc{}) {
    const auto applied =
        store->apply(batch_of(write_kind::add, numbers(written, 64), vectors_of(64, 256, written)));
    const auto committed =
        applied ? store->commit() : result<lsn_t>(std::unexpect, applied.error());
    if (committed)
      written += 64;
    else
      failure = committed.error().code;
    REQUIRE(written < 10'000);
  }
  REQUIRE(failure == errc::no_space);
  REQUIRE(written > 500);
  const auto view = need(store->read());
  REQUIRE(view->record_count() == written);
  REQUIRE(all_vectors(*view).size() == written);
  REQUIRE(store->read_only_reason()->code == errc::no_space);
}

TEST_CASE("a directory is open once in a process") {
  saved_store saved;
  auto store = need(namespace_store::open(saved.directory, {}));
  REQUIRE(code_of(namespace_store::open(saved.directory, {})) == errc::busy);
  store.reset();
  REQUIRE(namespace_store::open(saved.directory, {}).has_value());
}

TEST_CASE("damaged values in the meta table are corruption at opening") {
  saved_store saved;
  const auto whole = read_file(saved.file);
  for (const std::string key : {"format", "state", "config", "identity"}) {
    // The newest copy of the entry is not known from outside; damage them all.
    auto bytes = whole;
    std::size_t found = 0;
    for (std::size_t at = 0; at + key.size() + 8 < bytes.size(); ++at)
      if (std::memcmp(bytes.data() + at, key.data(), key.size()) == 0) {
        bytes[at + key.size()] ^= std::byte{0x04};  // in the checksum
        ++found;
      }
    REQUIRE(found > 0);
    write_file(saved.file, bytes);
    REQUIRE(code_of(namespace_store::open(saved.directory, {})) == errc::corruption);
  }
}

namespace {

// Writes until it is killed; puts the number of each batch that is on disk into the pipe.
[[noreturn]] void crash_child(const std::filesystem::path& directory, int pipe,
                              std::uint64_t next) {
  auto store = namespace_store::open(directory, {});
  if (!store)
    ::_exit(1);
  for (;; ++next) {
    if (!crash_step(**store, next) || ::write(pipe, &next, sizeof next) != sizeof next)
      ::_exit(2);
    if (next % 7 == 0 && !(*store)->maintain(0))
      ::_exit(3);
  }
}

}  // namespace

TEST_CASE("kill -9 at any moment loses nothing acknowledged and leaves no half batch") {
  const temporary_directory home;
  const auto directory = home.path() / "docs";
  create(directory, crash_dimension).reset();
  std::mt19937_64 random(11);
  std::uint64_t written = 0;
  for (int round = 0; round < 15; ++round) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    const auto child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::close(pipe[0]);
      crash_child(directory, pipe[1], written);
    }
    ::close(pipe[1]);
    // Kill it after a random number of acknowledgements and a random bit of spinning, so that the
    // signal arrives anywhere between two of them.
    std::uint64_t acknowledged = written;
    std::uint64_t number = 0;
    auto left = random() % 12;
    const auto read_one = [&] { return ::read(pipe[0], &number, sizeof number) == sizeof number; };
    while (left-- > 0 && read_one())
      acknowledged = number + 1;
    volatile std::uint64_t spin = random() % 3'000'000;
    while (spin > 0)
      spin = spin - 1;
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));  // it had not failed by itself
    while (read_one())
      acknowledged = number + 1;
    ::close(pipe[0]);
    written = check_after_crash(*need(namespace_store::open(directory, {})), acknowledged);
  }
  REQUIRE(written > 15);
}

TEST_CASE("readers that died with kill -9 do not pin pages for ever") {
  saved_store saved;
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const auto store = namespace_store::open(saved.directory, {});
    if (!store)
      ::_exit(1);
    const auto view = (*store)->read();
    if (!view || ::write(pipe[1], "r", 1) != 1)
      ::_exit(2);
    for (;;)
      ::pause();
  }
  ::close(pipe[1]);
  char ready = 0;
  REQUIRE(::read(pipe[0], &ready, 1) == 1);
  ::close(pipe[0]);
  auto store = need(namespace_store::open(saved.directory, {}));
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  const auto& environment = dynamic_cast<lmdb_namespace_store&>(*store).environment();
  REQUIRE(need(environment->clear_stale_readers()) == 1);
  REQUIRE(need(environment->clear_stale_readers()) == 0);
}
