#include "engine/index/index_snapshot.hpp"

#include <catch2/catch.hpp>

#include <cstring>
#include <functional>
#include <set>

#include "core/checksum.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/snapshot_sections.hpp"
#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

constexpr std::uint32_t dimension = 9;
constexpr index_kind every_kind[] = {index_kind::flat, index_kind::hnsw, index_kind::ivf_flat,
                                     index_kind::ivf_pq, index_kind::kd_tree};

snapshot_header header_for(index_kind kind) {
  snapshot_header header;
  header.dimension = dimension;
  header.distance = distance_kind::cosine;
  header.params = {.kind = kind, .m = 6, .ef_construction = 40, .ef_search = 30, .seed = 5};
  header.lsn = 1234;
  header.store_uuid[0] = 11;
  header.store_uuid[1] = 22;
  header.shard = 1;
  header.shards = 3;
  return header;
}

// Row i * 3 + 1 is row i of `data`.
row_id row_of(std::size_t i) {
  return i * 3 + 1;
}

struct storage {
  const points& data;
  std::set<row_id> missing;
  std::size_t calls = 0;

  result<std::vector<bool>> operator()(std::span<const row_id> rows, float* out) {
    ++calls;
    std::vector<bool> found(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::size_t at = (rows[i] - 1) / 3;
      if (rows[i] % 3 != 1 || at >= data.rows())
        return fail(errc::io_error, "asked for a row that never was");
      if (missing.contains(rows[i]))
        continue;
      found[i] = true;
      std::copy_n(data.row(at).data(), dimension, out + i * dimension);
    }
    return found;
  }
};

std::unique_ptr<vector_index> made_index(const snapshot_header& header, const points& data,
                                         std::size_t count) {
  auto index = make_index(header.dimension, header.distance, header.params);
  for (std::size_t i = 0; i < count; ++i) {
    const row_id row = row_of(i);
    REQUIRE(index->insert({&row, 1}, {data.row(i).data(), 1, dimension}));
  }
  return index;
}

void check_sound(const vector_index& index) {
  if (const auto* graph = dynamic_cast<const hnsw_index*>(&index)) {
    const auto sound = graph->check();
    INFO((sound ? "" : sound.error().message));
    REQUIRE(sound);
  }
}

errc code_of(std::span<const std::byte> file, const snapshot_header& expected,
             const fetch_vectors& fetch) {
  const auto decoded = decode_snapshot(file, expected, fetch);
  return decoded ? errc{} : decoded.error().code;
}

TEST_CASE("snapshot: a loaded index answers as the saved one and lives on") {
  const auto data = clustered_points(1500, dimension, 1);
  const auto queries = clustered_points(30, dimension, 2);
  for (const auto kind : every_kind) {
    const auto header = header_for(kind);
    const auto saved = made_index(header, data, 1200);
    // Slots out of order and reused: rows are no longer where they were put first.
    std::vector<row_id> gone;
    for (std::size_t i = 0; i < 1200; i += 5)
      gone.push_back(row_of(i));
    REQUIRE(saved->erase(gone) == gone.size());
    for (std::size_t i = 1200; i < 1400; ++i) {
      const row_id row = row_of(i);
      REQUIRE(saved->insert({&row, 1}, {data.row(i).data(), 1, dimension}));
    }
    check_sound(*saved);

    auto expected = header;
    expected.lsn = 0;  // not compared
    const auto loaded =
        decode_snapshot(encode_snapshot(header, *saved), expected, storage{data, {}});
    REQUIRE(loaded);
    CHECK(loaded->lsn == 1234);
    auto& index = *loaded->index;
    CHECK(index.size() == saved->size());
    CHECK(index.dimension() == dimension);
    check_sound(index);
    CHECK(recall(index, *saved, queries, 10, 60) >= 0.98);
    CHECK(saved_bytes(index) == saved_bytes(*saved));
    for (const row_id row : gone)
      CHECK_FALSE(index.contains(row));

    for (std::size_t i = 1400; i < 1500; ++i) {
      const row_id row = row_of(i);
      REQUIRE(index.insert({&row, 1}, {data.row(i).data(), 1, dimension}));
      CHECK(index.search(data.row(i), 1, 60).front().distance == Approx(0).margin(1e-5));
    }
    CHECK(index.erase(std::vector<row_id>{row_of(1), row_of(2), row_of(1450)}) == 3);
    check_sound(index);
  }
}

