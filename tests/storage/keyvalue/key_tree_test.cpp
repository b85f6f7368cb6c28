#include "storage/keyvalue/key_tree.hpp"

#include <map>

#include "storage/keys.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

byte_span bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(byte_span bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// One table of keys, and the map that says what is in it.
class tree {
 public:
  tree() {
    lmdb::environment_options options;
    options.create = true;
    std::filesystem::create_directory(home_.path() / "keys");
    environment_ = need(lmdb::environment::open(home_.path() / "keys", options));
    transaction_.emplace(need(environment_->begin_write()));
    keys_ = need(transaction_->open_table("keys", true));
  }

  void put(const std::string& key, const std::string& value) {
    need(key_writer(*transaction_, keys_, next_node_).put(bytes_of(key), bytes_of(value), ++lsn_));
    model_[key] = {value, lsn_};
  }

  void erase(const std::string& key) {
    const bool there = need(key_writer(*transaction_, keys_, next_node_).erase(bytes_of(key)));
    REQUIRE(there == (model_.erase(key) == 1));
  }

  void commit() {
    need(transaction_->commit());
    transaction_.reset();
    transaction_.emplace(need(environment_->begin_write()));
  }

  void check(const std::string& asked) const {
    const auto found = need(find_key(*transaction_, keys_, bytes_of(asked)));
    const auto known = model_.find(asked);
    REQUIRE(found.has_value() == (known != model_.end()));
    if (found) {
      REQUIRE(text_of(found->bytes) == known->second.first);
      REQUIRE(found->version == known->second.second);
    }
    check_around(asked);
  }

  // All of them, forwards and backwards.
  void check_all() const {
    auto cursor = need(key_cursor::open(*transaction_, keys_));
    bool more = need(cursor.seek({}));
    for (const auto& [key, value] : model_) {
      REQUIRE(more);
      REQUIRE(text_of(cursor.key()) == key);
      REQUIRE(text_of(need(cursor.value()).bytes) == value.first);
      more = need(cursor.next());
    }
    REQUIRE_FALSE(more);
    more = need(cursor.last());
    for (auto at = model_.rbegin(); at != model_.rend(); ++at) {
      REQUIRE(more);
      REQUIRE(text_of(cursor.key()) == at->first);
      more = need(cursor.previous());
    }
    REQUIRE_FALSE(more);
  }

  [[nodiscard]] std::size_t entries() const {
    return need(transaction_->statistics(keys_)).ms_entries;
  }
  [[nodiscard]] lmdb::write_transaction& transaction() { return *transaction_; }
  [[nodiscard]] lmdb::table keys() const { return keys_; }

 private:
  void check_around(const std::string& asked) const {
    auto cursor = need(key_cursor::open(*transaction_, keys_));
    const auto after = model_.lower_bound(asked);
    REQUIRE(need(cursor.seek(bytes_of(asked))) == (after != model_.end()));
    if (after != model_.end()) {
      REQUIRE(text_of(cursor.key()) == after->first);
      REQUIRE(need(cursor.previous()) == (after != model_.begin()));
      if (after != model_.begin())
        REQUIRE(text_of(cursor.key()) == std::prev(after)->first);
    }
    REQUIRE(need(cursor.seek_before(bytes_of(asked))) == (after != model_.begin()));
    if (after != model_.begin()) {
      REQUIRE(text_of(cursor.key()) == std::prev(after)->first);
      REQUIRE(need(cursor.next()) == (after != model_.end()));
      if (after != model_.end())
        REQUIRE(text_of(cursor.key()) == after->first);
    }
  }

  temporary_directory home_;
  std::shared_ptr<lmdb::environment> environment_;
  std::optional<lmdb::write_transaction> transaction_;
  lmdb::table keys_ = 0;
  key_node next_node_ = 1;
  lsn_t lsn_ = 0;
  std::map<std::string, std::pair<std::string, lsn_t>> model_;  // std::string orders like memcmp
};

// Few different bytes and lengths around multiples of a fragment: keys that share long beginnings.
std::string random_key(std::mt19937_64& random) {
  constexpr std::size_t lengths[]{0,   1,   3,   478, 479,  480,  481,  482,
                                  500, 959, 960, 961, 1440, 1441, 4801, limits::key_bytes};
  auto length = lengths[random() % (random() % 8 == 0 ? std::size(lengths) : 14)];
  constexpr char edges[]{'\0', '\x01', 'a', '\x7f', '\xff'};
  std::string key(length, edges[random() % 2 == 0 ? 2 : random() % 5]);
  for (std::size_t changes = random() % 3; changes > 0 && length > 0; --changes)
    key[random() % 4 == 0 ? random() % length : length - 1] = edges[random() % 5];
  return key;
}

}  // namespace

