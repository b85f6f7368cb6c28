#include "tools/csv.hpp"

#include <string_view>

namespace hearth::tools {
namespace {

constexpr int end_of_input = std::char_traits<char>::eof();
// Spreadsheets put it in front of the first column's name.
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

}  // namespace

int csv_reader::get() {
  const int next = input_.rdbuf()->sbumpc();
  if (next == end_of_input)
    return end_of_input;
  ++bytes_;
  if (next == '\n')
    ++current_line_;
  return next;
}

std::unexpected<error> csv_reader::refuse(errc code, const std::string& what) const {
  return fail(
      code, "line " + std::to_string(record_line_) + ": " + what,
      "fields with commas, quotes or line breaks must be quoted, quotes doubled (RFC 4180)");
}

result<csv_reader::stop> csv_reader::read_quoted(std::string& out) {
  for (;;) {
    const int next = get();
    if (next == end_of_input)
      return refuse(errc::invalid_argument, "a quoted field is never closed");
    if (next != '"') {
      if (bytes_ - record_start_ > max_record_bytes)
        return refuse(errc::limit_exceeded, "the record is longer than 64 MiB");
      out += static_cast<char>(next);
      continue;
    }
    switch (get()) {
    case '"':
      out += '"';
      break;
    case ',':
      return stop::field;
    case '\n':
      return stop::record;
    case '\r':
      if (input_.peek() != '\n')
        return refuse(errc::invalid_argument, "text after a closing quote");
      get();
      return stop::record;
    case end_of_input:
      return stop::end;
    default:
      return refuse(errc::invalid_argument, "text after a closing quote");
    }
  }
}

result<csv_reader::stop> csv_reader::read_field(std::string& out) {
  int next = get();
  if (next == '"')
    return read_quoted(out);
  for (;; next = get()) {
    switch (next) {
    case ',':
      return stop::field;
    case '\n':
      if (!out.empty() && out.back() == '\r')
        out.pop_back();
      return stop::record;
    case '"':
      if (bytes_ == byte_order_mark.size() + 1 && out == byte_order_mark) {
        out.clear();
        return read_quoted(out);
      }
      return refuse(errc::invalid_argument, "a quote inside an unquoted field");
    case end_of_input:
      if (!out.empty() && out.back() == '\r')
        out.pop_back();
      return stop::end;
    default:
      if (bytes_ - record_start_ > max_record_bytes)
        return refuse(errc::limit_exceeded, "the record is longer than 64 MiB");
      out += static_cast<char>(next);
    }
  }
}

result<bool> csv_reader::next(std::vector<std::string>& fields) {
  const bool first = bytes_ == 0;
  for (;;) {
    fields.clear();
    record_line_ = current_line_;
    record_start_ = bytes_;
    stop why = stop::field;
    while (why == stop::field) {
      fields.emplace_back();
      HEARTH_TRY(why, read_field(fields.back()));
    }
    if (first && fields.front().starts_with(byte_order_mark))
      fields.front().erase(0, byte_order_mark.size());
    const bool blank = fields.size() == 1 && fields.front().empty();
    if (!blank)
      return true;
    if (why == stop::end)
      return false;
  }
}

}  // namespace hearth::tools
