#include <catch2/catch.hpp>
#include <sstream>

#include "tools/terminal.hpp"

using namespace hearth::tools;
using namespace std::chrono_literals;

TEST_CASE("terminal: widths count columns, not bytes") {
  CHECK(display_width("abc") == 3);
  CHECK(display_width("ü") == 1);
  CHECK(display_width("日本") == 4);
  CHECK(display_width("e\xcc\x81") == 1);
  CHECK(display_width("\xff\xfe") == 2);
}

TEST_CASE("terminal: snippets are one line of bounded width") {
  CHECK(snippet("hello world", 20) == "hello world");
  CHECK(snippet("hello world", 8) == "hello w…");
  CHECK(snippet("  a \n\n b\tc  ", 20) == "a b c");
  CHECK(snippet("日本語", 4) == "日…");
  CHECK(snippet("日本語", 6) == "日本語");
  CHECK(snippet("abc", 0).empty());
  CHECK(snippet("", 5).empty());
  for (std::size_t width = 1; width < 12; ++width)
    CHECK(display_width(snippet("日 b本c 語 and more", width)) <= width);
}

TEST_CASE("terminal: stored escape sequences and bidi overrides do not reach the terminal") {
  const auto shown = snippet("a\x1b[2Jb\x9b"
                             "c\xe2\x80\xae"
                             "d\xc2\x9b"
                             "e",
                             40);
  CHECK(shown.find('\x1b') == std::string::npos);
  CHECK(shown.find("\xe2\x80\xae") == std::string::npos);
  CHECK(shown.find("\xc2\x9b") == std::string::npos);
  CHECK(shown.starts_with("a [2Jb"));
}

TEST_CASE("terminal: tables line up, numbers to the right") {
  table rows({{"id"}, {"n", table::align::right}, {"text"}});
  rows.add({"日", "1", "x"});
  rows.add({"long", "1000", ""});
  std::ostringstream out;
  rows.print(out);
  CHECK(out.str() == "id       n  text\n"
                     "日       1  x\n"
                     "long  1000\n");
}

TEST_CASE("terminal: numbers and durations for people") {
  CHECK(group_digits(0) == "0");
  CHECK(group_digits(999) == "999");
  CHECK(group_digits(1'234'567) == "1,234,567");
  CHECK(format_duration(850us) == "850 us");
  CHECK(format_duration(12'340us) == "12.3 ms");
  CHECK(format_duration(2'100ms) == "2.1 s");
  CHECK(format_duration(185s) == "3 m 05 s");
  CHECK(format_duration(7'260s) == "2 h 01 m");
}

TEST_CASE("terminal: a progress line tells share, rate and time left") {
  CHECK(progress_line(0.5, 1'000, 10s) ==
        "[############............] 50%  1,000 rows, 100 rows/s, 10.0 s left");
  CHECK(progress_line(1, 2'000, 10s) == "[########################] 100%  2,000 rows, 200 rows/s");
  CHECK(progress_line(-1, 30, 10s) == "30 rows, 3 rows/s");
}

TEST_CASE("terminal: an invisible progress bar writes nothing, a visible one clears itself") {
  std::ostringstream out;
  {
    progress_bar bar(out, false);
    bar.update(0.5, 10);
  }
  CHECK(out.str().empty());
  {
    progress_bar bar(out, true);
    bar.update(0.5, 10);
  }
  CHECK(out.str().starts_with("\r\x1b[K["));
  CHECK(out.str().ends_with("\r\x1b[K"));
}
