#include "core/typed_value.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "core/filter/scalar.hpp"
#include "core/format.hpp"
#include "core/text_forms.hpp"

namespace hearth::inline core {

namespace {

// What nlohmann's parser tells of a text, as values. Its own recursion is bounded (it has none);
// here lists and objects are kept on a stack of at most typed_value_depth.
class json_reader : public nlohmann::json_sax<nlohmann::json> {
 public:
  [[nodiscard]] typed_value take() { return std::move(root_); }

  bool null() override { return put(typed_value()); }
  bool boolean(bool flag) override { return put(flag); }
  bool number_integer(number_integer_t number) override { return put(std::int64_t{number}); }
  bool number_unsigned(number_unsigned_t number) override {
    return put(typed_value::of_number(number));
  }
  // A whole number that does not fit 64 bits arrives here, too.
  bool number_float(number_float_t number, const string_t& text) override {
    return text.find_first_of(".eE") != string_t::npos && put(number);
  }
  bool string(string_t& text) override { return put(std::move(text)); }
  bool binary(binary_t& /*bytes*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return open(true); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t /*size*/) override { return open(false); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    open_.back().name = std::move(name);
    return true;
  }
  bool parse_error(std::size_t /*position*/, const std::string& /*last_token*/,
                   const nlohmann::detail::exception& /*failure*/) override {
    return false;
  }

 private:
  struct container {
    bool is_object = false;
    typed_list items{};
    typed_object members{};
    std::string name{};  // of the member that comes next
  };

  bool open(bool is_object) {
    if (open_.size() == typed_value_depth)
      return false;
    open_.push_back({.is_object = is_object});
    return true;
  }

  bool close() {
    auto done = std::move(open_.back());
    open_.pop_back();
    return done.is_object ? put(last_of_each(std::move(done.members))) : put(std::move(done.items));
  }

  // The last of several members of one name counts.
  static typed_object last_of_each(typed_object members) {
    std::map<std::string_view, std::size_t> last;
    for (std::size_t i = 0; i < members.size(); ++i)
      last[members[i].first] = i;
    if (last.size() == members.size())
      return members;
    typed_object kept;
    for (std::size_t i = 0; i < members.size(); ++i)
      if (last.at(members[i].first) == i)
        kept.push_back(members[i]);
    return kept;
  }

  bool put(typed_value made) {
    if (open_.empty())
      root_ = std::move(made);
    else if (open_.back().is_object)
      open_.back().members.emplace_back(std::move(open_.back().name), std::move(made));
    else
      open_.back().items.push_back(std::move(made));
    return true;
  }

  std::vector<container> open_;
  typed_value root_;
};

// Most values are no JSON, and their first byte says so.
bool may_be_json(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos &&
         std::string_view("{[\"-0123456789tfn").find(text[first]) != std::string_view::npos;
}

// Writes JSON. Strict, it refuses what would not read back as the same value.
class json_writer {
 public:
  explicit json_writer(bool strict) : strict_(strict) {}

  std::string take() { return std::move(out_); }

  result<void> write(const typed_value& from, std::size_t depth = 0) {
    return std::visit([&](const auto& content) { return put(content, depth); }, from.data());
  }

 private:
  static std::unexpected<error> no_form(std::string_view what) {
    return fail(errc::invalid_argument,
                core::format("the value holds {}, which JSON has no form for", what),
                "store such a value as bytes, or write it as a text");
  }

