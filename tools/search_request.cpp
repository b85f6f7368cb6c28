#include "tools/search_request.hpp"

#include <array>
#include <charconv>

#include "core/format.hpp"
#include "engine/text/lexical_embedder.hpp"
#include "tools/field_options.hpp"
#include "tools/fields.hpp"
#include "tools/npy.hpp"

#include <CLI/CLI.hpp>

namespace hearth::tools {
namespace {

result<matrix> one_row(std::vector<float> values) {
  const auto dimension = static_cast<std::uint32_t>(values.size());
  return matrix(std::move(values), 1, dimension);
}

result<matrix> vector_from_file(const search_options& options) {
  HEARTH_TRY(auto reader, npy_reader::open(options.vector_file));
  const auto rows = reader.header().rows;
  if (rows != 1 && !options.row)
    return fail(errc::invalid_argument,
                core::format("{} holds {} vectors", options.vector_file, rows),
                "choose one with --row N, counted from 0");
  const auto row = options.row.value_or(0);
  if (row >= rows)
    return fail(errc::invalid_argument, core::format("--row {} is past the {} vectors of {}", row,
                                                     rows, options.vector_file));
  reader.seek(row);
  return reader.read(1);
}

result<matrix> vector_from_text(invocation& call, const search_options& options,
                                const namespace_config& config) {
  namespace text = engine::text;
  if (!options.vector_name.empty())
    return fail(errc::unsupported,
                core::format("nothing here makes a '{}' of a text", options.vector_name),
                "embed the text with its model and search with --vector or --vector-file");
  HEARTH_CHECK(config.vector_number({}));  // says if there is none to search
  if (config.embedder.empty())
    call.warn(core::format("namespace '{}' does not say what made its vectors; the text is "
                           "embedded as '{}', which finds nothing useful unless they were too",
                           options.name, text::lexical_embedder_name));
  else if (config.embedder != text::lexical_embedder_name)
    return fail(errc::unsupported,
                core::format("the vectors of namespace '{}' were made by '{}', which this program "
                             "does not have",
                             options.name, config.embedder),
                "embed the text with that model and search with --vector or --vector-file");
  const std::array<std::string_view, 1> texts{*options.text};
  return text::embed_lexical(texts, config.dimension);
}

bool has_vector(const search_options& options) {
  return !options.vector.empty() || !options.vector_file.empty();
}

// What a text is used for.
struct sides {
  bool embeds = false;
  bool matches = false;
};

result<sides> sides_of(const search_options& options, const namespace_config& config) {
  const auto& mode = options.mode;
  if (!options.text) {
    if (mode == "text" || mode == "hybrid")
      return fail(errc::invalid_argument,
                  core::format("--mode is '{}', but there is no text", mode), "say it with --text");
    return sides{};
  }
  if (has_vector(options) || !options.like.empty()) {
    if (mode == "vector" || mode == "text")
      return fail(errc::invalid_argument,
                  core::format("--mode is '{}', but there is a vector and a text", mode),
                  "leave out the one that is not to be searched for");
    return sides{.embeds = false, .matches = true};
  }
  // Where it is not said who made the vectors, words come first if they can be searched.
  const bool lexical =
      options.vector_name.empty() && (config.embedder == engine::text::lexical_embedder_name ||
                                      (config.embedder.empty() && config.text.fields.empty()));
  const bool by_vector = mode.empty() ? lexical : mode != "text";
  const bool by_words = mode.empty() ? !lexical : mode != "vector";
  return sides{.embeds = by_vector, .matches = by_words};
}

result<text_question> question_of(const search_options& options) {
  text_question question;
  question.queries.push_back(*options.text);
  question.operators = options.operators;
  for (const auto& word : options.text_fields) {
    HEARTH_TRY(auto field, parse_field_weight(word));
    question.fields.push_back(std::move(field));
  }
  return question;
}

// "V,T": how much the vector counts, and how much the text.
result<void> set_weights(const std::string& words, fusion_options& fusion) {
  const auto* const end = words.data() + words.size();
  const auto vector = std::from_chars(words.data(), end, fusion.vector_weight);
  if (vector.ec == std::errc{} && vector.ptr != end && *vector.ptr == ',') {
    const auto text = std::from_chars(vector.ptr + 1, end, fusion.text_weight);
    if (text.ec == std::errc{} && text.ptr == end)
      return {};
  }
  return fail(errc::invalid_argument, core::format("--weights is \"{}\"", words),
              "say two numbers, that of the vector first, as in 0.7,0.3");
}

// Repeatable, one value each: what follows is not taken for another one.
CLI::Option* add_list(CLI::App& command, const char* name, std::vector<std::string>& into,
                      const char* help) {
  return command.add_option(name, into, help)->allow_extra_args(false);
}

// Answers --text, which other options need.
CLI::Option* add_source_options(CLI::App& command, search_options& options) {
  auto* query = command.add_option_group("query", "What to search for; at least one");
  auto* vector = query->add_option("--vector", options.vector, "A JSON array of numbers");
  auto* file = query
                   ->add_option("--vector-file", options.vector_file,
                                "A .npy file with one vector, or several and --row")
                   ->excludes(vector);
  auto* text = query->add_option(
      "--text", options.text, "Words to look for; beside a vector or --like, both count (hybrid)");
  auto* like =
      add_list(*query, "--like", options.like, "The id of an example to search for (repeatable)")
          ->type_name("ID")
          ->excludes(vector)
          ->excludes(file);
  query->require_option(1, 0);
  command
      .add_option("--vector-name", options.vector_name,
                  "Search this named vector of the records (default: the one without a name)")
      ->type_name("NAME");
  command.add_option("--row", options.row, "The row of --vector-file, from 0")->needs(file);
  add_list(command, "--unlike", options.unlike,
           "The id of an example to keep away from (repeatable)")
      ->type_name("ID")
      ->needs(like);
  command.add_flag("--string-ids", options.string_ids, "Take every id as a string")->needs(like);
  return text;
}

void add_text_options(CLI::App& command, search_options& options, CLI::Option* text) {
  constexpr const char* group = "Text";
  command
      .add_option("--mode", options.mode,
                  "With a text alone: search by its embedding, by its words, or by both (default: "
                  "the embedding if the vectors are lexical, else the words)")
      ->check(CLI::IsMember({"vector", "text", "hybrid"}))
      ->group(group);
  command
      .add_flag("--operators", options.operators,
                "The text is in the query language: \"a phrase\", AND, OR, NOT, +, -, prefix*, "
                "field:word")
      ->needs(text)
      ->group(group);
  add_list(command, "--text-field", options.text_fields,
           "Where to look, and how much it counts, as in title:2 (repeatable; default: all that "
           "are indexed)")
      ->type_name("NAME[:WEIGHT]")
      ->needs(text)
      ->group(group);
  command.add_option("--fusion", options.fusion, "How the hits of both sides become one list")
      ->check(CLI::IsMember({"rrf", "weighted", "borda"}))
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--weights", options.weights,
                  "How much the vector and the text count, as in 0.7,0.3 (default: 1,1)")
      ->type_name("V,T")
      ->group(group);
  command.add_option("--rank-constant", options.rank_constant, "Of rrf: 1 / (this + rank)")
      ->capture_default_str()
      ->group(group);
  command
      .add_option("--candidates", options.candidates,
                  "Hits that each side brings to the fusion (0: four times k, 100 at least)")
      ->group(group);
}

void add_choice_options(CLI::App& command, search_options& options) {
  constexpr const char* group = "Which hits";
  command.add_option("-k", options.k, "How many records to find")
      ->check(CLI::Range(1U, 16U * 1024 * 1024))
      ->capture_default_str();
  add_where_option(command, options.where)->group(group);
  command.add_option("--offset", options.offset, "Hits to leave out first: the next page")
      ->group(group);
  command
      .add_option("--max-distance", options.max_distance,
                  "Only hits that are not farther than this")
      ->group(group);
  command.add_option("--min-score", options.min_score, "With words: only hits that score so much")
      ->group(group);
  auto* field = command
                    .add_option("--group-by", options.group_by,
                                "A metadata field: few hits with the same value; k counts groups")
                    ->type_name("FIELD")
                    ->group(group);
  command.add_option("--group-limit", options.group_limit, "Hits per group")
      ->capture_default_str()
      ->needs(field)
      ->group(group);
  auto* diversity =
      command
          .add_option("--diversity", options.diversity,
                      "0..1: 0 looks at relevance only, 1 only at how unlike the hits are")
          ->check(CLI::Range(0.0, 1.0))
          ->type_name("SHARE")
          ->group(group);
  command
      .add_option("--diversity-candidates", options.diversity_candidates,
                  "Hits to choose from (0: four times k, 50 at least)")
      ->needs(diversity)
      ->group(group);
}

}  // namespace

