#pragma once
// BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009), in
// double precision. Every score of Hearth comes from here, so equal inputs give equal bits.
#include <cmath>
#include <cstdint>

#include "core/postings.hpp"

namespace hearth::engine::text {

inline constexpr double bm25_k1 = 1.2;
inline constexpr double bm25_b = 0.75;

/// How much a term tells: ln((N - df + 0.5) / (df + 0.5) + 1), which is above 0 for any df <= N.
[[nodiscard]] inline double inverse_document_frequency(std::uint64_t documents,
                                                       std::uint64_t with_term) noexcept {
  const auto all = static_cast<double>(documents);
  const auto some = static_cast<double>(with_term);
  return std::log((all - some + 0.5) / (some + 0.5) + 1);
}

/// Scores the rows of one term in one field.
class term_scorer {
 public:
  term_scorer() = default;
  term_scorer(const text_statistics& field, std::uint64_t with_term, double weight) noexcept {
    const auto average =
        static_cast<double>(field.total_length) / static_cast<double>(field.documents);
    weight_ = weight * inverse_document_frequency(field.documents, with_term) * (bm25_k1 + 1);
    constant_ = bm25_k1 * (1 - bm25_b);
    per_word_ = bm25_k1 * bm25_b / average;
  }

  [[nodiscard]] double score(std::uint32_t frequency, std::uint32_t length) const noexcept {
    const auto tf = static_cast<double>(frequency);
    return weight_ * tf / (tf + constant_ + per_word_ * static_cast<double>(length));
  }

  /// No posting under `frontier` scores more. A little above, because sums are rounded.
  [[nodiscard]] double bound(const impact_frontier& frontier) const noexcept {
    double best = 0;
    for (const auto& point : frontier)
      best = std::fmax(best, score(point.frequency, point.length));
    return best * (1 + 1e-9);
  }

 private:
  double weight_ = 0;
  double constant_ = 0;
  double per_word_ = 0;
};

}  // namespace hearth::engine::text
