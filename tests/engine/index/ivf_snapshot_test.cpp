// Snapshots of inverted files that have learned lists. index_snapshot_test.cpp has the rest.
#include <catch2/catch.hpp>

#include <cstring>
#include <functional>

#include "engine/index/index_snapshot.hpp"
#include "engine/index/ivf/ivf_flat_index.hpp"
#include "engine/index/ivf/ivf_pq_index.hpp"
#include "index_support.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::index;
using namespace hearth::test;

constexpr std::uint32_t dimension = 12;
constexpr std::size_t count = 2500;

const points& data() {
  static const auto made = clustered_points(count, dimension, 1);
  return made;
}

result<std::vector<bool>> fetch(std::span<const row_id> rows, float* out) {
  for (std::size_t i = 0; i < rows.size(); ++i)
    std::copy_n(data().row(rows[i]).data(), dimension, out + i * dimension);
  return std::vector<bool>(rows.size(), true);
}

snapshot_header header_for(index_kind kind, std::uint32_t nbits, distance_kind distance) {
  snapshot_header header;
  header.dimension = dimension;
  header.distance = distance;
  header.params.kind = kind;
  header.params.m = 0;
  header.params.nbits = nbits;
  return header;
}

std::unique_ptr<vector_index> trained_index(const snapshot_header& header) {
  auto index = make_index(dimension, header.distance, header.params);
  REQUIRE(index->insert(row_range(0, count), data().view()));
  REQUIRE(dynamic_cast<ivf_index&>(*index).trainings() == 1);
  // Gaps, and rows out of order.
  std::vector<row_id> gone;
  for (row_id row = 0; row < count; row += 7)
    gone.push_back(row);
  REQUIRE(index->erase(gone) == gone.size());
  std::vector<float> again;
  for (const row_id row : gone)
    again.insert(again.end(), data().row(row).begin(), data().row(row).end());
  REQUIRE(index->insert(gone, {again.data(), gone.size(), dimension}));
  return index;
}

