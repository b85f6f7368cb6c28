#include "tools/namespace_view.hpp"

#include <functional>

#include "core/format.hpp"
#include "tools/field_options.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {

std::string describe_index(const index_params& index) {
  const auto chosen = [](std::uint32_t number) {
    return number == 0 ? std::string("auto") : std::to_string(number);
  };
  const auto lists = [&] {
    return core::format("nlist {}, nprobe {}, seed {}", chosen(index.nlist), chosen(index.nprobe),
                        index.seed);
  };
  const auto kind = core::to_string(index.kind);
  switch (index.kind) {
  case index_kind::flat:
  case index_kind::kd_tree:
    return core::format("{} (exact)", kind);
  case index_kind::hnsw:
    return core::format("{}, m {}, ef_construction {}, ef_search {}, quantization {}, memory {}, "
                        "seed {}",
                        kind, index.m, index.ef_construction, index.ef_search,
                        core::to_string(index.quantization), core::to_string(index.memory),
                        index.seed);
  case index_kind::ivf_flat:
    return core::format("{}, {}", kind, lists());
  case index_kind::ivf_pq:
    return core::format("{}, m {}, nbits {}, {}", kind, chosen(index.m), index.nbits, lists());
  }
  return std::string(kind);
}

json to_json(const index_params& index) {
  return {{"kind", core::to_string(index.kind)},
          {"m", index.m},
          {"ef_construction", index.ef_construction},
          {"ef_search", index.ef_search},
          {"seed", index.seed},
          {"quantization", core::to_string(index.quantization)},
          {"memory", core::to_string(index.memory)},
          {"nlist", index.nlist},
          {"nprobe", index.nprobe},
          {"nbits", index.nbits}};
}

namespace {

std::string share_of(const index_rebuild& rebuild) {
  if (rebuild.rows_total == 0)
    return "0 %";
  return core::format("{} %", 100 * rebuild.rows_done / rebuild.rows_total);
}

}  // namespace

std::vector<std::string> describe_schema(const namespace_config& config) {
  std::vector<std::string> lines;
  lines.reserve(config.schema.size());
  for (const auto& rule : config.schema)
    lines.push_back(to_word(rule));
  return lines;
}

std::string describe_text(const text_settings& text) {
  if (text.fields.empty())
    return "(none)";
  std::vector<std::string> fields;
  fields.reserve(text.fields.size());
  for (const auto& field : text.fields)
    fields.push_back(to_word(field));
  auto line = core::format("{}; language {}", core::join(fields, ", "), text.language);
  if (text.stop_words.size() == 1)
    line += core::format("; stop words: {}", text.stop_words.front());
  else if (!text.stop_words.empty())
    line += core::format("; {} stop words", text.stop_words.size());
  return line;
}

json to_json(const vector_config& config) {
  return {{"dimension", config.dimension},
          {"distance", core::to_string(config.distance)},
          {"index", to_json(config.index)}};
}

json to_json(const namespace_config& config) {
  json schema = json::object();
  for (const auto& rule : config.schema)
    schema[rule.path] = {{"type", core::to_string(rule.type)},
                         {"required", rule.required},
                         {"indexed", rule.indexed}};
  json text_fields = json::object();
  for (const auto& [field, weight] : config.text.fields)
    text_fields[field] = weight;
  auto document = to_json(config.vector(0));
  document.update({{"shards", config.shards},
                   {"embedder", config.embedder},
                   {"schema", std::move(schema)},
                   {"text_fields", std::move(text_fields)},
                   {"language", config.text.language},
                   {"stop_words", config.text.stop_words}});
  for (const auto& named : config.named)
    document["named_vectors"][named.name] = to_json(named);
  return document;
}

json to_json(const vector_info& info) {
  json document{{"vectors", info.vectors},
                {"index_state", core::state_name(info)},
                {"indexed", info.indexed},
                {"fresh", info.fresh},
                {"index_bytes", info.index_bytes}};
  if (const auto& rebuild = info.rebuild)
    document["rebuild"] = {
        {"serving",
         {{"distance", core::to_string(rebuild->distance)}, {"index", to_json(rebuild->params)}}},
        {"rows_done", rebuild->rows_done},
        {"rows_total", rebuild->rows_total},
        {"failure", rebuild->failure}};
  return document;
}

