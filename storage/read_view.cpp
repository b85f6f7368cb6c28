#include <algorithm>

#include "core/clock.hpp"
#include "core/format.hpp"
#include "storage/attributes/list_values.hpp"
#include "storage/attributes/select_rows.hpp"
#include "storage/change_log.hpp"
#include "storage/consumer_table.hpp"
#include "storage/corruption.hpp"
#include "storage/id_table.hpp"
#include "storage/keyvalue/key_writes.hpp"
#include "storage/queue/queue_reads.hpp"
#include "storage/read_view_impl.hpp"
#include "storage/scan_cursor.hpp"
#include "storage/text/text_index.hpp"

namespace hearth::storage {

namespace {

// The vectors of records, one column per number, behind what `out` already holds.
class vector_columns {
 public:
  vector_columns(record_columns& out, const std::vector<vector_shape>& shapes)
      : out_(out), shapes_(shapes), values_(shapes.size()) {
    if (out_.named.empty())
      for (std::size_t i = 1; i < shapes_.size(); ++i)
        out_.named.push_back({shapes_[i].name, {}, {}});
    for (std::size_t i = 0; i < shapes_.size(); ++i) {
      const auto before = column(i).view().values();
      values_[i].assign(before.begin(), before.end());
    }
  }

  [[nodiscard]] result<void> open(const lmdb::transaction& in, const tables& from) {
    for (std::size_t i = 0; i < shapes_.size(); ++i) {
      HEARTH_TRY(auto reader, vector_reader::open(in, from.vectors[i], shapes_[i].dimension));
      readers_.push_back(std::move(reader));
    }
    return {};
  }

  // What they take in a reply, roughly.
  [[nodiscard]] std::size_t bytes_per_record() const noexcept {
    std::size_t bytes = 0;
    for (const auto& shape : shapes_)
      bytes += shape.dimension * sizeof(float);
    return bytes;
  }

  [[nodiscard]] result<void> add(row_id row, bool has_vector) {
    for (std::size_t i = 0; i < shapes_.size(); ++i) {
      const auto dimension = shapes_[i].dimension;
      values_[i].resize(values_[i].size() + dimension);
      bool found = false;
      if (i > 0 || has_vector) {
        HEARTH_TRY(found, readers_[i].copy(row, values_[i].data() + values_[i].size() - dimension));
        if (i == 0 && !found)
          return corrupt(core::format("the vector of row {}", row));
      }
      presence(i).push_back(found);
    }
    return {};
  }

  void finish() {
    for (std::size_t i = 0; i < shapes_.size(); ++i)
      column(i) = matrix(std::move(values_[i]), presence(i).size(), shapes_[i].dimension);
  }

 private:
  [[nodiscard]] matrix& column(std::size_t number) {
    return number == 0 ? out_.vectors : out_.named[number - 1].vectors;
  }
  [[nodiscard]] std::vector<bool>& presence(std::size_t number) {
    return number == 0 ? out_.has_vector : out_.named[number - 1].has_vector;
  }

  record_columns& out_;
  const std::vector<vector_shape>& shapes_;
  std::vector<std::vector<float>> values_;  // by number
  std::vector<vector_reader> readers_;      // likewise
};

// Collects records column by column behind what `out` already holds.
class column_builder {
 public:
  column_builder(record_columns& out, const field_set& fields,
                 const std::vector<vector_shape>& shapes)
      : out_(out), fields_(fields) {
    if (fields_.vectors)
      vectors_.emplace(out, shapes);
  }

  [[nodiscard]] result<void> open(const lmdb::transaction& in, const tables& from) {
    return vectors_ ? vectors_->open(in, from) : result<void>();
  }

  [[nodiscard]] record_parts parts() const noexcept { return {fields_.metadata, fields_.texts}; }

  // The bytes that the record takes in a reply, roughly.
  [[nodiscard]] std::size_t bytes_of(const stored_record& record) const noexcept {
    return 32 + (record.id.is_number() ? 0 : record.id.text().size()) +
           (vectors_ ? vectors_->bytes_per_record() : 0) +
           (fields_.metadata ? metadata_size(record.metadata) : 0) +
           (record.text ? record.text->size() : 0);
  }

  [[nodiscard]] result<void> add(stored_record record, row_id row) {
    if (vectors_)
      HEARTH_CHECK(vectors_->add(row, record.has_vector));
    if (fields_.metadata)
      out_.metadata.push_back(std::move(record.metadata));
    if (fields_.texts)
      out_.texts.push_back(std::move(record.text));
    out_.versions.push_back(record.version);
    out_.ids.push_back(std::move(record.id));
    return {};
  }

