// `hearth import`: npy, jsonl and csv files into a namespace.
#include <CLI/CLI.hpp>
#include <unistd.h>

#include <iostream>

#include "core/format.hpp"
#include "engine/text/lexical_embedder.hpp"
#include "tools/command.hpp"
#include "tools/importer.hpp"
#include "tools/namespace_options.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

using engine::text::lexical_default_dimension;
using engine::text::lexical_embedder_name;

struct import_command_options {
  std::string name;
  std::string file;
  std::string format;
  source_options source;
  bool string_ids = false;
  import_options import;
  std::string durability = "sync";
  namespace_options config;
};

// Opens the namespace, or creates it with the dimension that the data has.
result<std::shared_ptr<namespace_handle>> open_for_import(invocation& call, store_handle& store,
                                                          const import_command_options& options,
                                                          std::uint32_t dimension) {
  HEARTH_TRY(auto request, to_request(options.config));
  auto target = store.open_namespace(options.name, open_mode::open, request);
  if (!target && target.error().code == errc::not_found) {
    if (options.import.embed && !request.embedder)
      request.embedder = std::string(lexical_embedder_name);
    if (!request.dimension && dimension != 0)
      request.dimension = dimension;
    if (!request.dimension && options.import.embed)
      request.dimension = lexical_default_dimension;
    if (!request.dimension)
      return fail(
          errc::invalid_argument,
          core::format("namespace '{}' does not exist, and the first row has no vector that "
                       "could give it a dimension",
                       options.name),
          "say --embed to make vectors from the text, or --dimension N; for records without "
          "vectors "
          "make the namespace first, with `hearth namespace create`");
    target = store.open_namespace(options.name, open_mode::open_or_create, request);
  }
  if (!target || !options.import.embed)
    return target;
  const auto& embedder = (*target)->config().embedder;
  if (embedder.empty())
    call.warn(core::format("namespace '{}' does not say what made its vectors; --embed adds '{}' "
                           "ones, which should not be mixed with others",
                           options.name, lexical_embedder_name));
  else if (embedder != lexical_embedder_name)
    return fail(errc::unsupported,
                core::format("the vectors of namespace '{}' are made by '{}', which this program "
                             "does not have",
                             options.name, embedder),
                "make the vectors with that model and import them without --embed");
  return target;
}

result<source_options> complete(const import_command_options& options) {
  auto source = options.source;
  source.ids = options.string_ids ? id_style::strings : id_style::automatic;
  if (options.format.empty()) {
    HEARTH_TRY(source.format, format_of(options.file));
  } else {
    HEARTH_TRY(source.format, format_of("x." + options.format));
  }
  const bool is_npy = source.format == file_format::npy;
  if (!is_npy && !(source.ids_file.empty() && source.metadata_file.empty()))
    return fail(errc::invalid_argument, "--ids and --metadata go with npy files only",
                "jsonl and csv carry ids and metadata in their rows");
  if (is_npy && options.file == "-")
    return fail(errc::invalid_argument, "npy cannot be read from standard input", "name the file");
  return source;
}

