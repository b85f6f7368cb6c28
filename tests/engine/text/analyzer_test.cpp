#include "engine/text/analyzer.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <thread>

#include "core/limits.hpp"
#include "core/value.hpp"
#include "engine/text/stemmer.hpp"
#include "engine/text/word_breaker.hpp"

namespace {

using namespace hearth;
using namespace hearth::engine::text;

analyzer make(std::string language, std::vector<std::string> stop_words = {}) {
  auto made = analyzer::make({std::move(language), std::move(stop_words)});
  REQUIRE(made.has_value());
  return *std::move(made);
}

using words = std::vector<std::string>;

words terms_of(const analyzer& by, std::string_view text) {
  token_list list;
  by.analyze(text, list);
  words terms;
  for (const auto& token : list.tokens())
    terms.emplace_back(token.term);
  return terms;
}

errc refused(text_options options) {
  const auto made = analyzer::make(std::move(options));
  REQUIRE_FALSE(made.has_value());
  return made.error().code;
}

}  // namespace

TEST_CASE("words are folded, and what is neither letter nor number is left out") {
  const auto plain = make("none");
  REQUIRE(terms_of(plain, "Hello, World!  foo_bar x86-64 -- 3.14 (C++)") ==
          words{"hello", "world", "foo_bar", "x86", "64", "3.14", "c"});
  REQUIRE(terms_of(plain, "don't DON\u2019T 'quoted'") == words{"don't", "don't", "quoted"});
  REQUIRE(terms_of(plain, "\u00c9cole STRA\u00dfE stra\u00dfe") ==
          words{"\u00e9cole", "strasse", "strasse"});
  // Composed and decomposed, narrow and wide, and with a soft hyphen: the same words.
  REQUIRE(terms_of(plain, "e\u0301cole \uff21\uff22\uff23 \ufb01n co\u00adop") ==
          words{"\u00e9cole", "abc", "fin", "coop"});
  REQUIRE(terms_of(plain, "\U0001F600 \U0001F469\u200D\U0001F4BB ok \u2014 \u2026") == words{"ok"});
  REQUIRE(terms_of(plain, "me@example.com @you std::\u00e9 @\u00e9") ==
          words{"me", "example.com", "you", "std", "\u00e9", "\u00e9"});
  REQUIRE(terms_of(plain, "").empty());
  REQUIRE(terms_of(plain, "___ ... !?").empty());
}

TEST_CASE("Chinese, Japanese and Thai are split although they have no spaces") {
  const auto plain = make("none");
  REQUIRE(terms_of(plain, "\u6211\u7231\u5317\u4eac").size() >= 2);
  REQUIRE(terms_of(plain, "\u6771\u4eac\u306b\u884c\u304f").size() >= 3);
  REQUIRE(
      terms_of(plain, "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01")
          .size() >= 2);
}

TEST_CASE("words are stemmed in their language") {
  REQUIRE(terms_of(make("english"), "running runs easily databases") ==
          words{"run", "run", "easili", "databas"});
  REQUIRE(terms_of(make("german"), "H\u00e4user Haus laufen") == words{"haus", "haus", "lauf"});
  REQUIRE(terms_of(make("french"), "chevaux cheval") == words{"cheval", "cheval"});
  REQUIRE(terms_of(make("russian"), "\u043a\u043d\u0438\u0433\u0438")[0] ==
          terms_of(make("russian"), "\u043a\u043d\u0438\u0433\u0430")[0]);
  REQUIRE(terms_of(make("none"), "running runs") == words{"running", "runs"});
}

TEST_CASE("every language that is listed can be used") {
  const auto languages = stemming_languages();
  REQUIRE(languages.size() > 20);
  REQUIRE(languages.front() == "none");
  for (const auto language : languages)
    REQUIRE_FALSE(
        terms_of(make(std::string(language)), "caf\u00e9 \u03bb\u03cc\u03b3\u03bf\u03c2 42")
            .empty());
}