  result<void> put(std::monostate, std::size_t) { return word("null"); }
  result<void> put(bool flag, std::size_t) { return word(flag ? "true" : "false"); }
  result<void> put(std::int64_t number, std::size_t) { return word(std::to_string(number)); }
  result<void> put(std::uint64_t number, std::size_t) { return word(std::to_string(number)); }
  result<void> put(double number, std::size_t) {
    if (!std::isfinite(number))
      return strict_ ? result<void>(no_form(std::isnan(number) ? "NaN" : "an infinity"))
                     : word("null");
    append_float(out_, number);
    return {};
  }
  result<void> put(const std::string& text, std::size_t) {
    if (strict_ && !is_utf8(text))
      return fail(errc::invalid_argument, "the value holds a text that is not UTF-8");
    append_quoted(out_, text);
    return {};
  }
  result<void> put(const blob& from, std::size_t) {
    if (strict_)
      return no_form("bytes");
    out_ += '"';
    append_base64(out_, from.bytes);
    return word("\"");
  }
  result<void> put(timestamp moment, std::size_t) {
    if (strict_)
      return no_form("a datetime");
    append_quoted(out_, to_string(moment));
    return {};
  }
  result<void> put(geo_point place, std::size_t depth) {
    if (strict_)
      return no_form("a GeoPoint");
    return put(typed_object{{"lat", place.lat}, {"lon", place.lon}}, depth);
  }
  result<void> put(const typed_list& items, std::size_t depth) {
    HEARTH_CHECK(check_depth(depth));
    out_ += '[';
    for (const auto& item : items) {
      out_ += &item == items.data() ? "" : ",";
      HEARTH_CHECK(write(item, depth + 1));
    }
    return word("]");
  }
  result<void> put(const typed_object& members, std::size_t depth) {
    HEARTH_CHECK(check_depth(depth));
    out_ += '{';
    for (const auto& member : members) {
      out_ += &member == members.data() ? "" : ",";
      HEARTH_CHECK(put(member.first, depth));
      out_ += ':';
      HEARTH_CHECK(write(member.second, depth + 1));
    }
    return word("}");
  }

  static result<void> check_depth(std::size_t depth) {
    if (depth >= typed_value_depth + 2)  // places add a level where they are spelled out
      return fail(errc::limit_exceeded, "the value nests too deep");
    return {};
  }
  result<void> word(std::string_view text) {
    out_ += text;
    return {};
  }

