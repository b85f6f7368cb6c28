#include "core/namespace_config.hpp"

#include <algorithm>

#include "core/validation.hpp"
#include "core/value.hpp"

namespace hearth::inline core {

namespace {

constexpr std::uint64_t m_minimum = 2;
constexpr std::uint64_t m_maximum = 256;
constexpr std::uint64_t ef_maximum = 65'536;

constexpr std::uint64_t nlist_maximum = 65'536;

constexpr std::string_view name_rule = "names are 1 to 64 of a-z, 0-9, _ and -";

bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool is_plain_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= limits::namespace_name_bytes &&
         std::ranges::all_of(name, is_name_character);
}

// For hints: which named vectors there are.
std::string names_of(const namespace_config& config) {
  if (config.named.empty())
    return "it has no named vectors";
  std::string names = config.dimension > 0 ? "it has" : "name the vector: it has";
  for (const auto& each : config.named)
    names += core::format("{} '{}'", &each == &config.named.front() ? "" : ",", each.name);
  return names;
}

// What an index of this kind can be under this distance.
result<void> validate_distance(distance_kind distance, const index_params& params) {
  if (auto known = distance_from_string(to_string(distance)); !known)
    return std::unexpected(std::move(known).error());
  const auto refuse = [&](std::string_view field, std::string_view value,
                          std::string_view possible) {
    return fail(
        errc::invalid_argument,
        core::format("{} '{}' does not go with distance '{}'", field, value, to_string(distance)),
        core::format("use {}, or another distance", possible));
  };
  using enum quantization_kind;
  const bool graph = params.kind == index_kind::hnsw;
  const auto codes = params.quantization;
  if (distance == distance_kind::manhattan) {
    if (params.kind == index_kind::ivf_flat || params.kind == index_kind::ivf_pq)
      return refuse("index", to_string(params.kind), "flat, hnsw or kd_tree");
    if (graph && codes != automatic && codes != none)
      return refuse("quantization", to_string(codes), "auto or none");
    if (graph && params.memory != memory_kind::fast)
      return refuse("memory", to_string(params.memory), "fast");
  }
  if (distance == distance_kind::hamming && graph && codes != automatic && codes != none &&
      codes != binary)
    return refuse("quantization", to_string(codes), "auto, binary or none");
  return {};
}

result<void> validate_index(const index_params& params, std::uint32_t dimension) {
  // Kinds also come as numbers, from other programs.
  if (auto known = index_kind_from_string(to_string(params.kind)); !known)
    return std::unexpected(std::move(known).error());
  if (params.kind == index_kind::ivf_pq)
    HEARTH_CHECK(validation::in_range("m", params.m, 0, dimension));
  else
    HEARTH_CHECK(validation::in_range("m", params.m, m_minimum, m_maximum));
  HEARTH_CHECK(validation::in_range("ef_construction", params.ef_construction, 1, ef_maximum));
  HEARTH_CHECK(validation::in_range("nlist", params.nlist, 0, nlist_maximum));
  HEARTH_CHECK(validation::in_range("nprobe", params.nprobe, 0, nlist_maximum));
  if (params.nbits != 4 && params.nbits != 8)
    return fail(errc::invalid_argument, core::format("nbits is {}; it is 4 or 8", params.nbits));
  return validation::in_range("ef_search", params.ef_search, 1, ef_maximum);
}

// `Request` is a namespace_request or a vector_request.
template <class Request>
index_params apply(index_params params, const Request& request) {
  const auto kind = request.kind.value_or(params.kind);
  // m means another thing to another kind, and so is not carried over.
  if ((kind == index_kind::ivf_pq) != (params.kind == index_kind::ivf_pq))
    params.m = kind == index_kind::ivf_pq ? 0 : index_params{}.m;
  params.kind = kind;
  params.m = request.m.value_or(params.m);
  params.ef_construction = request.ef_construction.value_or(params.ef_construction);
  params.ef_search = request.ef_search.value_or(params.ef_search);
  params.seed = request.seed.value_or(params.seed);
  params.quantization = request.quantization.value_or(params.quantization);
  params.memory = request.memory.value_or(params.memory);
  params.nlist = request.nlist.value_or(params.nlist);
  params.nprobe = request.nprobe.value_or(params.nprobe);
  params.nbits = request.nbits.value_or(params.nbits);
  return params;
}

template <class T, class U>
result<void> must_agree(errc code, std::string_view field, const T& existing,
                        const std::optional<U>& requested) {
  if (!requested || *requested == existing)
    return {};
  return fail(
      code,
      core::format("{} is '{}' in this namespace; the request says '{}'", field, existing,
                   *requested),
      core::format("leave {} out to take the namespace as it is, or use another name", field));
}

}  // namespace

