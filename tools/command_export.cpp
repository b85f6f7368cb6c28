// `hearth export`: a namespace as jsonl, or its vectors as npy.
#include <CLI/CLI.hpp>

#include <algorithm>
#include <fstream>
#include <limits>

#include "core/format.hpp"
#include "tools/command.hpp"
#include "tools/field_options.hpp"
#include "tools/fields.hpp"
#include "tools/npy.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

struct export_options {
  std::string name;
  std::string file;
  std::string format;
  std::string ids_file;
  std::string fields = "vector,metadata,text";
  std::optional<std::string> where;
  std::string order_by;
  bool descending = false;
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> limit;
};

// A file that gets its name when it is complete; without commit() nothing is left behind.
class output_file {
 public:
  explicit output_file(std::filesystem::path name) : name_(std::move(name)) {
    part_ = name_;
    part_ += ".part";
    stream_.open(part_, std::ios::binary | std::ios::trunc);
  }
  ~output_file() {
    if (committed_)
      return;
    std::error_code ignored;
    std::filesystem::remove(part_, ignored);
  }
  output_file(const output_file&) = delete;
  output_file& operator=(const output_file&) = delete;

  std::ofstream& stream() { return stream_; }

  result<void> commit() {
    stream_.close();
    std::error_code failure;
    if (stream_)
      std::filesystem::rename(part_, name_, failure);
    if (!stream_ || failure)
      return fail(errc::io_error, core::format("{} cannot be written", name_.string()),
                  "check that the directory exists, is writable and has room");
    committed_ = true;
    return {};
  }

 private:
  std::filesystem::path name_;
  std::filesystem::path part_;
  std::ofstream stream_;
  bool committed_ = false;
};

struct exported {
  std::uint64_t rows = 0;
  std::uint64_t without_vector = 0;
};

// Which records, in which order.
result<scan_query> query_of(const export_options& options) {
  scan_query query;
  HEARTH_TRY(query.fields, parse_fields(options.fields));
  HEARTH_TRY(query.where, parse_where(options.where));
  query.order_by = options.order_by;
  query.descending = options.descending;
  query.offset = options.offset;
  return query;
}

// Calls `use` with every page of the namespace, until there were `limit` records.
template <class Use>
result<void> for_each_page(namespace_handle& target, scan_query query,
                           std::optional<std::uint64_t> limit, Use use) {
  auto left = limit.value_or(std::numeric_limits<std::uint64_t>::max());
  const auto page_rows = query.limit;
  while (left > 0) {
    query.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(page_rows, left));
    HEARTH_TRY(auto page, target.scan(query));
    HEARTH_CHECK(use(page.rows));
    left -= page.rows.size();
    if (page.next.empty())
      break;
    query.cursor = std::move(page.next);
  }
  return {};
}

// An infinity would become null, and be lost.
result<void> check_json(const record_columns& rows, std::size_t row) {
  if (row >= rows.metadata.size())
    return {};
  if (const auto field = infinite_field(rows.metadata[row], "metadata"))
    return fail(errc::unsupported,
                core::format("record {}: {} is infinite, which JSON cannot hold",
                             id_to_text(rows.ids[row]), *field),
                "change that record, or export with --fields vector,text");
  return {};
}

result<exported> write_jsonl(namespace_handle& target, const export_options& options,
                             const scan_query& query, std::ostream& out) {
  exported total;
  HEARTH_CHECK(
      for_each_page(target, query, options.limit, [&](const record_columns& rows) -> result<void> {
        for (std::size_t i = 0; i < rows.size(); ++i) {
          if (auto sayable = check_json(rows, i); !sayable)
            return sayable;
          out << dump_json(record_to_json(rows, i)) << '\n';
        }
        total.rows += rows.size();
        if (!out)
          return fail(errc::io_error, "the output cannot be written to");
        return {};
      }));
  return total;
}