  std::string out_;
  const bool strict_;
};

result<void> check_nesting(const typed_value& from, std::size_t depth) {
  const auto* const items = from.get_if<typed_list>();
  const auto* const members = from.get_if<typed_object>();
  if ((items != nullptr || members != nullptr) && depth >= typed_value_depth)
    return fail(errc::limit_exceeded,
                core::format("the value nests deeper than {} levels", typed_value_depth));
  if (items != nullptr)
    for (const auto& item : *items)
      HEARTH_CHECK(check_nesting(item, depth + 1));
  if (members != nullptr)
    for (const auto& member : *members)
      HEARTH_CHECK(check_nesting(member.second, depth + 1));
  return {};
}

// null, bools, numbers, strings, bytes, timestamps, the others.
int rank_of(const typed_value& from) {
  struct rank {
    int operator()(std::monostate) const { return 0; }
    int operator()(bool) const { return 1; }
    int operator()(std::int64_t) const { return 2; }
    int operator()(std::uint64_t) const { return 2; }
    int operator()(double) const { return 2; }
    int operator()(const std::string&) const { return 3; }
    int operator()(const blob&) const { return 4; }
    int operator()(timestamp) const { return 5; }
    int operator()(geo_point) const { return 6; }
    int operator()(const typed_list&) const { return 6; }
    int operator()(const typed_object&) const { return 6; }
  };
  return std::visit(rank{}, from.data());
}

bool is_nan(const typed_value& from) {
  const auto* const number = from.get_if<double>();
  return number != nullptr && std::isnan(*number);
}

std::weak_ordering ordered(std::partial_ordering order) {
  if (order < 0)
    return std::weak_ordering::less;
  return order > 0 ? std::weak_ordering::greater : std::weak_ordering::equivalent;
}

// A uint64 above 2^63 against a float64, exactly: 2^63 taken from both keeps the order.
std::partial_ordering compare_large(std::uint64_t whole, double real) {
  constexpr double half = 9223372036854775808.0;
  return compare_exactly(static_cast<std::int64_t>(whole - (std::uint64_t{1} << 63U)), real - half);
}

std::weak_ordering compare_numbers(const typed_value& a, const typed_value& b) {
  if (is_nan(a) || is_nan(b))
    return is_nan(a) <=> is_nan(b);
  const auto* const large_a = a.get_if<std::uint64_t>();
  const auto* const large_b = b.get_if<std::uint64_t>();
  if (large_a != nullptr && large_b != nullptr)
    return *large_a <=> *large_b;
  if (large_a != nullptr) {
    const auto* const real = b.get_if<double>();
    return real == nullptr ? std::weak_ordering::greater : ordered(compare_large(*large_a, *real));
  }
  if (large_b != nullptr)
    return 0 <=> compare_numbers(b, a);
  const auto* const whole_a = a.get_if<std::int64_t>();
  const auto* const whole_b = b.get_if<std::int64_t>();
  if (whole_a != nullptr && whole_b != nullptr)
    return *whole_a <=> *whole_b;
  if (whole_a != nullptr)
    return ordered(compare_exactly(*whole_a, *b.get_if<double>()));
  if (whole_b != nullptr)
    return 0 <=> compare_numbers(b, a);
  return ordered(*a.get_if<double>() <=> *b.get_if<double>());
}

struct to_typed {
  typed_value operator()(const value_list& items) const {
    typed_list list;
    list.reserve(items.size());
    for (const auto& item : items)
      list.push_back(typed_value::of(item));
    return list;
  }
  typed_value operator()(const value_map& members) const { return typed_value::of(members); }
  typed_value operator()(std::monostate) const { return {}; }
  template <class T>
  typed_value operator()(const T& same) const {
    return same;
  }
};

struct to_metadata {
  value operator()(std::uint64_t number) const { return static_cast<double>(number); }
  value operator()(double number) const {
    return std::isnan(number) ? value(value_list()) : value(number);
  }
  value operator()(const blob&) const { return value_list(); }
  value operator()(const typed_list& items) const {
    value_list list;
    list.reserve(items.size());
    for (const auto& item : items)
      list.push_back(metadata_of(item));
    return list;
  }
  value operator()(const typed_object& members) const {
    value_map map;
    for (const auto& [name, member] : members)
      map.insert_or_assign(name, metadata_of(member));
    return map;
  }
  value operator()(std::monostate) const { return {}; }
  template <class T>
  value operator()(const T& same) const {
    return same;
  }
};

}  // namespace

typed_value typed_value::of_number(std::uint64_t number) {
  if (number <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return static_cast<std::int64_t>(number);
  typed_value large;
  large.data_ = number;
  return large;
}

typed_value typed_value::of(const value& from) {
  return std::visit(to_typed{}, from.data());
}

typed_object typed_value::of(const value_map& from) {
  typed_object members;
  members.reserve(from.size());
  for (const auto& [name, member] : from)
    members.emplace_back(name, of(member));
  return members;
}

typed_value typed_value_of(std::string_view stored) {
  if (may_be_json(stored)) {
    json_reader reader;
    if (nlohmann::json::sax_parse(stored.begin(), stored.end(), &reader))
      return reader.take();
  }
  return is_utf8(stored) ? typed_value(std::string(stored))
                         : typed_value(blob{std::string(stored)});
}

result<std::string> stored_bytes_of(const typed_value& from) {
  if (const auto* const bytes = from.get_if<blob>())
    return bytes->bytes;
  HEARTH_CHECK(check_nesting(from, 0));
  json_writer writer(true);
  HEARTH_CHECK(writer.write(from));
  return writer.take();
}

std::string json_text_of(const typed_value& from) {
  json_writer writer(false);
  return writer.write(from) ? writer.take() : std::string("null");
}

std::weak_ordering compare(const typed_value& a, const typed_value& b) {
  const int rank = rank_of(a);
  if (const int other = rank_of(b); rank != other)
    return rank <=> other;
  if (rank == 2)
    return compare_numbers(a, b);
  if (const auto* const flag = a.get_if<bool>())
    return *flag <=> *b.get_if<bool>();
  if (const auto* const text = a.get_if<std::string>())
    return text->compare(*b.get_if<std::string>()) <=> 0;
  if (const auto* const bytes = a.get_if<blob>())
    return bytes->bytes.compare(b.get_if<blob>()->bytes) <=> 0;
  if (const auto* const moment = a.get_if<timestamp>())
    return *moment <=> *b.get_if<timestamp>();
  return std::weak_ordering::equivalent;
}

value metadata_of(const typed_value& from) {
  return std::visit(to_metadata{}, from.data());
}

}  // namespace hearth::inline core