std::string_view to_string(distance_kind kind) noexcept {
  switch (kind) {
  case distance_kind::l2:
    return "l2";
  case distance_kind::cosine:
    return "cosine";
  case distance_kind::dot:
    return "dot";
  case distance_kind::manhattan:
    return "manhattan";
  case distance_kind::hamming:
    return "hamming";
  }
  return "unknown";
}

result<distance_kind> distance_from_string(std::string_view name) {
  using enum distance_kind;
  for (const auto kind : {l2, cosine, dot, manhattan, hamming})
    if (name == to_string(kind))
      return kind;
  return fail(errc::invalid_argument, core::format("distance '{}' is unknown", printable(name)),
              "use l2, cosine, dot, manhattan or hamming");
}

result<void> validate_values(matrix_view vectors, distance_kind kind) {
  const auto is_bit = [](float value) { return value == 0 || value == 1; };
  if (kind != distance_kind::hamming || std::ranges::all_of(vectors.values(), is_bit))
    return {};
  const auto values = vectors.values();
  const auto at =
      static_cast<std::size_t>(std::ranges::find_if_not(values, is_bit) - values.begin());
  return fail(errc::invalid_argument,
              core::format("vectors[{}] holds {} at position {}; with distance 'hamming' every "
                           "value is 0 or 1",
                           at / vectors.dimension(), values[at], at % vectors.dimension()));
}

std::string_view to_string(index_kind kind) noexcept {
  switch (kind) {
  case index_kind::flat:
    return "flat";
  case index_kind::hnsw:
    return "hnsw";
  case index_kind::ivf_flat:
    return "ivf_flat";
  case index_kind::ivf_pq:
    return "ivf_pq";
  case index_kind::kd_tree:
    return "kd_tree";
  }
  return "unknown";
}

result<index_kind> index_kind_from_string(std::string_view name) {
  using enum index_kind;
  for (const auto kind : {flat, hnsw, ivf_flat, ivf_pq, kd_tree})
    if (name == to_string(kind))
      return kind;
  return fail(errc::invalid_argument, core::format("index '{}' is unknown", printable(name)),
              "use flat, hnsw, ivf_flat, ivf_pq or kd_tree");
}

std::string_view to_string(quantization_kind kind) noexcept {
  switch (kind) {
  case quantization_kind::automatic:
    return "auto";
  case quantization_kind::none:
    return "none";
  case quantization_kind::sq8:
    return "sq8";
  case quantization_kind::pca:
    return "pca";
  case quantization_kind::rabitq:
    return "rabitq";
  case quantization_kind::binary:
    return "binary";
  }
  return "unknown";
}

result<quantization_kind> quantization_from_string(std::string_view name) {
  using enum quantization_kind;
  for (const auto kind : {automatic, none, sq8, pca, rabitq, binary})
    if (name == to_string(kind))
      return kind;
  return fail(errc::invalid_argument, core::format("quantization '{}' is unknown", printable(name)),
              "use auto, none, sq8, pca, rabitq or binary");
}

std::string_view to_string(memory_kind kind) noexcept {
  switch (kind) {
  case memory_kind::fast:
    return "fast";
  case memory_kind::balanced:
    return "balanced";
  case memory_kind::lean:
    return "lean";
  }
  return "unknown";
}

result<memory_kind> memory_from_string(std::string_view name) {
  for (const auto kind : {memory_kind::fast, memory_kind::balanced, memory_kind::lean})
    if (name == to_string(kind))
      return kind;
  return fail(errc::invalid_argument, core::format("memory '{}' is unknown", printable(name)),
              "use fast, balanced or lean");
}

index_params structure_of(const index_params& params) noexcept {
  const auto kind = params.kind;
  const bool lists = searches_lists(kind);
  index_params shape;
  shape.kind = kind;
  if (kind == index_kind::hnsw || kind == index_kind::ivf_pq)
    shape.m = params.m;
  if (kind == index_kind::hnsw || lists) {
    shape.seed = params.seed;
    shape.memory = params.memory;
  }
  if (kind == index_kind::hnsw) {
    shape.ef_construction = params.ef_construction;
    shape.quantization = params.quantization;
  }
  if (lists)
    shape.nlist = params.nlist;
  if (kind == index_kind::ivf_pq)
    shape.nbits = params.nbits;
  return shape;
}

