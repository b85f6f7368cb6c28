#include "tools/namespace_options.hpp"

#include "core/format.hpp"
#include "tools/field_options.hpp"

#include <CLI/CLI.hpp>

namespace hearth::tools {
namespace {

// The kinds that this build can make, the usual one first.
std::vector<std::string> index_names() {
  std::vector<std::string> names;
  for (const auto kind : {index_kind::hnsw, index_kind::flat, index_kind::ivf_flat,
                          index_kind::ivf_pq, index_kind::kd_tree}) {
    const std::string name(to_string(kind));
    if (index_kind_from_string(name))
      names.push_back(name);
  }
  return names;
}

constexpr const char* group = "Namespace";

template <class Target>
CLI::Option* add(CLI::App& command, const char* name, Target& target, const char* help) {
  return command.add_option(name, target, help)->group(group);
}

template <class Parsed>
result<std::vector<Parsed>> parse_all(const std::vector<std::string>& words,
                                      result<Parsed> (*parse)(std::string_view)) {
  std::vector<Parsed> all;
  for (const auto& word : words) {
    HEARTH_TRY(auto one, parse(word));
    all.push_back(std::move(one));
  }
  return all;
}

// `Request` is a namespace_request or a vector_request.
template <class Request>
result<void> add_index(const namespace_options& options, Request& request) {
  if (options.distance) {
    HEARTH_TRY(request.distance, distance_from_string(*options.distance));
  }
  if (options.index) {
    HEARTH_TRY(request.kind, index_kind_from_string(*options.index));
  }
  request.m = options.m;
  request.ef_construction = options.ef_construction;
  request.ef_search = options.ef_search;
  request.seed = options.seed;
  if (options.quantization) {
    HEARTH_TRY(request.quantization, quantization_from_string(*options.quantization));
  }
  if (options.memory) {
    HEARTH_TRY(request.memory, memory_from_string(*options.memory));
  }
  request.nlist = options.nlist;
  request.nprobe = options.nprobe;
  request.nbits = options.nbits;
  return {};
}

// NAME:DIMENSION[:DISTANCE[:INDEX]]
result<vector_request> parse_named_vector(const std::string& word) {
  const auto parts = CLI::detail::split(word, ':');
  vector_request request;
  std::uint32_t dimension = 0;
  if (parts.size() < 2 || parts.size() > 4 || !CLI::detail::lexical_cast(parts[1], dimension))
    return fail(errc::invalid_argument, core::format("--named-vector is \"{}\"", word),
                "say a name and a dimension, as in image:512, and if need be a distance and an "
                "index, as in image:512:l2:flat");
  request.name = parts[0];
  request.dimension = dimension;
  if (parts.size() > 2) {
    HEARTH_TRY(request.distance, distance_from_string(parts[2]));
  }
  if (parts.size() > 3) {
    HEARTH_TRY(request.kind, index_kind_from_string(parts[3]));
  }
  return request;
}

// What is not stated stays as it is, so "none" has to be said.
result<void> add_fields(const namespace_options& options, namespace_request& request) {
  if (options.no_fields)
    request.schema.emplace();
  if (options.no_text_fields)
    request.text_fields.emplace();
  if (!options.fields.empty()) {
    HEARTH_TRY(request.schema, parse_all(options.fields, parse_field_rule));
  }
  if (!options.text_fields.empty()) {
    HEARTH_TRY(request.text_fields, parse_all(options.text_fields, parse_field_weight));
  }
  request.language = options.language;
  if (options.stop_words) {
    auto& words = request.stop_words.emplace();
    for (const auto& word : CLI::detail::split(*options.stop_words, ','))
      if (auto trimmed = CLI::detail::trim_copy(word); !trimmed.empty())
        words.push_back(std::move(trimmed));
  }
  return {};
}

}  // namespace

void add_index_options(CLI::App& command, namespace_options& options) {
  add(command, "--distance", options.distance, "How vectors are compared (default: cosine)")
      ->check(CLI::IsMember({"cosine", "l2", "dot", "manhattan", "hamming"}));
  add(command, "--index", options.index,
      "hnsw is fast, flat and kd_tree exact, ivf_* search lists (default: hnsw)")
      ->check(CLI::IsMember(index_names()));
  add(command, "--m", options.m,
      "hnsw: links per node (default: 16); ivf_pq: coded parts of a vector (by dimension)");
  add(command, "--ef-construction", options.ef_construction,
      "Candidates while building the graph (default: 200)");
  add(command, "--ef-search", options.ef_search, "Candidates of a search (default: 64)");
  add(command, "--quantization", options.quantization,
      "Codes on which the graph is walked (default: auto)")
      ->check(CLI::IsMember({"auto", "none", "sq8", "pca", "rabitq", "binary"}));
  add(command, "--memory", options.memory, "What the graph keeps in memory (default: fast)")
      ->check(CLI::IsMember({"fast", "balanced", "lean"}));
  add(command, "--nlist", options.nlist, "ivf: lists (default: by the number of rows)");
  add(command, "--nprobe", options.nprobe, "ivf: lists that a search visits (default: by nlist)");
  add(command, "--nbits", options.nbits, "ivf_pq: bits per coded part, 4 or 8 (default: 4)");
  add(command, "--seed", options.seed, "Of what the index draws by chance (default: 42)");
}

void add_namespace_options(CLI::App& command, namespace_options& options) {
  add(command, "--dimension", options.dimension,
      "Numbers per vector; without it the namespace has no vectors but the named ones");
  add_index_options(command, options);
  add(command, "--shards", options.shards,
      "Parts of the index that are searched side by side (default: 1)");
  add(command, "--embedder", options.embedder,
      "What makes the vectors: a model's name, or lexical for the built-in one");
}

void add_named_vector_option(CLI::App& command, namespace_options& options) {
  add(command, "--named-vector", options.named_vectors,
      "A further vector that each record may have, as in image:512 or image:512:l2:flat "
      "(repeatable)")
      ->type_name("NAME:DIMENSION[:DISTANCE[:INDEX]]")
      ->allow_extra_args(false);
}

void add_vector_name_option(CLI::App& command, namespace_options& options) {
  add(command, "--vector-name", options.vector_name,
      "Change the distance and the index of this named vector")
      ->type_name("NAME");
}

void add_field_options(CLI::App& command, namespace_options& options) {
  add(command, "--field", options.fields,
      "What a metadata field has to be, as in year:int or author.name:string:required:indexed; "
      "any, bool, int, number, string, timestamp, geo, list, map (repeatable)")
      ->type_name("PATH:TYPE[:required][:indexed]")
      ->allow_extra_args(false);
  add(command, "--text-field", options.text_fields,
      "Search the words of this: text (that of the records), or a metadata field; title:2 counts "
      "twice (repeatable)")
      ->type_name("NAME[:WEIGHT]")
      ->allow_extra_args(false);
  add(command, "--language", options.language,
      "Whose words, so that \"locks\" finds \"lock\": english, german, ... (default: none)");
  add(command, "--stop-words", options.stop_words,
      "Words that are not searched, with commas; or english, for a list of 33")
      ->type_name("W,W");
}

void add_field_removals(CLI::App& command, namespace_options& options) {
  command.add_flag("--no-fields", options.no_fields, "Take back what was said with --field")
      ->excludes(command.get_option("--field"))
      ->group(group);
  command.add_flag("--no-text-fields", options.no_text_fields, "Drop the text index")
      ->excludes(command.get_option("--text-field"))
      ->group(group);
}

result<namespace_request> to_request(const namespace_options& options) {
  namespace_request request;
  request.dimension = options.dimension;
  request.shards = options.shards;
  request.embedder = options.embedder;
  if (options.vector_name) {
    auto& named = request.named.emplace_back();
    named.name = *options.vector_name;
    HEARTH_CHECK(add_index(options, named));
  } else {
    HEARTH_CHECK(add_index(options, request));
  }
  for (const auto& word : options.named_vectors) {
    HEARTH_TRY(auto named, parse_named_vector(word));
    request.named.push_back(std::move(named));
  }
  HEARTH_CHECK(add_fields(options, request));
  return request;
}

}  // namespace hearth::tools