void add_search_options(CLI::App& command, search_options& options) {
  command.add_option("namespace", options.name, "The namespace to search")->required();
  auto* const text = add_source_options(command, options);
  add_choice_options(command, options);
  add_text_options(command, options, text);
  command.add_option("--ef", options.ef,
                     "Candidates the index looks at: higher finds more and takes longer "
                     "(0: as the namespace says)");
  command.add_option("--nprobe", options.nprobe,
                     "Lists that an ivf index searches (0: as the namespace says)");
  command.add_flag("--explain", options.explain, "Say how the search was answered");
  command.add_flag("--exact", options.exact, "Compare with every vector instead of the index");
  add_fields_option(command, options.fields);
}

result<search_query> plain_query(const search_options& options) {
  search_query query;
  HEARTH_TRY(query.fields, parse_fields(options.fields));
  HEARTH_TRY(query.where, parse_where(options.where));
  const auto style = options.string_ids ? id_style::strings : id_style::automatic;
  HEARTH_TRY(query.like, ids_from_text(options.like, style));
  HEARTH_TRY(query.unlike, ids_from_text(options.unlike, style));
  HEARTH_TRY(query.fusion.kind, fusion_from_string(options.fusion));
  if (options.weights)
    HEARTH_CHECK(set_weights(*options.weights, query.fusion));
  query.fusion.rank_constant = options.rank_constant;
  query.fusion.depth = options.candidates;
  query.vector_name = options.vector_name;
  query.k = options.k;
  query.offset = options.offset;
  query.ef = options.ef;
  query.nprobe = options.nprobe;
  query.exact = options.exact;
  query.explain = options.explain;
  query.max_distance = options.max_distance;
  query.min_score = options.min_score;
  if (options.group_by)
    query.group = group_options{.field = *options.group_by, .limit = options.group_limit};
  if (options.diversity)
    query.diversity = diversity_options{.balance = 1 - *options.diversity,
                                        .candidates = options.diversity_candidates};
  return query;
}

result<void> add_sources(invocation& call, const search_options& options,
                         const namespace_config& config, search_query& query) {
  HEARTH_TRY(const auto text, sides_of(options, config));
  if (text.matches) {
    HEARTH_TRY(query.text, question_of(options));
  }
  if (text.embeds && !text.matches && (options.operators || !options.text_fields.empty()))
    call.warn("the text is searched by its embedding, where --operators and --text-field mean "
              "nothing; --mode text or --mode hybrid searches for its words");
  if (text.embeds) {
    HEARTH_TRY(query.vectors, vector_from_text(call, options, config));
  } else if (!options.vector_file.empty()) {
    HEARTH_TRY(query.vectors, vector_from_file(options));
  } else if (!options.vector.empty()) {
    HEARTH_TRY(const auto array, parse_json(options.vector));
    HEARTH_TRY(auto values, vector_from_json(array, "--vector"));
    HEARTH_TRY(query.vectors, one_row(std::move(values)));
  }
  return {};
}

}  // namespace hearth::tools
