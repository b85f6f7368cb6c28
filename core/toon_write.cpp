#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/format.hpp"
#include "core/text_forms.hpp"
#include "core/toon.hpp"
#include "core/toon_forms.hpp"

namespace hearth::inline core {

namespace {

using toon::column_type;

std::unexpected<error> bad(std::string_view what) {
  return fail(errc::invalid_argument, std::string(what));
}

void append_place(std::string& out, geo_point place) {
  out += "g\"";
  append_float(out, place.lat, false);
  out += ',';
  append_float(out, place.lon, false);
  out += '"';
}

// Writes values where no type says what they are. Errors do not say where: the caller knows.
class value_writer {
 public:
  explicit value_writer(std::string& out) : out_(out) {}

  result<void> write(const typed_value& from, std::size_t depth = 0) {
    return std::visit([&](const auto& content) { return put(content, depth); }, from.data());
  }

  result<void> name(std::string_view text) {
    if (!is_utf8(text))
      return bad("a name is not UTF-8");
    if (toon::is_plain_name(text))
      out_ += text;
    else
      append_quoted(out_, text);
    return {};
  }

 private:
  result<void> put(std::monostate, std::size_t) { return word("null"); }
  result<void> put(bool flag, std::size_t) { return word(flag ? "true" : "false"); }
  result<void> put(std::int64_t number, std::size_t) { return word(std::to_string(number)); }
  result<void> put(std::uint64_t number, std::size_t) { return word(std::to_string(number)); }
  result<void> put(double number, std::size_t) {
    if (std::isnan(number))
      return word("nan");
    if (std::isinf(number))
      return word(number < 0 ? "-inf" : "inf");
    append_float(out_, number);
    return {};
  }
  result<void> put(const std::string& text, std::size_t) {
    if (!is_utf8(text))
      return bad("a text is not UTF-8");
    if (toon::is_plain_string(text))
      out_ += text;
    else
      append_quoted(out_, text);
    return {};
  }
  result<void> put(const blob& from, std::size_t) {
    out_ += "b\"";
    append_base64(out_, from.bytes);
    return word("\"");
  }
  result<void> put(timestamp moment, std::size_t) {
    if (!is_valid(moment))
      return bad("a timestamp is outside of the years 1 to 9999");
    out_ += "t\"";
    out_ += to_string(moment);
    return word("\"");
  }
  result<void> put(geo_point place, std::size_t) {
    if (!is_valid(place))
      return bad("a place is not on the globe");
    append_place(out_, place);
    return {};
  }
  result<void> put(const typed_list& items, std::size_t depth) {
    HEARTH_CHECK(check(depth));
    out_ += '[';
    for (const auto& item : items) {
      out_ += &item == items.data() ? "" : ",";
      HEARTH_CHECK(write(item, depth + 1));
    }
    return word("]");
  }
  result<void> put(const typed_object& members, std::size_t depth) {
    HEARTH_CHECK(check(depth));
    std::set<std::string_view> names;
    out_ += '{';
    for (const auto& [key, member] : members) {
      if (!names.insert(key).second)
        return bad(core::format("member '{}' appears twice in an object", printable(key)));
      out_ += names.size() == 1 ? "" : ",";
      HEARTH_CHECK(name(key));
      out_ += ':';
      HEARTH_CHECK(write(member, depth + 1));
    }
    return word("}");
  }

  result<void> check(std::size_t depth) const {
    if (depth >= typed_value_depth)
      return fail(errc::limit_exceeded,
                  core::format("nests deeper than {} levels", typed_value_depth));
    return check_size();
  }
  result<void> word(std::string_view text) {
    out_ += text;
    return check_size();
  }
  result<void> check_size() const {
    if (out_.size() > limits::table_text_bytes)
      return fail(
          errc::limit_exceeded,
          core::format("the text takes more than {}", format_bytes(limits::table_text_bytes)),
          "write fewer rows at a time");
    return {};
  }

  std::string& out_;
};

// What all values of a column are, leaving out those that are null or missing.
class column_profile {
 public:
  void see(const typed_value& from) {
    if (from.is_null())
      return;
    ++values_;
    if (const auto* const text = from.get_if<std::string>()) {
      ++strings_;
      saved_ += toon::is_bare(*text) && !toon::is_plain_string(*text) ? 2 : 0;
    } else if (const auto* const number = from.get_if<double>()) {
      ++reals_;
      if (std::isfinite(*number)) {
        std::string with;
        append_float(with, *number);
        saved_ += with.ends_with(".0") ? 2 : 0;
      }
    } else if (from.get_if<blob>() != nullptr) {
      ++blobs_;
      saved_ += 3;
    } else if (from.get_if<timestamp>() != nullptr) {
      ++times_;
      saved_ += 3;
    }
  }

