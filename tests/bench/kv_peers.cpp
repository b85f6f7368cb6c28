// The stores that kv_bench compares with, each with the settings under which a write that returned
// is on disk: LMDB's default commits, SQLite with WAL and synchronous=FULL, Redis with
// appendfsync always.
#include <lmdb.h>

#include "tests/bench/kv_store.hpp"

#ifdef HAVE_SQLITE
#include <sqlite3.h>
#endif
#ifdef HAVE_HIREDIS
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>
#endif

namespace kv_bench {

namespace {

namespace fs = std::filesystem;

// ---- LMDB ---------------------------------------------------------------------------------------

constexpr std::size_t map_bytes = std::size_t{64} << 30;

void lmdb_ok(int code) {
  if (code != MDB_SUCCESS)
    die(std::string("LMDB: ") + mdb_strerror(code));
}

MDB_val to_val(std::string_view bytes) {
  return {bytes.size(), const_cast<char*>(bytes.data())};  // LMDB takes no const, writes nothing
}

std::string_view view_of(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

// Every read has a snapshot of its own, as every call of the others has: one reader that is renewed
// and reset, which costs LMDB the least.
class lmdb_client final : public client {
 public:
  lmdb_client(MDB_env* environment, MDB_dbi table) : environment_(environment), table_(table) {
    lmdb_ok(mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reader_));
    mdb_txn_reset(reader_);
  }
  ~lmdb_client() override { mdb_txn_abort(reader_); }

  void put(const std::string& key, const std::string& value) override {
    MDB_txn* transaction = nullptr;
    lmdb_ok(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    put_in(transaction, key, value);
    lmdb_ok(mdb_txn_commit(transaction));
  }

  void put_many(const std::vector<pair>& pairs) override {
    MDB_txn* transaction = nullptr;
    lmdb_ok(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    for (const auto& [key, value] : pairs)
      put_in(transaction, key, value);
    lmdb_ok(mdb_txn_commit(transaction));
  }

  std::size_t get(const std::string& key) override {
    lmdb_ok(mdb_txn_renew(reader_));
    MDB_val name = to_val(key);
    MDB_val found{};
    lmdb_ok(mdb_get(reader_, table_, &name, &found));
    value_ = view_of(found);  // as the others do: the caller has a copy that it may keep
    mdb_txn_reset(reader_);
    return value_.size();
  }

  std::size_t get_many(const std::vector<std::string>& keys) override {
    lmdb_ok(mdb_txn_renew(reader_));
    std::size_t there = 0;
    for (const auto& key : keys) {
      MDB_val name = to_val(key);
      MDB_val found{};
      if (mdb_get(reader_, table_, &name, &found) == MDB_SUCCESS) {
        value_ = view_of(found);
        ++there;
      }
    }
    mdb_txn_reset(reader_);
    return there;
  }

  void exchange(const pair& one, const pair& other) override {
    MDB_txn* transaction = nullptr;
    lmdb_ok(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    for (const auto* each : {&one, &other}) {
      MDB_val name = to_val(each->first);
      MDB_val found{};
      lmdb_ok(mdb_get(transaction, table_, &name, &found));
      value_ = view_of(found);
    }
    put_in(transaction, one.first, one.second);
    put_in(transaction, other.first, other.second);
    lmdb_ok(mdb_txn_commit(transaction));
  }

  std::uint64_t scan(std::uint64_t& seen) override {
    lmdb_ok(mdb_txn_renew(reader_));
    MDB_cursor* cursor = nullptr;
    lmdb_ok(mdb_cursor_open(reader_, table_, &cursor));
    std::uint64_t rows = 0;
    MDB_val key{};
    MDB_val value{};
    for (; mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == MDB_SUCCESS; ++rows)
      seen += static_cast<unsigned char>(view_of(key).back()) +
              static_cast<unsigned char>(view_of(value).back());
    mdb_cursor_close(cursor);
    mdb_txn_reset(reader_);
    return rows;
  }

 private:
  void put_in(MDB_txn* transaction, const std::string& key, const std::string& value) const {
    MDB_val name = to_val(key);
    MDB_val content = to_val(value);
    lmdb_ok(mdb_put(transaction, table_, &name, &content, 0));
  }

  MDB_env* const environment_;
  const MDB_dbi table_;
  MDB_txn* reader_ = nullptr;
  std::string value_;
};

class lmdb final : public store {
 public:
  using store::store;
  std::string_view name() const override { return "LMDB"; }
  bool has_server() const override { return false; }
  void open() override {
    fs::create_directories(directory());
    lmdb_ok(mdb_env_create(&environment_));
    lmdb_ok(mdb_env_set_mapsize(environment_, map_bytes));
    lmdb_ok(mdb_env_open(environment_, directory().c_str(), MDB_NOTLS, 0600));
    MDB_txn* transaction = nullptr;
    lmdb_ok(mdb_txn_begin(environment_, nullptr, 0, &transaction));
    lmdb_ok(mdb_dbi_open(transaction, nullptr, 0, &table_));
    lmdb_ok(mdb_txn_commit(transaction));
  }
  std::unique_ptr<client> connect() override {
    return std::make_unique<lmdb_client>(environment_, table_);
  }

 private:
  MDB_env* environment_ = nullptr;
  MDB_dbi table_ = 0;
};

// ---- SQLite -------------------------------------------------------------------------------------

#ifdef HAVE_SQLITE

constexpr int patience_ms = 120'000;  // for the lock of another client

class sqlite_client final : public client {
 public:
  explicit sqlite_client(const fs::path& file) {
    if (sqlite3_open(file.c_str(), &database_) != SQLITE_OK)
      die("SQLite: cannot open " + file.string());
    sqlite3_busy_timeout(database_, patience_ms);
    run("PRAGMA journal_mode=WAL");
    run("PRAGMA synchronous=FULL");
    run("PRAGMA mmap_size=4294967296");
    run("CREATE TABLE IF NOT EXISTS kv (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID");
    put_ = prepare("INSERT INTO kv VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2");
    get_ = prepare("SELECT value FROM kv WHERE key = ?1");
    scan_ = prepare("SELECT key, value FROM kv ORDER BY key");
  }
  ~sqlite_client() override {
    for (auto* each : {put_, get_, scan_})
      sqlite3_finalize(each);
    sqlite3_close(database_);
  }

  void put(const std::string& key, const std::string& value) override {
    bind(put_, 1, key);
    bind(put_, 2, value);
    if (sqlite3_step(put_) != SQLITE_DONE)
      fail();
    sqlite3_reset(put_);
  }

  void put_many(const std::vector<pair>& pairs) override {
    run("BEGIN IMMEDIATE");
    for (const auto& [key, value] : pairs)
      put(key, value);
    run("COMMIT");
  }

  std::size_t get(const std::string& key) override {
    if (!look_up(key))
      die("SQLite: a key is missing");
    return value_.size();
  }

  // In one transaction, which takes the lock once.
  std::size_t get_many(const std::vector<std::string>& keys) override {
    run("BEGIN");
    std::size_t there = 0;
    for (const auto& key : keys)
      there += look_up(key) ? 1 : 0;
    run("COMMIT");
    return there;
  }

  void exchange(const pair& one, const pair& other) override {
    run("BEGIN IMMEDIATE");
    if (!look_up(one.first) || !look_up(other.first))
      die("SQLite: a key is missing");
    put(one.first, one.second);
    put(other.first, other.second);
    run("COMMIT");
  }

  std::uint64_t scan(std::uint64_t& seen) override {
    std::uint64_t rows = 0;
    int code = SQLITE_ROW;
    for (; (code = sqlite3_step(scan_)) == SQLITE_ROW; ++rows)
      seen += last_byte(0) + last_byte(1);
    if (code != SQLITE_DONE)
      fail();
    sqlite3_reset(scan_);
    return rows;
  }

 private:
  [[noreturn]] void fail() const { die(std::string("SQLite: ") + sqlite3_errmsg(database_)); }
  void run(const char* statement) {
    if (sqlite3_exec(database_, statement, nullptr, nullptr, nullptr) != SQLITE_OK)
      fail();
  }
  sqlite3_stmt* prepare(const char* statement) {
    sqlite3_stmt* prepared = nullptr;
    if (sqlite3_prepare_v2(database_, statement, -1, &prepared, nullptr) != SQLITE_OK)
      fail();
    return prepared;
  }
  void bind(sqlite3_stmt* to, int place, const std::string& bytes) const {
    if (sqlite3_bind_blob(to, place, bytes.data(), static_cast<int>(bytes.size()), nullptr) !=
        SQLITE_OK)
      fail();
  }
  bool look_up(const std::string& key) {
    bind(get_, 1, key);
    const int code = sqlite3_step(get_);
    if (code == SQLITE_ROW)
      value_.assign(static_cast<const char*>(sqlite3_column_blob(get_, 0)),
                    static_cast<std::size_t>(sqlite3_column_bytes(get_, 0)));
    else if (code != SQLITE_DONE)
      fail();
    sqlite3_reset(get_);
    return code == SQLITE_ROW;
  }
  std::uint64_t last_byte(int column) const {
    const auto* const bytes = static_cast<const unsigned char*>(sqlite3_column_blob(scan_, column));
    return bytes[sqlite3_column_bytes(scan_, column) - 1];
  }

  sqlite3* database_ = nullptr;
  sqlite3_stmt* put_ = nullptr;
  sqlite3_stmt* get_ = nullptr;
  sqlite3_stmt* scan_ = nullptr;
  std::string value_;
};

class sqlite final : public store {
 public:
  using store::store;
  std::string_view name() const override { return "SQLite"; }
  bool has_server() const override { return false; }
  void open() override { fs::create_directories(directory()); }
  std::unique_ptr<client> connect() override {
    return std::make_unique<sqlite_client>(directory() / "kv.sqlite");
  }
};

#endif

// ---- Redis --------------------------------------------------------------------------------------

#ifdef HAVE_HIREDIS

constexpr auto start_timeout = std::chrono::seconds(60);

struct free_reply {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using reply_ptr = std::unique_ptr<redisReply, free_reply>;

class redis_client final : public client {
 public:
  explicit redis_client(redisContext* connection) : connection_(connection) {}
  ~redis_client() override { redisFree(connection_); }

  void put(const std::string& key, const std::string& value) override {
    const std::string_view words[] = {"SET", key, value};
    (void)call(words, REDIS_REPLY_STATUS);
  }

  void put_many(const std::vector<pair>& pairs) override {
    std::vector<std::string_view> words = {"MSET"};
    for (const auto& [key, value] : pairs)
      words.insert(words.end(), {key, value});
    (void)call(words, REDIS_REPLY_STATUS);
  }

  std::size_t get(const std::string& key) override {
    const std::string_view words[] = {"GET", key};
    return call(words, REDIS_REPLY_STRING)->len;
  }

  std::size_t get_many(const std::vector<std::string>& keys) override {
    std::vector<std::string_view> words = {"MGET"};
    words.insert(words.end(), keys.begin(), keys.end());
    const auto reply = call(words, REDIS_REPLY_ARRAY);
    std::size_t there = 0;
    for (const auto* each : std::span(reply->element, reply->elements))
      there += each->type == REDIS_REPLY_STRING ? 1 : 0;
    return there;
  }

  // Redis' optimistic transactions: EXEC answers nil if a watched key has changed.
  void exchange(const pair& one, const pair& other) override {
    for (;;) {
      const std::string_view watch[] = {"WATCH", one.first, other.first};
      (void)call(watch, REDIS_REPLY_STATUS);
      (void)get(one.first);
      (void)get(other.first);
      const std::string_view multi[] = {"MULTI"};
      (void)call(multi, REDIS_REPLY_STATUS);
      for (const auto* each : {&one, &other})
        put(each->first, each->second);  // answers QUEUED
      const std::string_view exec[] = {"EXEC"};
      if (send(exec)->type == REDIS_REPLY_ARRAY)
        return;
    }
  }

  // Redis has no order of keys: this is the walk that it does have, and the values of each page.
  std::uint64_t scan(std::uint64_t& seen) override {
    std::uint64_t rows = 0;
    std::string position = "0";
    do {
      const std::string_view words[] = {"SCAN", position, "COUNT", "10000"};
      const auto page = call(words, REDIS_REPLY_ARRAY);
      position.assign(page->element[0]->str, page->element[0]->len);
      const auto keys = std::span(page->element[1]->element, page->element[1]->elements);
      if (!keys.empty())
        rows += read_page(keys, seen);
    } while (position != "0");
    return rows;
  }

 private:
  std::uint64_t read_page(std::span<redisReply*> keys, std::uint64_t& seen) {
    std::vector<std::string_view> words = {"MGET"};
    for (const auto* key : keys) {
      words.emplace_back(key->str, key->len);
      seen += static_cast<unsigned char>(words.back().back());
    }
    const auto values = call(words, REDIS_REPLY_ARRAY);
    for (const auto* value : std::span(values->element, values->elements))
      seen += static_cast<unsigned char>(value->str[value->len - 1]);
    return keys.size();
  }

  reply_ptr call(std::span<const std::string_view> words, int expected) {
    auto reply = send(words);
    if (reply->type != expected)
      die("Redis: " + (reply->type == REDIS_REPLY_ERROR ? std::string(reply->str, reply->len)
                                                        : std::string("a key is missing")));
    return reply;
  }

  reply_ptr send(std::span<const std::string_view> words) {
    texts_.clear();
    lengths_.clear();
    for (const auto word : words) {
      texts_.push_back(word.data());
      lengths_.push_back(word.size());
    }
    reply_ptr reply(static_cast<redisReply*>(redisCommandArgv(
        connection_, static_cast<int>(words.size()), texts_.data(), lengths_.data())));
    if (!reply)
      die(std::string("Redis: ") + connection_->errstr);
    return reply;
  }

  redisContext* const connection_;
  std::vector<const char*> texts_;
  std::vector<std::size_t> lengths_;
};

class redis final : public store {
 public:
  explicit redis(const fs::path& directory)
      : store(directory), socket_((directory / "redis.sock").string()) {}
  std::string_view name() const override { return "Redis"; }
  bool has_server() const override { return true; }

  void start_server() override {
    fs::create_directories(directory());
    server_ = ::fork();
    if (server_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // it serves nobody but this benchmark
      const int log = ::open((directory() / "redis.log").c_str(), O_WRONLY | O_CREAT, 0600);
      ::dup2(log, STDOUT_FILENO);
      ::execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket_.c_str(),
               "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--dir",
               directory().c_str(), nullptr);
      ::_exit(1);
    }
    const auto deadline = std::chrono::steady_clock::now() + start_timeout;
    while (try_connect() == nullptr) {
      if (std::chrono::steady_clock::now() > deadline || ::waitpid(server_, nullptr, WNOHANG) != 0)
        die("redis-server did not start; see " + (directory() / "redis.log").string());
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  void stop_server() override {
    ::kill(server_, SIGTERM);
    ::waitpid(server_, nullptr, 0);
  }

  std::unique_ptr<client> connect() override {
    auto connected = try_connect();
    if (!connected)
      die("cannot connect to " + socket_);
    return connected;
  }

 private:
  std::unique_ptr<client> try_connect() const {
    redisContext* const connection = redisConnectUnix(socket_.c_str());
    if (connection == nullptr || connection->err != 0) {
      redisFree(connection);
      return nullptr;
    }
    return std::make_unique<redis_client>(connection);
  }

  const std::string socket_;
  pid_t server_ = -1;
};

bool is_installed(const std::string& program) {
  const char* const given = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): no threads yet
  const std::string_view path = given != nullptr ? given : "";
  for (std::size_t begin = 0; begin < path.size();) {
    const auto end = std::min(path.find(':', begin), path.size());
    if (::access((fs::path(path.substr(begin, end - begin)) / program).c_str(), X_OK) == 0)
      return true;
    begin = end + 1;
  }
  return false;
}

#endif

}  // namespace

std::unique_ptr<store> make_lmdb(const fs::path& directory) {
  return std::make_unique<lmdb>(directory);
}

std::unique_ptr<store> make_sqlite([[maybe_unused]] const fs::path& directory) {
#ifdef HAVE_SQLITE
  return std::make_unique<sqlite>(directory);
#else
  std::fprintf(stderr, "kv_bench: going on without SQLite: libsqlite3-dev is not installed\n");
  return nullptr;
#endif
}

std::unique_ptr<store> make_redis([[maybe_unused]] const fs::path& directory) {
#ifdef HAVE_HIREDIS
  if (is_installed("redis-server"))
    return std::make_unique<redis>(directory);
#endif
  std::fprintf(stderr,
               "kv_bench: going on without Redis: redis-server, or libhiredis-dev when this "
               "was built, is not installed\n");
  return nullptr;
}

}  // namespace kv_bench
