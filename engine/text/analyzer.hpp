#pragma once
// From a text to the terms that it is found by.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/postings.hpp"

namespace hearth::engine::text {

struct text_options {
  /// Whose stems: one of stemming_languages(). "none": words as they are.
  std::string language = "none";
  /// Words that are left out. They count as positions, so phrases keep their gaps. The one word
  /// "english" stands for a list of English function words.
  std::vector<std::string> stop_words;

  friend bool operator==(const text_options&, const text_options&) = default;
};

/// Changes when other terms may come of the same text: an index that was made with another one has
/// to be made anew.
[[nodiscard]] std::string analyzer_version();

/// Function words of English.
[[nodiscard]] std::span<const std::string_view> english_stop_words();

/// The tokens of one text, and their bytes. Reuse it from text to text.
class token_list {
 public:
  /// Valid until the list changes.
  [[nodiscard]] std::span<const text_token> tokens() const noexcept { return tokens_; }

 private:
  friend class analyzer;
  std::string terms_;
  std::vector<std::uint32_t> ends_;  // in terms_
  std::vector<text_token> tokens_;
};

/// Unicode words, folded (NFKC_Casefold) and stemmed; at most limits::text_term_bytes bytes each.
/// Immutable: any number of threads may use one at once.
class analyzer {
 public:
  /// invalid_argument for "language" or "stop_words".
  [[nodiscard]] static result<analyzer> make(text_options options);
  analyzer(analyzer&&) noexcept;
  analyzer& operator=(analyzer&&) noexcept;
  ~analyzer();

  void analyze(std::string_view text, token_list& out) const;
  /// The folded words of `text`, neither stemmed nor left out: what a prefix is compared with.
  [[nodiscard]] std::vector<std::string> fold(std::string_view text) const;
  [[nodiscard]] const text_options& options() const noexcept;

 private:
  struct shared;
  class lease;
  explicit analyzer(std::unique_ptr<shared> state);

  std::unique_ptr<shared> state_;
};

}  // namespace hearth::engine::text
