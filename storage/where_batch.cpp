#include "storage/where_batch.hpp"

#include "core/format.hpp"
#include "storage/attributes/select_rows.hpp"
#include "storage/id_table.hpp"
#include "storage/record_codec.hpp"

namespace hearth::storage {

result<write_batch> with_ids(const lmdb::transaction& in, const tables& from,
                             const write_batch& batch) {
  HEARTH_TRY(const auto chosen, select_rows(in, from, *batch.where));
  if (chosen.rows.size() > limits::batch_rows)
    return fail(errc::limit_exceeded,
                core::format("the filter matches {} records; the limit of one write is {}",
                             chosen.rows.size(), limits::batch_rows),
                "narrow the filter and write in several steps");
  write_batch named;
  named.kind = batch.kind;
  named.ack = batch.ack;
  named.merge = batch.merge;
  named.where = batch.where;
  named.keys = batch.keys;
  for (const row_id row : chosen.rows.rows()) {
    HEARTH_TRY(auto record, load_record(in, from, row, {false, false}));
    named.ids.push_back(std::move(record.id));
  }
  if (!batch.metadata.empty())
    named.metadata.assign(named.ids.size(), batch.metadata.front());
  if (!batch.texts.empty())
    named.texts.assign(named.ids.size(), batch.texts.front());
  return named;
}

}  // namespace hearth::storage
