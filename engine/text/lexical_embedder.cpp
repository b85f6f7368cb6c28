// Format 1 of the lexical embedding. A text is split into words; its vector is the sum of
//   - each distinct word, hashed, by 1 + ln(occurrences), less for short words and stop words;
//   - the word's character 2- to 4-grams with boundary marks, as one bundle of fixed length, so
//     that a misspelt or inflected word stays near and a long word does not drown the others;
//   - each pair of neighbouring words, hashed as the two written together ("data base" is near
//     "database").
// Features are signed and hashed to coordinates (Weinberger et al., "Feature Hashing for Large
// Scale Multitask Learning", 2009; words to several coordinates as in Kane and Nelson, "Sparser
// Johnson-Lindenstrauss Transforms", 2014).
//
// The bits must not depend on the machine: all sums are integers (fixed point, 16 fractional bits),
// so their order does not matter; what remains is one square root and one division per value, which
// IEEE 754 rounds exactly. No multiplication meets an addition in floating point, so there is
// nothing that a compiler could fuse.
#include "engine/text/lexical_embedder.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "core/utf8.hpp"

namespace hearth::engine::text {

namespace {

__extension__ typedef unsigned __int128 uint128;

// Everything below here is format 1: a change of any constant is a new format. The weights were
// chosen by looking for Debian's package descriptions by three of their words, as they are and with
// two of them misspelt: 2- to 4-grams of this weight find misspelt words far better than 3- to
// 5-grams or lighter ones, and correct words as well.
using fixed = std::int64_t;
constexpr int fraction_bits = 16;
constexpr fixed one = fixed{1} << fraction_bits;

constexpr fixed word_weight = one;
constexpr fixed gram_weight = one * 16 / 10;  // length of a word's bundle of n-grams
constexpr fixed pair_weight = one * 4 / 10;
constexpr fixed stop_weight = one * 15 / 100;
// By the length of the word; the last one is for all longer words too.
constexpr std::array<fixed, 6> length_weights{one * 5 / 10, one * 5 / 10, one * 7 / 10,
                                              one * 9 / 10, one,          one * 11 / 10};

constexpr std::size_t gram_minimum = 2;
constexpr std::size_t gram_maximum = 4;
constexpr std::size_t word_coordinates = 4;   // each of a word's: its weight / sqrt(4)
constexpr std::size_t longest_word = 64;      // what runs on (a base64 blob) is the next word
constexpr std::size_t section_words = 4'096;  // occurrences are counted per section: bounded memory
constexpr std::uint32_t least_dimension = 8;

constexpr fixed times(fixed a, fixed b) {
  return (a * b) >> fraction_bits;
}

// --- Numbers without floating point ------------------------------------------------------------

constexpr std::uint64_t integer_sqrt(std::uint64_t value) {
  std::uint64_t root = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 31; bit != 0; bit >>= 1)
    if ((root | bit) * (root | bit) <= value)
      root |= bit;
  return root;
}

// ln(count) by repeated squaring of the mantissa: each squaring yields one bit of log2.
constexpr fixed natural_log(std::uint32_t count) {
  constexpr fixed ln_2 = 45'426;  // round(0.693147 * 2^16)
  int exponent = 0;
  for (std::uint32_t rest = count; rest > 1; rest >>= 1)
    ++exponent;
  std::uint64_t mantissa = (std::uint64_t{count} << 30) >> exponent;  // in [1, 2), 30 fraction bits
  fixed log_2 = fixed{exponent} << fraction_bits;
  for (int bit = fraction_bits - 1; bit >= 0; --bit) {
    mantissa = (mantissa * mantissa) >> 30;
    if (mantissa >= std::uint64_t{2} << 30) {
      mantissa >>= 1;
      log_2 += fixed{1} << bit;
    }
  }
  return times(log_2, ln_2);
}

static_assert(natural_log(1) == 0 && natural_log(2) == 45'426 && natural_log(1024) == 454'260);

constexpr auto occurrence_weights = [] {
  std::array<fixed, 64> weights{};
  for (std::uint32_t count = 1; count < weights.size(); ++count)
    weights[count] = one + natural_log(count);
  return weights;
}();

fixed occurrence_weight(std::size_t count) {
  return count < occurrence_weights.size() ? occurrence_weights[count]
                                           : one + natural_log(static_cast<std::uint32_t>(count));
}

// A word of n characters has 2 marks, so n + 2 - (g - 1) grams of length g.
constexpr std::size_t gram_count(std::size_t characters) {
  std::size_t count = 0;
  for (std::size_t length = gram_minimum; length <= gram_maximum; ++length)
    if (characters + 2 >= length)
      count += characters + 3 - length;
  return count;
}

// The weight of one gram, by the length of its word: gram_weight / sqrt(number of grams).
constexpr auto gram_weights = [] {
  std::array<fixed, longest_word + 1> weights{};
  for (std::size_t length = 1; length <= longest_word; ++length) {
    constexpr auto squared = static_cast<std::uint64_t>(gram_weight * gram_weight);
    weights[length] = static_cast<fixed>(integer_sqrt(squared / gram_count(length)));
  }
  return weights;
}();

// --- Hashing -------------------------------------------------------------------------------------

constexpr std::uint64_t word_seed = 0x9e37'79b9'7f4a'7c15;
constexpr std::uint64_t gram_seed = 0xc2b2'ae3d'27d4'eb4f;
constexpr char32_t boundary = 0x11'0000;  // beyond Unicode: no character of a word

constexpr std::uint64_t extend(std::uint64_t state, char32_t character) {
  state = (state ^ character) * 0xff51'afd7'ed55'8ccd;
  return state ^ (state >> 32);
}

// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014).
constexpr std::uint64_t finish(std::uint64_t state) {
  state = (state ^ (state >> 30)) * 0xbf58'476d'1ce4'e5b9;
  state = (state ^ (state >> 27)) * 0x94d0'49bb'1331'11eb;
  return state ^ (state >> 31);
}

constexpr std::uint64_t hash_ascii(std::string_view word) {
  auto state = word_seed;
  for (const char c : word)
    state = extend(state, static_cast<unsigned char>(c));
  return state;
}

// Function words of English: they say little about what a text is about.
constexpr auto stop_words = [] {
  constexpr std::array words{
      "a",     "about", "after", "all",  "also",  "an",   "and",  "any",   "are",  "as",    "at",
      "be",    "been",  "both",  "but",  "by",    "can",  "do",   "does",  "each", "for",   "from",
      "had",   "has",   "have",  "he",   "her",   "his",  "how",  "i",     "if",   "in",    "into",
      "is",    "it",    "its",   "many", "may",   "more", "most", "my",    "no",   "not",   "of",
      "on",    "one",   "only",  "or",   "other", "our",  "out",  "over",  "she",  "so",    "some",
      "such",  "than",  "that",  "the",  "their", "them", "then", "there", "they", "these", "this",
      "those", "to",    "under", "up",   "was",   "we",   "were", "what",  "when", "where", "which",
      "while", "who",   "will",  "with", "would", "you",  "your"};
  std::array<std::uint64_t, words.size()> hashes{};
  std::ranges::transform(words, hashes.begin(), hash_ascii);
  std::ranges::sort(hashes);
  return hashes;
}();

// --- Characters ----------------------------------------------------------------------------------

constexpr char32_t invalid = 0xffff'ffff;

// Decodes the character at `next` and moves on; a byte that begins none is `invalid` and skipped.
char32_t decode(const char*& next, const char* end) {
  const auto lead = static_cast<unsigned char>(*next);
  const auto length = lead < 0x80 ? 1 : utf8_sequence(next, end);
  char32_t character = length == 0 ? invalid : length == 1 ? lead : lead & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i)
    character = (character << 6) | (static_cast<unsigned char>(next[i]) & 0x3fU);
  next += std::max<std::size_t>(length, 1);
  return character;
}

