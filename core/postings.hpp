#pragma once
// What full text is made of, for those who analyze and rank it (engine) and those who store it
// (storage): tokens, and postings in blocks.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hearth::inline core {

/// A word of a text as it is searched for. Positions count words, also those that are left out.
struct text_token {
  std::string_view term;  ///< UTF-8 without NUL, 1 to limits::text_term_bytes bytes
  std::uint32_t position = 0;

  friend bool operator==(const text_token&, const text_token&) = default;
};

/// What a word adds to a row's score depends on these: how often it occurs there, and how many
/// words the text has.
struct impact {
  std::uint32_t frequency = 0;
  std::uint32_t length = 0;

  friend bool operator==(const impact&, const impact&) = default;
};

inline constexpr std::size_t posting_block_rows = 256;
inline constexpr std::size_t block_impacts = 4;
inline constexpr std::size_t term_impacts = 8;

/// No posting of a block is heavier than one of these: for each there is one here with at least its
/// frequency and at most its length. So the largest score of these is a bound, whatever the average
/// length is.
struct impact_frontier {
  std::size_t count = 0;
  std::array<impact, term_impacts> points{};  ///< the first `count`; frequency and length fall

  [[nodiscard]] const impact* begin() const noexcept { return points.data(); }
  [[nodiscard]] const impact* end() const noexcept { return points.data() + count; }
};

/// Collects what a frontier has to cover.
class frontier_builder {
 public:
  void add(impact point) noexcept;
  /// At most `limit` points that cover all that was added.
  [[nodiscard]] impact_frontier build(std::size_t limit) const;

 private:
  // The shortest length per frequency; the last one stands for all higher frequencies.
  static constexpr std::size_t kept_frequencies = 48;
  std::array<std::uint32_t, kept_frequencies> shortest_{};  // plus one; 0: none
  std::uint32_t highest_ = 0;
};

/// A block before it is decoded.
struct posting_block_head {
  std::uint64_t first = 0;  ///< row
  std::uint64_t last = 0;   ///< row
  std::size_t count = 0;    ///< of rows
  impact_frontier frontier;
};

/// A decoded block: rows rise.
struct posting_block {
  std::size_t count = 0;
  std::array<std::uint64_t, posting_block_rows> rows;
  std::array<std::uint32_t, posting_block_rows> frequencies;
  std::array<std::uint32_t, posting_block_rows> lengths;
};

/// Of one field. Only texts with at least one token count.
struct text_statistics {
  std::uint64_t documents = 0;
  std::uint64_t total_length = 0;  ///< in tokens

  friend bool operator==(const text_statistics&, const text_statistics&) = default;
};

}  // namespace hearth::inline core
