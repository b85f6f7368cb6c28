#include "engine/text/stemmer.hpp"

#include <libstemmer.h>

#include <algorithm>
#include <cstring>

#include "core/checksum.hpp"
#include "core/format.hpp"

namespace hearth::engine::text {

namespace {

constexpr std::size_t cached_words = 4096;

}  // namespace

std::span<const std::string_view> stemming_languages() {
  static const auto languages = [] {
    std::vector<std::string_view> names{no_language};
    for (const char** name = sb_stemmer_list(); *name != nullptr; ++name)
      names.emplace_back(*name);
    std::sort(names.begin() + 1, names.end());
    return names;
  }();
  return languages;
}

stemmer::stemmer(sb_stemmer* handle)
    : handle_(handle), cache_(handle != nullptr ? cached_words : 0) {}

stemmer::~stemmer() {
  if (handle_ != nullptr)
    sb_stemmer_delete(handle_);
}

result<std::unique_ptr<stemmer>> stemmer::make(std::string_view language) {
  const auto languages = stemming_languages();
  if (std::ranges::find(languages, language) == languages.end()) {
    std::string names;
    for (const auto name : languages)
      names.append(names.empty() ? "" : ", ").append(name);
    return fail(errc::invalid_argument,
                core::format("language is \"{}\"; it can be {}", printable(language), names),
                "\"none\" leaves words as they are, and fits every language");
  }
  sb_stemmer* handle = nullptr;
  if (language != no_language) {
    handle = sb_stemmer_new(std::string(language).c_str(), nullptr);
    if (handle == nullptr)
      return fail(errc::internal, core::format("no memory for the stemmer of {}", language));
  }
  return std::unique_ptr<stemmer>(new stemmer(handle));
}

std::string_view stemmer::stem(std::string_view word) {
  if (handle_ == nullptr)
    return word;
  kept* cached = nullptr;
  if (word.size() <= kept::longest) {
    const auto hash = checksum(std::as_bytes(std::span(word.data(), word.size())));
    cached = &cache_[hash % cached_words];
    if (cached->word_size == word.size() &&
        std::memcmp(cached->word, word.data(), word.size()) == 0)
      return {cached->stem, cached->stem_size};
  }
  const auto* stem = sb_stemmer_stem(handle_, reinterpret_cast<const sb_symbol*>(word.data()),
                                     static_cast<int>(word.size()));
  const auto size = stem == nullptr ? 0 : sb_stemmer_length(handle_);
  if (size <= 0)
    return word;
  const std::string_view found(reinterpret_cast<const char*>(stem), static_cast<std::size_t>(size));
  if (cached != nullptr && found.size() <= kept::longest) {
    cached->word_size = static_cast<std::uint8_t>(word.size());
    cached->stem_size = static_cast<std::uint8_t>(found.size());
    std::memcpy(cached->word, word.data(), word.size());
    std::memcpy(cached->stem, found.data(), found.size());
  }
  return found;
}

}  // namespace hearth::engine::text