TEST_CASE("snapshot: an empty index and one of a single row come back") {
  const auto data = normal_points(1, dimension, 3);
  for (const auto kind : every_kind)
    for (const std::size_t count : {0u, 1u}) {
      const auto header = header_for(kind);
      const auto saved = made_index(header, data, count);
      const auto loaded =
          decode_snapshot(encode_snapshot(header, *saved), header, storage{data, {}});
      REQUIRE(loaded);
      CHECK(loaded->index->size() == count);
      check_sound(*loaded->index);
      CHECK(loaded->index->search(data.row(0), 3, 3).size() == count);
    }
}

TEST_CASE("snapshot: rows that storage no longer has are erased from the loaded index") {
  const auto data = clustered_points(800, dimension, 4);
  for (const auto kind : every_kind) {
    const auto header = header_for(kind);
    const auto saved = made_index(header, data, 800);
    storage source{data, {}};
    for (std::size_t i = 0; i < 800; i += 3)
      source.missing.insert(row_of(i));
    const auto loaded = decode_snapshot(encode_snapshot(header, *saved), header, source);
    REQUIRE(loaded);
    CHECK(loaded->index->size() == 800 - source.missing.size());
    check_sound(*loaded->index);
    for (const auto& each : loaded->index->search(data.row(0), 800, 800))
      CHECK_FALSE(source.missing.contains(each.row));
    source.missing.clear();
    for (std::size_t i = 0; i < 800; ++i)
      source.missing.insert(row_of(i));
    const auto emptied = decode_snapshot(encode_snapshot(header, *saved), header, source);
    REQUIRE(emptied);
    CHECK(emptied->index->size() == 0);
    check_sound(*emptied->index);
  }
}

TEST_CASE("snapshot: errors of storage and broken vectors are reported, not loaded") {
  auto data = clustered_points(50, dimension, 5);
  for (const auto kind : every_kind) {
    const auto header = header_for(kind);
    const auto file = encode_snapshot(header, *made_index(header, data, 50));
    CHECK(code_of(file, header, [](auto, float*) -> result<std::vector<bool>> {
            return fail(errc::io_error, "disk");
          }) == errc::io_error);
    CHECK(code_of(file, header, [](auto, float*) -> result<std::vector<bool>> {
            return std::vector<bool>(3);
          }) == errc::internal);
    CHECK(code_of(file, header, [](auto rows, float* out) -> result<std::vector<bool>> {
            std::fill_n(out, rows.size() * dimension, std::numeric_limits<float>::infinity());
            return std::vector<bool>(rows.size(), true);
          }) == errc::corruption);
  }
}

TEST_CASE("snapshot: cut short anywhere, it is refused") {
  const auto data = clustered_points(120, dimension, 6);
  for (const auto kind : every_kind) {
    const auto header = header_for(kind);
    const auto file = encode_snapshot(header, *made_index(header, data, 120));
    REQUIRE(code_of(file, header, storage{data, {}}) == errc{});
    for (std::size_t size = 0; size < file.size(); size += size < 200 ? 1 : 97)
      REQUIRE(code_of(std::span(file).first(size), header, storage{data, {}}) == errc::corruption);
    auto longer = file;
    longer.push_back(std::byte{0});
    CHECK(code_of(longer, header, storage{data, {}}) == errc::corruption);
  }
}

TEST_CASE("snapshot: any flipped bit is noticed") {
  const auto data = clustered_points(40, dimension, 7);
  for (const auto kind : every_kind) {
    const auto header = header_for(kind);
    auto file = encode_snapshot(header, *made_index(header, data, 40));
    for (std::size_t at = 0; at < file.size(); ++at) {
      const auto bit = std::byte{1} << (at % 8);
      file[at] ^= bit;
      REQUIRE(code_of(file, header, storage{data, {}}) == errc::corruption);
      file[at] ^= bit;
    }
  }
}