TEST_CASE("keys of any length are found, and walked in the order of their bytes") {
  std::mt19937_64 random(GENERATE(1U, 2U, 3U));
  tree keys;
  for (int step = 1; step <= 4000; ++step) {
    const auto key = random_key(random);
    if (random() % 3 == 0)
      keys.erase(key);
    else
      keys.put(key, std::string(random() % 50 == 0 ? random() % 20'000 : random() % 30, 'v'));
    keys.check(random_key(random));
    if (step % 500 == 0) {
      keys.commit();
      keys.check_all();
    }
  }
}

TEST_CASE("an empty value is not a missing one, and an empty key is one") {
  tree keys;
  keys.put("", "");
  keys.put("a", "");
  keys.check("");
  keys.check("a");
  keys.check("b");
  keys.erase("");
  keys.check_all();
}

TEST_CASE("what erased keys leave behind is nothing") {
  tree keys;
  const std::string longest(limits::key_bytes, 'x');
  keys.put(longest, "1");
  keys.put(longest.substr(0, 2000), "2");
  REQUIRE(keys.entries() == limits::key_bytes / 480 + 2);
  keys.erase(longest);
  REQUIRE(keys.entries() == 2000 / 480 + 1);
  keys.check(longest.substr(0, 2000));
  keys.erase(longest.substr(0, 2000));
  REQUIRE(keys.entries() == 0);
}

TEST_CASE("damaged values and links of keys are corruption, not answers") {
  tree keys;
  const std::string longer(1000, 'x');
  keys.put("a", "value");
  keys.put(longer, "value");
  std::vector<std::pair<std::vector<std::byte>, std::vector<std::byte>>> entries;
  {
    auto cursor = need(keys.transaction().open_cursor(keys.keys()));
    for (bool more = need(cursor.first()); more; more = need(cursor.next()))
      entries.emplace_back(std::vector(cursor.key().begin(), cursor.key().end()),
                           std::vector(cursor.value().begin(), cursor.value().end()));
  }
  REQUIRE(entries.size() == 4);
  for (const auto& [key, value] : entries) {
    for (std::size_t at = 0; at < value.size(); ++at) {
      auto bad = value;
      bad[at] ^= std::byte{0x20};
      need(keys.transaction().put(keys.keys(), key, bad));
      auto cursor = need(key_cursor::open(keys.transaction(), keys.keys()));
      const auto outcome = [&]() -> result<void> {
        HEARTH_CHECK(find_key(keys.transaction(), keys.keys(), bytes_of("a")));
        HEARTH_CHECK(find_key(keys.transaction(), keys.keys(), bytes_of(longer)));
        return {};
      }();
      REQUIRE(code_of(outcome) == errc::corruption);
      const auto walked = [&]() -> result<void> {
        HEARTH_TRY(bool more, cursor.seek({}));
        while (more) {
          HEARTH_CHECK(cursor.value());
          HEARTH_TRY(more, cursor.next());
        }
        return {};
      }();
      REQUIRE(code_of(walked) == errc::corruption);
    }
    need(keys.transaction().put(keys.keys(), key, value));
  }
  keys.check_all();
}
