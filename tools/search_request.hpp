#pragma once
// What `hearth search` is asked for, and the query that it becomes.
#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/command.hpp"

namespace hearth::tools {

struct search_options {
  std::string name;
  std::string vector_name;

  // What to search for.
  std::string vector;
  std::string vector_file;
  std::optional<std::uint64_t> row;
  std::optional<std::string> text;
  std::vector<std::string> like;
  std::vector<std::string> unlike;
  bool string_ids = false;

  // How a text is searched for, and what becomes of it beside a vector.
  std::string mode;
  bool operators = false;
  std::vector<std::string> text_fields;
  std::string fusion = "rrf";
  std::optional<std::string> weights;
  double rank_constant = fusion_options{}.rank_constant;
  std::uint32_t candidates = 0;

  // Which hits.
  std::uint32_t k = 10;
  std::uint32_t offset = 0;
  std::optional<std::string> where;
  std::optional<float> max_distance;
  std::optional<double> min_score;
  std::optional<std::string> group_by;
  std::uint32_t group_limit = 1;
  std::optional<double> diversity;
  std::uint32_t diversity_candidates = 0;

  std::uint32_t ef = 0;
  std::uint32_t nprobe = 0;
  bool exact = false;
  bool explain = false;
  std::string fields = "metadata,text";
};

void add_search_options(CLI::App& command, search_options& options);

/// All of the query that the line alone says; needs no store.
[[nodiscard]] result<search_query> plain_query(const search_options& options);

/// Adds what is searched for. With a text alone, a namespace whose vectors are lexical is searched
/// by the embedding of the text, any other by its words, unless --mode says otherwise.
[[nodiscard]] result<void> add_sources(invocation& call, const search_options& options,
                                       const namespace_config& config, search_query& query);

}  // namespace hearth::tools
