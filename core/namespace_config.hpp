#pragma once
// What a namespace is: its dimension, distance and index. Stored in the catalog, checked at open.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "error.hpp"
#include "limits.hpp"

namespace hearth::inline core {

/// How far apart two vectors are; smaller is nearer for all of them.
enum class distance_kind : std::uint8_t {
  l2 = 1,      ///< true Euclidean: sqrt(sum((a-b)^2))
  cosine = 2,  ///< 1 - a.b / (|a||b|), in [0, 2]; 1 if either vector is zero
  dot = 3,     ///< -a.b, so that the largest inner product is nearest
};

[[nodiscard]] std::string_view to_string(distance_kind kind) noexcept;
[[nodiscard]] result<distance_kind> distance_from_string(std::string_view name);

/// Which structure answers searches. `flat` is exact.
enum class index_kind : std::uint8_t { flat = 1, hnsw = 2 };

[[nodiscard]] std::string_view to_string(index_kind kind) noexcept;
[[nodiscard]] result<index_kind> index_kind_from_string(std::string_view name);

/// Parameters of the index. Changing any of them rebuilds the index and never loses a record.
struct index_params {
  index_kind kind = index_kind::hnsw;
  std::uint32_t m = 16;                 ///< links per node and layer (2m on layer 0); 2..256
  std::uint32_t ef_construction = 200;  ///< candidates while building; 1..65536
  std::uint32_t ef_search = 64;         ///< default candidates while searching; 1..65536
  std::uint64_t seed = 42;

  friend bool operator==(const index_params&, const index_params&) = default;
};

struct namespace_config {
  std::uint32_t dimension = 0;
  distance_kind distance = distance_kind::cosine;
  index_params index;
  std::uint32_t shards = 1;
  /// Who made the vectors ("lexical", a model's name, or empty for "not said"). A label that search
  /// by text relies on.
  std::string embedder;

  friend bool operator==(const namespace_config&, const namespace_config&) = default;
};

/// What a caller asks for when opening: only what it states is checked or changed.
/// dimension, distance, shards and embedder must agree with an existing namespace; index
/// parameters that differ rebuild the index in the background.
struct namespace_request {
  std::optional<std::uint32_t> dimension{};
  std::optional<distance_kind> distance{};
  std::optional<index_kind> kind{};
  std::optional<std::uint32_t> m{};
  std::optional<std::uint32_t> ef_construction{};
  std::optional<std::uint32_t> ef_search{};
  std::optional<std::uint64_t> seed{};
  std::optional<std::uint32_t> shards{};
  std::optional<std::string> embedder{};
};

/// How to open: `open` fails with not_found, `create` with already_exists, `open_or_create` never
/// for either reason. Creating needs a dimension.
enum class open_mode : std::uint8_t { open = 1, create = 2, open_or_create = 3 };

/// Refuses names outside [a-z0-9_-]{1,64}.
[[nodiscard]] result<void> validate_namespace_name(std::string_view name);

/// The configuration of a new namespace. invalid_argument names the field and its range.
[[nodiscard]] result<namespace_config> make_config(const namespace_request& request);

/// The configuration of an existing namespace after `request`: index parameters are taken over,
/// any other difference is dimension_mismatch or config_mismatch.
[[nodiscard]] result<namespace_config> reconcile(const namespace_config& existing,
                                                 const namespace_request& request);

}  // namespace hearth::inline core