struct character_range {
  char32_t first;
  char32_t last;
};

bool is_in(char32_t character, std::span<const character_range> ranges) {
  const auto after = std::ranges::upper_bound(ranges, character, {}, &character_range::first);
  return after != ranges.begin() && character <= std::prev(after)->last;
}

// Beyond ASCII everything is a letter but spaces, punctuation, symbols and private use.
constexpr std::array<character_range, 21> separators{{
    {0x80, 0xa9},       {0xab, 0xb4},     {0xb6, 0xb9},     {0xbb, 0xbf},     {0xd7, 0xd7},
    {0xf7, 0xf7},       {0x55a, 0x55f},   {0x589, 0x58a},   {0x60c, 0x60d},   {0x61b, 0x61f},
    {0x964, 0x965},     {0x2000, 0x206f}, {0x20a0, 0x20cf}, {0x2100, 0x2bff}, {0x3000, 0x3004},
    {0x3008, 0x3020},   {0x3030, 0x303f}, {0xe000, 0xf8ff}, {0xfe00, 0xff0f}, {0xff1a, 0xff20},
    {0xfff0, 0x1'00ff},
}};
constexpr std::array<character_range, 1> pictures{{{0x1'f000, 0x1'faff}}};

// Scripts written without spaces: every character is a word, and pairs make the words of two.
constexpr std::array<character_range, 4> spaceless{{
    {0x3005, 0x3007},
    {0x3041, 0x30ff},
    {0x3400, 0x9fff},
    {0x2'0000, 0x3'ffff},
}};

// Lower case for ASCII, Latin-1, Greek and Cyrillic; 0 for what separates words.
char32_t fold(char32_t character) {
  if (character < 0x80) {
    if (character >= 'A' && character <= 'Z')
      return character + ('a' - 'A');
    const bool kept =
        (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9');
    return kept ? character : 0;
  }
  if (character > 0x10'ffff || is_in(character, separators) || is_in(character, pictures))
    return 0;
  if ((character >= 0xc0 && character <= 0xde) || (character >= 0x391 && character <= 0x3a9) ||
      (character >= 0x410 && character <= 0x42f))
    return character + 32;
  if (character >= 0x400 && character <= 0x40f)
    return character + 80;
  return character;
}

// --- The embedding -------------------------------------------------------------------------------

// Embeds one text after the other; keeps its buffers. Not thread-safe.
class embedder {
 public:
  explicit embedder(std::uint32_t dimension) : sums_(dimension) {}

  void embed(std::string_view text, float* out) {
    std::ranges::fill(sums_, 0);
    const char* next = text.data();
    const char* end = next + text.size();
    while (next != end) {
      const auto character = fold(decode(next, end));
      const bool alone = character >= 0x3000 && is_in(character, spaceless);
      if (character == 0 || alone || letters_.size() - word_begin_ == longest_word)
        end_word();
      if (character != 0)
        push(character);
      if (alone)
        end_word();
    }
    end_word();
    end_section();
    normalize(out);
  }

 private:
  struct word {
    std::uint64_t hash;
    std::uint32_t begin;  // in letters_
    std::uint32_t length;
    fixed weight;  // without occurrences

    friend bool operator<(const word& a, const word& b) {
      return a.hash != b.hash ? a.hash < b.hash : a.begin < b.begin;
    }
  };
  struct pair {
    std::uint64_t hash;
    fixed weight;

    friend bool operator<(const pair& a, const pair& b) {
      return a.hash != b.hash ? a.hash < b.hash : a.weight < b.weight;
    }
  };

  void push(char32_t character) {
    letters_.push_back(character);
    word_hash_ = extend(word_hash_, character);
  }

  void end_word() {
    const auto length = letters_.size() - word_begin_;
    if (length == 0)
      return;
    auto weight = length_weights[std::min(length, length_weights.size()) - 1];
    if (std::ranges::binary_search(stop_words, word_hash_))
      weight = stop_weight;
    words_.push_back({word_hash_, static_cast<std::uint32_t>(word_begin_),
                      static_cast<std::uint32_t>(length), weight});
    if (words_.size() > 1)
      add_pair(words_[words_.size() - 2], words_.back());
    word_begin_ = letters_.size();
    word_hash_ = word_seed;
    if (words_.size() == section_words)
      end_section();
  }

  // The hash of a pair is that of the two words written together.
  void add_pair(const word& first, const word& second) {
    auto state = first.hash;
    for (std::uint32_t i = 0; i < second.length; ++i)
      state = extend(state, letters_[second.begin + i]);
    pairs_.push_back({state, times(first.weight, second.weight)});
  }

  void end_section() {
    add_words();
    add_pairs();
    words_.clear();
    pairs_.clear();
    letters_.clear();
    word_begin_ = 0;
  }

  void add_words() {
    std::ranges::sort(words_, std::less<>{});
    for (std::size_t i = 0, same = 0; i < words_.size(); i = same) {
      for (same = i + 1; same < words_.size() && words_[same].hash == words_[i].hash;)
        ++same;
      const auto weight = times(words_[i].weight, occurrence_weight(same - i));
      add_spread(words_[i].hash, times(weight, word_weight));
      add_grams(words_[i], times(weight, gram_weights[words_[i].length]));
    }
  }

  void add_pairs() {
    std::ranges::sort(pairs_, std::less<>{});
    for (std::size_t i = 0, same = 0; i < pairs_.size(); i = same) {
      for (same = i + 1; same < pairs_.size() && pairs_[same].hash == pairs_[i].hash;)
        ++same;
      const auto weight = times(pairs_[i].weight, occurrence_weight(same - i));
      add_spread(pairs_[i].hash, times(weight, pair_weight));
    }
  }

  void add_grams(const word& which, fixed weight) {
    std::array<char32_t, longest_word + 2> marked;
    const auto size = std::size_t{which.length} + 2;
    marked[0] = boundary;
    std::copy_n(letters_.begin() + which.begin, which.length, marked.begin() + 1);
    marked[size - 1] = boundary;
    for (std::size_t begin = 0; begin + gram_minimum <= size; ++begin) {
      auto state = gram_seed;
      const auto end = std::min(begin + gram_maximum, size);
      for (std::size_t i = begin; i < end; ++i) {
        state = extend(state, marked[i]);
        if (i + 1 >= begin + gram_minimum)
          add(finish(state), weight);
      }
    }
  }

  void add_spread(std::uint64_t hash, fixed weight) {
    static_assert(word_coordinates == 4, "the weight of each is half of the whole");
    for (std::size_t i = 0; i < word_coordinates; ++i)
      add(finish(hash + i * word_seed), weight / 2);
  }

  void add(std::uint64_t hash, fixed weight) {
    const auto coordinate = ((hash >> 32) * sums_.size()) >> 32;
    sums_[coordinate] += (hash & 1) != 0 ? weight : -weight;
  }

  void normalize(float* out) const {
    uint128 squares = 0;
    for (const auto sum : sums_) {
      const auto magnitude = static_cast<uint128>(sum < 0 ? -sum : sum);
      squares += magnitude * magnitude;
    }
    if (squares == 0) {
      std::fill_n(out, sums_.size(), 0.0F);
      return;
    }
    const auto length = std::sqrt(static_cast<double>(squares));
    for (std::size_t i = 0; i < sums_.size(); ++i)
      out[i] = static_cast<float>(static_cast<double>(sums_[i]) / length);
  }

  std::vector<fixed> sums_;
  std::vector<char32_t> letters_;  // of the section's words, folded
  std::vector<word> words_;
  std::vector<pair> pairs_;
  std::size_t word_begin_ = 0;
  std::uint64_t word_hash_ = word_seed;
};

}  // namespace

result<matrix> embed_lexical(std::span<const std::string_view> texts, std::uint32_t dimension) {
  if (dimension < least_dimension || dimension > limits::dimension)
    return fail(errc::invalid_argument,
                core::format("dimension is {}; the lexical embedder makes {} to {}", dimension,
                             least_dimension, limits::dimension));
  std::vector<float> values(texts.size() * dimension);
  embedder machine(dimension);
  for (std::size_t row = 0; row < texts.size(); ++row)
    machine.embed(texts[row], values.data() + row * dimension);
  return matrix(std::move(values), texts.size(), dimension);
}

}  // namespace hearth::engine::text