result<exported> write_npy(namespace_handle& target, const export_options& options,
                           scan_query query) {
  query.fields = {.vectors = true};
  HEARTH_CHECK(target.config().vector_number({}));  // says if there is none to write
  output_file vectors(options.file);
  std::optional<output_file> ids;
  if (!options.ids_file.empty())
    ids.emplace(options.ids_file);
  const auto dimension = target.config().dimension;
  vectors.stream() << make_npy_header(0, dimension);
  exported total;
  const auto keep = [&](const record_columns& rows) -> result<void> {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (!rows.has_vector[i]) {
        ++total.without_vector;
        continue;
      }
      const auto bytes = std::as_bytes(rows.vectors.view().row(i));
      vectors.stream().write(reinterpret_cast<const char*>(bytes.data()),
                             static_cast<std::streamsize>(bytes.size()));
      if (ids)
        ids->stream() << id_to_text(rows.ids[i]) << '\n';
      ++total.rows;
    }
    return {};
  };
  HEARTH_CHECK(for_each_page(target, std::move(query), options.limit, keep));
  vectors.stream().seekp(0);
  vectors.stream() << make_npy_header(total.rows, dimension);
  HEARTH_CHECK(vectors.commit());
  if (ids)
    HEARTH_CHECK(ids->commit());
  return total;
}

result<exported> write_any(invocation& call, namespace_handle& target,
                           const export_options& options, const scan_query& query, bool as_npy) {
  if (as_npy)
    return write_npy(target, options, query);
  if (options.file == "-")
    return write_jsonl(target, options, query, call.out());
  output_file file(options.file);
  HEARTH_TRY(const auto total, write_jsonl(target, options, query, file.stream()));
  HEARTH_CHECK(file.commit());
  return total;
}

result<int> export_records(invocation& call, const export_options& options) {
  const bool as_npy =
      options.format == "npy" || (options.format.empty() && options.file.ends_with(".npy"));
  if (as_npy && options.file == "-")
    return fail(errc::invalid_argument, "npy cannot be written to standard output",
                "name a file with --output");
  if (!as_npy && !options.ids_file.empty())
    return fail(errc::invalid_argument, "--ids goes with npy only", "jsonl lines carry their ids");
  HEARTH_TRY(const auto query, query_of(options));
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto total, write_any(call, *target, options, query, as_npy));
  if (total.without_vector > 0)
    call.warn(core::format("{} records without a vector are left out", total.without_vector));
  if (options.file == "-")
    return exit_ok;  // the records are the output
  if (!call.as_json()) {
    call.note(core::format("exported {} records to {}", group_digits(total.rows), options.file));
    return exit_ok;
  }
  json answer{{"namespace", options.name},
              {"file", options.file},
              {"rows", total.rows},
              {"without_vector", total.without_vector}};
  call.take_warnings(answer);
  call.print(answer);
  return exit_ok;
}

}  // namespace

void add_export_command(CLI::App& app, action& chosen) {
  auto* command = app.add_subcommand("export", "Write the records of a namespace to a file");
  auto options = bind_action<export_options>(*command, chosen, export_records);
  options->file = "-";
  command->add_option("namespace", options->name, "The namespace")->required();
  command->add_option("-o,--output", options->file, "The file; - is standard output")
      ->capture_default_str();
  command
      ->add_option("--format", options->format,
                   "jsonl (everything) or npy (vectors); default: what the name ends with")
      ->check(CLI::IsMember({"jsonl", "npy"}));
  command->add_option("--ids", options->ids_file, "npy: also write the ids, one per line");
  add_fields_option(*command, options->fields);
  add_where_option(*command, options->where);
  auto* order = command
                    ->add_option("--order-by", options->order_by,
                                 "By a metadata field; records without it last (default: storage "
                                 "order)")
                    ->type_name("FIELD");
  command->add_flag("--descending", options->descending, "The greatest first")->needs(order);
  command->add_option("--offset", options->offset, "Records to leave out first");
  command->add_option("--limit", options->limit, "Records to write at most (default: all)");
  command->footer("Examples:\n"
                  "  hearth export docs > docs.jsonl\n"
                  "  hearth export docs --output vectors.npy --ids ids.txt\n"
                  "  hearth export docs --where 'year >= 2020' --fields metadata\n"
                  "  hearth export docs --order-by year --descending --limit 10");
}

}  // namespace hearth::tools