TEST_CASE("snapshot: one of another store, shard or configuration is refused") {
  const auto data = clustered_points(30, dimension, 8);
  const auto header = header_for(index_kind::hnsw);
  const auto file = encode_snapshot(header, *made_index(header, data, 30));
  const std::function<void(snapshot_header&)> changes[] = {
      [](auto& h) { h.dimension = 10; },
      [](auto& h) { h.distance = distance_kind::l2; },
      [](auto& h) { h.params.kind = index_kind::flat; },
      [](auto& h) { h.params.m = 7; },
      [](auto& h) { h.params.ef_construction = 41; },
      [](auto& h) { h.params.quantization = quantization_kind::none; },
      [](auto& h) { h.params.memory = memory_kind::lean; },
      [](auto& h) { h.params.seed = 6; },
      [](auto& h) { h.store_uuid[0] = 0; },
      [](auto& h) { h.store_uuid[1] = 0; },
      [](auto& h) { h.shard = 2; },
      [](auto& h) { h.shards = 4; },
  };
  for (const auto& change : changes) {
    auto other = header;
    change(other);
    CHECK(code_of(file, other, storage{data, {}}) == errc::corruption);
  }
}

TEST_CASE("snapshot: what does not shape the structure need not agree") {
  const auto data = clustered_points(30, dimension, 8);
  const auto header = header_for(index_kind::hnsw);
  const auto file = encode_snapshot(header, *made_index(header, data, 30));
  auto other = header;
  other.params.ef_search = 31;
  other.params.nprobe = 5;
  other.params.nlist = 5;  // of other kinds
  other.params.nbits = 8;
  CHECK(code_of(file, other, storage{data, {}}) == errc{});
}

// A structure with right checksums and wrong contents: what a bug in a writer, or malice, makes.
struct forged_graph {
  std::vector<row_id> rows;
  std::vector<std::uint8_t> levels;
  std::vector<slot_id> parents;
  std::vector<std::uint16_t> counts;
  std::vector<slot_id> links;
  slot_id entry = no_slot;

  explicit forged_graph(std::span<const std::byte> structure) {
    section_reader sections(structure);
    rows = *sections.next<row_id>(section_tag::rows);
    levels = *sections.next<std::uint8_t>(section_tag::levels);
    parents = *sections.next<slot_id>(section_tag::parents);
    counts = *sections.next<std::uint16_t>(section_tag::link_counts);
    links = *sections.next<slot_id>(section_tag::links);
    entry = sections.next<slot_id>(section_tag::entry)->front();
  }

  [[nodiscard]] result<std::unique_ptr<hnsw_index>> load(const snapshot_header& header,
                                                         const points& data) const {
    collected_sections out;
    out.add<row_id>(section_tag::rows, rows);
    out.add<std::uint8_t>(section_tag::levels, levels);
    out.add<slot_id>(section_tag::parents, parents);
    out.add<std::uint16_t>(section_tag::link_counts, counts);
    out.add<slot_id>(section_tag::links, links);
    out.add<slot_id>(section_tag::entry, {&entry, 1});
    out.add<float>(section_tag::code_model, {});
    out.add<std::byte>(section_tag::code_rows, {});
    const auto bytes = std::move(out).take();
    section_reader sections(bytes);
    return hnsw_index::load(sections, header.dimension, header.distance, header.params,
                            storage{data, {}});
  }
};

