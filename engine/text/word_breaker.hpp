#pragma once
// Splits a text into words, as Unicode does (UAX #29), folded for search (NFKC_Casefold).
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"

namespace hearth::engine::text {

/// Keeps what is slow to make. One thread at a time.
class word_breaker {
 public:
  /// internal if ICU lacks its data.
  [[nodiscard]] static result<std::unique_ptr<word_breaker>> make();
  ~word_breaker();
  word_breaker(const word_breaker&) = delete;
  word_breaker& operator=(const word_breaker&) = delete;

  /// The words of `text`, in order: what has a letter or a number. ASCII is split without ICU, to
  /// the same words. Valid until the next call. Bytes that are not UTF-8 count as U+FFFD.
  [[nodiscard]] const std::vector<std::string_view>& split(std::string_view text);
  /// Always by ICU.
  [[nodiscard]] const std::vector<std::string_view>& split_unicode(std::string_view text);

 private:
  struct unicode;
  explicit word_breaker(std::unique_ptr<unicode> icu);
  void split_ascii(std::string_view text);

  std::unique_ptr<unicode> icu_;
  std::string folded_;
  std::vector<std::string_view> words_;
};

/// `text` without what is behind `max_bytes`, cut at a character.
[[nodiscard]] std::string_view cut_utf8(std::string_view text, std::size_t max_bytes) noexcept;

}  // namespace hearth::engine::text