  void finish() {
    if (vectors_)
      vectors_->finish();
  }

 private:
  record_columns& out_;
  field_set fields_;
  std::optional<vector_columns> vectors_;  // if they were asked for
};

std::unexpected<error> too_much(std::size_t limit) {
  return fail(errc::limit_exceeded,
              core::format("the records asked for take more than {}", format_bytes(limit)),
              "ask for fewer rows or fewer columns at a time");
}

result<void> check_path(const field_path& path) {
  return path.empty() ? fail(errc::invalid_argument, "the field has no name") : result<void>();
}

class lmdb_read_view final : public read_view {
 public:
  lmdb_read_view(std::shared_ptr<lmdb::read_transaction> snapshot, const tables& from,
                 store_state state, const read_view_options& options)
      : snapshot_(std::move(snapshot)), tables_(from), state_(state), options_(options) {}

  lsn_t lsn() const override { return state_.lsn; }
  row_id row_limit() const override { return state_.next_row; }
  std::unique_ptr<read_view> fork(std::size_t vector) const override {
    auto options = options_;
    options.vector = vector;
    options.renew_after = std::chrono::nanoseconds::max();
    return std::make_unique<lmdb_read_view>(snapshot_, tables_, state_, options);
  }
  std::uint64_t record_count() const override { return state_.records; }
  std::uint64_t vector_count(std::size_t vector) const override {
    return state_.vectors[vector].live;
  }

  result<get_result> get(const get_query& query, std::size_t max_bytes) override;
  result<scan_page> scan(const scan_query& query, std::size_t max_bytes,
                         const row_set* among) override;
  result<std::vector<bool>> resolve(std::span<const row_id> rows, const field_set& fields,
                                    std::size_t max_bytes, record_columns& out) override;
  result<std::vector<row_id>> rows_of(std::span<const record_id> ids) override;
  result<key_result> get_keys(const key_query& query, std::size_t max_bytes) override {
    return storage::get_keys(*snapshot_, tables_, query, max_bytes);
  }
  result<key_page> scan_keys(const key_scan& query, std::size_t max_bytes) override {
    return storage::scan_keys(*snapshot_, tables_, query, max_bytes);
  }
  result<queue_result> get_queues(const queue_query& query) override {
    return storage::get_queues(*snapshot_, tables_.queues, query, options_.clock->wall_ms());
  }
  result<item_page> scan_items(const item_scan& query, std::size_t max_bytes) override {
    return storage::scan_items(*snapshot_, tables_.queues, query, max_bytes);
  }
  text_snapshot text() const override { return {snapshot_.get(), &tables_.text}; }
  result<std::vector<searchable_field>> searchable_fields() override;
  result<std::vector<bool>> vectors(std::span<const row_id> rows, float* out) override;
  result<void>
  for_each_vector(row_id after,
                  const std::function<bool(std::span<const row_id>, matrix_view)>& visit) override;
  result<selection> select(const filter& wanted) override {
    return select_rows(*snapshot_, tables_, wanted);
  }
  result<bool> matches(row_id row, const compiled_filter& wanted) override {
    HEARTH_TRY(const auto matches, test_row(*snapshot_, tables_, row, wanted));
    return matches.value_or(false);
  }
  result<std::vector<bool>> matches(std::span<const row_id> rows,
                                    const compiled_filter& wanted) override;
  result<std::vector<facet>> facets(const field_path& path, const row_set* among,
                                    std::size_t limit) override {
    HEARTH_CHECK(check_path(path));
    return count_values(*snapshot_, tables_, path, among, limit);
  }
  result<std::vector<row_id>> rows_in_order(const field_path& path, const row_order& order,
                                            const row_set* among) override {
    HEARTH_CHECK(check_path(path));
    return order_rows(*snapshot_, tables_, path, order, among);
  }
  result<std::vector<indexed_field>> indexed_fields() override;
  result<std::vector<row_changes>> changes(lsn_t after, std::size_t limit) override {
    return read_row_changes(*snapshot_, tables_, {after, state_.lsn, limit, state_.next_row});
  }
  result<void> for_each_change(lsn_t after, const visit_change& visit) override {
    return storage::for_each_change(*snapshot_, tables_, after, visit);
  }
  result<std::vector<feed_consumer>> consumers() override {
    return list_consumers(*snapshot_, tables_);
  }