TEST_CASE("snapshot: a graph with right checksums and wrong contents is refused") {
  const auto data = clustered_points(200, dimension, 9);
  const auto header = header_for(index_kind::hnsw);
  const auto structure = saved_bytes(*made_index(header, data, 200));
  const auto root_of = [](const forged_graph& graph) {
    std::size_t at = 0;
    while (graph.parents[at] != at)
      at = graph.parents[at];
    return at;
  };
  REQUIRE(forged_graph(structure).load(header, data));
  const std::pair<const char*, std::function<void(forged_graph&)>> forgeries[] = {
      {"link out of range", [](auto& g) { g.links[3] = 200; }},
      {"link far out of range", [](auto& g) { g.links[3] = no_slot; }},
      {"link to itself", [](auto& g) { g.links[0] = 0; }},
      {"link twice", [](auto& g) { g.links[1] = g.links[0]; }},
      {"rows that fall", [](auto& g) { std::swap(g.rows[3], g.rows[4]); }},
      {"row twice", [](auto& g) { g.rows[4] = g.rows[3]; }},
      {"reserved row", [](auto& g) { g.rows.back() = std::numeric_limits<row_id>::max(); }},
      {"too few levels", [](auto& g) { g.levels.pop_back(); }},
      {"too few parents", [](auto& g) { g.parents.pop_back(); }},
      {"level too high", [](auto& g) { g.levels[0] = 255; }},
      {"level without lists", [](auto& g) { ++g.levels[0]; }},
      {"count above the list's length", [](auto& g) { g.counts[0] = 13; }},
      {"huge count", [](auto& g) { g.counts[0] = 65'535; }},
      {"too few counts", [](auto& g) { g.counts.pop_back(); }},
      {"too few links", [](auto& g) { g.links.pop_back(); }},
      {"too many links", [](auto& g) { g.links.push_back(1); }},
      {"no entry", [](auto& g) { g.entry = no_slot; }},
      {"entry out of range", [](auto& g) { g.entry = 200; }},
      {"entry not on top",
       [](auto& g) {
         g.entry = static_cast<slot_id>(
             std::find(g.levels.begin(), g.levels.end(), std::uint8_t{0}) - g.levels.begin());
       }},
      {"parent out of range", [](auto& g) { g.parents[5] = 200; }},
      {"two roots",
       [&](auto& g) {
         const slot_id other = root_of(g) == 7 ? 8 : 7;
         g.parents[other] = other;
       }},
      {"parents in a circle",
       [&](auto& g) {
         const auto root = root_of(g);
         for (slot_id child = 0; child < g.parents.size(); ++child)
           if (g.parents[child] == root && child != root)
             g.parents[root] = child;
       }},
      {"nothing", [](auto& g) { g.rows.clear(); }},
  };
  for (const auto& [name, forge] : forgeries) {
    forged_graph graph(structure);
    forge(graph);
    const auto loaded = graph.load(header, data);
    INFO(name);
    REQUIRE_FALSE(loaded);
    CHECK(loaded.error().code == errc::corruption);
  }
}

TEST_CASE("snapshot: random changes below the checksums never crash, what loads is sound") {
  const auto data = clustered_points(100, dimension, 10);
  const auto header = header_for(index_kind::hnsw);
  const auto structure = saved_bytes(*made_index(header, data, 100));
  std::mt19937 random(11);
  std::size_t loaded_some = 0;
  for (int round = 0; round < 2000; ++round) {
    forged_graph graph(structure);
    for (std::uint32_t change = 0; change <= random() % 3; ++change)
      switch (random() % 4) {
      case 0:
        graph.links[random() % graph.links.size()] = static_cast<slot_id>(random() % 110);
        break;
      case 1:
        graph.parents[random() % graph.parents.size()] = static_cast<slot_id>(random() % 110);
        break;
      case 2:
        graph.levels[random() % graph.levels.size()] = static_cast<std::uint8_t>(random() % 4);
        break;
      default:
        graph.counts[random() % graph.counts.size()] = static_cast<std::uint16_t>(random() % 14);
      }
    const auto loaded = graph.load(header, data);
    if (!loaded)
      continue;
    ++loaded_some;
    check_sound(**loaded);
    CHECK((*loaded)->search(data.row(0), 5, 20).size() == 5);
  }
  CHECK(loaded_some > 0);
}

TEST_CASE("snapshot: bytes that are no snapshot are refused") {
  const auto header = header_for(index_kind::hnsw);
  const auto data = normal_points(1, dimension, 12);
  std::mt19937 random(13);
  for (std::size_t size = 0; size < 2000; size += 37) {
    std::vector<std::byte> noise(size);
    for (auto& each : noise)
      each = static_cast<std::byte>(random());
    CHECK(code_of(noise, header, storage{data, {}}) == errc::corruption);
  }
}

}  // namespace
