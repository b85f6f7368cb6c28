#include "engine/text/analyzer.hpp"

#include <unicode/uversion.h>

#include <algorithm>
#include <array>
#include <functional>
#include <mutex>
#include <unordered_set>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "core/value.hpp"
#include "engine/text/stemmer.hpp"
#include "engine/text/word_breaker.hpp"

namespace hearth::engine::text {

namespace {

constexpr std::string_view english_list = "english";

constexpr std::array<std::string_view, 33> english{
    "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
    "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
    "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with"};

// Looked up by views, without making strings.
struct view_hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept {
    return std::hash<std::string_view>()(text);
  }
};
using word_set = std::unordered_set<std::string, view_hash, std::equal_to<>>;

// What one thread needs to analyze a text.
struct scratch {
  std::unique_ptr<word_breaker> breaker;
  std::unique_ptr<stemmer> stems;
};

result<std::unique_ptr<scratch>> make_scratch(std::string_view language) {
  auto made = std::make_unique<scratch>();
  HEARTH_TRY(made->breaker, word_breaker::make());
  HEARTH_TRY(made->stems, stemmer::make(language));
  return made;
}

}  // namespace

std::string analyzer_version() {
  // 1: how this library cuts and folds. libstemmer does not say its version; ICU does.
  return core::format("1 icu {} snowball 2.2", U_ICU_VERSION);
}

std::span<const std::string_view> english_stop_words() {
  return english;
}

struct analyzer::shared {
  text_options options;
  word_set stop_words;
  std::mutex mutex;
  std::vector<std::unique_ptr<scratch>> idle;  // never empty after make(), but for those lent
};

// Takes a scratch out of the pool for one call.
class analyzer::lease {
 public:
  explicit lease(shared& from) : from_(from) {
    {
      const std::scoped_lock lock(from.mutex);
      if (!from.idle.empty()) {
        taken_ = std::move(from.idle.back());
        from.idle.pop_back();
      }
    }
    if (taken_ == nullptr)
      if (auto made = make_scratch(from.options.language))
        taken_ = *std::move(made);
  }
  ~lease() {
    if (taken_ == nullptr)
      return;
    const std::scoped_lock lock(from_.mutex);
    from_.idle.push_back(std::move(taken_));
  }
  lease(const lease&) = delete;
  lease& operator=(const lease&) = delete;
  // Null only if ICU, which worked before, has no memory.
  [[nodiscard]] scratch* get() const noexcept { return taken_.get(); }

 private:
  shared& from_;
  std::unique_ptr<scratch> taken_;
};

analyzer::analyzer(std::unique_ptr<shared> state) : state_(std::move(state)) {}
analyzer::analyzer(analyzer&&) noexcept = default;
analyzer& analyzer::operator=(analyzer&&) noexcept = default;
analyzer::~analyzer() = default;

result<analyzer> analyzer::make(text_options options) {
  HEARTH_TRY(auto first, make_scratch(options.language));
  if (options.stop_words.size() > limits::text_stop_words)
    return fail(errc::invalid_argument,
                core::format("stop_words has {} words; the limit is {}", options.stop_words.size(),
                             limits::text_stop_words));
  auto state = std::make_unique<shared>();
  for (const auto& word : options.stop_words) {
    if (options.stop_words.size() == 1 && word == english_list) {
      state->stop_words.insert(english.begin(), english.end());
      break;
    }
    const auto words =
        is_utf8(word) ? first->breaker->split(word) : std::vector<std::string_view>();
    if (words.size() != 1)
      return fail(errc::invalid_argument,
                  core::format("stop_words: \"{}\" is not one word", printable(word)),
                  "list words one by one, or the one word \"english\" for a list of Hearth's");
    state->stop_words.emplace(words[0]);
  }
  state->options = std::move(options);
  state->idle.push_back(std::move(first));
  return analyzer(std::move(state));
}

const text_options& analyzer::options() const noexcept {
  return state_->options;
}

void analyzer::analyze(std::string_view text, token_list& out) const {
  out.terms_.clear();
  out.ends_.clear();
  out.tokens_.clear();
  const lease lent(*state_);
  if (lent.get() == nullptr)
    return;
  const auto& words = lent.get()->breaker->split(text);
  const bool stops = !state_->stop_words.empty();
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (stops && state_->stop_words.contains(words[i]))
      continue;
    const auto word = cut_utf8(words[i], limits::text_term_bytes);
    out.terms_ += cut_utf8(lent.get()->stems->stem(word), limits::text_term_bytes);
    out.ends_.push_back(static_cast<std::uint32_t>(out.terms_.size()));
    out.tokens_.push_back({{}, static_cast<std::uint32_t>(i)});
  }
  // The bytes stay where they are from here on.
  std::uint32_t begin = 0;
  for (std::size_t i = 0; i < out.tokens_.size(); ++i) {
    out.tokens_[i].term = std::string_view(out.terms_).substr(begin, out.ends_[i] - begin);
    begin = out.ends_[i];
  }
}

std::vector<std::string> analyzer::fold(std::string_view text) const {
  std::vector<std::string> folded;
  const lease lent(*state_);
  if (lent.get() != nullptr)
    for (const auto word : lent.get()->breaker->split(text))
      folded.emplace_back(cut_utf8(word, limits::text_term_bytes));
  return folded;
}

}  // namespace hearth::engine::text
