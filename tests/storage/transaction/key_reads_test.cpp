#include "storage/transaction/key_reads.hpp"

#include <map>

#include "storage/keyvalue/key_names.hpp"
#include "storage/transaction/merged_keys.hpp"
#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

std::string random_key(std::mt19937& random) {
  std::string key(1, static_cast<char>('a' + random() % 3));
  for (auto segments = random() % 3; segments > 0; --segments)
    key += std::array{"/x", "!", "/"}[random() % 3];
  return key;
}

// The page with one key more, or one less.
key_page with_change(read_view& view, const std::string& key, const key_scan& scan) {
  const bool there = need(view.get_keys({{key}}, no_limit)).found.front().has_value();
  write_set::keys_map own;
  own.emplace(key, std::make_shared<const std::optional<std::string>>(
                       there ? std::nullopt : std::optional(std::string())));
  merged_keys merged(view, own);
  return need(list_names(merged, view.lsn(), scan, no_limit));
}

}  // namespace

// The other way round would be too much: what a page depends on is noted generously.
TEST_CASE("a key whose change would change a page is one that the page depends on") {
  std::mt19937 random(3);  // NOLINT: the same keys every time
  const temporary_directory home;
  int changed = 0;
  for (int round = 0; round < 12; ++round) {
    auto store = create(home.path() / std::to_string(round), 2);
    write_batch all;
    for (int i = 0; i < 12; ++i)
      if (auto key = random_key(random);
          std::ranges::find(all.keys, key, &key_write::key) == all.keys.end())
        all.keys.push_back({.key = std::move(key)});
    write(*store, all);
    for (const bool reverse : {false, true}) {
      key_scan scan{.start = "a/", .end = "c!", .reverse = reverse, .limit = 2, .delimiter = "/"};
      do {
        const auto view = need(store->read());
        const auto page = need(view->scan_keys(scan, no_limit));
        read_set reads;
        add_scan(reads, scan, page);
        for (int i = 0; i < 12; ++i) {
          const auto key = random_key(random);
          const auto other = with_change(*view, key, scan);
          if (other.entries.keys() == page.entries.keys() && other.names == page.names)
            continue;
          ++changed;
          INFO(key << (reverse ? " backwards" : ""));
          REQUIRE(reads.has_key(key));
        }
        scan.cursor = page.next;
      } while (!scan.cursor.empty());
    }
  }
  REQUIRE(changed > 50);
}
