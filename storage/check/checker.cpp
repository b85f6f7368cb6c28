#include "storage/check/checker.hpp"

#include <algorithm>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "storage/bytes.hpp"
#include "storage/change_codec.hpp"
#include "storage/keyvalue/key_writes.hpp"
#include "storage/namespace_store_impl.hpp"

namespace hearth::storage {

namespace {

constexpr std::string_view restore_hint =
    "restore the store from a backup, or export what can be read and import it anew";
constexpr std::string_view key_hint = "put the key again, or delete it";
constexpr std::string_view history_hint =
    "nothing is lost: indexes are built anew when the namespace is opened next";

}  // namespace

std::string check_cursor::encode() const {
  std::vector<std::byte> bytes;
  byte_writer out(bytes);
  out.u8(static_cast<std::uint8_t>(stage));
  for (const auto number : {part, began, count, done, words, counts_words})
    out.varint(number);
  out.text(key);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<check_cursor> check_cursor::decode(std::string_view text, std::size_t vectors) {
  check_cursor at;
  if (text.empty())
    return at;
  byte_reader in(lmdb::as_key(text));
  const auto stage = in.u8();
  at.stage = static_cast<check_stage>(stage);
  for (auto* number : {&at.part, &at.began, &at.count, &at.done, &at.words, &at.counts_words})
    *number = in.varint();
  at.key = in.text();
  if (!in.ok() || in.remaining() > 0 || stage >= static_cast<std::uint8_t>(check_stage::end) ||
      at.part >= vectors)
    return std::nullopt;
  return at;
}

result<check_step> checker::run() {
  HEARTH_CHECK(prepare());
  step_.stage = where();
  HEARTH_TRY(const bool over, run_stage());
  if (over)
    next_stage();
  if (at_.stage != check_stage::end)
    step_.next = at_.encode();
  step_.done = at_.done;
  step_.total = std::max(total_, at_.done);
  return std::move(step_);
}

result<void> checker::prepare() {
  HEARTH_TRY(state_, read_state(source_.in, source_.from));
  if (at_.stage == check_stage::state)
    at_.began = state_.lsn;
  // Whatever cannot be read is reported by check_state().
  if (auto fields = read_attribute_fields(source_.in, source_.from.attributes); fields)
    fields_ = *std::move(fields);
  if (source_.tokenize)
    HEARTH_CHECK(take_text_fields());
  if (at_.stage == check_stage::state)
    at_.counts_words =
        std::ranges::all_of(texts_, [](const auto& each) { return each.state.ready(); }) ? 1 : 0;
  // Indexes come after storage, and look at every vector again.
  for (const auto& counts : state_.vectors)
    total_ += 2 * counts.live;
  for (const auto which :
       {source_.from.records, source_.from.ids, source_.from.changes, source_.from.keys,
        source_.from.attributes.entries, source_.from.text.postings, source_.from.queues.items}) {
    HEARTH_TRY(const auto numbers, source_.in.statistics(which));
    total_ += numbers.ms_entries;
  }
  return {};
}

result<void> checker::take_text_fields() {
  auto known = read_text_index(source_.in, source_.from);
  if (!known)
    return {};
  for (auto& each : known->fields) {
    field_path path;
    if (each.name != record_text_field) {
      HEARTH_TRY(path, parse_path(each.name));
    }
    texts_.push_back({std::move(each), std::move(path)});
  }
  return {};
}

void checker::next_stage() {
  at_.key.clear();
  at_.count = 0;
  const bool more_vectors =
      at_.stage == check_stage::vectors && at_.part + 1 < source_.config.vector_count();
  if (more_vectors) {
    ++at_.part;
    return;
  }
  at_.part = 0;
  at_.stage = static_cast<check_stage>(static_cast<std::uint8_t>(at_.stage) + 1);
}

std::string_view checker::where() const {
  switch (at_.stage) {
  case check_stage::state:
    return "state";
  case check_stage::records:
    return "records";
  case check_stage::ids:
    return "ids";
  case check_stage::vectors:
    return "vectors";
  case check_stage::changes:
    return "history";
  case check_stage::keys:
    return "keys";
  case check_stage::attributes:
    return "field indexes";
  case check_stage::words:
    return "text indexes";
  case check_stage::queues:
    return "queues";
  case check_stage::end:
    break;
  }
  return "end";
}

result<bool> checker::run_stage() {
  switch (at_.stage) {
  case check_stage::state:
    return check_state();
  case check_stage::records:
    return check_records();
  case check_stage::ids:
    return check_ids();
  case check_stage::vectors:
    return check_vectors();
  case check_stage::changes:
    return check_changes();
  case check_stage::keys:
    return check_keys();
  case check_stage::attributes:
    return check_attributes();
  case check_stage::words:
    return check_words();
  case check_stage::queues:
    return check_queues();
  case check_stage::end:
    break;
  }
  return true;
}

void checker::report(std::string what, std::string_view hint) {
  ++step_.problem_count;
  if (step_.problems.size() < limits::check_problems)
    step_.problems.push_back({std::string(where()), std::move(what), std::string(hint)});
}

result<void> checker::note(result<void> outcome, std::string_view hint) {
  if (outcome || outcome.error().code != errc::corruption)
    return outcome;
  report(outcome.error().message, hint);
  return {};
}

void checker::looked_at(std::string_view what, std::uint64_t count) {
  step_.checked.push_back({std::string(what), count});
}

result<bool> checker::has_record(row_id row) const {
  const auto key = encode_row(row);
  HEARTH_TRY(const auto found, source_.in.get(source_.from.records, key));
  return found.has_value();
}

// All of it in one step: it is small, and the counts are of one snapshot.
result<bool> checker::check_state() {
  const auto readable = [this](const auto& outcome) -> result<void> {
    return outcome ? result<void>() : note(std::unexpected(outcome.error()), restore_hint);
  };
  HEARTH_CHECK(readable(read_config(source_.in, source_.from)));
  HEARTH_CHECK(readable(read_identity(source_.in, source_.from)));
  HEARTH_CHECK(readable(read_key_state(source_.in, source_.from)));
  HEARTH_CHECK(readable(read_attribute_fields(source_.in, source_.from.attributes)));
  HEARTH_CHECK(readable(read_text_index(source_.in, source_.from)));
  HEARTH_TRY(const auto records, source_.in.statistics(source_.from.records));
  if (records.ms_entries != state_.records)
    report(core::format("the table of records has {} entries; {} are counted", records.ms_entries,
                        state_.records),
           restore_hint);
  looked_at("counters", 3 + state_.vectors.size());
  return true;
}

result<void> checker::check_change(change_position position, byte_span data) const {
  HEARTH_TRY(auto part, open_change_part(position, data));
  if (part.lists_rows()) {
    row_changes changes;
    return decode_rows(part, state_.next_row, changes);
  }
  auto read = decode_names(part, [](const auto&) { return true; });
  return read ? result<void>() : std::unexpected(std::move(read).error());
}

result<bool> checker::check_changes() {
  std::uint64_t looked = 0;
  HEARTH_TRY(const bool over, walk(source_.from.changes, [&](byte_span key, byte_span data) {
               ++looked;
               const auto position = decode_change(key);
               if (!position || position->lsn > state_.lsn) {
                 report("a key of the change table is damaged", history_hint);
                 return result<void>();
               }
               return note(check_change(*position, data), history_hint);
             }));
  looked_at("history entries", looked);
  return over;
}

result<bool> checker::check_keys() {
  HEARTH_TRY(auto keys, key_cursor::open(source_.in, source_.from.keys));
  // What is behind the last key that was looked at begins with a byte more.
  std::string bound = at_.key;
  if (!bound.empty())
    bound.push_back('\0');
  // The first key may be the empty one, and so the cursor marks what it has with a byte in front.
  const auto start = bound.empty() ? byte_span() : lmdb::as_key(bound).subspan(1);
  std::uint64_t looked = 0;
  auto found = keys.seek(start);
  while (found && *found) {
    ++looked;
    const auto key = keys.key();
    at_.key.assign(1, 'k');
    at_.key.append(reinterpret_cast<const char*>(key.data()), key.size());
    if (auto value = keys.value(); !value)
      HEARTH_CHECK(note(std::unexpected(std::move(value).error()), key_hint));
    if (out_of_time())
      break;
    found = keys.next();
  }
  at_.done += looked;
  at_.count += looked;
  looked_at("keys", looked);
  if (found && *found)
    return false;
  if (!found) {
    HEARTH_CHECK(note(std::unexpected(std::move(found).error()), restore_hint));
    return true;  // what is behind it cannot be reached
  }
  const auto counted = read_key_state(source_.in, source_.from);
  if (counted && unchanged() && counted->count != at_.count)
    report(core::format("there are {} keys; {} are counted", at_.count, counted->count),
           restore_hint);
  return true;
}

result<check_step> lmdb_namespace_store::check(std::string_view cursor,
                                               std::chrono::milliseconds budget) const {
  const auto config = this->config();
  const auto at = check_cursor::decode(cursor, config.vector_count());
  if (!at)
    return fail(errc::invalid_argument, "cursor is not one that a check answered",
                "start without a cursor");
  HEARTH_TRY(const auto snapshot, environment_->begin_read());
  check_source source{snapshot, tables_, config, hooks_.hash, {}};
  if (options_.make_tokenizer && !config.text.fields.empty()) {
    HEARTH_TRY(source.tokenize, options_.make_tokenizer(config.text));
  }
  return checker(source, *at, budget).run();
}

}  // namespace hearth::storage
