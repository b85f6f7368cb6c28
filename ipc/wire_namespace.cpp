// What a namespace is, is asked to be, and how it is doing: wire to core and core to wire.
#include "core/limits.hpp"
#include "ipc/wire.hpp"
#include "ipc/wire_fields.hpp"

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

}  // namespace

result<namespace_config> read(schema::NamespaceConfig::Reader from) {
  namespace_config to;
  to.dimension = from.getDimension();
  HEARTH_TRY(to.distance, read_enum(from.getDistance(), "distance", distance_kind::dot));
  HEARTH_TRY(to.index, read_index(from));
  to.shards = from.getShards();
  HEARTH_TRY(to.embedder, read_text(from.getEmbedder(), "embedder", limits::embedder_bytes));
  return to;
}

result<namespace_request> read(schema::NamespaceRequest::Reader from) {
  namespace_request to;
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
  number(from.getShards(), to.shards);
  if (from.getDistance().isStated()) {
    HEARTH_TRY(to.distance,
               read_enum(from.getDistance().getStated(), "distance", distance_kind::dot));
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
  if (from.getEmbedder().isStated()) {
    HEARTH_TRY(to.embedder,
               read_text(from.getEmbedder().getStated(), "embedder", limits::embedder_bytes));
  }
  return to;
}

result<index_rebuild> read(schema::IndexRebuild::Reader from) {
  index_rebuild to;
  HEARTH_TRY(to.distance,
             read_enum(from.getConfig().getDistance(), "distance", distance_kind::dot));
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
  return to;
}

void write(schema::NamespaceConfig::Builder to, const namespace_config& from) {
  to.setDimension(from.dimension);
  to.setDistance(static_cast<schema::Distance>(from.distance));
  write_index(to, from.index);
  to.setShards(from.shards);
  to.setEmbedder(to_text(from.embedder));
}

void write(schema::NamespaceRequest::Builder to, const namespace_request& from) {
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
  number(to.getShards(), from.shards);
  if (from.distance.has_value())
    to.getDistance().setStated(static_cast<schema::Distance>(*from.distance));
  if (from.kind.has_value())
    to.getKind().setStated(static_cast<schema::IndexKind>(*from.kind));
  if (from.quantization.has_value())
    to.getQuantization().setStated(static_cast<schema::Quantization>(*from.quantization));
  if (from.memory.has_value())
    to.getMemory().setStated(static_cast<schema::Memory>(*from.memory));
  if (from.embedder.has_value())
    to.getEmbedder().setStated(to_text(*from.embedder));
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
}

std::size_t words(const namespace_info& value) {
  return fixed_words + text_words(value.name) + text_words(value.config.embedder) +
         text_words(value.read_only_reason) +
         (value.rebuild ? text_words(value.rebuild->failure) : 0);
}

std::size_t words(const namespace_config& value) {
  return fixed_words + text_words(value.embedder);
}

std::size_t words(const namespace_request& value) {
  return fixed_words + (value.embedder.has_value() ? text_words(*value.embedder) : 0);
}

}  // namespace hearth::ipc::wire
