#include "storage/text/text_index.hpp"

#include <algorithm>

#include "core/format.hpp"
#include "storage/corruption.hpp"
#include "storage/record_codec.hpp"
#include "storage/text/field_text.hpp"

namespace hearth::storage {

namespace {

constexpr std::string_view meta_key = "text";

// True when nothing is left under the number; false when `budget` ran out.
result<bool> remove_number(lmdb::write_transaction& in, const text_tables& from,
                           std::uint32_t number, std::size_t& budget) {
  const auto start = term_prefix(number, {});
  const auto first = lmdb::as_key(start);
  for (const auto table : {from.postings, from.positions, from.stats}) {
    HEARTH_TRY(auto entries, in.open_cursor(table));
    HEARTH_TRY(bool found, entries.lower_bound(first));
    while (found && entries.key().size() >= first.size() &&
           std::ranges::equal(entries.key().first(first.size()), first)) {
      if (budget == 0)
        return false;
      --budget;
      HEARTH_CHECK(entries.erase());
      HEARTH_TRY(found, entries.lower_bound(first));
    }
  }
  return true;
}

}  // namespace

result<text_index_state> read_text_index(const lmdb::transaction& in, const tables& from) {
  text_index_state state;
  HEARTH_TRY(auto stored, read_meta(in, from.meta, meta_key));
  if (!stored)
    return state;
  auto& data = *stored;
  const auto small = [&data] {
    const auto number = data.varint();
    if (number > UINT32_MAX)
      data.fail();
    return static_cast<std::uint32_t>(number);
  };
  const auto count = [&data] {
    const auto number = data.varint();
    if (number > data.remaining())
      data.fail();
    return data.ok() ? number : 0;
  };
  state.next_number = small();
  for (auto left = count(); left > 0; --left) {
    auto& field = state.fields.emplace_back();
    field.name = data.text();
    field.number = small();
    field.done = data.varint();
  }
  for (auto left = count(); left > 0; --left)
    state.leaving.push_back(small());
  state.language = data.text();
  state.version = data.text();
  for (auto left = count(); left > 0; --left)
    state.stop_words.emplace_back(data.text());
  if (!data.done())
    return corrupt("\"text\" in the meta table");
  return state;
}

result<void> write_text_index(lmdb::write_transaction& in, const tables& to,
                              const text_index_state& state) {
  return write_meta(in, to.meta, meta_key, [&](byte_writer& out) {
    out.varint(state.next_number);
    out.varint(state.fields.size());
    for (const auto& field : state.fields) {
      out.text(field.name);
      out.varint(field.number);
      out.varint(field.done);
    }
    out.varint(state.leaving.size());
    for (const auto number : state.leaving)
      out.varint(number);
    out.text(state.language);
    out.text(state.version);
    out.varint(state.stop_words.size());
    for (const auto& word : state.stop_words)
      out.text(word);
  });
}

result<void> follow_text_settings(lmdb::write_transaction& in, const tables& to,
                                  const text_settings& settings, std::string_view version,
                                  bool empty) {
  HEARTH_TRY(const auto before, read_text_index(in, to));
  auto next = before;
  const bool other_words = before.language != settings.language ||
                           before.stop_words != settings.stop_words || before.version != version;
  const auto wanted = [&](const text_index_field& field) {
    return !other_words && std::ranges::find(settings.fields, field.name, &field_weight::field) !=
                               settings.fields.end();
  };
  for (const auto& field : before.fields)
    if (!wanted(field))
      next.leaving.push_back(field.number);
  std::erase_if(next.fields, [&](const auto& field) { return !wanted(field); });
  for (const auto& field : settings.fields)
    if (std::ranges::find(next.fields, field.field, &text_index_field::name) == next.fields.end())
      next.fields.push_back(
          {field.field, next.next_number++, empty ? text_index_field::every_row : 0});
  next.language = settings.language;
  next.version = version;
  next.stop_words = settings.stop_words;
  // Where nothing was and nothing is indexed, there is nothing to note.
  if (next == before || (before.fields.empty() && next.fields.empty() && next.leaving.empty()))
    return {};
  return write_text_index(in, to, next);
}

result<void> restart_text_index(lmdb::write_transaction& in, const tables& to) {
  HEARTH_TRY(auto state, read_text_index(in, to));
  for (auto& field : state.fields) {
    state.leaving.push_back(field.number);
    field.number = state.next_number++;
    field.done = 0;
  }
  return write_text_index(in, to, state);
}

result<text_updater> text_updater::open(lmdb::write_transaction& in, const tables& to,
                                        const tokenize_text& tokenize) {
  text_updater updater(in, to, tokenize);
  HEARTH_TRY(auto state, read_text_index(in, to));
  HEARTH_CHECK(updater.take_fields(std::move(state.fields)));
  return updater;
}

result<void> text_updater::take_fields(std::vector<text_index_field> fields) {
  if (!fields.empty() && !tokenize_)
    return fail(errc::unsupported,
                "the namespace has a text index, and there is no analyzer for it");
  for (auto& each : fields) {
    field_path path;
    if (each.name != record_text_field) {
      HEARTH_TRY(path, parse_path(each.name));
    }
    fields_.push_back({std::move(each), std::move(path)});
  }
  return {};
}

result<void> text_updater::add(row_id row, const value_map& metadata,
                               const std::optional<std::string>& text) {
  return change(row, metadata, text, true);
}

result<void> text_updater::remove(row_id row, const value_map& metadata,
                                  const std::optional<std::string>& text) {
  return change(row, metadata, text, false);
}

result<void> text_updater::change(row_id row, const value_map& metadata,
                                  const std::optional<std::string>& text, bool added) {
  std::string joined;
  if (damaged_)
    return {};
  for (const auto& [state, path] : fields_) {
    if (row > state.done)
      continue;
    std::string_view words;
    if (path.empty()) {
      words = text ? std::string_view(*text) : std::string_view();
    } else {
      joined = text_at(metadata, path);
      words = joined;
    }
    if (words.empty())
      continue;
    const auto tokens = tokenize_(words);
    HEARTH_CHECK(unless_damaged(added ? writer_.add(row, state.number, tokens)
                                      : writer_.remove(row, state.number, tokens)));
    if (damaged_)
      return {};
  }
  return {};
}

result<void> text_updater::unless_damaged(result<void> outcome) {
  if (outcome || outcome.error().code != errc::corruption)
    return outcome;
  damaged_ = true;
  return {};
}

// What was written until the damage was met lies under numbers that go.
result<void> text_updater::finish() {
  if (!damaged_)
    HEARTH_CHECK(unless_damaged(writer_.finish()));
  return damaged_ ? restart_text_index(transaction_, tables_) : result<void>();
}

result<build_progress> build_text_index(lmdb::write_transaction& in, const tables& to,
                                        const tokenize_text& tokenize, const build_limits& limits) {
  build_progress progress;
  HEARTH_TRY(auto state, read_text_index(in, to));
  const auto before = state;
  if (!state.leaving.empty()) {
    std::size_t budget = 4 * limits.records;
    HEARTH_TRY(const bool gone, remove_number(in, to.text, state.leaving.back(), budget));
    if (gone)
      state.leaving.pop_back();
    progress.wrote = true;
  }
  // The fields that are least far are brought on together.
  row_id from = text_index_field::every_row;
  for (const auto& field : state.fields)
    from = std::min(from, field.done);
  if (from != text_index_field::every_row) {
    std::vector<text_index_field> building;
    for (auto& field : state.fields)
      if (field.done == from) {
        building.push_back(field);
        building.back().done = text_index_field::every_row;  // every row that is met counts
      }
    text_updater updater(in, to, tokenize);
    HEARTH_CHECK(updater.take_fields(std::move(building)));
    HEARTH_TRY(auto records, in.open_cursor(to.records));
    HEARTH_TRY(bool found, records.lower_bound(encode_row(from + 1)));
    std::size_t bytes = 0;
    row_id last = from;
    for (std::size_t seen = 0; found && seen < limits.records && bytes < limits.bytes; ++seen) {
      const auto row = decode_row(records.key());
      if (!row)
        return corrupt("a key of the table of records");
      bytes += records.value().size();
      // A record that is damaged is not found by its words; reading it says why.
      if (const auto record = decode_record(*row, records.value(), {true, true}))
        HEARTH_CHECK(updater.add(*row, record->metadata, record->text));
      last = *row;
      HEARTH_TRY(found, records.next());
    }
    HEARTH_CHECK(updater.finish());
    if (updater.damaged_)
      return build_progress{true, true};
    for (auto& field : state.fields)
      if (field.done == from)
        field.done = found ? last : text_index_field::every_row;
    progress.wrote = true;
  }
  progress.more =
      !state.leaving.empty() ||
      std::ranges::any_of(state.fields, [](const auto& field) { return !field.ready(); });
  if (state != before)
    HEARTH_CHECK(write_text_index(in, to, state));
  return progress;
}

}  // namespace hearth::storage
