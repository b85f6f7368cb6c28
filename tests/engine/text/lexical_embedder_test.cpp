#include "engine/text/lexical_embedder.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/checksum.hpp"
#include "core/limits.hpp"

namespace {

using hearth::errc;
using hearth::matrix;
using hearth::engine::text::embed_lexical;
using hearth::engine::text::lexical_default_dimension;

std::vector<float> embed(std::string_view text,
                         std::uint32_t dimension = lexical_default_dimension) {
  const auto embedded = embed_lexical({&text, 1}, dimension);
  REQUIRE(embedded.has_value());
  const auto row = embedded->view().row(0);
  return {row.begin(), row.end()};
}

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += double{a[i]} * double{b[i]};
  return sum;
}

double similarity(std::string_view a, std::string_view b) {
  return dot(embed(a), embed(b));
}

std::uint64_t bits_of(std::string_view text, std::uint32_t dimension) {
  const auto values = embed(text, dimension);
  return hearth::checksum(std::as_bytes(std::span(values)));
}

bool is_zero(const std::vector<float>& values) {
  return std::ranges::all_of(values, [](float value) { return value == 0.0F; });
}

const std::vector<std::string_view>& descriptions() {
  static const std::vector<std::string_view> texts{
      "nginx: small, powerful, scalable web/proxy server",
      "apache2: Apache HTTP Server",
      "lighttpd: fast webserver with minimal memory footprint",
      "gnuchess: Plays a game of chess, either against the user or against itself",
      "imagemagick: image manipulation programs -- binaries",
      "postgresql: object-relational SQL database (supported version)",
      "extundelete: utility to recover deleted files from ext3/ext4 partition",
      "libeigen3-dev: lightweight C++ template library for linear algebra",
      "mutt: text-based mailreader supporting MIME, GPG, PGP and threading",
      "firefox-esr: Mozilla Firefox web browser - Extended Support Release (ESR)",
      "gimp: GNU Image Manipulation Program",
      "vim: Vi IMproved - enhanced vi editor",
  };
  return texts;
}

// The description nearest to `query`.
std::string_view nearest(std::string_view query) {
  return *std::ranges::max_element(descriptions(), {}, [&](std::string_view description) {
    return similarity(query, description);
  });
}

}  // namespace

TEST_CASE("rows have unit length and the dimension asked for") {
  for (const std::uint32_t dimension : {8U, 100U, 384U, 1000U, 65'536U}) {
    const auto values = embed("small, powerful, scalable web/proxy server", dimension);
    CHECK(values.size() == dimension);
    CHECK(dot(values, values) == Approx(1.0).epsilon(1e-6));
  }
}

TEST_CASE("each text of a call is embedded as if it were alone") {
  const auto& texts = descriptions();
  const auto together = embed_lexical(texts, 384);
  REQUIRE(together.has_value());
  REQUIRE(together->rows() == texts.size());
  for (std::size_t row = 0; row < texts.size(); ++row) {
    const auto values = together->view().row(row);
    CHECK(std::vector<float>(values.begin(), values.end()) == embed(texts[row]));
  }
  const auto none = embed_lexical({}, 384);
  REQUIRE(none.has_value());
  CHECK(none->rows() == 0);
}

TEST_CASE("a text without letters or digits is a row of zeros") {
  for (const auto* text : {"", "   ", "\n\t", "?!... -- ///", "\xe2\x80\x94 \xe2\x82\xac",
                           "\xf0\x9f\x98\x80", "\xff\xfe\x80"}) {
    CAPTURE(text);
    CHECK(is_zero(embed(text)));
  }
  CHECK(is_zero(embed(std::string_view("\0\0\0", 3))));
  CHECK_FALSE(is_zero(embed("x")));
  CHECK_FALSE(is_zero(embed("the of and")));
}

TEST_CASE("dimensions outside 8 to 65536 are refused") {
  const std::string_view text = "web server";
  for (const std::uint32_t dimension : {0U, 7U, 65'537U, 0xffff'ffffU}) {
    const auto refused = embed_lexical({&text, 1}, dimension);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == errc::invalid_argument);
    CHECK(refused.error().message.find("8 to 65536") != std::string::npos);
  }
}

TEST_CASE("case and punctuation do not matter") {
  CHECK(embed("Web Server") == embed("web server"));
  CHECK(embed("web/server!") == embed("  web -- server"));
  CHECK(embed("\xc3\x89TUDE") == embed("\xc3\xa9tude"));              // É, é
  CHECK(embed("\xd0\x9c\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0") ==  // Москва
        embed("\xd0\xbc\xd0\xbe\xd1\x81\xd0\xba\xd0\xb2\xd0\xb0"));   // москва
  CHECK(embed("web server") != embed("server web"));
}

