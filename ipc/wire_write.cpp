// Messages, core to wire, and how large they get.
#include <algorithm>
#include <cstdint>

#include "ipc/wire.hpp"
#include "ipc/wire_columns.hpp"
#include "ipc/wire_fields.hpp"

namespace hearth::ipc::wire {

namespace {

std::vector<vector_column> columns_of(const write_batch& batch) {
  std::vector<vector_column> columns;
  for (const auto& each : batch.named)
    columns.push_back({each.name, each.vectors, {}});
  return columns;
}

}  // namespace

void write(schema::Error::Builder to, const error& from) {
  to.setCode(static_cast<std::uint16_t>(from.code));
  to.setMessage(to_text(from.message));
  to.setHint(to_text(from.hint));
  to.setRetryAfterMs(from.retry_after_ms);
}

schema::Durability to_wire(durability ack) {
  return static_cast<schema::Durability>(ack);
}

void write(schema::WriteBatch::Builder to, const write_batch& from) {
  to.setKind(static_cast<schema::WriteKind>(from.kind));
  to.setDurability(to_wire(from.ack));
  to.setMetadataMode(static_cast<schema::MetadataMode>(from.merge));
  write_ids(to.initIds(), from.ids);
  write_matrix(to.initVectors(), from.vectors);
  if (const auto named = columns_of(from); !named.empty())
    write_named(to.initNamed(static_cast<kj::uint>(named.size())), named);
  if (!from.metadata.empty())
    write_metadata(to.initMetadata(static_cast<kj::uint>(from.metadata.size())), from.metadata);
  if (!from.texts.empty())
    write_texts(to.initTexts(), from.texts);
  to.setExpected(to_data(from.expected));
  if (from.where)
    to.setWhere(to_text(to_string(*from.where)));
  if (!from.keys.empty())
    write_key_writes(to.initKeys(static_cast<kj::uint>(from.keys.size())), from.keys);
  if (!from.queue.empty())
    write_queue_writes(to.initQueue(static_cast<kj::uint>(from.queue.size())), from.queue);
}

void write(schema::WriteResult::Builder to, const write_result& from) {
  to.setLsn(from.lsn);
  to.setDurableLsn(from.durable_lsn);
  to.setAffected(from.affected);
  write_ids(to.initAssigned(), from.assigned);
  to.setKeys(from.keys);
  to.setSums(to_data(from.sums));
  if (!from.queue.empty())
    write_queue_replies(to.initQueue(static_cast<kj::uint>(from.queue.size())), from.queue);
}

void write(schema::GetQuery::Builder to, const get_query& from) {
  write_ids(to.initIds(), from.ids);
  write_fields(to.initFields(), from.fields);
}

void write(schema::GetResult::Builder to, const get_result& from) {
  write_records(to.initFound(), from.found);
  write_ids(to.initMissing(), from.missing);
}

void write(schema::ScanQuery::Builder to, const scan_query& from) {
  to.setCursor(to_data(from.cursor.data(), from.cursor.size()));
  to.setLimit(from.limit);
  write_fields(to.initFields(), from.fields);
  if (from.where)
    to.setWhere(to_text(to_string(*from.where)));
  to.setOrderBy(to_text(from.order_by));
  to.setDescending(from.descending);
  to.setOffset(from.offset);
}

void write(schema::ScanPage::Builder to, const scan_page& from) {
  write_records(to.initRows(), from.rows);
  to.setNext(to_data(from.next.data(), from.next.size()));
}

void write(schema::StoreInfo::Builder to, const store_info& from) {
  to.setPath(to_text(from.path));
  to.setVersion(to_text(from.version));
  to.setPid(from.pid);
  to.setUptimeMs(from.uptime_ms);
  to.setNamespaces(from.namespaces);
  to.setOpenNamespaces(from.open_namespaces);
  to.setSessions(from.sessions);
}

schema::OpenMode to_wire(open_mode mode) {
  return static_cast<schema::OpenMode>(mode);
}

std::size_t words(const error& value) {
  return fixed_words + text_words(value.message) + text_words(value.hint);
}

std::size_t words(const write_batch& value) {
  return fixed_words + words_of_ids(value.ids) + words_of_matrix(value.vectors) +
         words_of_named(columns_of(value)) + words_of_metadata(value.metadata) +
         words_of_texts(value.texts) + value.expected.size() + words_of_key_writes(value.keys) +
         words_of_queue_writes(value.queue) +
         (value.where ? text_words(to_string(*value.where)) : 0);
}

std::size_t words(const write_result& value) {
  return fixed_words + words_of_ids(value.assigned) + value.sums.size() +
         words_of_queue_replies(value.queue);
}

std::size_t words(const get_query& value) {
  return fixed_words + words_of_ids(value.ids);
}

std::size_t words(const get_result& value) {
  return fixed_words + words_of_records(value.found) + words_of_ids(value.missing);
}

std::size_t words(const scan_query& value) {
  return fixed_words + data_words(value.cursor.size()) + text_words(value.order_by) +
         (value.where ? text_words(to_string(*value.where)) : 0);
}

std::size_t words(const scan_page& value) {
  return fixed_words + words_of_records(value.rows) + data_words(value.next.size());
}

std::size_t words(const store_info& value) {
  return fixed_words + text_words(value.path) + text_words(value.version);
}

}  // namespace hearth::ipc::wire
