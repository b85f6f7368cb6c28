// Messages, wire to core. Everything here may come from a hostile peer.
#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "ipc/wire.hpp"
#include "ipc/wire_columns.hpp"
#include "ipc/wire_fields.hpp"

namespace hearth::ipc::wire {

error malformed(const kj::Exception& failure) {
  if (failure.getType() == kj::Exception::Type::OVERLOADED)
    return {errc::busy, "out of memory while reading a message", "send smaller batches", 1'000};
  const auto text = failure.getDescription();
  return {errc::invalid_argument,
          core::format("malformed message: {}", std::string_view(text.begin(), text.size())),
          {},
          0};
}

error read(schema::Error::Reader from) {
  return {errc_from_number(from.getCode()), text_of(from.getMessage()), text_of(from.getHint()),
          from.getRetryAfterMs()};
}

result<durability> read(schema::Durability from) {
  return from == schema::Durability::UNSPECIFIED
             ? result<durability>(durability::sync)
             : read_enum(from, "durability", durability::interval);
}

result<write_batch> read(schema::WriteBatch::Reader from) {
  write_batch to;
  HEARTH_TRY(to.kind, read_enum(from.getKind(), "kind", write_kind::erase));
  HEARTH_TRY(to.ack, read(from.getDurability()));
  if (from.getMetadataMode() != schema::MetadataMode::UNSPECIFIED) {
    HEARTH_TRY(to.merge, read_enum(from.getMetadataMode(), "metadataMode", metadata_mode::replace));
  }
  HEARTH_TRY(to.ids, read_ids(from.getIds(), "ids", limits::batch_rows));
  const auto vectors = from.getVectors();
  if (vectors.getRows() > limits::batch_rows)
    return over_limit("vectors", vectors.getRows(), limits::batch_rows, "rows");
  HEARTH_TRY(to.vectors, read_matrix(vectors, "vectors"));
  HEARTH_TRY(auto named, read_named(from.getNamed(), limits::batch_rows));
  for (auto& column : named) {
    if (std::ranges::find(column.has_vector, false) != column.has_vector.end())
      return fail(errc::invalid_argument, "named: withoutVector is not for writes",
                  "write records with and without the vector in two batches");
    to.named.push_back({std::move(column.name), std::move(column.vectors)});
  }
  HEARTH_TRY(to.metadata, read_metadata(from.getMetadata(), "metadata", limits::batch_rows));
  HEARTH_TRY(to.texts, read_texts(from.getTexts(), "texts", limits::batch_rows));
  HEARTH_TRY(to.expected, read_numbers<lsn_t>(from.getExpected(), "expected"));
  HEARTH_TRY(to.where, read_filter(from.getWhere()));
  HEARTH_TRY(to.keys, read_key_writes(from.getKeys()));
  HEARTH_TRY(to.queue, read_queue_writes(from.getQueue()));
  return to;
}

result<write_result> read(schema::WriteResult::Reader from) {
  write_result to;
  to.lsn = from.getLsn();
  to.durable_lsn = from.getDurableLsn();
  to.affected = from.getAffected();
  HEARTH_TRY(to.assigned, read_ids(from.getAssigned(), "assigned", limits::batch_rows));
  to.keys = from.getKeys();
  HEARTH_TRY(to.sums, read_numbers<std::int64_t>(from.getSums(), "sums"));
  HEARTH_TRY(to.queue, read_queue_replies(from.getQueue()));
  return to;
}

result<get_query> read(schema::GetQuery::Reader from) {
  get_query to;
  HEARTH_TRY(to.ids, read_ids(from.getIds(), "ids", limits::batch_rows));
  to.fields = read_fields(from.getFields());
  return to;
}

result<get_result> read(schema::GetResult::Reader from) {
  get_result to;
  HEARTH_TRY(to.found, read_records(from.getFound()));
  HEARTH_TRY(to.missing, read_ids(from.getMissing(), "missing", limits::batch_rows));
  return to;
}

result<scan_query> read(schema::ScanQuery::Reader from) {
  scan_query to;
  const auto cursor = from.getCursor();
  // A cursor holds a key at most.
  if (cursor.size() > 2 * limits::id_bytes)
    return over_limit("cursor", cursor.size(), 2 * limits::id_bytes, "bytes");
  to.cursor.assign(cursor.asChars().begin(), cursor.size());
  to.limit = from.getLimit();
  to.fields = read_fields(from.getFields());
  HEARTH_TRY(to.where, read_filter(from.getWhere()));
  HEARTH_TRY(to.order_by, read_text(from.getOrderBy(), "orderBy", limits::field_path_bytes));
  to.descending = from.getDescending();
  to.offset = from.getOffset();
  return to;
}

result<scan_page> read(schema::ScanPage::Reader from) {
  scan_page to;
  HEARTH_TRY(to.rows, read_records(from.getRows()));
  const auto next = from.getNext();
  to.next.assign(next.asChars().begin(), next.size());
  return to;
}

store_info read(schema::StoreInfo::Reader from) {
  return {.path = text_of(from.getPath()),
          .version = text_of(from.getVersion()),
          .pid = from.getPid(),
          .uptime_ms = from.getUptimeMs(),
          .namespaces = from.getNamespaces(),
          .open_namespaces = from.getOpenNamespaces(),
          .sessions = from.getSessions()};
}

result<open_mode> read(schema::OpenMode from) {
  return read_enum(from, "mode", open_mode::open_or_create);
}

}  // namespace hearth::ipc::wire
