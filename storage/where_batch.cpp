#include "storage/where_batch.hpp"

#include "core/format.hpp"
#include "storage/attributes/select_rows.hpp"
#include "storage/id_table.hpp"
#include "storage/record_codec.hpp"

namespace hearth::storage {

result<void> check_chosen(const row_set& rows) {
  if (rows.size() <= limits::batch_rows)
    return {};
  return fail(errc::limit_exceeded,
              core::format("the filter matches {} records; the limit of one write is {}",
                           rows.size(), limits::batch_rows),
              "narrow the filter and write in several steps");
}

write_batch with_ids(const write_batch& batch, std::vector<record_id> ids) {
  write_batch named = batch;
  named.ids = std::move(ids);
  if (!batch.metadata.empty())
    named.metadata.assign(named.ids.size(), batch.metadata.front());
  if (!batch.texts.empty())
    named.texts.assign(named.ids.size(), batch.texts.front());
  return named;
}

result<write_batch> with_ids(const lmdb::transaction& in, const tables& from,
                             const write_batch& batch) {
  HEARTH_TRY(const auto chosen, select_rows(in, from, *batch.where));
  HEARTH_CHECK(check_chosen(chosen.rows));
  std::vector<record_id> ids;
  for (const row_id row : chosen.rows.rows()) {
    HEARTH_TRY(auto record, load_record(in, from, row, {false, false}));
    ids.push_back(std::move(record.id));
  }
  return with_ids(batch, std::move(ids));
}

}  // namespace hearth::storage