TEST_CASE("stop words are left out and still count as positions") {
  const auto by = make("english", {"english"});
  token_list list;
  by.analyze("The state of the ART", list);
  REQUIRE(list.tokens().size() == 2);
  REQUIRE(list.tokens()[0].position == 1);
  REQUIRE(list.tokens()[1].position == 4);
  REQUIRE(terms_of(make("none", {"\u00dcber", "foo"}), "\u00fcber FOO bar") == words{"bar"});
}

TEST_CASE("options that cannot be are refused, naming the field") {
  const auto made = analyzer::make({"klingon", {}});
  REQUIRE_FALSE(made.has_value());
  REQUIRE(made.error().code == errc::invalid_argument);
  REQUIRE(made.error().message.find("language") != std::string::npos);
  REQUIRE(made.error().message.find("german") != std::string::npos);
  REQUIRE(refused({"none", {"two words"}}) == errc::invalid_argument);
  REQUIRE(refused({"none", {"fine", ""}}) == errc::invalid_argument);
  REQUIRE(refused({"none", {"\xff"}}) == errc::invalid_argument);
  REQUIRE(refused({"none", words(limits::text_stop_words + 1, "a")}) == errc::invalid_argument);
  REQUIRE(analyzer::make({"none", words(limits::text_stop_words, "a")}).has_value());
}

TEST_CASE("long words are cut off at a character") {
  const auto plain = make("none");
  for (std::size_t letters = limits::text_term_bytes - 2; letters < limits::text_term_bytes + 3;
       ++letters) {
    const auto ascii = std::string(letters, 'a');
    REQUIRE(terms_of(plain, ascii)[0] == ascii.substr(0, limits::text_term_bytes));
    std::string mixed(letters % 2, 'x');
    for (std::size_t i = 0; i < letters; ++i)
      mixed += "\u00e9";
    const auto term = terms_of(plain, mixed)[0];
    REQUIRE(term.size() <= limits::text_term_bytes);
    REQUIRE(term.size() >= limits::text_term_bytes - 1);
    REQUIRE(is_utf8(term));
    REQUIRE(is_utf8(terms_of(make("french"), mixed)[0]));
  }
}

TEST_CASE("ASCII is split into the words that ICU finds") {
  auto breaker = word_breaker::make();
  REQUIRE(breaker.has_value());
  std::mt19937 random(5);
  constexpr std::string_view likely = "aB1_.',;: -\"\n\r\t09zZ\\/@#";
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 24, ' ');
    for (auto& c : text)
      c = random() % 4 == 0 ? static_cast<char>(random() % 128) : likely[random() % likely.size()];
    const auto own = (*breaker)->split(text);
    const words kept(own.begin(), own.end());
    const auto icu = (*breaker)->split_unicode(text);
    INFO(text);
    REQUIRE(kept == words(icu.begin(), icu.end()));
  }
}

TEST_CASE("bytes that are not UTF-8 are survived") {
  const auto by = make("english", {"english"});
  std::mt19937 random(6);
  token_list list;
  for (int round = 0; round < 3'000; ++round) {
    std::string text(random() % 40, ' ');
    for (auto& c : text)
      c = static_cast<char>(random() % 256);
    by.analyze(text, list);
    for (const auto& token : list.tokens()) {
      REQUIRE(is_utf8(token.term));
      REQUIRE(token.term.size() <= limits::text_term_bytes);
    }
  }
}

TEST_CASE("a token list is made anew by each text, and many threads may analyze at once") {
  const auto by = make("english");
  const std::string ascii = "a Quick brown fox jumps over lazy dogs ";
  const std::string other = "caf\u00e9 na\u00efve fa\u00e7ade";
  const auto expected = terms_of(by, ascii);
  const auto expected_other = terms_of(by, other);
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (auto& count : wrong)
    threads.emplace_back([&] {
      token_list list;
      for (int round = 0; round < 500; ++round) {
        const auto& text = round % 2 == 0 ? ascii : other;
        by.analyze(text, list);
        words terms;
        for (const auto& token : list.tokens())
          terms.emplace_back(token.term);
        count += terms != (round % 2 == 0 ? expected : expected_other) ? 1 : 0;
      }
    });
  for (auto& thread : threads)
    thread.join();
  REQUIRE(wrong == std::vector<int>(4));
}
