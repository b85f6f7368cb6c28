#include "storage/transaction/write_set.hpp"

#include <algorithm>
#include <unordered_map>

#include "core/field_rules.hpp"
#include "core/format.hpp"
#include "storage/keyvalue/key_number.hpp"
#include "storage/keyvalue/key_range.hpp"

namespace hearth::storage {

namespace {

constexpr std::size_t entry_bytes = 64;        // of a map's node and what points to it, roughly
constexpr std::uint32_t erased_page = 10'000;  // keys that are read at a time to erase them
constexpr field_set everything{.vectors = true, .metadata = true, .texts = true};

std::size_t size_of(const record_id& id, const written_record& record) {
  std::size_t bytes = entry_bytes + (id.is_number() ? 8 : id.text().size()) +
                      metadata_size(record.metadata) + (record.text ? record.text->size() : 0);
  for (const auto& vector : record.vectors)
    bytes += vector.size() * sizeof(float);
  return bytes;
}

std::size_t size_of(const std::string& key, const std::optional<std::string>& value) {
  return entry_bytes + key.size() + (value ? value->size() : 0);
}

std::unexpected<error> too_much(std::size_t bytes) {
  return fail(errc::limit_exceeded,
              core::format("the transaction has written {}; the limit is {}", format_bytes(bytes),
                           format_bytes(limits::batch_bytes)),
              "commit it and go on in another one");
}

std::string at_version(lsn_t number) {
  return number == 0 ? "not there" : core::format("at version {}", number);
}

}  // namespace

/// One batch on its way into the set: what it changes, until nothing can be refused any more.
class write_set::staging {
 public:
  staging(const write_set& to, const write_batch& batch, const namespace_config& config,
          read_view& stored, read_set& reads)
      : set_(to), batch_(batch), config_(config), stored_(stored), reads_(reads) {}

  result<void> run() {
    HEARTH_CHECK(check_ids());
    HEARTH_CHECK(check_queue());
    HEARTH_CHECK(read_stored());
    for (std::size_t row = 0; row < batch_.ids.size(); ++row)
      HEARTH_CHECK(write_record(row));
    for (const auto& each : batch_.keys)
      if (each.change == key_change::erase_prefix)
        HEARTH_CHECK(erase_below(each.key));
    for (std::size_t row = 0; row < batch_.keys.size(); ++row)
      if (batch_.keys[row].change != key_change::erase_prefix)
        HEARTH_CHECK(write_key(row));
    return {};
  }

  records_map records;
  keys_map keys;
  write_result answer;

 private:
  [[nodiscard]] result<void> check_ids() const;
  [[nodiscard]] result<void> check_queue() const;
  [[nodiscard]] result<void> read_stored();
  [[nodiscard]] result<void> write_record(std::size_t row);
  [[nodiscard]] result<written_record> changed(std::size_t row) const;
  [[nodiscard]] result<void> erase_below(const std::string& prefix);
  [[nodiscard]] result<void> erase_key(std::string key);
  [[nodiscard]] result<void> write_key(std::size_t row);
  [[nodiscard]] result<void> check_version(std::size_t row, bool exists, bool ours) const;
  [[nodiscard]] const written_record* written(const record_id& id) const {
    const auto found = set_.records_.find(id);
    return found == set_.records_.end() ? nullptr : found->second.get();
  }

