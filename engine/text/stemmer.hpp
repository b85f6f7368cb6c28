#pragma once
// Word stems by Snowball, behind RAII, with a cache.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

struct sb_stemmer;

namespace hearth::engine::text {

/// No stemming.
inline constexpr std::string_view no_language = "none";

/// What a language can be: "none" first, then Snowball's by name.
[[nodiscard]] std::span<const std::string_view> stemming_languages();

/// One thread at a time.
class stemmer {
 public:
  /// invalid_argument naming the field "language" if it is none of stemming_languages().
  [[nodiscard]] static result<std::unique_ptr<stemmer>> make(std::string_view language);
  ~stemmer();
  stemmer(const stemmer&) = delete;
  stemmer& operator=(const stemmer&) = delete;

  /// The stem of a folded word; the word itself if it has none. Valid until the next call.
  [[nodiscard]] std::string_view stem(std::string_view word);

 private:
  explicit stemmer(sb_stemmer* handle);

  // Words come again and again: the last of each hash is kept with its stem.
  struct kept {
    static constexpr std::size_t longest = 23;
    std::uint8_t word_size = 0;
    std::uint8_t stem_size = 0;
    char word[longest];
    char stem[longest];
  };

  sb_stemmer* handle_;  // none: no stemming
  std::vector<kept> cache_;
};

}  // namespace hearth::engine::text