  // A type is written where it makes the text shorter.
  [[nodiscard]] column_type type() const {
    for (const auto& [kind, count] :
         {std::pair(column_type::str, strings_), std::pair(column_type::real, reals_),
          std::pair(column_type::bytes, blobs_), std::pair(column_type::time, times_)})
      if (count == values_ && count != 0 && saved_ > 1 + type_text(kind).size())
        return kind;
    return column_type::any;
  }

  static std::string_view type_text(column_type type) {
    return std::ranges::find(toon::type_names, type, &toon::type_name::type)->name;
  }

 private:
  std::size_t values_ = 0, strings_ = 0, reals_ = 0, blobs_ = 0, times_ = 0;
  std::size_t saved_ = 0;  // bytes that the type would save
};

class table_writer {
 public:
  explicit table_writer(const toon_table& table) : table_(table), values_(out_) {}

  result<std::string> write() {
    HEARTH_CHECK(values_.name(table_.name));
    out_ += core::format("[{}]{{", table_.rows.size());
    HEARTH_CHECK(write_header());
    out_ += "}:";
    for (std::size_t row = 0; row < table_.rows.size(); ++row) {
      out_ += row == 0 ? "" : ";";
      HEARTH_CHECK(write_row(row));
    }
    return std::move(out_);
  }

 private:
  result<void> write_header() {
    std::set<std::string_view> names;
    for (std::size_t row = 0; row < table_.rows.size(); ++row)
      if (table_.rows[row].size() != table_.columns.size())
        return bad(core::format("row {} has {} cells for {} columns", row, table_.rows[row].size(),
                                table_.columns.size()));
    for (std::size_t column = 0; column < table_.columns.size(); ++column) {
      const auto& name = table_.columns[column];
      if (!names.insert(name).second)
        return bad(core::format("column '{}' appears twice", printable(name)));
      column_profile profile;
      for (const auto& row : table_.rows)
        if (row[column])
          profile.see(*row[column]);
      types_.push_back(profile.type());
      out_ += column == 0 ? "" : ",";
      HEARTH_CHECK(values_.name(name));
      if (types_.back() != column_type::any) {
        out_ += ':';
        out_ += column_profile::type_text(types_.back());
      }
    }
    return {};
  }

  result<void> write_row(std::size_t row) {
    for (std::size_t column = 0; column < types_.size(); ++column) {
      out_ += column == 0 ? "" : ",";
      const auto& cell = table_.rows[row][column];
      if (!cell) {
        out_ += toon::missing;
        continue;
      }
      if (auto written = write_cell(*cell, types_[column]); !written) {
        auto failure = std::move(written).error();
        failure.message = core::format("row {}, column '{}': {}", row,
                                       printable(table_.columns[column]), failure.message);
        return std::unexpected(std::move(failure));
      }
    }
    return {};
  }

  result<void> write_cell(const typed_value& cell, column_type type) {
    const auto* const text = cell.get_if<std::string>();
    if (type == column_type::str && text != nullptr && toon::is_bare(*text) && is_utf8(*text)) {
      out_ += *text;
      return {};
    }
    const auto* const number = cell.get_if<double>();
    if (type == column_type::real && number != nullptr && std::isfinite(*number)) {
      append_float(out_, *number, false);
      return {};
    }
    const auto* const moment = cell.get_if<timestamp>();
    if (type == column_type::time && moment != nullptr && is_valid(*moment)) {
      out_ += to_string(*moment);
      return {};
    }
    if (const auto* const from = cell.get_if<blob>();
        type == column_type::bytes && from != nullptr) {
      std::string word;
      append_base64(word, from->bytes);
      if (!word.empty() && word != "null") {
        out_ += word;
        return {};
      }
    }
    return values_.write(cell);
  }

  const toon_table& table_;
  std::string out_;
  value_writer values_;
  std::vector<column_type> types_;
};

}  // namespace

toon_table toon_table_of(std::string name, const std::vector<typed_object>& rows,
                         std::vector<std::string> columns) {
  toon_table table{.name = std::move(name), .columns = std::move(columns)};
  std::map<std::string, std::size_t, std::less<>> places;
  for (const auto& column : table.columns)
    places.try_emplace(column, places.size());
  for (const auto& row : rows)
    for (const auto& [column, cell] : row)
      if (places.try_emplace(column, places.size()).second)
        table.columns.push_back(column);
  table.rows.reserve(rows.size());
  for (const auto& row : rows) {
    auto& cells = table.rows.emplace_back(table.columns.size());
    for (const auto& [column, cell] : row)
      cells[places.find(column)->second] = cell;
  }
  return table;
}

result<std::string> write_toon(const toon_table& table) {
  return table_writer(table).write();
}

}  // namespace hearth::inline core