  const write_set& set_;
  const write_batch& batch_;
  const namespace_config& config_;
  read_view& stored_;
  read_set& reads_;
  std::vector<row_id> rows_;  // by place in the batch; 0: not stored
  record_columns columns_;    // of the stored records that an update changes, or versions are of
  std::unordered_map<record_id, std::size_t> column_of_;
  std::size_t erased_bytes_ = 0;  // of keys that begin with a prefix to erase
};

result<void> write_set::staging::check_ids() const {
  if (batch_.ids.empty() && batch_.rows() > 0)
    return fail(errc::invalid_argument,
                "ids is empty, and a transaction cannot assign ids before it commits",
                "give each record an id");
  std::unordered_map<record_id, std::size_t> seen;
  for (std::size_t i = 0; i < batch_.ids.size(); ++i)
    if (!seen.emplace(batch_.ids[i], i).second)
      return fail(errc::invalid_argument,
                  core::format("id {} appears twice in the batch", to_string(batch_.ids[i])),
                  "a batch names each record once");
  return {};
}

result<void> write_set::staging::check_queue() const {
  const auto lease = std::ranges::find(batch_.queue, queue_change::lease, &queue_write::change);
  if (lease == batch_.queue.end())
    return {};
  return fail(
      errc::invalid_argument,
      core::format("queue[{}]: a transaction cannot lease items", lease - batch_.queue.begin()),
      "lease before it begins, and ack, nack or push in it");
}

result<void> write_set::staging::read_stored() {
  HEARTH_TRY(rows_, stored_.rows_of(batch_.ids));
  const bool updates = batch_.kind == write_kind::update;
  if (!updates && batch_.expected.empty())
    return {};
  get_query wanted{{}, updates ? everything : field_set{}};
  for (std::size_t i = 0; i < batch_.ids.size(); ++i)
    if (rows_[i] != 0 && written(batch_.ids[i]) == nullptr)
      wanted.ids.push_back(batch_.ids[i]);
  HEARTH_TRY(auto found, stored_.get(wanted, limits::message_bytes));
  columns_ = std::move(found.found);
  for (std::size_t i = 0; i < columns_.size(); ++i)
    column_of_.emplace(columns_.ids[i], i);
  return {};
}

result<void> write_set::staging::check_version(std::size_t row, bool exists, bool ours) const {
  const auto expected = batch_.expected[row];
  lsn_t version = 0;
  if (exists && !ours)
    version = columns_.versions[column_of_.at(batch_.ids[row])];
  if (exists == (expected != 0) && !(ours && exists) && version == expected)
    return {};
  return fail(errc::conflict,
              core::format("ids[{}]: {} is {}; the batch expects it {}", row,
                           to_string(batch_.ids[row]),
                           ours && exists ? "written by this transaction" : at_version(version),
                           at_version(expected)),
              "read the record again and repeat the change");
}

result<void> write_set::staging::write_record(std::size_t row) {
  const auto& id = batch_.ids[row];
  const auto* const before = written(id);
  const bool exists = before != nullptr ? !before->erased : rows_[row] != 0;
  const bool inserts = batch_.kind == write_kind::add || batch_.kind == write_kind::upsert;
  if (before == nullptr && (batch_.kind != write_kind::upsert || !batch_.expected.empty()))
    reads_.add_record(id);
  if (!batch_.expected.empty())
    HEARTH_CHECK(check_version(row, exists, before != nullptr));
  if (batch_.kind == write_kind::add && exists)
    return fail(errc::already_exists,
                core::format("ids[{}]: {} is already there", row, to_string(id)),
                "use upsert to replace records, or update to change them");
  if (batch_.kind == write_kind::update && !exists)
    return fail(errc::not_found, core::format("ids[{}]: there is no {}", row, to_string(id)),
                "use upsert to insert records that are not there");
  answer.affected += inserts || exists ? 1 : 0;
  written_record after;
  if (batch_.kind == write_kind::erase) {
    after.erased = true;
  } else {
    HEARTH_TRY(after, changed(row));
    const auto field = core::format("metadata[{}]", row);
    HEARTH_CHECK(validate_metadata(after.metadata, field));
    HEARTH_CHECK(check_rules(config_.schema, after.metadata, field));
  }
  after.stored_row = rows_[row];
  records.emplace(id, std::make_shared<const written_record>(std::move(after)));
  return {};
}

// The record after an insert or an update.
result<written_record> write_set::staging::changed(std::size_t row) const {
  written_record after;
  after.vectors.resize(config_.vector_count());
  const bool updates = batch_.kind == write_kind::update;
  if (const auto* const before = written(batch_.ids[row]); updates && before != nullptr) {
    after = *before;
  } else if (updates) {
    const auto at = column_of_.at(batch_.ids[row]);
    after.metadata = columns_.metadata[at];
    after.text = columns_.texts[at];
    for (std::size_t number = 0; number < after.vectors.size(); ++number) {
      const auto& there = number == 0 ? columns_.has_vector : columns_.named[number - 1].has_vector;
      const auto& from = number == 0 ? columns_.vectors : columns_.named[number - 1].vectors;
      if (!there.empty() && there[at]) {
        const auto values = from.view().row(at);
        after.vectors[number].assign(values.begin(), values.end());
      }
    }
  }
  after.rewritten = after.rewritten || !updates || batch_.gives_vectors();
  const auto take = [&](std::size_t number, const matrix& from) {
    const auto values = from.view().row(row);
    after.vectors[number].assign(values.begin(), values.end());
  };
  if (!batch_.vectors.empty())
    take(0, batch_.vectors);
  for (const auto& column : batch_.named) {
    HEARTH_TRY(const auto number, config_.vector_number(column.name));
    take(number, column.vectors);
  }
  if (!batch_.texts.empty() && batch_.texts[row])
    after.text = batch_.texts[row];
  if (batch_.metadata.empty())
    return after;
  if (!updates || batch_.merge == metadata_mode::replace) {
    after.metadata = batch_.metadata[row];
    return after;
  }
  for (const auto& [key, item] : batch_.metadata[row])
    if (item.is_null())
      after.metadata.erase(key);
    else
      after.metadata.insert_or_assign(key, item);
  return after;
}

// Every key that begins like this, stored or written, becomes one that is erased. Changes of the
// batch itself come later, and go before.
result<void> write_set::staging::erase_below(const std::string& prefix) {
  reads_.add_keys(prefix, behind(prefix));
  for (auto own = set_.keys_.lower_bound(prefix);
       own != set_.keys_.end() && own->first.starts_with(prefix); ++own)
    if (*own->second)
      HEARTH_CHECK(erase_key(own->first));
  key_scan stored{.prefix = prefix, .values = false, .limit = erased_page};
  do {
    HEARTH_TRY(auto page, stored_.scan_keys(stored, limits::message_bytes));
    for (const auto& entry : page.entries)
      if (std::string key(entry.key); !set_.keys_.contains(key))
        HEARTH_CHECK(erase_key(std::move(key)));
    stored.cursor = std::move(page.next);
  } while (!stored.cursor.empty());
  return {};
}

// The key is there, unless another prefix of the batch has erased it.
result<void> write_set::staging::erase_key(std::string key) {
  static const auto erased = std::make_shared<const std::optional<std::string>>();
  const auto bytes = size_of(key, *erased);
  if (!keys.try_emplace(std::move(key), erased).second)
    return {};
  erased_bytes_ += bytes;
  if (erased_bytes_ > limits::batch_bytes)
    return too_much(erased_bytes_);
  ++answer.keys;
  return {};
}

result<void> write_set::staging::write_key(std::size_t row) {
  const auto& each = batch_.keys[row];
  const auto ours = set_.keys_.find(each.key);
  std::optional<std::string> value;
  bool exists = false;
  lsn_t version = 0;
  if (ours != set_.keys_.end()) {
    exists = ours->second->has_value();
    if (exists && each.change == key_change::add)
      value = **ours->second;
  } else if (each.change != key_change::put || each.expected) {
    reads_.add_key(each.key);
    HEARTH_TRY(auto found, stored_.get_keys({{each.key}, each.change == key_change::add},
                                            limits::message_bytes));
    if (auto& stored = found.found.front()) {
      exists = true;
      version = stored->version;
      value = std::move(stored->value);
    }
  }
  if (each.expected &&
      (ours != set_.keys_.end() ? exists || *each.expected != 0 : version != *each.expected))
    return fail(errc::conflict,
                core::format("keys[{}]: it is {}; the batch expects it {}", row,
                             ours != set_.keys_.end() && exists ? "written by this transaction"
                                                                : at_version(version),
                             at_version(*each.expected)),
                "read the key again and repeat the change");
  std::optional<std::string> after;
  if (each.change == key_change::put)
    after = each.value;
  if (each.change == key_change::add) {
    HEARTH_TRY(const auto sum, add_to_number(exists ? *value : "0", each.amount,
                                             core::format("keys[{}]: the value of '{}'", row,
                                                          printable(each.key))));
    answer.sums.push_back(sum);
    after = std::to_string(sum);
  }
  answer.keys += each.change != key_change::erase || exists ? 1 : 0;
  keys.insert_or_assign(each.key,
                        std::make_shared<const std::optional<std::string>>(std::move(after)));
  return {};
}

result<write_result> write_set::apply(const write_batch& batch, const namespace_config& config,
                                      read_view& stored, read_set& reads) {
  staging next(*this, batch, config, stored, reads);
  HEARTH_CHECK(next.run());
  auto bytes = bytes_;
  for (const auto& [id, record] : next.records) {
    if (const auto before = records_.find(id); before != records_.end())
      bytes -= size_of(id, *before->second);
    bytes += size_of(id, *record);
  }
  for (const auto& each : batch.queue)
    bytes += entry_bytes + each.queue.size() + each.payload.size();
  for (const auto& [key, value] : next.keys) {
    if (const auto before = keys_.find(key); before != keys_.end())
      bytes -= size_of(key, *before->second);
    bytes += size_of(key, *value);
  }
  if (bytes > limits::batch_bytes)
    return too_much(bytes);
  bytes_ = bytes;
  for (auto& [id, record] : next.records)
    records_.insert_or_assign(id, std::move(record));
  for (auto& [key, value] : next.keys)
    keys_.insert_or_assign(key, std::move(value));
  queue_.insert(queue_.end(), batch.queue.begin(), batch.queue.end());
  next.answer.queue.resize(batch.queue.size());
  return std::move(next.answer);
}

result<void> write_set::look_up_rows(read_view& stored) {
  std::vector<record_id> ids;
  ids.reserve(records_.size());
  for (const auto& [id, record] : records_)
    ids.push_back(id);
  HEARTH_TRY(const auto rows, stored.rows_of(ids));
  auto row = rows.begin();
  for (auto& [id, record] : records_) {
    if (record->stored_row != *row) {
      auto moved = *record;
      moved.stored_row = *row;
      record = std::make_shared<const written_record>(std::move(moved));
    }
    ++row;
  }
  return {};
}

namespace {

// Records that one batch can write: they have the same vectors.
using record_list = std::vector<std::pair<const record_id*, const written_record*>>;

write_batch make_batch(write_kind kind, const record_list& records,
                       const namespace_config& config) {
  write_batch batch;
  batch.kind = kind;
  for (const auto& [id, record] : records)
    batch.ids.push_back(*id);
  if (kind == write_kind::erase)
    return batch;
  batch.merge = metadata_mode::replace;
  for (const auto& [id, record] : records) {
    batch.metadata.push_back(record->metadata);
    batch.texts.push_back(record->text);
  }
  if (kind == write_kind::update)
    return batch;
  for (std::size_t number = 0; number < config.vector_count(); ++number) {
    if (records.front().second->vectors[number].empty())
      continue;
    const auto vector = config.vector(number);
    std::vector<float> values;
    values.reserve(records.size() * vector.dimension);
    for (const auto& [id, record] : records)
      values.insert(values.end(), record->vectors[number].begin(), record->vectors[number].end());
    matrix column(std::move(values), records.size(), vector.dimension);
    if (number == 0)
      batch.vectors = std::move(column);
    else
      batch.named.push_back({vector.name, std::move(column)});
  }
  return batch;
}

}  // namespace

std::vector<write_batch> write_set::batches(const namespace_config& config) const {
  record_list erased;
  record_list updated;
  std::map<std::vector<bool>, record_list> replaced;  // by the vectors that they have
  for (const auto& [id, record] : records_) {
    if (record->erased) {
      erased.emplace_back(&id, record.get());
    } else if (!record->rewritten) {
      updated.emplace_back(&id, record.get());
    } else {
      std::vector<bool> has;
      for (const auto& vector : record->vectors)
        has.push_back(!vector.empty());
      replaced[std::move(has)].emplace_back(&id, record.get());
    }
  }
  std::vector<write_batch> all;
  all.reserve(replaced.size() + 2);
  for (const auto& [has, records] : replaced)
    all.push_back(make_batch(write_kind::upsert, records, config));
  if (!updated.empty())
    all.push_back(make_batch(write_kind::update, updated, config));
  if (!erased.empty())
    all.push_back(make_batch(write_kind::erase, erased, config));
  if (all.empty())
    all.emplace_back();
  all.front().queue = queue_;
  for (const auto& [key, value] : keys_) {
    auto& change = all.front().keys.emplace_back();
    change.key = key;
    change.change = *value ? key_change::put : key_change::erase;
    change.value = value->value_or(std::string());
  }
  return all;
}

}  // namespace hearth::storage
