// `hearth search`: nearest records by vector, by a vector in a file, or by text.
#include <CLI/CLI.hpp>
#include <chrono>

#include "core/format.hpp"
#include "engine/text/lexical_embedder.hpp"
#include "tools/command.hpp"
#include "tools/fields.hpp"
#include "tools/npy.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

struct search_options {
  std::string name;
  std::string vector;
  std::string vector_file;
  std::optional<std::uint64_t> row;
  std::string text;
  bool by_text = false;
  std::uint32_t k = 10;
  std::uint32_t ef = 0;
  std::uint32_t nprobe = 0;
  bool exact = false;
  bool explain = false;
  std::string fields = "metadata,text";
};

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
  const std::array<std::string_view, 1> texts{options.text};
  return text::embed_lexical(texts, config.dimension);
}

result<matrix> query_vector(invocation& call, const search_options& options,
                            const namespace_config& config) {
  if (options.by_text)
    return vector_from_text(call, options, config);
  if (!options.vector_file.empty())
    return vector_from_file(options);
  HEARTH_TRY(const auto array, parse_json(options.vector));
  HEARTH_TRY(auto values, vector_from_json(array, "--vector"));
  return one_row(std::move(values));
}

void print_hits(invocation& call, const search_result& found, std::chrono::nanoseconds took) {
  if (found.hits.size() == 0) {
    call.note("no records with a vector");
    return;
  }
  using side = table::align;
  table hits({{"#", side::right}, {"distance", side::right}, {"id"}, {"record"}});
  std::vector<std::string> ids;
  std::size_t id_width = 2;
  for (const auto& id : found.hits.ids) {
    ids.push_back(snippet(id_to_text(id), 40));
    id_width = std::max(id_width, display_width(ids.back()));
  }
  const auto used = id_width + 20;
  const auto width = std::max<std::size_t>(20, terminal_width() - std::min(used, terminal_width()));
  for (std::size_t i = 0; i < ids.size(); ++i)
    hits.add({std::to_string(i + 1), format_fixed(found.distances[i], 4), ids[i],
              describe_record(found.hits, i, width)});
  hits.print(call.out());
  call.note(core::format("{} records in {}", ids.size(), format_duration(took)));
}

json to_json(const search_explanation& said) {
  json stages = json::array();
  for (const auto& stage : said.stages)
    stages.push_back({{"step", core::to_string(stage.step)},
                      {"rows", stage.rows},
                      {"candidates", stage.candidates},
                      {"time_us", stage.time_us}});
  return {{"distance", core::to_string(said.distance)},
          {"index", core::to_string(said.kind)},
          {"ef", said.ef},
          {"nprobe", said.nprobe},
          {"rounds", said.rounds},
          {"exact", said.exact},
          {"walk_us", said.walk_us},
          {"exact_us", said.exact_us},
          {"time_us", said.time_us},
          {"stages", std::move(stages)}};
}

void print_explanation(invocation& call, const search_explanation& said) {
  using side = table::align;
  call.out() << core::format("\n{}, {}, {}, {} {}, {} us in the daemon\n",
                             core::to_string(said.kind), core::to_string(said.distance),
                             said.exact ? "every vector compared" : core::format("ef {}", said.ef),
                             said.rounds, said.rounds == 1 ? "round" : "rounds", said.time_us);
  if (said.walk_us > 0)
    call.out() << core::format("a walk was expected to take {:.0f} us, comparing all {:.0f} us\n",
                               said.walk_us, said.exact_us);
  table steps({{"step"}, {"rows", side::right}, {"candidates", side::right}, {"us", side::right}});
  for (const auto& stage : said.stages)
    steps.add({std::string(core::to_string(stage.step)), group_digits(stage.rows),
               group_digits(stage.candidates), std::to_string(stage.time_us)});
  steps.print(call.out());
}

result<int> search(invocation& call, const search_options& options) {
  HEARTH_TRY(const auto fields, parse_fields(options.fields));
  HEARTH_TRY(const auto target, call.open(options.name));
  search_query query;
  HEARTH_TRY(query.vectors, query_vector(call, options, target->config()));
  query.k = options.k;
  query.ef = options.ef;
  query.nprobe = options.nprobe;
  query.exact = options.exact;
  query.explain = options.explain;
  query.fields = fields;
  const auto start = std::chrono::steady_clock::now();
  HEARTH_TRY(const auto found, target->search(std::move(query)));
  const auto took = std::chrono::steady_clock::now() - start;
  if (!call.as_json()) {
    print_hits(call, found, took);
    if (found.explanation)
      print_explanation(call, *found.explanation);
    return exit_ok;
  }
  json hits = json::array();
  for (std::size_t i = 0; i < found.hits.size(); ++i) {
    auto hit = record_to_json(found.hits, i);
    hit["distance"] = printable(found.distances[i]);
    hits.push_back(std::move(hit));
  }
  json answer{{"namespace", options.name},
              {"k", options.k},
              {"exact", options.exact},
              {"took_ms", std::chrono::duration<double, std::milli>(took).count()},
              {"hits", std::move(hits)}};
  if (found.explanation)
    answer["explanation"] = to_json(*found.explanation);
  call.take_warnings(answer);
  call.print(answer);
  return exit_ok;
}

}  // namespace

void add_search_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("search", "Find the records nearest to a vector or a text");
  auto options = bind_action<search_options>(*command, chosen, search);
  command->add_option("namespace", options->name, "The namespace to search")->required();
  auto* query = command->add_option_group("query", "What to search for; exactly one");
  query->add_option("--vector", options->vector, "A JSON array of numbers");
  auto* file = query->add_option("--vector-file", options->vector_file,
                                 "A .npy file with one vector, or several and --row");
  query
      ->add_option_function<std::string>(
          "--text",
          [options](const std::string& text) {
            options->text = text;
            options->by_text = true;
          },
          "A text, for namespaces whose vectors were made from text")
      ->type_name("TEXT");
  query->require_option(1);
  command->add_option("--row", options->row, "The row of --vector-file, from 0")->needs(file);
  command->add_option("-k", options->k, "How many records to find")
      ->check(CLI::Range(1U, 16U * 1024 * 1024))
      ->capture_default_str();
  command->add_option("--ef", options->ef,
                      "Candidates the index looks at: higher finds more and takes longer "
                      "(0: as the namespace says)");
  command->add_option("--nprobe", options->nprobe,
                      "Lists that an ivf index searches (0: as the namespace says)");
  command->add_flag("--explain", options->explain, "Say how the search was answered");
  command->add_flag("--exact", options->exact, "Compare with every vector instead of the index");
  add_fields_option(*command, options->fields);
  command->footer("Examples:\n"
                  "  hearth search docs --text \"red bicycle\" -k 5\n"
                  "  hearth search docs --vector \"[0.1, 0.7, 0.2]\" --exact --json\n"
                  "  hearth search docs --vector-file queries.npy --row 3 --ef 200");
}

}  // namespace hearth::tools