TEST_CASE("related texts are nearer than unrelated ones") {
  const std::array<std::array<std::string_view, 3>, 8> triples{{
      {"web server", "apache2: Apache HTTP Server", "gnuchess: Plays a game of chess"},
      {"image manipulation", "GNU Image Manipulation Program", "object-relational SQL database"},
      {"recover deleted files", "recovers a deleted file", "text-based mailreader"},
      {"database", "a small data base", "web browser"},
      {"compress files", "file compression utility", "chess engine"},
      {"programming in python", "python programming language", "language pack for German"},
      {"play chess", "a game of chess against the computer", "play music against silence"},
      {"\xe6\x95\xb0\xe6\x8d\xae\xe5\xba\x93",  // 数据库 in 我们使用数据库 and not in 天气很好
       "\xe6\x88\x91\xe4\xbb\xac\xe4\xbd\xbf\xe7\x94\xa8\xe6\x95\xb0\xe6\x8d\xae\xe5\xba\x93",
       "\xe5\xa4\xa9\xe6\xb0\x94\xe5\xbe\x88\xe5\xa5\xbd"},
  }};
  for (const auto& [text, related, unrelated] : triples) {
    CAPTURE(text, related, unrelated);
    CHECK(similarity(text, related) > similarity(text, unrelated) + 0.1);
  }
}

TEST_CASE("questions find package descriptions") {
  CHECK(nearest("powerful web server") == descriptions()[0]);
  CHECK(nearest("http server") == descriptions()[1]);
  CHECK(nearest("web server with a small memory footprint") == descriptions()[2]);
  CHECK(nearest("play chess against the computer") == descriptions()[3]);
  CHECK(nearest("sql databases") == descriptions()[5]);
  CHECK(nearest("undelete files") == descriptions()[6]);
  CHECK(nearest("linear algebra in C++") == descriptions()[7]);
  CHECK(nearest("reading mail") == descriptions()[8]);
  CHECK(nearest("browser for the web") == descriptions()[9]);
}

TEST_CASE("typing errors still find the text") {
  CHECK(nearest("postgersql databse") == descriptions()[5]);
  CHECK(nearest("linaer algbra libary") == descriptions()[7]);
  CHECK(nearest("recoverd delted fiels") == descriptions()[6]);
  CHECK(nearest("chees game") == descriptions()[3]);
  CHECK(similarity("lightweight", "lightwieght") > 0.3);
  CHECK(similarity("database", "databases") > 0.5);
  CHECK(similarity("database", "xylophone") < 0.2);
}

TEST_CASE("words written together are near the words apart") {
  CHECK(similarity("webserver", "web server") > similarity("webserver", "web") + 0.05);
  CHECK(similarity("webserver", "web server") > similarity("webserver", "server web") + 0.05);
}

TEST_CASE("function words weigh little") {
  CHECK(similarity("the server of the web", "server web") > 0.7);
  CHECK(similarity("the cat and the dog", "the web and the server") < 0.4);
}

TEST_CASE("invalid UTF-8 separates words and does no harm") {
  CHECK(embed("web\xffserver") == embed("web server"));
  CHECK(embed("web\xc3") == embed("web"));               // cut off
  CHECK(embed("web\xe2\x82") == embed("web"));           // cut off
  CHECK(embed("\xc0\xaf web") == embed("web"));          // overlong
  CHECK(embed("\xed\xa0\x80 web") == embed("web"));      // surrogate
  CHECK(embed("\xf4\x90\x80\x80 web") == embed("web"));  // beyond Unicode
  std::string every_byte;
  for (int high = 0; high < 256; ++high)
    for (int low = 0; low < 256; ++low)
      every_byte.append({static_cast<char>(high), static_cast<char>(low)});
  const auto values = embed(every_byte);
  CHECK(dot(values, values) == Approx(1.0).epsilon(1e-6));
}

TEST_CASE("long texts and endless words are embedded in bounded sections") {
  std::string text;
  for (int i = 0; i < 100'000; ++i)
    text += "word" + std::to_string(i) + (i % 3 == 0 ? "\n" : " ");
  const auto many = embed(text);
  CHECK(dot(many, many) == Approx(1.0).epsilon(1e-6));
  CHECK(hearth::all_finite(many));
  const auto endless = embed(std::string(1'000'000, 'a'));
  CHECK(dot(endless, endless) == Approx(1.0).epsilon(1e-6));
}

TEST_CASE("a word that is repeated counts sublinearly") {
  std::string repeated;
  for (int i = 0; i < 1'000; ++i)
    repeated += "server ";
  // In a dimension without collisions: about 1 / (1 + ln 1000).
  const auto share = dot(embed("chess " + repeated, 65'536), embed("chess", 65'536));
  CHECK(share > 0.08);
  CHECK(share < 0.16);
}

// Stored vectors and fresh queries meet across machines and releases: these bits are for good.
TEST_CASE("format 1 keeps its bits") {
  CHECK(bits_of("web server", 384) == 0x13af3638ea13d723);
  CHECK(bits_of("nginx: small, powerful, scalable web/proxy server", 384) == 0x9f29a2ccc28210c8);
  CHECK(bits_of("nginx: small, powerful, scalable web/proxy server", 1000) == 0xaa075326e39143f6);
  CHECK(bits_of("the quick brown fox jumps over the lazy dog and the other dog", 8) ==
        0x6216d734c22d4894);
  CHECK(bits_of("\xc3\x89t\xc3\xa9 \xe6\x95\xb0\xe6\x8d\xae\xe5\xba\x93 \xff 42", 384) ==
        0x7c118ac53b3c2cbc);
}
