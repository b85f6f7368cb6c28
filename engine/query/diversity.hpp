#pragma once
// Choosing hits that are relevant and unlike each other.
#include <cstddef>
#include <span>
#include <vector>

#include "core/matrix_view.hpp"
#include "core/namespace_config.hpp"

namespace hearth::engine::query {

/// Maximal marginal relevance (Carbonell and Goldstein, "The use of MMR, diversity-based reranking
/// for reordering documents and producing summaries", 1998). Answers which of the candidates are
/// chosen, in the order of choosing: at most `count`, the first one being the most relevant.
///
/// `relevance` (the higher the better) and `vectors` have one entry per candidate. Both terms are
/// brought to 0..1: relevance by its least and most, similarity as 1 - distance / the greatest
/// distance between two candidates. Ties go to the earlier candidate. Takes time in proportion to
/// count times candidates, and to candidates squared once.
[[nodiscard]] std::vector<std::size_t> choose_diverse(std::span<const double> relevance,
                                                      matrix_view vectors, distance_kind distance,
                                                      double balance, std::size_t count);

}  // namespace hearth::engine::query
