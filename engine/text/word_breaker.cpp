#include "engine/text/word_breaker.hpp"

#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/format.hpp"

namespace hearth::engine::text {

namespace {

constexpr char16_t typographic_apostrophe = 0x2019;

// What an ASCII character is to the rules of UAX #29, and its folded form.
enum class kind : std::uint8_t { other, letter, digit, extend, mid_letter_or_number, mid_number };

struct ascii_character {
  kind is = kind::other;
  char folded = 0;
};

constexpr auto ascii = [] {
  std::array<ascii_character, 128> table{};
  for (int c = 'a'; c <= 'z'; ++c) {
    table[static_cast<std::size_t>(c)] = {kind::letter, static_cast<char>(c)};
    table[static_cast<std::size_t>(c - 'a' + 'A')] = {kind::letter, static_cast<char>(c)};
  }
  for (int c = '0'; c <= '9'; ++c)
    table[static_cast<std::size_t>(c)] = {kind::digit, static_cast<char>(c)};
  table['_'] = {kind::extend, '_'};
  table['.'] = {kind::mid_letter_or_number, '.'};
  table['\''] = {kind::mid_letter_or_number, '\''};
  table[','] = {kind::mid_number, ','};
  table[';'] = {kind::mid_number, ';'};
  return table;
}();

const ascii_character& character(char c) noexcept {
  return ascii[static_cast<unsigned char>(c)];
}

bool is_ascii(std::string_view text) noexcept {
  unsigned char all = 0;
  for (const char c : text)
    all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

// Whether the character at `at` is within the word that it follows, which ends with `before`.
bool continues_word(std::string_view text, std::size_t at, kind before) noexcept {
  const auto is = character(text[at]).is;
  if (is == kind::letter || is == kind::digit || is == kind::extend)
    return true;
  if (is == kind::other || at + 1 == text.size())
    return false;
  const auto after = character(text[at + 1]).is;
  if (after != before)
    return false;
  return before == kind::digit || (before == kind::letter && is == kind::mid_letter_or_number);
}

}  // namespace

struct word_breaker::unicode {
  UBreakIterator* breaks = nullptr;
  const UNormalizer2* normalizer = nullptr;
  std::u16string text;
  std::u16string normal;

  ~unicode() {
    if (breaks != nullptr)
      ubrk_close(breaks);
  }

  // `from` in UTF-16, NFKC_Casefold, in `normal`; false if ICU fails.
  bool normalize(std::string_view from) {
    UErrorCode status = U_ZERO_ERROR;
    // UTF-16 never has more units than UTF-8 has bytes.
    text.resize(from.size());
    std::int32_t size = 0;
    u_strFromUTF8WithSub(text.data(), static_cast<std::int32_t>(text.size()), &size, from.data(),
                         static_cast<std::int32_t>(from.size()), 0xFFFD, nullptr, &status);
    if (U_FAILURE(status))
      return false;
    text.resize(static_cast<std::size_t>(size));
    normal.resize(text.size() + text.size() / 4 + 16);
    for (int tries = 0; tries < 2; ++tries) {
      status = U_ZERO_ERROR;
      size = unorm2_normalize(normalizer, text.data(), static_cast<std::int32_t>(text.size()),
                              normal.data(), static_cast<std::int32_t>(normal.size()), &status);
      if (status != U_BUFFER_OVERFLOW_ERROR)
        break;
      normal.resize(static_cast<std::size_t>(size) + 1);
    }
    if (U_FAILURE(status))
      return false;
    normal.resize(static_cast<std::size_t>(size));
    for (auto& c : normal) {
      if (c == typographic_apostrophe)
        c = u'\'';
      // Whether these join words changed from one version of ICU to the next.
      else if (c == u'@' || c == u':')
        c = u' ';
    }
    return true;
  }

  // Whether `normal` has a letter or a number there.
  [[nodiscard]] bool is_word(std::int32_t begin, std::int32_t end) const {
    for (auto at = begin; at < end;) {
      UChar32 c = 0;
      U16_NEXT(normal.data(), at, end, c);
      if ((U_GET_GC_MASK(c) & (U_GC_L_MASK | U_GC_N_MASK)) != 0)
        return true;
    }
    return false;
  }
};

word_breaker::word_breaker(std::unique_ptr<unicode> icu) : icu_(std::move(icu)) {}
word_breaker::~word_breaker() = default;

result<std::unique_ptr<word_breaker>> word_breaker::make() {
  auto icu = std::make_unique<unicode>();
  UErrorCode status = U_ZERO_ERROR;
  icu->normalizer = unorm2_getNFKCCasefoldInstance(&status);
  if (U_SUCCESS(status))
    icu->breaks = ubrk_open(UBRK_WORD, "", nullptr, 0, &status);
  if (U_FAILURE(status))
    return fail(errc::internal,
                core::format("ICU cannot split text into words: {}", u_errorName(status)),
                "install ICU with its data (Debian: libicu72)");
  return std::unique_ptr<word_breaker>(new word_breaker(std::move(icu)));
}

const std::vector<std::string_view>& word_breaker::split(std::string_view text) {
  if (!is_ascii(text))
    return split_unicode(text);
  words_.clear();
  split_ascii(text);
  return words_;
}

void word_breaker::split_ascii(std::string_view text) {
  folded_.resize(text.size());
  auto* out = folded_.data();
  for (std::size_t at = 0; at < text.size();) {
    auto before = character(text[at]).is;
    if (before != kind::letter && before != kind::digit && before != kind::extend) {
      ++at;
      continue;
    }
    const auto* const begin = out;
    bool is_word = false;
    do {
      before = character(text[at]).is;
      is_word |= before == kind::letter || before == kind::digit;
      *out++ = character(text[at]).folded;
      ++at;
    } while (at < text.size() && continues_word(text, at, before));
    if (is_word)
      words_.emplace_back(begin, out);
  }
}

const std::vector<std::string_view>& word_breaker::split_unicode(std::string_view text) {
  words_.clear();
  if (text.size() > INT32_MAX / 2 || !icu_->normalize(text))
    return words_;
  UErrorCode status = U_ZERO_ERROR;
  const auto& normal = icu_->normal;
  ubrk_setText(icu_->breaks, normal.data(), static_cast<std::int32_t>(normal.size()), &status);
  if (U_FAILURE(status))
    return words_;
  // A unit of UTF-16 takes three bytes at most.
  folded_.resize(3 * normal.size());
  auto* out = folded_.data();
  auto begin = ubrk_first(icu_->breaks);
  for (auto end = ubrk_next(icu_->breaks); end != UBRK_DONE;
       begin = end, end = ubrk_next(icu_->breaks)) {
    if (!icu_->is_word(begin, end))
      continue;
    std::int32_t size = 0;
    u_strToUTF8(out, static_cast<std::int32_t>(folded_.data() + folded_.size() - out), &size,
                normal.data() + begin, end - begin, &status);
    if (U_FAILURE(status)) {  // half of a surrogate pair: cannot come from UTF-8
      status = U_ZERO_ERROR;
      continue;
    }
    words_.emplace_back(out, static_cast<std::size_t>(size));
    out += size;
  }
  return words_;
}

std::string_view cut_utf8(std::string_view text, std::size_t max_bytes) noexcept {
  if (text.size() <= max_bytes)
    return text;
  while (max_bytes > 0 && (static_cast<unsigned char>(text[max_bytes]) & 0xC0U) == 0x80)
    --max_bytes;
  return text.substr(0, max_bytes);
}

}  // namespace hearth::engine::text
