#pragma once
// What a namespace is: its dimension, distance and index. Stored in the catalog, checked at open.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "field_rules.hpp"
#include "limits.hpp"
#include "matrix_view.hpp"

namespace hearth::inline core {

/// How far apart two vectors are; smaller is nearer for all of them.
enum class distance_kind : std::uint8_t {
  l2 = 1,         ///< true Euclidean: sqrt(sum((a-b)^2))
  cosine = 2,     ///< 1 - a.b / (|a||b|), in [0, 2]; 1 if either vector is zero
  dot = 3,        ///< -a.b, so that the largest inner product is nearest
  manhattan = 4,  ///< sum(|a-b|)
  hamming = 5,    ///< how many positions differ; every value of a vector is 0 or 1
};

[[nodiscard]] std::string_view to_string(distance_kind kind) noexcept;
[[nodiscard]] result<distance_kind> distance_from_string(std::string_view name);

/// Refuses vectors that have no distance of this kind: those of hamming that hold anything but 0
/// and 1. invalid_argument names the first such value. Precondition: all values are finite.
[[nodiscard]] result<void> validate_values(matrix_view vectors, distance_kind kind);

/// Which structure answers searches. `flat` and `kd_tree` are exact, the latter fast up to some
/// twenty dimensions; the others find what they find with an effort that the caller sets (ef,
/// nprobe).
enum class index_kind : std::uint8_t { flat = 1, hnsw = 2, ivf_flat = 3, ivf_pq = 4, kd_tree = 5 };

[[nodiscard]] std::string_view to_string(index_kind kind) noexcept;
[[nodiscard]] result<index_kind> index_kind_from_string(std::string_view name);

/// Is the effort of a search the lists that it visits (nprobe), not the candidates it keeps (ef)?
[[nodiscard]] constexpr bool searches_lists(index_kind kind) noexcept {
  return kind == index_kind::ivf_flat || kind == index_kind::ivf_pq;
}

/// The codes on which an hnsw graph is walked and built. Answers are ranked by true distances in
/// any case. `automatic` chooses by dimension and by what a sample shows.
enum class quantization_kind : std::uint8_t {
  automatic = 1,  ///< "auto"
  none = 2,       ///< the float32 vectors themselves
  sq8 = 3,        ///< every dimension in 8 bits
  pca = 4,        ///< principal components in 7 bits
  rabitq = 5,     ///< a random rotation in 4 bits
  binary = 6,     ///< a random rotation in 1 bit
};

[[nodiscard]] std::string_view to_string(quantization_kind kind) noexcept;
[[nodiscard]] result<quantization_kind> quantization_from_string(std::string_view name);

/// What an index keeps in memory. Whatever is not there is read from storage when it is needed.
enum class memory_kind : std::uint8_t {
  fast = 1,      ///< float32 vectors, codes and structure
  balanced = 2,  ///< 8-bit vectors, codes and structure
  lean = 3,      ///< codes and structure
};

[[nodiscard]] std::string_view to_string(memory_kind kind) noexcept;
[[nodiscard]] result<memory_kind> memory_from_string(std::string_view name);

/// Parameters of the index. Changing them may rebuild the index (see structure_of) and never loses
/// a record.
struct index_params {
  index_kind kind = index_kind::hnsw;
  /// hnsw: links per node and layer (2m on layer 0), 2..256. ivf_pq: parts of a vector that are
  /// coded on their own, at most the dimension; 0 chooses by dimension.
  std::uint32_t m = 16;
  std::uint32_t ef_construction = 200;  ///< candidates while building; 1..65536
  std::uint32_t ef_search = 64;         ///< default candidates while searching; 1..65536
  std::uint64_t seed = 42;
  quantization_kind quantization = quantization_kind::automatic;  ///< hnsw
  memory_kind memory = memory_kind::fast;                         ///< hnsw
  std::uint32_t nlist = 0;   ///< ivf: lists, at most 65536; 0 chooses by the number of rows
  std::uint32_t nprobe = 0;  ///< ivf: lists to search, at most 65536; 0 chooses by nlist and ef
  std::uint32_t nbits = 4;   ///< ivf_pq: bits of a part's code, 4 or 8

  friend bool operator==(const index_params&, const index_params&) = default;
};

/// The parameters that shape the structure of this kind of index; all others as by default. What
/// searches by default (ef_search, nprobe) and what the kind has no use for shape nothing: an index
/// is rebuilt if and only if this changes.
[[nodiscard]] index_params structure_of(const index_params& params) noexcept;

/// One vector of every record: how long it is, what is near to it, and the index that finds it.
struct vector_config {
  std::string name{};  ///< empty: the one that needs no name
  std::uint32_t dimension = 0;
  distance_kind distance = distance_kind::cosine;
  index_params index{};