json to_json(const namespace_info& info) {
  json document{{"name", info.name}, {"config", to_json(info.config)}, {"count", info.count}};
  document.update(to_json(info.vector(0)));
  document.update({{"lsn", info.lsn},
                   {"durable_lsn", info.durable_lsn},
                   {"file_bytes", info.file_bytes},
                   {"read_only", info.read_only}});
  if (info.read_only)
    document["read_only_reason"] = info.read_only_reason;
  for (const auto& named : info.named)
    document["named_vectors"][named.name] = to_json(named);
  return document;
}

// The state of a vector and of its index, over some lines.
static void print_state(const vector_info& info,
                        const std::function<void(const char*, const std::string&)>& line) {
  line("state", core::format("{}: {} indexed, {} fresh", core::state_name(info),
                             group_digits(info.indexed), group_digits(info.fresh)));
  const auto& rebuild = info.rebuild;
  if (!rebuild)
    return;
  line("rebuild",
       core::format("{} of {} rows; until then this answers:", group_digits(rebuild->rows_done),
                    group_digits(rebuild->rows_total)));
  line("",
       core::format("{}, {}", core::to_string(rebuild->distance), describe_index(rebuild->params)));
  if (!rebuild->failure.empty())
    line("", core::format("it had to start over: {}", rebuild->failure));
}

json to_json(const store_info& info) {
  return {{"path", info.path},
          {"version", info.version},
          {"pid", info.pid},
          {"uptime_ms", info.uptime_ms},
          {"namespaces", info.namespaces},
          {"open_namespaces", info.open_namespaces},
          {"sessions", info.sessions}};
}

void print_namespaces(std::ostream& out, std::span<const namespace_info> spaces) {
  constexpr auto right = table::align::right;
  table rows({{"namespace"},
              {"records", right},
              {"vectors", right},
              {"dimension", right},
              {"distance"},
              {"index"},
              {"state"},
              {"fresh", right},
              {"file", right},
              {"memory", right}});
  for (const auto& space : spaces)
    rows.add(
        {space.name, group_digits(space.count), group_digits(space.vectors),
         space.config.has_vector(0) ? std::to_string(space.config.dimension) : "-",
         space.config.has_vector(0) ? std::string(core::to_string(space.config.distance)) : "-",
         space.config.has_vector(0) ? std::string(core::to_string(space.config.index.kind)) : "-",
         space.read_only ? "read-only"
         : space.rebuild
             ? core::format("{} {}", core::state_name(space.vector(0)), share_of(*space.rebuild))
             : std::string(core::state_name(space.vector(0))),
         group_digits(space.fresh), core::format_bytes(space.file_bytes),
         core::format_bytes(space.index_bytes)});
  rows.print(out);
}

void print_namespace(std::ostream& out, const namespace_info& info) {
  const auto& config = info.config;
  const auto line = [&out](const char* name, const std::string& text) {
    out << core::format("{:<12}{}\n", name, text);
  };
  line("namespace", info.name);
  const bool has_unnamed = config.has_vector(0);
  line("dimension", has_unnamed ? std::to_string(config.dimension) : "(none)");
  if (has_unnamed) {
    line("distance", std::string(core::to_string(config.distance)));
    line("index", describe_index(config.index));
  }
  line("shards", std::to_string(config.shards));
  line("embedder", config.embedder.empty() ? "(not said)" : config.embedder);
  const auto schema = describe_schema(config);
  line("schema", schema.empty() ? "(none)" : schema.front());
  for (std::size_t i = 1; i < schema.size(); ++i)
    line("", schema[i]);
  line("text index", describe_text(config.text));
  line("records",
       core::format("{}, {} with a vector", group_digits(info.count), group_digits(info.vectors)));
  if (has_unnamed)
    print_state(info.vector(0), line);
  line("lsn", core::format("{}, durable {}", info.lsn, info.durable_lsn));
  line("size", core::format("{} file, {} index memory", core::format_bytes(info.file_bytes),
                            core::format_bytes(info.index_bytes)));
  if (info.read_only)
    line("read-only", info.read_only_reason);
  for (std::size_t number = 1; number < config.vector_count(); ++number) {
    const auto vector = config.vector(number);
    const auto state = info.vector(number);
    out << '\n';
    line("vector", vector.name);
    line("dimension", std::to_string(vector.dimension));
    line("distance", std::string(core::to_string(vector.distance)));
    line("index", describe_index(vector.index));
    line("records", group_digits(state.vectors));
    print_state(state, line);
    line("size", core::format("{} index memory", core::format_bytes(state.index_bytes)));
  }
}

}  // namespace hearth::tools