 private:
  struct located_record {
    row_id row = 0;
    stored_record record;
  };

  [[nodiscard]] std::uint32_t dimension() const noexcept {
    return (*options_.shapes)[options_.vector].dimension;
  }
  [[nodiscard]] result<vector_reader> open_vectors() const {
    return vector_reader::open(*snapshot_, tables_.vectors[options_.vector], dimension());
  }
  // The records behind the id entry that `ids` stands on, in id order.
  [[nodiscard]] result<std::vector<located_record>>
  records_at(const lmdb::cursor& ids, record_parts parts, const row_set* among) const;
  [[nodiscard]] result<bool> start_scan(lmdb::cursor& ids,
                                        const std::optional<record_id>& after) const;

  std::shared_ptr<lmdb::read_transaction> snapshot_;  // shared by forks
  tables tables_;
  store_state state_;
  read_view_options options_;
};

result<get_result> lmdb_read_view::get(const get_query& query, std::size_t max_bytes) {
  get_result answer;
  std::size_t bytes = 0;
  column_builder columns(answer.found, query.fields, *options_.shapes);
  HEARTH_CHECK(columns.open(*snapshot_, tables_));
  for (const auto& id : query.ids) {
    const id_key key(id, options_.hash);
    HEARTH_TRY(const auto entry, find_id(*snapshot_, tables_, id, key.bytes()));
    if (!entry) {
      answer.missing.push_back(id);
      continue;
    }
    HEARTH_TRY(auto record, load_record(*snapshot_, tables_, entry->row, columns.parts()));
    if (record.id != id)
      return corrupt(core::format("the record of row {}", entry->row));
    bytes += columns.bytes_of(record);
    if (bytes > max_bytes)
      return too_much(max_bytes);
    HEARTH_CHECK(columns.add(std::move(record), entry->row));
  }
  columns.finish();
  return answer;
}

result<std::vector<lmdb_read_view::located_record>>
lmdb_read_view::records_at(const lmdb::cursor& ids, record_parts parts,
                           const row_set* among) const {
  HEARTH_TRY(const auto entries, decode_id_entries(ids.key(), ids.value()));
  std::vector<located_record> records;
  for (const auto& entry : entries) {
    if (among != nullptr && !among->contains(entry.row))
      continue;
    HEARTH_TRY(auto record, load_record(*snapshot_, tables_, entry.row, parts));
    records.push_back({entry.row, std::move(record)});
  }
  std::ranges::sort(
      records, {}, [](const auto& found) -> const auto& { return found.record.id; });
  return records;
}

// To the entry that holds `after`, or else the first behind it: a hash may stand for more ids.
result<bool> lmdb_read_view::start_scan(lmdb::cursor& ids,
                                        const std::optional<record_id>& after) const {
  if (!after)
    return ids.first();
  return ids.lower_bound(id_key(*after, options_.hash).bytes());
}

result<scan_page> lmdb_read_view::scan(const scan_query& query, std::size_t max_bytes,
                                       const row_set* among) {
  scan_page page;
  std::optional<record_id> after;
  if (!query.cursor.empty()) {
    HEARTH_TRY(after, parse_cursor(query.cursor));
  }
  HEARTH_TRY(auto ids, snapshot_->open_cursor(tables_.ids));
  HEARTH_TRY(bool more, start_scan(ids, after));
  column_builder columns(page.rows, query.fields, *options_.shapes);
  HEARTH_CHECK(columns.open(*snapshot_, tables_));
  const auto limit = std::max<std::size_t>(query.limit, 1);
  const auto first_key =
      after ? std::optional<id_key>(id_key(*after, options_.hash)) : std::nullopt;
  std::size_t bytes = 0;
  auto skipped = after ? query.offset : 0;  // on the first page only
  while (more) {
    HEARTH_TRY(auto records, records_at(ids, columns.parts(), among));
    const bool resumed = first_key && std::ranges::equal(first_key->bytes(), ids.key());
    for (auto& [row, record] : records) {
      if (resumed && record.id <= *after)
        continue;
      if (skipped < query.offset) {
        ++skipped;
        continue;
      }
      bytes += columns.bytes_of(record);
      if (page.rows.size() >= limit || (bytes > max_bytes && page.rows.size() > 0)) {
        page.next = make_cursor(page.rows.ids.back());
        columns.finish();
        return page;
      }
      HEARTH_CHECK(columns.add(std::move(record), row));
    }
    HEARTH_TRY(more, ids.next());
  }
  columns.finish();
  return page;
}

result<std::vector<bool>> lmdb_read_view::resolve(std::span<const row_id> rows,
                                                  const field_set& fields, std::size_t max_bytes,
                                                  record_columns& out) {
  std::vector<bool> there;
  std::size_t bytes = 0;
  there.reserve(rows.size());
  column_builder columns(out, fields, *options_.shapes);
  HEARTH_CHECK(columns.open(*snapshot_, tables_));
  for (const auto row : rows) {
    HEARTH_TRY(const auto data, snapshot_->get(tables_.records, encode_row(row)));
    there.push_back(data.has_value());
    if (!data)
      continue;
    HEARTH_TRY(auto record, decode_record(row, *data, columns.parts()));
    bytes += columns.bytes_of(record);
    if (bytes > max_bytes)
      return too_much(max_bytes);
    HEARTH_CHECK(columns.add(std::move(record), row));
  }
  columns.finish();
  return there;
}

result<std::vector<searchable_field>> lmdb_read_view::searchable_fields() {
  HEARTH_TRY(const auto index, read_text_index(*snapshot_, tables_));
  std::vector<searchable_field> fields;
  fields.reserve(index.fields.size());
  for (const auto& field : index.fields)
    fields.push_back({field.name, field.number, field.ready(), field.done});
  return fields;
}

result<std::vector<row_id>> lmdb_read_view::rows_of(std::span<const record_id> ids) {
  std::vector<row_id> rows;
  for (const auto& id : ids) {
    HEARTH_TRY(const auto entry,
               find_id(*snapshot_, tables_, id, id_key(id, options_.hash).bytes()));
    rows.push_back(entry ? entry->row : 0);
  }
  return rows;
}

result<std::vector<bool>> lmdb_read_view::vectors(std::span<const row_id> rows, float* out) {
  std::vector<bool> there;
  there.reserve(rows.size());
  HEARTH_TRY(auto reader, open_vectors());
  for (const row_id row : rows)
    HEARTH_CHECK(reader.announce(row));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    HEARTH_TRY(const bool found, reader.copy(rows[i], out + i * dimension()));
    there.push_back(found);
  }
  return there;
}

result<void> lmdb_read_view::for_each_vector(
    row_id after, const std::function<bool(std::span<const row_id>, matrix_view)>& visit) {
  std::optional<vector_reader> reader;
  auto renewed = system_clock().steady_now();
  for (;;) {
    if (!reader) {
      HEARTH_TRY(reader, open_vectors());
    }
    HEARTH_TRY(const auto block, reader->next_block(after));
    // Rows that came after the snapshot was taken are not part of it, wherever the scan is now.
    const auto known = static_cast<std::size_t>(
        std::ranges::lower_bound(block.rows, state_.next_row) - block.rows.begin());
    if (known == 0)
      return {};
    if (!visit(block.rows.first(known), {block.vectors.data(), known, block.vectors.dimension()}))
      return {};
    after = block.last;
    if (const auto now = system_clock().steady_now(); now - renewed >= options_.renew_after) {
      reader.reset();  // its cursors end before the transaction moves on
      HEARTH_CHECK(snapshot_->renew());
      renewed = now;
    }
  }
}

result<std::vector<bool>> lmdb_read_view::matches(std::span<const row_id> rows,
                                                  const compiled_filter& wanted) {
  std::vector<bool> all;
  all.reserve(rows.size());
  for (const auto row : rows) {
    HEARTH_TRY(const bool one, matches(row, wanted));
    all.push_back(one);
  }
  return all;
}

result<std::vector<indexed_field>> lmdb_read_view::indexed_fields() {
  HEARTH_TRY(const auto known, read_attribute_fields(*snapshot_, tables_.attributes));
  std::vector<indexed_field> fields;
  for (const auto& field : known.indexed)
    if (!field.is_all_rows())
      fields.push_back({field.path, field.ready(), field.ready() ? 0 : field.done});
  return fields;
}

}  // namespace

result<std::unique_ptr<read_view>> make_read_view(lmdb::read_transaction snapshot,
                                                  const tables& from,
                                                  const read_view_options& options) {
  HEARTH_TRY(const auto state, read_state(snapshot, from));
  if (state.vectors.size() != options.shapes->size())
    return corrupt("the number of named vectors");
  return std::make_unique<lmdb_read_view>(
      std::make_shared<lmdb::read_transaction>(std::move(snapshot)), from, state, options);
}

}  // namespace hearth::storage