  friend bool operator==(const vector_config&, const vector_config&) = default;
};

struct namespace_config {
  /// 0: records have no vector but the named ones. There is no vector 0 then, but for its number.
  std::uint32_t dimension = 0;
  distance_kind distance = distance_kind::cosine;
  index_params index;
  std::uint32_t shards = 1;
  /// Who made the vectors ("lexical", a model's name, or empty for "not said"). A label that search
  /// by text relies on.
  std::string embedder;
  std::vector<field_rule> schema{};  ///< holds for what is written from now on
  text_settings text{};
  /// Further vectors that each record may have, by name. Which there are is settled when the
  /// namespace is created.
  std::vector<vector_config> named{};

  /// All vectors, numbered: 0 is the one without a name, the named ones follow in their order.
  [[nodiscard]] std::size_t vector_count() const noexcept { return 1 + named.size(); }
  /// Precondition: number < vector_count().
  [[nodiscard]] vector_config vector(std::size_t number) const;
  /// Is there a vector of this number? Precondition: number < vector_count().
  [[nodiscard]] bool has_vector(std::size_t number) const noexcept {
    return number > 0 || dimension > 0;
  }
  /// The number of the vector of this name. invalid_argument, naming those that there are.
  [[nodiscard]] result<std::size_t> vector_number(std::string_view name) const;

  friend bool operator==(const namespace_config&, const namespace_config&) = default;
};

/// What a caller asks of a named vector: only what it states is checked or changed, by the rules of
/// namespace_request.
struct vector_request {
  std::string name{};
  std::optional<std::uint32_t> dimension{};
  std::optional<distance_kind> distance{};
  std::optional<index_kind> kind{};
  std::optional<std::uint32_t> m{};
  std::optional<std::uint32_t> ef_construction{};
  std::optional<std::uint32_t> ef_search{};
  std::optional<std::uint64_t> seed{};
  std::optional<quantization_kind> quantization{};
  std::optional<memory_kind> memory{};
  std::optional<std::uint32_t> nlist{};
  std::optional<std::uint32_t> nprobe{};
  std::optional<std::uint32_t> nbits{};

  friend bool operator==(const vector_request&, const vector_request&) = default;
};

/// What a caller asks for when opening: only what it states is checked or changed.
/// A namespace that is created without a dimension has no vectors but the named ones.
/// dimension, distance, shards and embedder must agree with an existing namespace; index
/// parameters that differ are taken over, and rebuild the index in the background where they shape
/// it. So are the schema, which the records that are there need not fit, and what is searched by
/// text: its index is made anew in the background. Altering a namespace takes over the distance
/// too.
struct namespace_request {
  std::optional<std::uint32_t> dimension{};
  std::optional<distance_kind> distance{};
  std::optional<index_kind> kind{};
  std::optional<std::uint32_t> m{};
  std::optional<std::uint32_t> ef_construction{};
  std::optional<std::uint32_t> ef_search{};
  std::optional<std::uint64_t> seed{};
  std::optional<quantization_kind> quantization{};
  std::optional<memory_kind> memory{};
  std::optional<std::uint32_t> nlist{};
  std::optional<std::uint32_t> nprobe{};
  std::optional<std::uint32_t> nbits{};
  std::optional<std::uint32_t> shards{};
  std::optional<std::string> embedder{};
  std::optional<std::vector<field_rule>> schema{};
  std::optional<std::vector<field_weight>> text_fields{};
  std::optional<std::string> language{};
  std::optional<std::vector<std::string>> stop_words{};
  /// Of an existing namespace, only names that it has (config_mismatch).
  std::vector<vector_request> named{};
};

/// How to open: `open` fails with not_found, `create` with already_exists, `open_or_create` never
/// for either reason.
enum class open_mode : std::uint8_t { open = 1, create = 2, open_or_create = 3 };

/// Refuses names outside [a-z0-9_-]{1,64}.
[[nodiscard]] result<void> validate_namespace_name(std::string_view name);

/// The configuration of a new namespace. invalid_argument names the field and its range.
[[nodiscard]] result<namespace_config> make_config(const namespace_request& request);

/// The configuration of an existing namespace after it is opened with `request`: index parameters
/// are taken over, any other difference is dimension_mismatch or config_mismatch.
[[nodiscard]] result<namespace_config> reconcile(const namespace_config& existing,
                                                 const namespace_request& request);

/// The same after it is altered by `request`: the distance is taken over as well. Nobody does that
/// by accident, as one might when opening. No other distance becomes hamming (config_mismatch),
/// because vectors that are there may hold more than 0 and 1.
[[nodiscard]] result<namespace_config> alter(const namespace_config& existing,
                                             const namespace_request& request);

}  // namespace hearth::inline core