result<void> validate_namespace_name(std::string_view name) {
  if (name.empty())
    return fail(errc::invalid_argument, "namespace name is empty", std::string(name_rule));
  if (name.size() > limits::namespace_name_bytes)
    return fail(errc::limit_exceeded,
                core::format("namespace name has {} bytes; the limit is {}", name.size(),
                             limits::namespace_name_bytes),
                std::string(name_rule));
  if (const auto bad = std::ranges::find_if_not(name, is_name_character); bad != name.end())
    return fail(errc::invalid_argument,
                core::format("namespace name has a character that is not allowed at position {}",
                             bad - name.begin()),
                std::string(name_rule));
  return {};
}

namespace {

result<void> apply_fields(namespace_config& config, const namespace_request& request) {
  config.schema = request.schema.value_or(config.schema);
  config.text.fields = request.text_fields.value_or(config.text.fields);
  config.text.language = request.language.value_or(config.text.language);
  config.text.stop_words = request.stop_words.value_or(config.text.stop_words);
  HEARTH_CHECK(validate(config.schema));
  return validate(config.text);
}

}  // namespace

namespace {

// The first setting of a vector that a request states, if it states any.
template <class Request>
std::optional<std::string_view> stated_setting(const Request& request) {
  const std::pair<bool, std::string_view> all[] = {
      {request.distance.has_value(), "distance"},
      {request.kind.has_value(), "index"},
      {request.m.has_value(), "m"},
      {request.ef_construction.has_value(), "ef_construction"},
      {request.ef_search.has_value(), "ef_search"},
      {request.seed.has_value(), "seed"},
      {request.quantization.has_value(), "quantization"},
      {request.memory.has_value(), "memory"},
      {request.nlist.has_value(), "nlist"},
      {request.nprobe.has_value(), "nprobe"},
      {request.nbits.has_value(), "nbits"},
  };
  for (const auto& [stated, name] : all)
    if (stated)
      return name;
  return std::nullopt;
}

template <class Request>
result<vector_config> make_vector(std::string name, const Request& request) {
  if (!request.dimension)
    return fail(errc::invalid_argument, "dimension is missing",
                core::format("a vector needs a dimension, 1 to {}", limits::dimension));
  HEARTH_CHECK(validation::in_range("dimension", *request.dimension, 1, limits::dimension));
  vector_config made;
  made.name = std::move(name);
  made.dimension = *request.dimension;
  made.distance = request.distance.value_or(made.distance);
  made.index = apply(made.index, request);
  HEARTH_CHECK(validate_index(made.index, made.dimension));
  HEARTH_CHECK(validate_distance(made.distance, made.index));
  return made;
}

template <class Request>
result<vector_config> alter_vector(vector_config existing, const Request& request) {
  HEARTH_CHECK(
      must_agree(errc::dimension_mismatch, "dimension", existing.dimension, request.dimension));
  if (request.distance == distance_kind::hamming && existing.distance != distance_kind::hamming)
    return fail(errc::config_mismatch,
                core::format("distance is '{}' in this namespace and cannot become 'hamming', "
                             "which takes vectors of 0 and 1 only",
                             to_string(existing.distance)),
                "make a new namespace with distance hamming and write the vectors to it");
  existing.distance = request.distance.value_or(existing.distance);
  existing.index = apply(existing.index, request);
  HEARTH_CHECK(validate_index(existing.index, existing.dimension));
  HEARTH_CHECK(validate_distance(existing.distance, existing.index));
  return existing;
}

template <class Request>
result<void> same_distance(distance_kind existing, const Request& request) {
  if (!request.distance || *request.distance == existing)
    return {};
  return fail(errc::config_mismatch,
              core::format("distance is '{}' in this namespace; the request says '{}'",
                           to_string(existing), to_string(*request.distance)),
              "leave distance out to take the namespace as it is, or alter the namespace");
}

// The vector without a name of a namespace that has none: nothing can be asked of it.
result<void> refuse_unnamed(const namespace_config& existing, const namespace_request& request) {
  if (request.dimension)
    return fail(errc::dimension_mismatch,
                core::format("this namespace was created without a dimension; the request says {}",
                             *request.dimension),
                "leave dimension out to take the namespace as it is, or use another name");
  if (const auto setting = stated_setting(request))
    return fail(
        errc::config_mismatch,
        core::format("{} is given, but this namespace has no vector without a name", *setting),
        names_of(existing));
  return {};
}

// Says which vector an error is about.
template <class T>
result<T> about(std::string_view name, result<T> outcome) {
  if (!outcome)
    outcome.error().message =
        core::format("named_vectors['{}']: {}", name, outcome.error().message);
  return outcome;
}

void take_over(namespace_config& config, vector_config made) {
  config.dimension = made.dimension;
  config.distance = made.distance;
  config.index = made.index;
}

result<void> make_named(namespace_config& config, const namespace_request& request) {
  if (request.named.size() > limits::named_vectors)
    return fail(errc::limit_exceeded, core::format("there are {} named vectors; the limit is {}",
                                                   request.named.size(), limits::named_vectors));
  for (const auto& wanted : request.named) {
    if (!is_plain_name(wanted.name))
      return fail(errc::invalid_argument,
                  core::format("'{}' cannot name a vector", printable(wanted.name)),
                  std::string(name_rule));
    if (std::ranges::find(config.named, wanted.name, &vector_config::name) != config.named.end())
      return fail(errc::invalid_argument,
                  core::format("named_vectors has '{}' twice", wanted.name));
    HEARTH_TRY(auto made, about(wanted.name, make_vector(wanted.name, wanted)));
    config.named.push_back(std::move(made));
  }
  return {};
}

result<void> alter_named(namespace_config& config, const namespace_request& request) {
  for (const auto& wanted : request.named) {
    const auto found = std::ranges::find(config.named, wanted.name, &vector_config::name);
    if (found == config.named.end())
      return fail(errc::config_mismatch,
                  core::format("this namespace has no vector named '{}'; {}",
                               printable(wanted.name), names_of(config)),
                  "named vectors are declared when a namespace is created");
    HEARTH_TRY(*found, about(wanted.name, alter_vector(*found, wanted)));
  }
  return {};
}

}  // namespace

