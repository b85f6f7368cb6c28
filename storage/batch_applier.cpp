#include "storage/batch_applier.hpp"

#include <algorithm>

#include "core/field_rules.hpp"
#include "core/format.hpp"
#include "storage/change_codec.hpp"
#include "storage/corruption.hpp"
#include "storage/id_table.hpp"

namespace hearth::storage {

namespace {

/// What one update may read and write again. LMDB keeps all of it in memory until the commit.
constexpr std::size_t most_rewritten_bytes = std::size_t{256} << 20;

const value_map no_metadata;
const std::optional<std::string> no_text;

}  // namespace

result<void> batch_applier::prepare() {
  HEARTH_CHECK(check_shape());
  HEARTH_CHECK(check_new_metadata());
  if (batch_.ids.empty())
    HEARTH_CHECK(assign_ids());
  HEARTH_CHECK(make_targets());
  HEARTH_CHECK(look_up());
  HEARTH_CHECK(read_carried());
  HEARTH_CHECK(find_removed());
  HEARTH_CHECK(keys_applier_.prepare());
  return queue_applier_.prepare();
}

bool batch_applier::idle() const noexcept {
  return batch_.without_records() && batch_.keys.empty() && queue_applier_.idle();
}

applied_batch batch_applier::take_idle() {
  applied_batch applied;
  applied.idle = true;
  applied.result.lsn = applied.changes.lsn = state_.lsn;
  applied.result.queue = queue_applier_.take_replies();
  return applied;
}

matrix batch_applier::given(std::size_t vector) const {
  if (vector == 0)
    return batch_.vectors;
  const auto& name = config_.named[vector - 1].name;
  const auto column = std::ranges::find(batch_.named, name, &named_vectors::name);
  return column == batch_.named.end() ? matrix() : column->vectors;
}

// What would make the code below read past a column. The rest was validated on the way in.
result<void> batch_applier::check_shape() const {
  const auto rows = batch_.rows();
  const auto fits = [rows](std::size_t column) { return column == 0 || column == rows; };
  bool vectors_fit = true;
  for (std::size_t vector = 0; vector < config_.vector_count(); ++vector) {
    const auto column = given(vector);
    vectors_fit = vectors_fit && fits(column.rows());
    if (const auto dimension = config_.vector(vector).dimension;
        !column.empty() && column.dimension() != dimension)
      return fail(errc::dimension_mismatch,
                  core::format("vectors have {} values; the namespace has dimension {}",
                               column.dimension(), dimension));
  }
  for (const auto& column : batch_.named)
    HEARTH_CHECK(config_.vector_number(column.name));
  if (!vectors_fit || !fits(batch_.metadata.size()) || !fits(batch_.texts.size()))
    return fail(errc::invalid_argument, "the columns of the batch differ in length",
                "give one entry per id, or leave the column out");
  if (batch_.where || batch_.without_records())
    return {};  // a filter may match nothing
  if (rows == 0 || (batch_.ids.empty() && !inserts()))
    return fail(errc::invalid_argument, "ids is empty");
  return {};
}

result<void> batch_applier::assign_ids() {
  const auto rows = batch_.rows();
  if (assigned_id_limit - state_.next_id < rows)
    return fail(errc::limit_exceeded,
                core::format("no {} ids are left to assign: the next is {}; the limit is {}", rows,
                             state_.next_id, assigned_id_limit),
                "give the ids yourself");
  assigned_.reserve(rows);
  for (std::size_t i = 0; i < rows; ++i)
    assigned_.emplace_back(state_.next_id + i);
  return {};
}

// Targets in key order, which is the order that LMDB is fastest in.
result<void> batch_applier::make_targets() {
  const auto rows = batch_.rows();
  targets_.reserve(rows);
  keys_.reserve(rows * 16);
  for (std::size_t i = 0; i < rows; ++i) {
    const id_key key(id_of(i), hash_);
    targets_.push_back(
        {i, keys_.size(), static_cast<std::uint16_t>(key.bytes().size()), false, {}});
    keys_.insert(keys_.end(), key.bytes().begin(), key.bytes().end());
  }
  const auto by_key = [this](const target& a, const target& b) {
    return compare_keys(key_of(a), key_of(b)) < 0;
  };
  if (!std::ranges::is_sorted(targets_, by_key))
    std::ranges::sort(targets_, by_key);
  // Equal keys that are not hashes are equal ids. Equal hashes may be told apart by their ids.
  for (std::size_t i = 1; i < targets_.size(); ++i)
    for (auto j = i; j > 0 && std::ranges::equal(key_of(targets_[j - 1]), key_of(targets_[i])); --j)
      if (id_of(targets_[j - 1].index) == id_of(targets_[i].index))
        return fail(
            errc::invalid_argument,
            core::format("id {} appears twice in the batch", to_string(id_of(targets_[i].index))),
            "a batch names each record once");
  return {};
}

result<void> batch_applier::look_up() {
  // The last key, copied: from there on nothing has to be looked up.
  std::vector<std::byte> last;
  {
    HEARTH_TRY(auto ids, transaction_.open_cursor(tables_.ids));
    HEARTH_TRY(const bool any, ids.last());
    if (any)
      last.assign(ids.key().begin(), ids.key().end());
  }
  for (auto& item : targets_) {
    if (alone_ && compare_keys(last, key_of(item)) < 0) {
      item.appended = true;
    } else {
      HEARTH_TRY(const auto found, find_id(transaction_, tables_, id_of(item.index), key_of(item)));
      item.existing = found.value_or(id_entry{});
    }
    HEARTH_CHECK(batch_.expected.empty() ? check_existence(item) : check_version(item));
    if (batch_.kind == write_kind::update) {
      HEARTH_CHECK(check_existence(item));
      HEARTH_CHECK(check_update(item));
    }
  }
  return {};
}

result<void> batch_applier::check_existence(const target& item) const {
  const bool exists = item.existing.row != 0;
  const auto& id = id_of(item.index);
  if (batch_.kind == write_kind::add && exists) {
    if (batch_.ids.empty())  // next_id is above every id that was ever given
      return corrupt(core::format("the next id to assign, {},", to_string(id)));
    return fail(errc::already_exists,
                core::format("ids[{}]: {} is already there", item.index, to_string(id)),
                "use upsert to replace records, or update to change them");
  }
  if (batch_.kind == write_kind::update && !exists)
    return fail(errc::not_found, core::format("ids[{}]: there is no {}", item.index, to_string(id)),
                "use upsert to insert records that are not there");
  return {};
}

result<void> batch_applier::check_rewritten() const {
  if (rewritten_bytes_ <= most_rewritten_bytes)
    return {};
  return fail(errc::limit_exceeded,
              core::format("the batch updates records of more than {}, which are written anew",
                           format_bytes(most_rewritten_bytes)),
              "split it into smaller batches");
}

// The old record is read again when it is rewritten; by then it is too late to refuse.
result<void> batch_applier::check_update(const target& item) {
  HEARTH_TRY(const auto stored, transaction_.get(tables_.records, encode_row(item.existing.row)));
  rewritten_bytes_ += stored ? stored->size() : 0;
  HEARTH_CHECK(check_rewritten());
  const bool merges = !batch_.metadata.empty() && batch_.merge == metadata_mode::merge;
  HEARTH_TRY(const auto record,
             load_record(transaction_, tables_, item.existing.row, {merges, false}));
  if (record.id != id_of(item.index))
    return corrupt(core::format("the record of row {}", item.existing.row));
  if (!merges)
    return {};
  const auto merged = updated_metadata(record.metadata, item.index);
  HEARTH_CHECK(validate_metadata(merged, core::format("metadata[{}], merged,", item.index)));
  return check_rules(config_.schema, merged, core::format("metadata[{}], merged,", item.index));
}

// Metadata that will be as it is given; what is merged is checked with what it is merged into.
result<void> batch_applier::check_new_metadata() const {
  if (config_.schema.empty() || batch_.kind == write_kind::erase)
    return {};
  const bool updates = batch_.kind == write_kind::update;
  if (updates && (batch_.metadata.empty() || batch_.merge == metadata_mode::merge))
    return {};
  for (std::size_t i = 0; i < batch_.rows(); ++i)
    HEARTH_CHECK(check_rules(config_.schema,
                             batch_.metadata.empty() ? no_metadata : batch_.metadata[i],
                             core::format("metadata[{}]", i)));
  return {};
}

// Compare and set.
result<void> batch_applier::check_version(const target& item) const {
  const auto expected = batch_.expected[item.index];
  lsn_t version = 0;
  if (item.existing.row != 0) {
    HEARTH_TRY(const auto record,
               load_record(transaction_, tables_, item.existing.row, {false, false}));
    version = record.version;
  }
  if (version == expected)
    return batch_.kind == write_kind::add ? check_existence(item) : result<void>();
  const auto is = [](lsn_t number) {
    return number == 0 ? std::string("not there") : core::format("at version {}", number);
  };
  return fail(errc::conflict,
              core::format("ids[{}]: {} is {}; the batch expects it {}", item.index,
                           to_string(id_of(item.index)), is(version), is(expected)),
              "read the record again and repeat the change");
}

// Rows change with any vector: those that an update leaves alone move along.
result<void> batch_applier::read_carried() {
  carried_.resize(config_.vector_count());
  if (batch_.kind != write_kind::update || !batch_.gives_vectors())
    return {};
  std::vector<id_entry> old(batch_.rows());
  for (const auto& item : targets_)
    old[item.index] = item.existing;
  for (std::size_t vector = 0; vector < config_.vector_count(); ++vector) {
    if (!given(vector).empty())
      continue;
    const auto dimension = config_.vector(vector).dimension;
    HEARTH_TRY(auto reader, vector_reader::open(transaction_, tables_.vectors[vector], dimension));
    auto& [rows, moved] = carried_[vector];
    std::vector<float> values;
    for (std::size_t i = 0; i < old.size(); ++i) {
      if (vector == 0 && !old[i].has_vector)
        continue;
      values.resize((rows.size() + 1) * dimension);
      HEARTH_TRY(const bool found,
                 reader.copy(old[i].row, values.data() + rows.size() * dimension));
      if (!found && vector == 0)
        return corrupt(core::format("the vector of row {}", old[i].row));
      if (!found)
        continue;
      rows.push_back(i);
      rewritten_bytes_ += dimension * sizeof(float);
      HEARTH_CHECK(check_rewritten());
    }
    values.resize(rows.size() * dimension);
    moved = matrix(std::move(values), rows.size(), dimension);
  }
  return {};
}

// Which rows go, and which vectors they have.
result<void> batch_applier::find_removed() {
  removed_.resize(config_.vector_count());
  if (batch_.kind != write_kind::erase && !inserts() && !batch_.gives_vectors())
    return {};
  for (const auto& item : targets_) {
    if (item.existing.row == 0)
      continue;
    replaced_.push_back(item.existing.row);
    if (item.existing.has_vector)
      removed_[0].push_back(item.existing.row);
  }
  std::ranges::sort(replaced_);
  std::ranges::sort(removed_[0]);
  for (std::size_t vector = 1; vector < config_.vector_count(); ++vector) {
    HEARTH_TRY(auto reader, vector_reader::open(transaction_, tables_.vectors[vector],
                                                config_.vector(vector).dimension));
    for (const auto row : replaced_) {
      const auto found = reader.contains(row);
      if (!found && found.error().code != errc::corruption)
        return std::unexpected(found.error());
      if (!found || *found)  // what is damaged is marked as gone
        removed_[vector].push_back(row);
    }
  }
  return {};
}

value_map batch_applier::updated_metadata(const value_map& old, std::size_t index) const {
  if (batch_.metadata.empty())
    return old;
  const auto& given = batch_.metadata[index];
  if (batch_.merge == metadata_mode::replace)
    return given;
  auto merged = old;
  for (const auto& [key, item] : given)
    if (item.is_null())
      merged.erase(key);
    else
      merged.insert_or_assign(key, item);
  return merged;
}

result<applied_batch> batch_applier::execute(lsn_t lsn) {
  applied_batch applied;
  auto& changes = applied.changes;
  changes.lsn = state_.lsn = lsn;
  if (inserts() || batch_.gives_vectors()) {
    first_row_ = state_.next_row;
    state_.next_row += batch_.rows();
  }

  HEARTH_CHECK(open_indexes());
  if (batch_.kind == write_kind::update)
    HEARTH_CHECK(update_records());
  HEARTH_CHECK(erase_records());
  if (inserts())
    HEARTH_CHECK(insert_records());
  if (attributes_)
    HEARTH_CHECK(attributes_->finish());
  if (texts_)
    HEARTH_CHECK(texts_->finish());
  HEARTH_CHECK(write_ids());

  HEARTH_CHECK(write_vectors(changes));
  HEARTH_CHECK(keys_applier_.execute(state_.lsn));
  HEARTH_CHECK(queue_applier_.execute());

  raise_next_id();
  const auto erased = static_cast<std::uint64_t>(
      std::ranges::count_if(targets_, [](const auto& item) { return item.existing.row != 0; }));
  applied.result.lsn = state_.lsn;
  applied.result.affected = batch_.kind == write_kind::erase ? erased : batch_.rows();
  applied.result.assigned = assigned_;  // they are still to be named
  applied.result.keys = keys_applier_.affected();
  applied.result.sums = keys_applier_.take_sums();
  applied.result.queue = queue_applier_.take_replies();
  applied.rewritten_bytes = rewritten_bytes_;
  return applied;
}

result<void> batch_applier::write_vectors(row_changes& changes) {
  changes.removed = config_.named.empty() ? removed_[0] : replaced_;
  if (batch_.gives_vectors())
    for (std::size_t i = 0; i < batch_.rows(); ++i)
      changes.added.push_back(first_row_ + i);
  changes.vectors.resize(config_.vector_count());
  for (std::size_t vector = 0; vector < config_.vector_count(); ++vector) {
    vector_writer writer(transaction_,
                         {tables_.vectors[vector], tables_.records, state_.vectors[vector],
                          config_.vector(vector).dimension, candidates_[vector]});
    HEARTH_CHECK(writer.remove(removed_[vector]));
    auto& added = changes.vectors[vector];
    if (const auto column = given(vector); !column.empty()) {
      added = {changes.added, column};
    } else {
      added = std::move(carried_[vector]);
      for (auto& row : added.rows)
        row += first_row_;
    }
    HEARTH_CHECK(writer.add(added.rows, added.vectors.view()));
  }
  return {};
}

result<void> batch_applier::open_indexes() {
  HEARTH_TRY(auto writer, attribute_writer::open(transaction_, tables_.attributes));
  if (writer.active())
    attributes_.emplace(std::move(writer));
  HEARTH_TRY(auto updater, text_updater::open(transaction_, tables_, tokenize_));
  if (updater.active())
    texts_.emplace(std::move(updater));
  return {};
}

// A record that is damaged can still be erased or replaced. Its words stay in the text index then:
// searches leave out rows that are gone.
result<void> batch_applier::unindex_record(row_id row) {
  HEARTH_TRY(const auto stored, transaction_.get(tables_.records, encode_row(row)));
  if (attributes_) {
    const auto metadata = stored ? encoded_metadata(row, *stored) : corrupt("a record");
    HEARTH_CHECK(metadata ? attributes_->remove(row, *metadata) : attributes_->remove_unread(row));
  }
  if (texts_ && stored) {
    if (const auto record = decode_record(row, *stored, {}))
      HEARTH_CHECK(texts_->remove(row, record->metadata, record->text));
  }
  return {};
}

result<void> batch_applier::index_record(row_id row, const value_map& metadata,
                                         const std::optional<std::string>& text) {
  if (attributes_) {
    HEARTH_TRY(const auto encoded, encoded_metadata(row, buffer_));
    HEARTH_CHECK(attributes_->add(row, encoded));
  }
  return texts_ ? texts_->add(row, metadata, text) : result<void>();
}

result<void> batch_applier::insert_records() {
  for (std::size_t i = 0; i < batch_.rows(); ++i) {
    const auto& metadata = batch_.metadata.empty() ? no_metadata : batch_.metadata[i];
    const auto& text = batch_.texts.empty() ? no_text : batch_.texts[i];
    encode_record(first_row_ + i, id_of(i), state_.lsn, !batch_.vectors.empty(), metadata, text,
                  buffer_);
    HEARTH_CHECK(
        transaction_.put(tables_.records, encode_row(first_row_ + i), buffer_, MDB_APPEND));
    HEARTH_CHECK(index_record(first_row_ + i, metadata, text));
  }
  state_.records += batch_.rows();
  return {};
}

// Rewrites records in place, or at their new rows where vectors are given; the old rows are erased
// afterwards.
result<void> batch_applier::update_records() {
  std::vector<row_id> old_rows(batch_.rows());
  for (const auto& item : targets_)
    old_rows[item.index] = item.existing.row;
  for (std::size_t i = 0; i < old_rows.size(); ++i) {
    HEARTH_TRY(const auto old, load_record(transaction_, tables_, old_rows[i], {}));
    const bool new_text = !batch_.texts.empty() && batch_.texts[i].has_value();
    const auto row = first_row_ != 0 ? first_row_ + i : old_rows[i];
    const bool indexes = (attributes_ || texts_) &&
                         (first_row_ != 0 || !batch_.metadata.empty() || !batch_.texts.empty());
    if (indexes && first_row_ == 0)
      HEARTH_CHECK(unindex_record(row));
    const auto metadata = updated_metadata(old.metadata, i);
    const auto& text = new_text ? batch_.texts[i] : old.text;
    encode_record(row, old.id, state_.lsn, will_have_vector({row, old.has_vector}), metadata, text,
                  buffer_);
    HEARTH_CHECK(transaction_.put(tables_.records, encode_row(row), buffer_,
                                  first_row_ != 0 ? MDB_APPEND : 0));
    if (indexes)
      HEARTH_CHECK(index_record(row, metadata, text));
  }
  if (first_row_ != 0)
    state_.records += batch_.rows();  // erase_records takes the old ones off
  return {};
}

result<void> batch_applier::erase_records() {
  for (const auto row : replaced_) {
    if (attributes_ || texts_)
      HEARTH_CHECK(unindex_record(row));
    HEARTH_CHECK(transaction_.erase(tables_.records, encode_row(row)));
  }
  state_.records -= replaced_.size();
  return {};
}

result<void> batch_applier::write_ids() {
  if (batch_.kind == write_kind::erase) {
    for (const auto& item : targets_)
      if (item.existing.row != 0)
        HEARTH_CHECK(erase_id(transaction_, tables_, key_of(item), item.existing.row));
    return {};
  }
  if (first_row_ == 0)
    return {};  // rows stay where they are
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const auto& item = targets_[i];
    const bool repeats = i > 0 && std::ranges::equal(key_of(targets_[i - 1]), key_of(item));
    HEARTH_CHECK(put_id(transaction_, tables_, key_of(item),
                        {first_row_ + item.index, will_have_vector(item.existing)},
                        item.existing.row, item.appended && !repeats ? MDB_APPEND : 0));
  }
  return {};
}

// In key order, so that numbers which follow each other become runs.
result<void> batch_applier::name_records(bool erased, change_encoder& out) const {
  if (erased != (batch_.kind == write_kind::erase))
    return {};
  for (const auto& item : targets_)
    if (!erased || item.existing.row != 0)
      HEARTH_CHECK(out.record(erased, id_of(item.index)));
  return {};
}

void batch_applier::raise_next_id() noexcept {
  if (!inserts())
    return;
  for (std::size_t i = 0; i < batch_.rows(); ++i) {
    const auto& id = id_of(i);
    if (id.is_number() && id.number() < assigned_id_limit)
      state_.next_id = std::max(state_.next_id, id.number() + 1);
  }
}

}  // namespace hearth::storage
