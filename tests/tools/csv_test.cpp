#include <catch2/catch.hpp>
#include <sstream>

#include "tools/csv.hpp"

using namespace hearth;
using namespace hearth::tools;

namespace {

using rows = std::vector<std::vector<std::string>>;

rows read(const std::string& text) {
  std::istringstream input(text);
  csv_reader reader(input);
  rows all;
  std::vector<std::string> fields;
  for (;;) {
    const auto more = reader.next(fields);
    REQUIRE(more.has_value());
    if (!*more)
      return all;
    all.push_back(fields);
  }
}

error failure_of(const std::string& text) {
  std::istringstream input(text);
  csv_reader reader(input);
  std::vector<std::string> fields;
  for (;;) {
    const auto more = reader.next(fields);
    if (!more)
      return more.error();
    REQUIRE(*more);
  }
}

}  // namespace

TEST_CASE("csv: plain fields, with and without a line break at the end") {
  CHECK(read("a,b\n1,2\n") == rows{{"a", "b"}, {"1", "2"}});
  CHECK(read("a,b\n1,2") == rows{{"a", "b"}, {"1", "2"}});
  CHECK(read("").empty());
  CHECK(read(",\n") == rows{{"", ""}});
  CHECK(read("a,") == rows{{"a", ""}});
}

TEST_CASE("csv: quotes keep commas, line breaks and doubled quotes") {
  CHECK(read("\"a,b\",\"c\"\"d\",\"e\nf\"\r\n") == rows{{"a,b", "c\"d", "e\nf"}});
  CHECK(read("\"\",x\n") == rows{{"", "x"}});
  CHECK(read("\"a\r\nb\",c\r\n1,2\r\n") == rows{{"a\r\nb", "c"}, {"1", "2"}});
}

TEST_CASE("csv: CRLF ends a record and is no part of the last field") {
  CHECK(read("a,b\r\n1,2\r\n3,4") == rows{{"a", "b"}, {"1", "2"}, {"3", "4"}});
  CHECK(read("a\r\nb\r") == rows{{"a"}, {"b"}});
}

TEST_CASE("csv: empty lines are skipped") {
  CHECK(read("a\n\n\r\nb\n\n") == rows{{"a"}, {"b"}});
}

TEST_CASE("csv: a byte order mark is no part of the first name") {
  CHECK(read("\xef\xbb\xbfid,x\n") == rows{{"id", "x"}});
  CHECK(read("\xef\xbb\xbf\"id\",x\n") == rows{{"id", "x"}});
  // U+FEFB begins with the same two bytes and is a letter.
  CHECK(read("\xef\xbb\xbb,x\n") == rows{{"\xef\xbb\xbb", "x"}});
}

TEST_CASE("csv: what breaks the quoting rules is refused with the line where the record began") {
  CHECK(failure_of("a,b\n1,x\"y\n").message == "line 2: a quote inside an unquoted field");
  CHECK(failure_of("a\n\"b\nc").message == "line 2: a quoted field is never closed");
  CHECK(failure_of("\"a\"b\n").message == "line 1: text after a closing quote");
  CHECK(failure_of("\"a\"\rb\n").message == "line 1: text after a closing quote");
  CHECK(failure_of("\"x\ny\nz\",1\n2,\"3\"4\n").message == "line 4: text after a closing quote");
}

TEST_CASE("csv: a record without an end does not take all memory") {
  class endless final : public std::streambuf {
   private:
    int_type underflow() override {
      setg(block_, block_, block_ + sizeof block_);
      return 'x';
    }
    char block_[4096] = {};
  };
  endless source;
  std::istream input(&source);
  csv_reader reader(input);
  std::vector<std::string> fields;
  const auto more = reader.next(fields);
  REQUIRE_FALSE(more.has_value());
  CHECK(more.error().code == errc::limit_exceeded);
}
