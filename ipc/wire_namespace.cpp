// What a namespace is, is asked to be, and how it is doing: wire to core and core to wire.
#include "core/limits.hpp"
#include "ipc/wire.hpp"
#include "ipc/wire_columns.hpp"

namespace hearth::ipc::wire {

namespace {

// A daemon of protocol 1.0 knows nothing of the parameters from `quantization` on.
result<index_params> read_index(schema::NamespaceConfig::Reader from) {
  index_params to;
  HEARTH_TRY(to.kind, read_enum(from.getKind(), "kind", index_kind::kd_tree));
  to.m = from.getM();
  to.ef_construction = from.getEfConstruction();
  to.ef_search = from.getEfSearch();
  to.seed = from.getSeed();
  if (from.getQuantization() != schema::Quantization::UNSPECIFIED) {
    HEARTH_TRY(to.quantization,
               read_enum(from.getQuantization(), "quantization", quantization_kind::binary));
  }
  if (from.getMemory() != schema::Memory::UNSPECIFIED) {
    HEARTH_TRY(to.memory, read_enum(from.getMemory(), "memory", memory_kind::lean));
  }
  to.nlist = from.getNlist();
  to.nprobe = from.getNprobe();
  if (from.getNbits() != 0)
    to.nbits = from.getNbits();
  return to;
}

void write_index(schema::NamespaceConfig::Builder to, const index_params& from) {
  to.setKind(static_cast<schema::IndexKind>(from.kind));
  to.setM(from.m);
  to.setEfConstruction(from.ef_construction);
  to.setEfSearch(from.ef_search);
  to.setSeed(from.seed);
  to.setQuantization(static_cast<schema::Quantization>(from.quantization));
  to.setMemory(static_cast<schema::Memory>(from.memory));
  to.setNlist(from.nlist);
  to.setNprobe(from.nprobe);
  to.setNbits(from.nbits);
}

// What namespace_request and vector_request have in common.
template <class Request>
result<void> read_vector(schema::NamespaceRequest::Reader from, Request& to) {
  const auto number = [](auto field, auto& into) {
    if (field.isStated())
      into = field.getStated();
  };
  number(from.getDimension(), to.dimension);
  number(from.getM(), to.m);
  number(from.getEfConstruction(), to.ef_construction);
  number(from.getEfSearch(), to.ef_search);
  number(from.getSeed(), to.seed);
  number(from.getNlist(), to.nlist);
  number(from.getNprobe(), to.nprobe);
  number(from.getNbits(), to.nbits);
  if (from.getDistance().isStated()) {
    HEARTH_TRY(to.distance,
               read_enum(from.getDistance().getStated(), "distance", distance_kind::hamming));
  }
  if (from.getKind().isStated()) {
    HEARTH_TRY(to.kind, read_enum(from.getKind().getStated(), "kind", index_kind::kd_tree));
  }
  if (from.getQuantization().isStated()) {
    HEARTH_TRY(to.quantization, read_enum(from.getQuantization().getStated(), "quantization",
                                          quantization_kind::binary));
  }
  if (from.getMemory().isStated()) {
    HEARTH_TRY(to.memory, read_enum(from.getMemory().getStated(), "memory", memory_kind::lean));
  }
  return {};
}

template <class Request>
void write_vector(schema::NamespaceRequest::Builder to, const Request& from) {
  const auto number = [](auto field, const auto& value) {
    if (value.has_value())
      field.setStated(*value);
  };
  number(to.getDimension(), from.dimension);
  number(to.getM(), from.m);
  number(to.getEfConstruction(), from.ef_construction);
  number(to.getEfSearch(), from.ef_search);
  number(to.getSeed(), from.seed);
  number(to.getNlist(), from.nlist);
  number(to.getNprobe(), from.nprobe);
  number(to.getNbits(), from.nbits);
  if (from.distance.has_value())
    to.getDistance().setStated(static_cast<schema::Distance>(*from.distance));
  if (from.kind.has_value())
    to.getKind().setStated(static_cast<schema::IndexKind>(*from.kind));
  if (from.quantization.has_value())
    to.getQuantization().setStated(static_cast<schema::Quantization>(*from.quantization));
  if (from.memory.has_value())
    to.getMemory().setStated(static_cast<schema::Memory>(*from.memory));
}

result<void> few_named(std::size_t count) {
  if (count > limits::named_vectors)
    return over_limit("named", count, limits::named_vectors, "vectors");
  return {};
}

// Words of so many structs that hold a NamespaceConfig, a NamespaceRequest or an IndexRebuild.
template <class Named>
std::size_t words_of_named(const std::vector<Named>& from) {
  std::size_t total = 1;
  for (const auto& each : from)
    total += fixed_words + text_words(each.name);
  return total;
}

result<std::vector<field_rule>> read_rules(capnp::List<schema::FieldRule>::Reader from) {
  if (from.size() > limits::field_rules)
    return over_limit("schema", from.size(), limits::field_rules, "fields");
  std::vector<field_rule> rules;
  for (const auto each : from) {
    auto& rule = rules.emplace_back();
    HEARTH_TRY(rule.path, read_text(each.getPath(), "schema", limits::field_path_bytes));
    if (each.getType() != schema::FieldType::UNSPECIFIED) {
      HEARTH_TRY(rule.type, read_enum(each.getType(), "type", field_type::map));
    }
    rule.required = each.getRequired();
    rule.indexed = each.getIndexed();
  }
  return rules;
}

void write_rules(capnp::List<schema::FieldRule>::Builder to, const std::vector<field_rule>& from) {
  for (kj::uint i = 0; i < to.size(); ++i) {
    to[i].setPath(to_text(from[i].path));
    to[i].setType(static_cast<schema::FieldType>(from[i].type));
    to[i].setRequired(from[i].required);
    to[i].setIndexed(from[i].indexed);
  }
}

std::size_t words_of_rules(const std::vector<field_rule>& from) {
  std::size_t total = 1;
  for (const auto& rule : from)
    total += 2 + text_words(rule.path);
  return total;
}

// A list of all languages' function words has some thousands.
result<std::vector<std::string>> read_stop_words(capnp::List<capnp::Text>::Reader from) {
  return read_strings(from, "stopWords", limits::stop_word_bytes, limits::stop_word_bytes);
}

}  // namespace

result<namespace_config> read(schema::NamespaceConfig::Reader from) {
  namespace_config to;
  to.dimension = from.getDimension();
  HEARTH_TRY(to.distance, read_enum(from.getDistance(), "distance", distance_kind::hamming));
  HEARTH_TRY(to.index, read_index(from));
  to.shards = from.getShards();
  HEARTH_TRY(to.embedder, read_text(from.getEmbedder(), "embedder", limits::embedder_bytes));
  HEARTH_TRY(to.schema, read_rules(from.getSchema()));
  HEARTH_TRY(to.text.fields, read_weights(from.getTextFields(), "textFields"));
  if (from.hasLanguage()) {
    HEARTH_TRY(to.text.language, read_text(from.getLanguage(), "language", limits::language_bytes));
  }
  HEARTH_TRY(to.text.stop_words, read_stop_words(from.getStopWords()));
  HEARTH_CHECK(few_named(from.getNamed().size()));
  for (const auto each : from.getNamed()) {
    auto& named = to.named.emplace_back();
    const auto config = each.getConfig();
    HEARTH_TRY(named.name, read_text(each.getName(), "named", limits::namespace_name_bytes));
    named.dimension = config.getDimension();
    HEARTH_TRY(named.distance, read_enum(config.getDistance(), "distance", distance_kind::hamming));
    HEARTH_TRY(named.index, read_index(config));
  }
  return to;
}

result<namespace_request> read(schema::NamespaceRequest::Reader from) {
  namespace_request to;
  HEARTH_CHECK(read_vector(from, to));
  if (from.getShards().isStated())
    to.shards = from.getShards().getStated();
  if (from.getEmbedder().isStated()) {
    HEARTH_TRY(to.embedder,
               read_text(from.getEmbedder().getStated(), "embedder", limits::embedder_bytes));
  }
  if (from.getSchema().isStated()) {
    HEARTH_TRY(to.schema, read_rules(from.getSchema().getStated()));
  }
  if (from.getTextFields().isStated()) {
    HEARTH_TRY(to.text_fields, read_weights(from.getTextFields().getStated(), "textFields"));
  }
  if (from.getLanguage().isStated()) {
    HEARTH_TRY(to.language,
               read_text(from.getLanguage().getStated(), "language", limits::language_bytes));
  }
  if (from.getStopWords().isStated()) {
    HEARTH_TRY(to.stop_words, read_stop_words(from.getStopWords().getStated()));
  }
  HEARTH_CHECK(few_named(from.getNamed().size()));
  for (const auto each : from.getNamed()) {
    auto& named = to.named.emplace_back();
    HEARTH_TRY(named.name, read_text(each.getName(), "named", limits::namespace_name_bytes));
    HEARTH_CHECK(read_vector(each.getRequest(), named));
  }
  return to;
}

result<index_rebuild> read(schema::IndexRebuild::Reader from) {
  index_rebuild to;
  HEARTH_TRY(to.distance,
             read_enum(from.getConfig().getDistance(), "distance", distance_kind::hamming));
  HEARTH_TRY(to.params, read_index(from.getConfig()));
  to.rows_done = from.getRowsDone();
  to.rows_total = from.getRowsTotal();
  to.failure = text_of(from.getFailure());
  return to;
}

result<namespace_info> read(schema::NamespaceInfo::Reader from) {
  namespace_info to;
  to.name = text_of(from.getName());
  HEARTH_TRY(to.config, read(from.getConfig()));
  to.count = from.getCount();
  to.vectors = from.getVectors();
  to.lsn = from.getLsn();
  to.durable_lsn = from.getDurableLsn();
  HEARTH_TRY(to.index, read_enum(from.getIndex(), "index", index_state::failed));
  to.indexed = from.getIndexed();
  to.fresh = from.getFresh();
  to.file_bytes = from.getFileBytes();
  to.index_bytes = from.getIndexBytes();
  to.read_only = from.getReadOnly();
  to.read_only_reason = text_of(from.getReadOnlyReason());
  if (from.hasRebuild()) {
    HEARTH_TRY(to.rebuild, read(from.getRebuild()));
  }
  if (from.getTuneMost() > 0)
    to.tuning = tune_progress{from.getTuneDone(), from.getTuneMost()};
  HEARTH_CHECK(few_named(from.getNamed().size()));
  for (const auto each : from.getNamed()) {
    auto& named = to.named.emplace_back();
    named.name = text_of(each.getName());
    named.vectors = each.getVectors();
    HEARTH_TRY(named.index, read_enum(each.getIndex(), "index", index_state::failed));
    named.indexed = each.getIndexed();
    named.fresh = each.getFresh();
    named.index_bytes = each.getIndexBytes();
    if (each.hasRebuild()) {
      HEARTH_TRY(named.rebuild, read(each.getRebuild()));
    }
  }
  return to;
}

void write(schema::NamespaceConfig::Builder to, const namespace_config& from) {
  to.setDimension(from.dimension);
  to.setDistance(static_cast<schema::Distance>(from.distance));
  write_index(to, from.index);
  to.setShards(from.shards);
  to.setEmbedder(to_text(from.embedder));
  write_rules(to.initSchema(static_cast<kj::uint>(from.schema.size())), from.schema);
  const auto& text = from.text;
  write_weights(to.initTextFields(static_cast<kj::uint>(text.fields.size())), text.fields);
  to.setLanguage(to_text(text.language));
  write_strings(to.initStopWords(static_cast<kj::uint>(text.stop_words.size())), text.stop_words);
  auto named = to.initNamed(static_cast<kj::uint>(from.named.size()));
  for (kj::uint i = 0; i < named.size(); ++i) {
    auto config = named[i].initConfig();
    named[i].setName(to_text(from.named[i].name));
    config.setDimension(from.named[i].dimension);
    config.setDistance(static_cast<schema::Distance>(from.named[i].distance));
    write_index(config, from.named[i].index);
  }
}

void write(schema::NamespaceRequest::Builder to, const namespace_request& from) {
  write_vector(to, from);
  if (from.shards.has_value())
    to.getShards().setStated(*from.shards);
  if (from.embedder.has_value())
    to.getEmbedder().setStated(to_text(*from.embedder));
  if (from.schema)
    write_rules(to.getSchema().initStated(static_cast<kj::uint>(from.schema->size())),
                *from.schema);
  if (from.text_fields)
    write_weights(to.getTextFields().initStated(static_cast<kj::uint>(from.text_fields->size())),
                  *from.text_fields);
  if (from.language)
    to.getLanguage().setStated(to_text(*from.language));
  if (from.stop_words)
    write_strings(to.getStopWords().initStated(static_cast<kj::uint>(from.stop_words->size())),
                  *from.stop_words);
  auto named = to.initNamed(static_cast<kj::uint>(from.named.size()));
  for (kj::uint i = 0; i < named.size(); ++i) {
    named[i].setName(to_text(from.named[i].name));
    write_vector(named[i].initRequest(), from.named[i]);
  }
}

void write(schema::IndexRebuild::Builder to, const index_rebuild& from) {
  auto config = to.initConfig();
  config.setDistance(static_cast<schema::Distance>(from.distance));
  write_index(config, from.params);
  to.setRowsDone(from.rows_done);
  to.setRowsTotal(from.rows_total);
  to.setFailure(to_text(from.failure));
}

void write(schema::NamespaceInfo::Builder to, const namespace_info& from) {
  to.setName(to_text(from.name));
  write(to.initConfig(), from.config);
  to.setCount(from.count);
  to.setVectors(from.vectors);
  to.setLsn(from.lsn);
  to.setDurableLsn(from.durable_lsn);
  to.setIndex(static_cast<schema::IndexState>(from.index));
  to.setIndexed(from.indexed);
  to.setFresh(from.fresh);
  to.setFileBytes(from.file_bytes);
  to.setIndexBytes(from.index_bytes);
  to.setReadOnly(from.read_only);
  to.setReadOnlyReason(to_text(from.read_only_reason));
  if (from.rebuild)
    write(to.initRebuild(), *from.rebuild);
  if (from.tuning) {
    to.setTuneDone(from.tuning->done);
    to.setTuneMost(from.tuning->most);
  }
  auto named = to.initNamed(static_cast<kj::uint>(from.named.size()));
  for (kj::uint i = 0; i < named.size(); ++i) {
    const auto& each = from.named[i];
    named[i].setName(to_text(each.name));
    named[i].setVectors(each.vectors);
    named[i].setIndex(static_cast<schema::IndexState>(each.index));
    named[i].setIndexed(each.indexed);
    named[i].setFresh(each.fresh);
    named[i].setIndexBytes(each.index_bytes);
    if (each.rebuild)
      write(named[i].initRebuild(), *each.rebuild);
  }
}

static std::size_t words_of_info(const std::vector<vector_info>& from) {
  std::size_t total = words_of_named(from);
  for (const auto& each : from)
    total += each.rebuild ? fixed_words + text_words(each.rebuild->failure) : 0;
  return total;
}

std::size_t words(const namespace_info& value) {
  return fixed_words + text_words(value.name) + words(value.config) +
         text_words(value.read_only_reason) +
         (value.rebuild ? text_words(value.rebuild->failure) : 0) + words_of_info(value.named);
}

std::size_t words(const namespace_config& value) {
  return fixed_words + text_words(value.embedder) + words_of_rules(value.schema) +
         words_of_weights(value.text.fields) + text_words(value.text.language) +
         words_of_strings(value.text.stop_words) + words_of_named(value.named);
}

std::size_t words(const namespace_request& value) {
  return fixed_words + (value.embedder ? text_words(*value.embedder) : 0) +
         (value.schema ? words_of_rules(*value.schema) : 0) +
         (value.text_fields ? words_of_weights(*value.text_fields) : 0) +
         (value.language ? text_words(*value.language) : 0) +
         (value.stop_words ? words_of_strings(*value.stop_words) : 0) + words_of_named(value.named);
}

}  // namespace hearth::ipc::wire