vector_config namespace_config::vector(std::size_t number) const {
  return number == 0 ? vector_config{{}, dimension, distance, index} : named[number - 1];
}

result<std::size_t> namespace_config::vector_number(std::string_view name) const {
  if (name.empty() && dimension == 0)
    return fail(errc::invalid_argument, "this namespace has no vector without a name",
                named.empty() ? "it was created without a dimension and takes no vectors; use a "
                                "namespace with a dimension"
                              : names_of(*this));
  if (name.empty())
    return 0;
  const auto found = std::ranges::find(named, name, &vector_config::name);
  if (found == named.end())
    return fail(errc::invalid_argument,
                core::format("this namespace has no vector named '{}'", printable(name)),
                names_of(*this));
  return 1 + static_cast<std::size_t>(found - named.begin());
}

result<namespace_config> make_config(const namespace_request& request) {
  namespace_config config;
  const auto setting = stated_setting(request);
  if (request.dimension || setting) {
    auto made = make_vector({}, request);
    if (!made && !request.dimension)
      made.error().hint = core::format(
          "{} is of a vector, which needs a dimension, 1 to {}; leave it out for a namespace "
          "without vectors",
          *setting, limits::dimension);
    HEARTH_CHECK(made);
    take_over(config, *std::move(made));
  }
  config.shards = request.shards.value_or(config.shards);
  config.embedder = request.embedder.value_or(std::string());
  HEARTH_CHECK(validation::in_range("shards", config.shards, 1, limits::shards));
  if (config.embedder.size() > limits::embedder_bytes)
    return validation::too_large("embedder is", config.embedder.size(), limits::embedder_bytes);
  if (!is_utf8(config.embedder))
    return fail(errc::invalid_argument, "embedder is not valid UTF-8");
  HEARTH_CHECK(apply_fields(config, request));
  HEARTH_CHECK(make_named(config, request));
  return config;
}

result<namespace_config> reconcile(const namespace_config& existing,
                                   const namespace_request& request) {
  if (existing.dimension > 0)
    HEARTH_CHECK(same_distance(existing.distance, request));
  for (const auto& wanted : request.named)
    if (const auto number = existing.vector_number(wanted.name); number)
      HEARTH_CHECK(about(wanted.name, same_distance(existing.vector(*number).distance, wanted)));
  return alter(existing, request);
}

result<namespace_config> alter(const namespace_config& existing, const namespace_request& request) {
  auto config = existing;
  if (existing.dimension == 0) {
    HEARTH_CHECK(refuse_unnamed(existing, request));
  } else {
    HEARTH_TRY(auto altered, alter_vector(existing.vector(0), request));
    take_over(config, std::move(altered));
  }
  HEARTH_CHECK(must_agree(errc::config_mismatch, "shards", existing.shards, request.shards));
  HEARTH_CHECK(must_agree(errc::config_mismatch, "embedder", existing.embedder, request.embedder));
  HEARTH_CHECK(apply_fields(config, request));
  HEARTH_CHECK(alter_named(config, request));
  return config;
}

}  // namespace hearth::inline core
