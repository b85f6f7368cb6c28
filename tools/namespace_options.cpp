#include "tools/namespace_options.hpp"

#include <CLI/CLI.hpp>

namespace hearth::tools {

void add_namespace_options(CLI::App& command, namespace_options& options) {
  constexpr const char* group = "Namespace";
  const auto add = [&](const char* name, auto& target, const char* help) {
    return command.add_option(name, target, help)->group(group);
  };
  add("--dimension", options.dimension, "Numbers per vector");
  add("--distance", options.distance, "How vectors are compared (default: cosine)")
      ->check(CLI::IsMember({"cosine", "l2", "dot"}));
  add("--index", options.index, "hnsw is fast, flat exact (default: hnsw)")
      ->check(CLI::IsMember({"hnsw", "flat"}));
  add("--m", options.m, "Links per node of the graph (default: 16)");
  add("--ef-construction", options.ef_construction,
      "Candidates while building the graph (default: 200)");
  add("--ef-search", options.ef_search, "Candidates of a search (default: 64)");
  add("--shards", options.shards, "Parts of the index that are searched side by side (default: 1)");
  add("--embedder", options.embedder,
      "What makes the vectors: a model's name, or lexical for the built-in one");
}

result<namespace_request> to_request(const namespace_options& options) {
  namespace_request request;
  request.dimension = options.dimension;
  if (options.distance) {
    HEARTH_TRY(request.distance, distance_from_string(*options.distance));
  }
  if (options.index) {
    HEARTH_TRY(request.kind, index_kind_from_string(*options.index));
  }
  request.m = options.m;
  request.ef_construction = options.ef_construction;
  request.ef_search = options.ef_search;
  request.shards = options.shards;
  request.embedder = options.embedder;
  return request;
}

}  // namespace hearth::tools
