// The conversions between wire and core alone, fed with what no client of ours would send.
#include <capnp/message.h>
#include <capnp/serialize.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <type_traits>

#include "core/limits.hpp"
#include "ipc/wire.hpp"
#include "support.hpp"

namespace hearth::ipc::test {
namespace {

template <class Struct>
struct message {
  capnp::MallocMessageBuilder arena;
  typename Struct::Builder root = arena.initRoot<Struct>();
  [[nodiscard]] auto read() {
    return wire::checked([&] { return wire::read(root.asReader()); });
  }
};

template <class Struct>
void check_refused(message<Struct>& bad, errc code, const std::string& field) {
  const auto outcome = bad.read();
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == code);
  INFO(outcome.error().message);
  CHECK(outcome.error().message.find(field) != std::string::npos);
}

struct batch : message<schema::WriteBatch> {
  batch() { root.setKind(schema::WriteKind::UPSERT); }
};

TEST_CASE("a matrix whose sizes disagree names them") {
  batch bad;
  auto vectors = bad.root.initVectors();
  vectors.setRows(2);
  vectors.setDimension(3);
  vectors.initValues(23);
  check_refused(bad, errc::invalid_argument, "vectors.values");
  vectors.initValues(25);
  check_refused(bad, errc::invalid_argument, "vectors.values");
  vectors.initValues(24);
  CHECK(bad.read());
  vectors.setDimension(0);
  check_refused(bad, errc::invalid_argument, "vectors.dimension");
  vectors.setDimension(limits::dimension + 1);
  check_refused(bad, errc::limit_exceeded, "vectors.dimension");
}

TEST_CASE("sizes whose product overflows 32 and 64 bits are refused before memory is taken") {
  message<schema::SearchQuery> bad;
  auto vectors = bad.root.initVectors();
  vectors.setRows(limits::query_rows);
  vectors.setDimension(limits::dimension);
  bad.root.setK(1);
  check_refused(bad, errc::invalid_argument, "vectors.values");
  vectors.setRows(0xffffffff);
  check_refused(bad, errc::limit_exceeded, "vectors");
  vectors.setRows(limits::query_rows);
  bad.root.setK(0xffffffff);
  check_refused(bad, errc::limit_exceeded, "rows times k");
}

TEST_CASE("a batch with too many rows is refused by any of its columns") {
  const auto rows = static_cast<kj::uint>(limits::batch_rows + 1);
  SECTION("ids") {
    batch bad;
    bad.root.initIds().initNumbers(rows * 8);
    check_refused(bad, errc::limit_exceeded, "ids");
  }
  SECTION("mixed ids") {
    batch bad;
    bad.root.initIds().initMixed(rows);
    check_refused(bad, errc::limit_exceeded, "ids");
  }
  SECTION("vectors") {
    batch bad;
    bad.root.initVectors().setRows(rows);
    check_refused(bad, errc::limit_exceeded, "vectors");
  }
  SECTION("keys") {
    batch bad;
    bad.root.initKeys(rows);
    check_refused(bad, errc::limit_exceeded, "keys");
    bad.root.initKeys(1)[0].initKey(limits::key_bytes + 1);
    bad.root.getKeys()[0].setChange(schema::KeyChange::PUT);
    check_refused(bad, errc::limit_exceeded, "keys");
  }
  SECTION("queues") {
    batch bad;
    bad.root.initQueue(limits::queue_operations + 1);
    check_refused(bad, errc::limit_exceeded, "queue");
    bad.root.initQueue(1)[0].initPayload(limits::queue_payload_bytes + 1);
    bad.root.getQueue()[0].setChange(schema::QueueChange::PUSH);
    check_refused(bad, errc::limit_exceeded, "payload");
    bad.root.initQueue(1)[0].setQueue("no operation");
    check_refused(bad, errc::invalid_argument, "change");
  }
  SECTION("named vectors") {
    batch bad;
    bad.root.initNamed(1)[0].initVectors().setRows(rows);
    check_refused(bad, errc::limit_exceeded, "named");
    bad.root.initNamed(limits::named_vectors + 1);
    check_refused(bad, errc::limit_exceeded, "named");
  }
  SECTION("metadata") {
    batch bad;
    bad.root.initMetadata(rows);
    check_refused(bad, errc::limit_exceeded, "metadata");
  }
  SECTION("texts") {
    batch bad;
    bad.root.initTexts().initValues(rows);
    check_refused(bad, errc::limit_exceeded, "texts");
  }
}

TEST_CASE("ids that are too long or torn are refused") {
  batch bad;
  const std::string longest(limits::id_bytes, 'x');
  auto ids = bad.root.initIds().initMixed(2);
  ids[1].setText(longest);
  CHECK(bad.read());
  ids[1].setText(longest + "x");
  check_refused(bad, errc::limit_exceeded, "ids[1]");
  bad.root.getIds().initNumbers(12);
  check_refused(bad, errc::invalid_argument, "ids");
}

TEST_CASE("enumerators from outside that nobody knows are refused by name") {
  message<schema::NamespaceRequest> bad;
  REQUIRE(bad.read());
  bad.root.getKind().setStated(static_cast<schema::IndexKind>(6));
  check_refused(bad, errc::invalid_argument, "kind is 6");
  bad.root.getKind().setUnstated();
  bad.root.getQuantization().setStated(static_cast<schema::Quantization>(7));
  check_refused(bad, errc::invalid_argument, "quantization is 7");
  bad.root.getQuantization().setStated(schema::Quantization::UNSPECIFIED);
  check_refused(bad, errc::invalid_argument, "quantization is 0");
  bad.root.getQuantization().setUnstated();
  bad.root.getMemory().setStated(static_cast<schema::Memory>(4));
  check_refused(bad, errc::invalid_argument, "memory is 4");
  bad.root.getMemory().setStated(schema::Memory::LEAN);
  REQUIRE(bad.read()->memory == memory_kind::lean);
}

TEST_CASE("the configuration of a daemon that knows fewer parameters has defaults for the rest") {
  message<schema::NamespaceConfig> old;
  old.root.setDimension(3);
  old.root.setDistance(schema::Distance::L2);
  old.root.setKind(schema::IndexKind::HNSW);
  old.root.setM(16);
  old.root.setEfConstruction(200);
  old.root.setEfSearch(64);
  old.root.setSeed(42);
  const auto config = old.read();
  REQUIRE(config);
  CHECK(config->index == index_params{});
  old.root.setMemory(static_cast<schema::Memory>(4));
  check_refused(old, errc::invalid_argument, "memory is 4");
}

// A map in a map in a map ...
void nest(schema::Value::Builder value, std::size_t levels) {
  for (; levels > 0; --levels) {
    auto entries = value.initMap(1);
    entries[0].setKey("k");
    value = entries[0].initValue();
  }
}

TEST_CASE("metadata nested too deep, too large or with a key twice is refused") {
  SECTION("depth") {
    batch bad;
    auto entry = bad.root.initMetadata(1)[0].initEntries(1)[0];
    nest(entry.initValue(), limits::metadata_depth - 1);
    CHECK(bad.read());
    nest(entry.initValue(), limits::metadata_depth);
    check_refused(bad, errc::limit_exceeded, "metadata[0]");
  }
  SECTION("size") {
    batch bad;
    auto rows = bad.root.initMetadata(2);
    rows[1].initEntries(1)[0].initValue().setText(std::string(limits::metadata_bytes + 1, 'x'));
    check_refused(bad, errc::limit_exceeded, "metadata[1]");
  }
  SECTION("a list of very many nothings") {
    batch bad;
    bad.root.initMetadata(1)[0].initEntries(1)[0].initValue().initList(limits::metadata_bytes + 1);
    check_refused(bad, errc::limit_exceeded, "metadata[0]");
  }
  SECTION("a key twice") {
    batch bad;
    auto entries = bad.root.initMetadata(1)[0].initEntries(2);
    entries[0].setKey("same");
    entries[1].setKey("same");
    check_refused(bad, errc::invalid_argument, "same");
  }
}

TEST_CASE("many records of many nothings are refused before they fill the memory") {
  batch bad;
  // 100 bytes of metadata_size each in 64 bytes of memory: 600 rows would take 2.4 GiB.
  auto rows = bad.root.initMetadata(600);
  for (kj::uint i = 0; i < rows.size(); ++i) {
    auto list = rows[i].initEntries(1)[0].initValue();
    list.initList(60'000);
  }
  check_refused(bad, errc::limit_exceeded, "metadata");
}

TEST_CASE("numbers outside of their enumeration are refused by name") {
  SECTION("kind") {
    message<schema::WriteBatch> bad;
    check_refused(bad, errc::invalid_argument, "kind");
    bad.root.setKind(static_cast<schema::WriteKind>(5));
    check_refused(bad, errc::invalid_argument, "kind");
  }
  SECTION("durability") {
    batch bad;
    bad.root.setDurability(static_cast<schema::Durability>(3));
    check_refused(bad, errc::invalid_argument, "durability");
  }
  SECTION("distance") {
    message<schema::NamespaceRequest> bad;
    bad.root.getDistance().setStated(static_cast<schema::Distance>(9));
    check_refused(bad, errc::invalid_argument, "distance");
  }
  SECTION("mode") {
    CHECK_FALSE(wire::read(schema::OpenMode::UNSPECIFIED));
    CHECK_FALSE(wire::read(static_cast<schema::OpenMode>(4)));
  }
}

TEST_CASE("row numbers outside of their column are refused") {
  batch bad;
  auto texts = bad.root.initTexts();
  texts.initValues(2);
  texts.initAbsent(1).set(0, 2);
  check_refused(bad, errc::invalid_argument, "texts.absent");
  message<schema::GetResult> worse;
  worse.root.initFound().initWithoutVector(1);
  check_refused(worse, errc::invalid_argument, "withoutVector");
  worse.root.initFound().initNamed(1)[0].initWithoutVector(1);
  check_refused(worse, errc::invalid_argument, "withoutVector");
  bad.root.disownTexts();
  auto named = bad.root.initNamed(1)[0];
  named.initVectors().setRows(1);
  named.getVectors().setDimension(1);
  named.getVectors().initValues(4);
  CHECK(bad.read());
  named.initWithoutVector(1);
  check_refused(bad, errc::invalid_argument, "withoutVector");
}

TEST_CASE("replies whose columns disagree are refused") {
  message<schema::GetResult> bad;
  auto found = bad.root.initFound();
  found.initIds().initNumbers(16);
  check_refused(bad, errc::invalid_argument, "versions");
  found.initVersions(16);
  CHECK(bad.read());
  found.initMetadata(1);
  check_refused(bad, errc::invalid_argument, "metadata");
  found.disownMetadata();
  found.initNamed(1);
  check_refused(bad, errc::invalid_argument, "named");

  message<schema::SearchResult> torn;
  check_refused(torn, errc::invalid_argument, "offsets");
  torn.root.initOffsets(8);
  CHECK(torn.read());
  torn.root.initDistances(4);
  check_refused(torn, errc::invalid_argument, "distances");
}

TEST_CASE("what a message is said to take is enough for one segment") {
  const auto check = []<class Struct>(std::type_identity<Struct>, const auto& value) {
    const std::size_t words = wire::words(value);
    capnp::MallocMessageBuilder arena(static_cast<kj::uint>(words));
    wire::write(arena.initRoot<Struct>(), value);
    CHECK(arena.getSegmentsForOutput().size() == 1);
    CHECK(words <= arena.getSegmentsForOutput()[0].size() + 128);
  };
  write_batch full;
  full.ids = {"a", "a longer id"};
  full.ids.emplace_back(std::uint64_t{7});
  full.vectors = ramp(3, 100);
  full.metadata = {{{"k", value_list{1, "text", nullptr, value_map{{"x", 1.0}}, timestamp{-1},
                                     geo_point{1, 2}}}},
                   {},
                   {{"", ""}}};
  full.texts = {"some text", std::nullopt, ""};
  full.named = {{"image", ramp(3, 7)}, {"title", ramp(3, 1)}};
  full.keys = {{.key = "key", .value = "a longer value"}, {.key = "", .expected = 7}};
  full.queue = {{.queue = "tasks", .payload = "a payload", .consumer = "somebody"}, {}, {}};
  check(std::type_identity<schema::WriteBatch>(), full);
  search_result found;
  found.offsets = {0, 3};
  found.distances = {1, 2, 3};
  found.hits.ids = {"a", "b", "c"};
  found.hits.versions = {1, 2, 3};
  found.hits.vectors = full.vectors;
  found.hits.has_vector = {true, true, true};
  found.hits.metadata = full.metadata;
  found.hits.texts = full.texts;
  found.hits.named = {{"image", ramp(3, 7), {true, false, false}}, {"title", ramp(3, 1), {}}};
  check(std::type_identity<schema::SearchResult>(), found);
  namespace_info info;
  namespace_request request;
  for (std::size_t i = 0; i < limits::named_vectors; ++i) {
    const auto name = std::string(limits::namespace_name_bytes, static_cast<char>('a' + i));
    request.named.push_back({.name = name, .dimension = 3, .seed = 4});
    info.config.named.push_back({.name = name, .dimension = 3});
    info.named.push_back(
        {.name = name, .rebuild = index_rebuild{.failure = std::string(1000, 'f')}});
  }
  const auto fits = []<class Struct>(std::type_identity<Struct>, const auto& value) {
    capnp::MallocMessageBuilder arena(static_cast<kj::uint>(wire::words(value)));
    wire::write(arena.initRoot<Struct>(), value);
    CHECK(arena.getSegmentsForOutput().size() == 1);
  };
  fits(std::type_identity<schema::NamespaceInfo>(), info);
  fits(std::type_identity<schema::KeyResult>(),
       key_result{{key_value{"key", std::string(1000, 'v'), 1}, std::nullopt, key_value{}}});
  fits(std::type_identity<schema::KeyPage>(),
       key_page{{{"key", std::string(1000, 'v'), 1}, {"", "", 2}}, "next"});
  const queue_item item{.consumer = "somebody", .payload = std::string(1000, 'p')};
  fits(std::type_identity<schema::WriteResult>(),
       write_result{.queue = {{.leased = {item, item, {}}}, {}, {.leased = {{}}}}});
  fits(std::type_identity<schema::ItemPage>(), item_page{{item, {}, item}, "next"});
  fits(std::type_identity<schema::Queues>(), queue_result{std::vector<queue_info>(20, {"tasks"})});
  fits(std::type_identity<schema::KeyQuery>(), key_query{{"a", "", std::string(99, 'k')}});
  fits(std::type_identity<schema::KeyScan>(),
       key_scan{.start = "start", .end = "end", .prefix = "prefix", .cursor = "a longer cursor"});
  fits(std::type_identity<schema::NamespaceRequest>(), request);
  fits(std::type_identity<schema::ChangeQuery>(),
       change_query{.after = feed_position{7, 3},
                    .where = K("a") == std::string(500, 'x'),
                    .near = near_condition{ramp(1, 300), std::string(64, 'n'), 0.5F},
                    .prefix = std::string(500, 'p')});
  change_page page;
  page.records = found.hits;
  for (std::uint64_t i = 0; i < 20; ++i)
    page.events.push_back({.lsn = i + 1,
                           .number = i,
                           .is_key = i % 2 == 0,
                           .id = record_id(std::string(i, 'i')),
                           .key = std::string(i, 'k'),
                           .value = std::string(i * 10, 'v')});
  fits(std::type_identity<schema::ChangePage>(), page);
  fits(std::type_identity<schema::ConsumerRequest>(),
       consumer_request{std::string(limits::consumer_bytes, 'c'), consumer_action::acknowledge,
                        feed_position{9, 1}});
}

// --- mutated messages ----------------------------------------------------------------------------

/// Reads `rounds` mutations of `good`: any outcome is fine except a crash or a hang.
template <class Struct>
void mutate(capnp::MallocMessageBuilder& good, std::uint32_t seed) {
  constexpr int rounds = 3'000;
  const auto flat = capnp::messageToFlatArray(good);
  std::mt19937 random(seed);
  int refused = 0;
  for (int round = 0; round < rounds; ++round) {
    auto bad = kj::heapArray<capnp::word>(flat.size());
    std::memcpy(bad.begin(), flat.begin(), flat.asBytes().size());
    auto bytes = bad.asBytes();
    for (std::size_t flips = 1 + random() % 4; flips > 0; --flips) {
      const std::size_t at = 8 + random() % (bytes.size() - 8);
      switch (random() % 3) {
      case 0:
        bytes[at] = static_cast<kj::byte>(random());
        break;
      case 1:
        bytes[at] ^= static_cast<kj::byte>(1U << (random() % 8));
        break;
      default:  // pointers are words: swap two
        std::swap(bad[1 + random() % (bad.size() - 1)], bad[1 + random() % (bad.size() - 1)]);
      }
    }
    capnp::ReaderOptions options;
    options.traversalLimitInWords = 1 << 20;
    options.nestingLimit = 192;
    const auto outcome = wire::checked([&] {
      capnp::FlatArrayMessageReader reader(bad, options);
      return wire::read(reader.getRoot<Struct>());
    });
    if (!outcome) {
      ++refused;
      REQUIRE_FALSE(outcome.error().message.empty());
      REQUIRE((outcome.error().code == errc::invalid_argument ||
               outcome.error().code == errc::limit_exceeded));
    }
  }
  CHECK(refused > rounds / 20);  // the mutations do reach what is checked
}

TEST_CASE("mutated messages are read or refused") {
  write_batch full;
  full.ids = {"a", "b", "c"};
  full.vectors = ramp(3, 4);
  full.metadata = {{{"k", value_list{1, "text", nullptr, value_map{{"x", 1.0}}, timestamp{-1},
                                     geo_point{1, 2}}}},
                   {{"m", value_map{{"n", value_map{{"o", true}}}}}},
                   {}};
  full.texts = {"some text", std::nullopt, ""};
  full.named = {{"image", ramp(3, 2)}};
  full.keys = {{.key = "key", .value = "a longer value", .expected = 7}};
  full.queue = {{.queue = "tasks", .payload = "a payload", .consumer = "somebody"}};
  record_columns rows;
  rows.ids = full.ids;
  rows.versions = {1, 2, 3};
  rows.vectors = full.vectors;
  rows.has_vector = {true, false, true};
  rows.metadata = full.metadata;
  rows.texts = full.texts;
  rows.named = {{"image", ramp(3, 2), {false, true, false}}};

  SECTION("write batch") {
    capnp::MallocMessageBuilder arena;
    wire::write(arena.initRoot<schema::WriteBatch>(), full);
    mutate<schema::WriteBatch>(arena, 1);
  }
  SECTION("search query") {
    capnp::MallocMessageBuilder arena;
    search_query query;
    query.vectors = ramp(2, 4);
    query.k = 3;
    wire::write(arena.initRoot<schema::SearchQuery>(), query);
    mutate<schema::SearchQuery>(arena, 2);
  }
  SECTION("search result") {
    capnp::MallocMessageBuilder arena;
    search_result result;
    result.offsets = {0, 1, 3};
    result.distances = {1, 2, 3};
    result.hits = rows;
    wire::write(arena.initRoot<schema::SearchResult>(), result);
    mutate<schema::SearchResult>(arena, 3);
  }
  SECTION("get result") {
    capnp::MallocMessageBuilder arena;
    wire::write(arena.initRoot<schema::GetResult>(), get_result{rows, full.ids});
    mutate<schema::GetResult>(arena, 4);
  }
  SECTION("namespace request") {
    capnp::MallocMessageBuilder arena;
    namespace_request request;
    request.dimension = 4;
    request.distance = distance_kind::l2;
    request.kind = index_kind::flat;
    request.embedder = "lexical";
    wire::write(arena.initRoot<schema::NamespaceRequest>(), request);
    mutate<schema::NamespaceRequest>(arena, 5);
  }
}

}  // namespace
}  // namespace hearth::ipc::test
