#include "storage/tables.hpp"

#include "core/format.hpp"
#include "core/limits.hpp"
#include "storage/bytes.hpp"
#include "storage/corruption.hpp"

namespace hearth::storage {

namespace {

constexpr std::string_view format_key = "format";
constexpr std::string_view state_key = "state";
constexpr std::string_view config_key = "config";
constexpr std::string_view identity_key = "identity";
constexpr unsigned required_flag = 1;
constexpr unsigned indexed_flag = 2;

std::uint64_t seed_of(std::string_view key) noexcept {
  return checksum(lmdb::as_key(key));
}

std::unexpected<error> damaged(std::string_view key) {
  return corrupt(core::format("\"{}\" in the meta table", key));
}

result<byte_reader> open_value(const lmdb::transaction& in, lmdb::table meta,
                               std::string_view key) {
  HEARTH_TRY(const auto data, in.get(meta, lmdb::as_key(key)));
  if (!data)
    return fail(errc::corruption, core::format("the meta table lacks \"{}\"", key),
                "restore the store from a backup");
  return open_checked(*data, seed_of(key));
}

template <class Encode>
result<void> write_value(lmdb::write_transaction& in, lmdb::table meta, std::string_view key,
                         Encode&& encode) {
  std::vector<std::byte> data;
  begin_checked(data);
  byte_writer out(data);
  encode(out);
  finish_checked(data, seed_of(key));
  return in.put(meta, lmdb::as_key(key), data);
}

void read_fields(byte_reader& data, namespace_config& config) {
  const auto count = [&data](std::uint64_t most) {
    const auto number = data.varint();
    if (number > most)
      data.fail();
    return data.ok() ? number : 0;
  };
  for (auto left = count(limits::field_rules); left > 0; --left) {
    auto& rule = config.schema.emplace_back();
    rule.path = data.text();
    const auto type = data.u8();
    if (type < 1 || type > static_cast<std::uint8_t>(field_type::map))
      data.fail();
    rule.type = static_cast<field_type>(type);
    const auto flags = data.u8();
    rule.required = (flags & required_flag) != 0;
    rule.indexed = (flags & indexed_flag) != 0;
  }
  for (auto left = count(limits::field_rules); left > 0; --left) {
    auto& field = config.text.fields.emplace_back();
    field.field = data.text();
    field.weight = data.f64();
  }
  config.text.language = data.text();
  for (auto left = count(limits::stop_word_bytes); left > 0; --left)
    config.text.stop_words.emplace_back(data.text());
}

void write_fields(const namespace_config& config, byte_writer& out) {
  out.varint(config.schema.size());
  for (const auto& rule : config.schema) {
    out.text(rule.path);
    out.u8(static_cast<std::uint8_t>(rule.type));
    out.u8(static_cast<std::uint8_t>((rule.required ? required_flag : 0) |
                                     (rule.indexed ? indexed_flag : 0)));
  }
  out.varint(config.text.fields.size());
  for (const auto& field : config.text.fields) {
    out.text(field.field);
    out.f64(field.weight);
  }
  out.text(config.text.language);
  out.varint(config.text.stop_words.size());
  for (const auto& word : config.text.stop_words)
    out.text(word);
}

std::uint32_t read_small(byte_reader& data) {
  const auto number = data.varint();
  if (number > UINT32_MAX)
    data.fail();
  return static_cast<std::uint32_t>(number);
}

// The enumerations that are stored here begin with 1.
template <class Enum>
Enum read_one_of(byte_reader& data, Enum last) {
  const auto number = data.u8();
  if (number < 1 || number > static_cast<std::uint8_t>(last))
    data.fail();
  return static_cast<Enum>(number);
}

void read_index(byte_reader& data, index_params& index) {
  index.kind = read_one_of(data, index_kind::kd_tree);
  index.m = read_small(data);
  index.ef_construction = read_small(data);
  index.ef_search = read_small(data);
  index.seed = data.u64();
}

void write_index(const index_params& index, byte_writer& out) {
  out.u8(static_cast<std::uint8_t>(index.kind));
  out.varint(index.m);
  out.varint(index.ef_construction);
  out.varint(index.ef_search);
  out.u64(index.seed);
}

void read_codes(byte_reader& data, index_params& index) {
  index.quantization = read_one_of(data, quantization_kind::binary);
  index.memory = read_one_of(data, memory_kind::lean);
  index.nlist = read_small(data);
  index.nprobe = read_small(data);
  index.nbits = read_small(data);
}

void write_codes(const index_params& index, byte_writer& out) {
  out.u8(static_cast<std::uint8_t>(index.quantization));
  out.u8(static_cast<std::uint8_t>(index.memory));
  out.varint(index.nlist);
  out.varint(index.nprobe);
  out.varint(index.nbits);
}

void read_named(byte_reader& data, namespace_config& config) {
  const auto count = data.varint();
  if (count > limits::named_vectors)
    data.fail();
  for (auto left = data.ok() ? count : 0; left > 0; --left) {
    auto& named = config.named.emplace_back();
    named.name = data.text();
    named.dimension = read_small(data);
    named.distance = read_one_of(data, distance_kind::hamming);
    read_index(data, named.index);
    read_codes(data, named.index);
    if (named.dimension == 0 || named.dimension > limits::dimension)
      data.fail();
  }
}

void write_named(const namespace_config& config, byte_writer& out) {
  out.varint(config.named.size());
  for (const auto& named : config.named) {
    out.text(named.name);
    out.varint(named.dimension);
    out.u8(static_cast<std::uint8_t>(named.distance));
    write_index(named.index, out);
    write_codes(named.index, out);
  }
}

result<vector_tables> open_vectors(lmdb::write_transaction& in, const std::string& suffix,
                                   bool create) {
  vector_tables all;
  HEARTH_TRY(all.tail, in.open_table(("tail" + suffix).c_str(), create));
  HEARTH_TRY(all.chunks, in.open_table(("chunks" + suffix).c_str(), create));
  HEARTH_TRY(all.dead, in.open_table(("dead" + suffix).c_str(), create));
  return all;
}

}  // namespace

result<std::optional<byte_reader>> read_meta(const lmdb::transaction& in, lmdb::table meta,
                                             std::string_view key) {
  HEARTH_TRY(const auto data, in.get(meta, lmdb::as_key(key)));
  return data ? std::optional(open_checked(*data, seed_of(key))) : std::nullopt;
}

result<void> write_meta(lmdb::write_transaction& in, lmdb::table meta, std::string_view key,
                        const std::function<void(byte_writer&)>& encode) {
  return write_value(in, meta, key, encode);
}

result<tables> tables::open(lmdb::write_transaction& in, bool create) {
  tables all;
  HEARTH_TRY(all.meta, in.open_table("meta", create));
  if (create)
    HEARTH_CHECK(write_format(in, all.meta, namespace_format));
  else
    HEARTH_CHECK(check_format(in, all.meta, namespace_format));
  HEARTH_TRY(all.ids, in.open_table("ids", create));
  HEARTH_TRY(all.records, in.open_table("records", create));
  HEARTH_TRY(all.vectors[0], open_vectors(in, {}, create));
  HEARTH_TRY(all.changes, in.open_table("changes", create));
  HEARTH_TRY(all.attributes, attribute_tables::open(in));
  HEARTH_TRY(all.keys, in.open_table("keys", true));
  HEARTH_TRY(all.queues, queue_tables::open(in));
  HEARTH_TRY(all.consumers, in.open_table("consumers", true));
  HEARTH_TRY(all.text, text_tables::open(in, true));  // namespaces of older formats have none
  return all;
}

result<void> tables::open_named(lmdb::write_transaction& in, const namespace_config& config,
                                bool create) {
  for (std::size_t i = 0; i < config.named.size(); ++i) {
    HEARTH_TRY(vectors[1 + i], open_vectors(in, ":" + config.named[i].name, create));
  }
  return {};
}

result<store_state> read_state(const lmdb::transaction& in, const tables& from) {
  HEARTH_TRY(auto data, open_value(in, from.meta, state_key));
  store_state state;
  state.lsn = data.varint();
  state.next_row = data.varint();
  state.next_id = data.varint();
  state.records = data.varint();
  state.vectors.clear();
  do {  // those of named vectors follow
    auto& counts = state.vectors.emplace_back();
    counts.live = data.varint();
    counts.in_tail = data.varint();
  } while (data.ok() && data.remaining() > 0);
  if (!data.done() || state.vectors.size() > 1 + limits::named_vectors)
    return damaged(state_key);
  return state;
}

result<void> write_state(lmdb::write_transaction& in, const tables& to, const store_state& state) {
  return write_value(in, to.meta, state_key, [&](byte_writer& out) {
    out.varint(state.lsn);
    out.varint(state.next_row);
    out.varint(state.next_id);
    out.varint(state.records);
    for (const auto& counts : state.vectors) {
      out.varint(counts.live);
      out.varint(counts.in_tail);
    }
  });
}

result<namespace_config> read_config(const lmdb::transaction& in, const tables& from) {
  HEARTH_TRY(auto data, open_value(in, from.meta, config_key));
  namespace_config config;
  config.dimension = read_small(data);
  config.distance = read_one_of(data, distance_kind::hamming);
  read_index(data, config.index);
  config.shards = read_small(data);
  config.embedder = std::string(data.text());
  if (data.remaining() > 0)  // format 1 ends here
    read_codes(data, config.index);
  if (data.remaining() > 0)  // format 3 ends here
    read_fields(data, config);
  if (data.remaining() > 0)  // format 4 ends here
    read_named(data, config);
  if (!data.done() || config.dimension > limits::dimension || config.shards == 0 ||
      config.shards > limits::shards)
    return damaged(config_key);
  return config;
}

result<void> write_config(lmdb::write_transaction& in, const tables& to,
                          const namespace_config& config) {
  HEARTH_CHECK(write_format(in, to.meta, namespace_format));
  return write_value(in, to.meta, config_key, [&](byte_writer& out) {
    out.varint(config.dimension);
    out.u8(static_cast<std::uint8_t>(config.distance));
    write_index(config.index, out);
    out.varint(config.shards);
    out.text(config.embedder);
    write_codes(config.index, out);
    write_fields(config, out);
    write_named(config, out);
  });
}

result<store_identity> read_identity(const lmdb::transaction& in, const tables& from) {
  HEARTH_TRY(auto data, open_value(in, from.meta, identity_key));
  store_identity identity;
  identity.uuid[0] = data.u64();
  identity.uuid[1] = data.u64();
  if (!data.done())
    return damaged(identity_key);
  return identity;
}

result<void> write_identity(lmdb::write_transaction& in, const tables& to,
                            const store_identity& identity) {
  return write_value(in, to.meta, identity_key, [&](byte_writer& out) {
    out.u64(identity.uuid[0]);
    out.u64(identity.uuid[1]);
  });
}

namespace {

result<std::uint64_t> read_format(const lmdb::transaction& in, lmdb::table meta) {
  HEARTH_TRY(auto value, open_value(in, meta, format_key));
  const auto version = value.varint();
  if (!value.done())
    return damaged(format_key);
  return version;
}

}  // namespace

result<void> check_format(const lmdb::transaction& in, lmdb::table meta, std::uint64_t supported) {
  HEARTH_TRY(const auto version, read_format(in, meta));
  if (version > supported)
    return fail(errc::unsupported,
                core::format("{} has format {}; this build reads up to format {}",
                             in.owner()->directory().string(), version, supported),
                "open it with a newer Hearth");
  return {};
}

result<void> write_format(lmdb::write_transaction& in, lmdb::table meta, std::uint64_t version) {
  return write_value(in, meta, format_key, [&](byte_writer& out) { out.varint(version); });
}

result<void> raise_format(lmdb::write_transaction& in, lmdb::table meta, std::uint64_t version) {
  HEARTH_TRY(const auto recorded, read_format(in, meta));
  return recorded < version ? write_format(in, meta, version) : result<void>();
}

}  // namespace hearth::storage
