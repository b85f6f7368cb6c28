#pragma once
// The options that describe a namespace, shared by the commands that make or alter one.
#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/namespace_config.hpp"

namespace hearth::tools {

struct namespace_options {
  std::optional<std::uint32_t> dimension;
  std::optional<std::string> distance;
  std::optional<std::string> index;
  std::optional<std::uint32_t> m;
  std::optional<std::uint32_t> ef_construction;
  std::optional<std::uint32_t> ef_search;
  std::optional<std::uint64_t> seed;
  std::optional<std::string> quantization;
  std::optional<std::string> memory;
  std::optional<std::uint32_t> nlist;
  std::optional<std::uint32_t> nprobe;
  std::optional<std::uint32_t> nbits;
  std::optional<std::string> vector_name;  ///< whose distance and index these are, if it has one
  std::vector<std::string> named_vectors;  ///< NAME:DIMENSION[:DISTANCE[:INDEX]]
  std::optional<std::uint32_t> shards;
  std::optional<std::string> embedder;
  std::vector<std::string> fields;       ///< as parse_field_rule() reads them
  std::vector<std::string> text_fields;  ///< as parse_field_weight() reads them
  std::optional<std::string> language;
  std::optional<std::string> stop_words;  ///< with commas
  bool no_fields = false;                 ///< of one that had some
  bool no_text_fields = false;            ///< likewise
};

/// Adds them in a group of their own. Words are checked when the line is parsed, numbers by core.
void add_namespace_options(CLI::App& command, namespace_options& options);

/// Only those that can be changed later: the distance and the index.
void add_index_options(CLI::App& command, namespace_options& options);

/// To declare named vectors; and to alter one of them instead of the vector without a name.
void add_named_vector_option(CLI::App& command, namespace_options& options);
void add_vector_name_option(CLI::App& command, namespace_options& options);

/// What a namespace says about fields of metadata and about texts. Not for commands that take
/// rows from a file, where --text-field names a column.
void add_field_options(CLI::App& command, namespace_options& options);
/// To take back what there was.
void add_field_removals(CLI::App& command, namespace_options& options);

[[nodiscard]] result<namespace_request> to_request(const namespace_options& options);

}  // namespace hearth::tools