TEST_CASE("snapshot: loaded lists answer as the saved ones") {
  for (const auto distance : {distance_kind::l2, distance_kind::cosine, distance_kind::dot})
    for (const auto& [kind, nbits] : {std::pair{index_kind::ivf_flat, 4u},
                                      {index_kind::ivf_pq, 4u},
                                      {index_kind::ivf_pq, 8u}}) {
      const auto header = header_for(kind, nbits, distance);
      const auto saved = trained_index(header);
      const auto loaded = decode_snapshot(encode_snapshot(header, *saved), header, fetch);
      REQUIRE(loaded);
      CHECK(loaded->index->size() == count);
      CHECK(saved_bytes(*loaded->index) == saved_bytes(*saved));
      const auto queries = clustered_points(50, dimension, 2);
      for (std::size_t q = 0; q < queries.rows(); ++q)
        CHECK(loaded->index->search(queries.row(q), 10, 20) ==
              saved->search(queries.row(q), 10, 20));
      CHECK(dynamic_cast<ivf_index&>(*loaded->index).scans() == 0);
      if (distance != distance_kind::cosine || nbits != 4)
        continue;
      // It lives on: rows go and come, and lists are learned again at the same time.
      for (auto* const index : {saved.get(), loaded->index.get()}) {
        REQUIRE(index->erase(row_range(0, 100)) == 100);
        const auto more = clustered_points(7000, dimension, 3);
        REQUIRE(index->insert(row_range(10'000, 7000), more.view()));
      }
      CHECK(dynamic_cast<ivf_index&>(*loaded->index).trainings() == 1);
      CHECK(dynamic_cast<ivf_index&>(*saved).trainings() == 2);
      CHECK(loaded->index->size() == saved->size());
    }
}

// A structure with right checksums and wrong contents: what a bug in a writer, or malice, makes.
struct forged_lists {
  std::vector<row_id> rows;
  std::vector<std::uint64_t> training;
  std::vector<std::uint32_t> lists;
  std::vector<std::byte> packed;
  std::vector<float> centroids;
  std::vector<float> space;
  std::vector<std::uint32_t> starts;
  std::vector<float> codebooks;
  bool coded;

  forged_lists(std::span<const std::byte> structure, bool of_codes) : coded(of_codes) {
    section_reader sections(structure);
    rows = *sections.next<row_id>(section_tag::rows);
    training = *sections.next<std::uint64_t>(section_tag::ivf_training);
    lists = *sections.next<std::uint32_t>(section_tag::ivf_lists);
    packed = *sections.next<std::byte>(section_tag::ivf_rows);
    centroids = *sections.next<float>(section_tag::ivf_centroids);
    if (!coded)
      return;
    space = *sections.next<float>(section_tag::ivf_projection);
    starts = *sections.next<std::uint32_t>(section_tag::ivf_part_starts);
    codebooks = *sections.next<float>(section_tag::ivf_codebooks);
  }

  [[nodiscard]] result<std::unique_ptr<ivf_index>> load(const snapshot_header& header) const {
    collected_sections out;
    out.add<row_id>(section_tag::rows, rows);
    out.add<std::uint64_t>(section_tag::ivf_training, training);
    out.add<std::uint32_t>(section_tag::ivf_lists, lists);
    out.add<std::byte>(section_tag::ivf_rows, packed);
    out.add<float>(section_tag::ivf_centroids, centroids);
    if (coded) {
      out.add<float>(section_tag::ivf_projection, space);
      out.add<std::uint32_t>(section_tag::ivf_part_starts, starts);
      out.add<float>(section_tag::ivf_codebooks, codebooks);
    }
    const auto bytes = std::move(out).take();
    section_reader sections(bytes);
    if (coded)
      return ivf_pq_index::load(sections, dimension, header.distance, header.params, fetch);
    return ivf_flat_index::load(sections, dimension, header.distance, header.params, fetch);
  }
};

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

void put_float(std::vector<std::byte>& bytes, std::size_t at, float value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

TEST_CASE("snapshot: lists with right checksums and wrong contents are refused") {
  using forgery = std::pair<const char*, std::function<void(forged_lists&)>>;
  const std::vector<forgery> of_both{
      {"rows that fall", [](auto& f) { std::swap(f.rows[3], f.rows[4]); }},
      {"a row twice", [](auto& f) { f.rows[4] = f.rows[3]; }},
      {"the reserved row", [](auto& f) { f.rows.back() = std::numeric_limits<row_id>::max(); }},
      {"too few rows", [](auto& f) { f.rows.pop_back(); }},
      {"no rows", [](auto& f) { f.rows.clear(); }},
      {"a list out of range",
       [](auto& f) { f.lists[5] = static_cast<std::uint32_t>(f.training[0]); }},
      {"too few lists", [](auto& f) { f.lists.pop_back(); }},
      {"two trainings",
       [](auto& f) { f.training.insert(f.training.end(), f.training.begin(), f.training.end()); }},
      {"no training", [](auto& f) { f.training.clear(); }},
      {"trained on nothing", [](auto& f) { f.training[0] = 0; }},
      {"more lists than there can be", [](auto& f) { f.training[0] = 65'537; }},
      {"more lists than centroids", [](auto& f) { ++f.training[0]; }},
      {"an impossible number of rows", [](auto& f) { f.training[1] = ~std::uint64_t{0}; }},
      {"an impossible number of inserts", [](auto& f) { f.training[2] = ~std::uint64_t{0}; }},
      {"too few centroids", [](auto& f) { f.centroids.pop_back(); }},
      {"no centroids", [](auto& f) { f.centroids.clear(); }},
      {"a centroid that is infinite", [](auto& f) { f.centroids[7] = infinity; }},
      {"a centroid that is no number", [](auto& f) { f.centroids[7] = nan; }},
      {"a byte too many", [](auto& f) { f.packed.push_back(std::byte{0}); }},
  };
  const std::vector<forgery> of_codes{
      {"a byte too few", [](auto& f) { f.packed.pop_back(); }},
      {"no codes", [](auto& f) { f.packed.clear(); }},
      {"a factor below zero", [](auto& f) { put_float(f.packed, 0, -1); }},
      {"a factor too large", [](auto& f) { put_float(f.packed, 0, 5); }},
      {"a factor that is no number", [](auto& f) { put_float(f.packed, 0, nan); }},
      {"a bias that is infinite", [](auto& f) { put_float(f.packed, 4, infinity); }},
      {"a component that is no number", [](auto& f) { f.space[20] = nan; }},
      {"a mean and no components", [](auto& f) { f.space.resize(dimension); }},
      {"no mean", [](auto& f) { f.space.clear(); }},
      {"half a component", [](auto& f) { f.space.resize(f.space.size() - dimension / 2); }},
      {"a component too few", [](auto& f) { f.space.resize(f.space.size() - dimension); }},
      {"more components than dimensions",
       [](auto& f) { f.space.resize(dimension * (dimension + 2)); }},
      {"no parts", [](auto& f) { f.starts.clear(); }},
      {"one start", [](auto& f) { f.starts.resize(1); }},
      {"a first part that does not begin at 0", [](auto& f) { f.starts.front() = 1; }},
      {"a part of no width", [](auto& f) { f.starts[1] = f.starts[0]; }},
      {"a part that ends too late", [](auto& f) { ++f.starts.back(); }},
      {"starts that fall", [](auto& f) { f.starts[1] = 1u << 30; }},
      {"too few codewords", [](auto& f) { f.codebooks.pop_back(); }},
      {"a codeword that is infinite", [](auto& f) { f.codebooks[3] = infinity; }},
  };
  for (const bool coded : {false, true}) {
    const auto header =
        header_for(coded ? index_kind::ivf_pq : index_kind::ivf_flat, 4, distance_kind::l2);
    const auto structure = saved_bytes(*trained_index(header));
    REQUIRE(forged_lists(structure, coded).load(header));
    auto forgeries = of_both;
    if (coded)
      forgeries.insert(forgeries.end(), of_codes.begin(), of_codes.end());
    for (const auto& [name, forge] : forgeries) {
      forged_lists forged(structure, coded);
      forge(forged);
      const auto loaded = forged.load(header);
      INFO(name << (coded ? ", codes" : ", vectors"));
      REQUIRE_FALSE(loaded);
      CHECK(loaded.error().code == errc::corruption);
    }
  }
}

TEST_CASE("snapshot: random codes below the checksums never crash, answers are true") {
  const auto header = header_for(index_kind::ivf_pq, 4, distance_kind::l2);
  const auto structure = saved_bytes(*trained_index(header));
  std::mt19937 random(5);
  for (int round = 0; round < 10; ++round) {
    forged_lists forged(structure, true);
    const std::size_t row_bytes = forged.packed.size() / forged.rows.size();
    for (std::size_t i = 0; i < 500; ++i) {
      const std::size_t at = random() % forged.packed.size();
      if (at % row_bytes >= 8)
        forged.packed[at] = static_cast<std::byte>(random());
      forged.lists[random() % forged.lists.size()] = static_cast<std::uint32_t>(random() % 3);
    }
    const auto loaded = forged.load(header);
    REQUIRE(loaded);
    const auto query = data().row(random() % count);
    const auto found = (*loaded)->search(query, 10, 50);
    REQUIRE(found.size() == 10);
    for (const auto& each : found)
      CHECK(each.distance ==
            Approx(true_distance(distance_kind::l2, query, data().row(each.row))).margin(1e-3));
  }
}

}  // namespace