result<int> import(invocation& call, const import_command_options& options) {
  HEARTH_CHECK(validate_namespace_name(options.name));
  HEARTH_TRY(const auto source_settings, complete(options));
  HEARTH_TRY(const auto source, open_source(options.file, source_settings));
  auto import_settings = options.import;
  import_settings.ack = options.durability == "interval" ? durability::interval : durability::sync;

  std::shared_ptr<store_handle> store;
  bool has_vectors = false;
  const open_target open =
      [&](std::uint32_t dimension) -> result<std::shared_ptr<namespace_handle>> {
    const bool reconnect = import_settings.ack == durability::sync;
    HEARTH_TRY(store, call.connect(store_use::creating, reconnect));
    HEARTH_TRY(auto target, open_for_import(call, *store, options, dimension));
    has_vectors = target->config().has_vector(0);
    return target;
  };
  const bool visible = !call.as_json() && !call.options().quiet && isatty(STDERR_FILENO) == 1;
  const auto start = std::chrono::steady_clock::now();
  result<import_report> report;
  {
    progress_bar bar(call.err(), visible);
    report = import_rows(*source, open, import_settings,
                         [&](std::uint64_t rows) { bar.update(source->share(), rows); });
  }
  const auto took = std::chrono::steady_clock::now() - start;
  if (!report) {
    auto failure = std::move(report).error();
    failure.message = core::format("{}: {}", options.file, failure.message);
    return std::unexpected(std::move(failure));
  }
  if (has_vectors && report->without_vector > 0)
    call.warn(core::format("{} rows have no vector; search by vector will not find them",
                           report->without_vector));
  const double seconds = std::chrono::duration<double>(took).count();
  const auto rate = static_cast<double>(report->rows) / std::max(seconds, 1e-9);
  if (!call.as_json()) {
    call.note(core::format("imported {} rows into {} in {} ({} rows/s)", group_digits(report->rows),
                           options.name, format_duration(took),
                           group_digits(static_cast<std::uint64_t>(rate))));
    return exit_ok;
  }
  json answer{{"namespace", options.name},
              {"rows", report->rows},
              {"without_vector", report->without_vector},
              {"skipped", options.import.skip},
              {"batches", report->batches},
              {"lsn", report->lsn},
              {"seconds", seconds}};
  call.take_warnings(answer);
  call.print(answer);
  return exit_ok;
}

}  // namespace

void add_import_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("import", "Load records from a npy, jsonl or csv file");
  auto options = bind_action<import_command_options>(*command, chosen, import);
  auto& source = options->source;
  auto& settings = options->import;
  command->add_option("namespace", options->name, "The namespace; made if it does not exist")
      ->required();
  command->add_option("file", options->file, "The file; - reads jsonl or csv from standard input")
      ->required();
  command->add_option("--format", options->format, "Instead of what the name ends with")
      ->check(CLI::IsMember({"npy", "jsonl", "csv"}));
  command->add_option("--ids", source.ids_file,
                      "npy: a file with one id per line (default: row numbers from 0)");
  command->add_option("--metadata", source.metadata_file,
                      "npy: a file with one JSON object per line");
  command->add_option("--id-field", source.id_field, "jsonl, csv: where the id is")
      ->capture_default_str();
  command->add_option("--text-field", source.text_field, "jsonl, csv: where the text is")
      ->capture_default_str();
  command->add_option("--vector-field", source.vector_field, "jsonl, csv: where the vector is")
      ->capture_default_str();
  command->add_flag("--string-ids", options->string_ids,
                    "csv, --ids: take ids that look like numbers as strings");
  command->add_flag("--string-values", source.string_values,
                    "csv: keep every metadata value a string");
  command->add_flag("--embed", settings.embed,
                    "Make vectors from the text where a row has none (lexical, built in)");
  command->add_option("--skip", settings.skip, "Pass over this many rows: to go on after an error");
  command->add_option("--batch", settings.batch_rows, "Rows per write")
      ->check(CLI::Range(std::size_t{1}, limits::batch_rows))
      ->capture_default_str();
  command
      ->add_option("--durability", options->durability,
                   "Wait for the disk after each batch (sync) or at the end (interval)")
      ->check(CLI::IsMember({"sync", "interval"}))
      ->capture_default_str();
  add_namespace_options(*command, options->config);
  command->footer("Examples:\n"
                  "  hearth import docs notes.jsonl --embed\n"
                  "  hearth import faces faces.npy --ids names.txt --distance l2\n"
                  "  hearth import towns towns.csv --text-field description --embed\n"
                  "A jsonl line: {\"id\": 7, \"vector\": [0.1, 0.2], \"text\": \"...\", "
                  "\"metadata\": {\"year\": 2024}}");
}

}  // namespace hearth::tools
