#include "engine/index/index_snapshot.hpp"

#include <array>
#include <cstring>

#include "core/checksum.hpp"
#include "core/format.hpp"
#include "engine/index/flat_index.hpp"
#include "engine/index/hnsw_index.hpp"
#include "engine/index/ivf/ivf_flat_index.hpp"
#include "engine/index/ivf/ivf_pq_index.hpp"
#include "engine/index/kd_tree/kd_tree_index.hpp"
#include "engine/index/row_loading.hpp"

namespace hearth::engine::index {
namespace {

constexpr std::array<char, 8> magic{'H', 'E', 'A', 'R', 'T', 'H', 'I', 'X'};
constexpr std::uint32_t format_version = 4;

/// The first bytes of the file, little-endian, without holes.
struct file_header {
  std::array<char, 8> magic{};
  std::uint32_t version = 0;
  std::uint32_t dimension = 0;
  std::uint32_t distance = 0;
  std::uint32_t kind = 0;
  std::uint32_t m = 0;
  std::uint32_t ef_construction = 0;
  std::uint32_t quantization = 0;
  std::uint32_t memory = 0;
  std::uint32_t nlist = 0;
  std::uint32_t nbits = 0;
  std::uint32_t shard = 0;
  std::uint32_t shards = 0;
  std::uint64_t seed = 0;
  std::uint64_t lsn = 0;
  std::uint64_t store_uuid[2]{};
  std::uint64_t checksum = 0;  ///< of everything before it
};
static_assert(sizeof(file_header) == 96);
static_assert(std::has_unique_object_representations_v<file_header>);

std::uint64_t checksum_of(const file_header& header) {
  const auto bytes = std::as_bytes(std::span(&header, 1));
  return core::checksum(bytes.first(offsetof(file_header, checksum)));
}

file_header to_file(const snapshot_header& header) {
  const auto params = structure_of(header.params);
  file_header file{
      .magic = magic,
      .version = format_version,
      .dimension = header.dimension,
      .distance = static_cast<std::uint32_t>(header.distance),
      .kind = static_cast<std::uint32_t>(params.kind),
      .m = params.m,
      .ef_construction = params.ef_construction,
      .quantization = static_cast<std::uint32_t>(params.quantization),
      .memory = static_cast<std::uint32_t>(params.memory),
      .nlist = params.nlist,
      .nbits = params.nbits,
      .shard = header.shard,
      .shards = header.shards,
      .seed = params.seed,
      .lsn = header.lsn,
      .store_uuid = {header.store_uuid[0], header.store_uuid[1]},
  };
  file.checksum = checksum_of(file);
  return file;
}

std::unexpected<error> refuse(std::string_view why) {
  return fail(errc::corruption, core::format("index snapshot: {}", why),
              "it is only a cache: drop it and rebuild the index from storage");
}

// The LSN of a header that is whole and agrees with `expected` in everything else.
result<std::uint64_t> check_header(std::span<const std::byte> file,
                                   const snapshot_header& expected) {
  file_header header;
  if (file.size() < sizeof(header))
    return refuse("shorter than its header");
  std::memcpy(&header, file.data(), sizeof(header));
  if (header.magic != magic)
    return refuse("not an index snapshot");
  if (header.checksum != checksum_of(header))
    return refuse("wrong checksum of the header");
  if (header.version != format_version)
    return refuse("another format version");
  snapshot_header same = expected;
  same.lsn = header.lsn;
  const file_header wanted = to_file(same);
  if (std::memcmp(&wanted, &header, sizeof(header)) != 0)
    return refuse("of another store, shard, dimension, distance or set of parameters");
  return header.lsn;
}

result<std::unique_ptr<vector_index>>
load_flat(section_reader& sections, const snapshot_header& expected, const fetch_vectors& fetch) {
  HEARTH_TRY(const auto rows, sections.next<row_id>(section_tag::rows));
  if (!sections.at_end())
    return refuse("bytes behind the last section");
  HEARTH_CHECK(check_rising(rows));
  auto index =
      std::make_unique<flat_index>(expected.dimension, expected.distance, flat_codes::learned);
  const auto insert = [&](std::size_t first, matrix_view vectors) {
    return index->insert(std::span(rows).subspan(first, vectors.rows()), vectors);
  };
  HEARTH_TRY(const auto missing, fetch_in_blocks(rows, expected.dimension, fetch, insert));
  index->erase(missing);
  return index;
}

result<std::unique_ptr<vector_index>> load_index(section_reader& sections,
                                                 const snapshot_header& expected,
                                                 const fetch_vectors& fetch,
                                                 const fetch_vectors& stored) {
  const std::uint32_t dimension = expected.dimension;
  const distance_kind distance = expected.distance;
  const index_params& params = expected.params;
  switch (expected.params.kind) {
  case index_kind::flat:
    return load_flat(sections, expected, fetch);
  case index_kind::ivf_flat:
    return ivf_flat_index::load(sections, dimension, distance, params, fetch);
  case index_kind::ivf_pq:
    return ivf_pq_index::load(sections, dimension, distance, params, fetch);
  case index_kind::kd_tree:
    return kd_tree_index::load(sections, dimension, distance, fetch);
  case index_kind::hnsw:
    break;
  }
  return hnsw_index::load(sections, dimension, distance, params, fetch, stored);
}

}  // namespace

result<std::uint64_t> write_snapshot(const snapshot_header& header, const vector_index& index,
                                     const byte_sink& to) {
  const file_header file = to_file(header);
  HEARTH_CHECK(to(std::as_bytes(std::span(&file, 1))));
  section_writer sections(to);
  index.save(sections);
  HEARTH_TRY(const auto written, sections.finish());
  return sizeof(file) + written;
}

result<loaded_snapshot> decode_snapshot(std::span<const std::byte> file,
                                        const snapshot_header& expected, const fetch_vectors& fetch,
                                        const fetch_vectors& stored) {
  HEARTH_TRY(const std::uint64_t lsn, check_header(file, expected));
  section_reader sections(file.subspan(sizeof(file_header)));
  loaded_snapshot loaded{nullptr, lsn, 0};
  HEARTH_TRY(const auto rows, section_reader(sections).next<row_id>(section_tag::rows));
  if (!rows.empty())
    loaded.last_row = rows.back();
  HEARTH_TRY(loaded.index, load_index(sections, expected, fetch, stored));
  return loaded;
}

}  // namespace hearth::engine::index
