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
  HEARTH_TRY(all.tail, in.open_table("tail", create));
  HEARTH_TRY(all.chunks, in.open_table("chunks", create));
  HEARTH_TRY(all.dead, in.open_table("dead", create));
  HEARTH_TRY(all.changes, in.open_table("changes", create));
  HEARTH_TRY(all.attributes, attribute_tables::open(in));
  HEARTH_TRY(all.text, text_tables::open(in, true));  // namespaces of older formats have none
  return all;
}

result<store_state> read_state(const lmdb::transaction& in, const tables& from) {
  HEARTH_TRY(auto data, open_value(in, from.meta, state_key));
  store_state state;
  state.lsn = data.varint();
  state.next_row = data.varint();
  state.next_id = data.varint();
  state.records = data.varint();
  state.vectors = data.varint();
  state.tail_rows = data.varint();
  if (!data.done())
    return damaged(state_key);
  return state;
}

result<void> write_state(lmdb::write_transaction& in, const tables& to, const store_state& state) {
  return write_value(in, to.meta, state_key, [&](byte_writer& out) {
    out.varint(state.lsn);
    out.varint(state.next_row);
    out.varint(state.next_id);
    out.varint(state.records);
    out.varint(state.vectors);
    out.varint(state.tail_rows);
  });
}

result<namespace_config> read_config(const lmdb::transaction& in, const tables& from) {
  HEARTH_TRY(auto data, open_value(in, from.meta, config_key));
  const auto small = [&data] {
    const auto number = data.varint();
    if (number > UINT32_MAX)
      data.fail();
    return static_cast<std::uint32_t>(number);
  };
  const auto one_of = [&data](auto last) {
    const auto number = data.u8();
    if (number < 1 || number > static_cast<std::uint8_t>(last))
      data.fail();
    return static_cast<decltype(last)>(number);
  };
  namespace_config config;
  config.dimension = small();
  config.distance = one_of(distance_kind::hamming);
  config.index.kind = one_of(index_kind::kd_tree);
  config.index.m = small();
  config.index.ef_construction = small();
  config.index.ef_search = small();
  config.index.seed = data.u64();
  config.shards = small();
  config.embedder = std::string(data.text());
  if (data.remaining() > 0) {  // format 1 ends here
    config.index.quantization = one_of(quantization_kind::binary);
    config.index.memory = one_of(memory_kind::lean);
    config.index.nlist = small();
    config.index.nprobe = small();
    config.index.nbits = small();
  }
  if (data.remaining() > 0)  // format 3 ends here
    read_fields(data, config);
  if (!data.done() || config.dimension == 0 || config.dimension > limits::dimension ||
      config.shards == 0 || config.shards > limits::shards)
    return damaged(config_key);
  return config;
}

result<void> write_config(lmdb::write_transaction& in, const tables& to,
                          const namespace_config& config) {
  HEARTH_CHECK(write_format(in, to.meta, namespace_format));
  return write_value(in, to.meta, config_key, [&](byte_writer& out) {
    out.varint(config.dimension);
    out.u8(static_cast<std::uint8_t>(config.distance));
    out.u8(static_cast<std::uint8_t>(config.index.kind));
    out.varint(config.index.m);
    out.varint(config.index.ef_construction);
    out.varint(config.index.ef_search);
    out.u64(config.index.seed);
    out.varint(config.shards);
    out.text(config.embedder);
    out.u8(static_cast<std::uint8_t>(config.index.quantization));
    out.u8(static_cast<std::uint8_t>(config.index.memory));
    out.varint(config.index.nlist);
    out.varint(config.index.nprobe);
    out.varint(config.index.nbits);
    write_fields(config, out);
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
