#pragma once
// A deterministic, lexical embedding: hashed words and character n-grams. It knows spelling, not
// meaning; it exists so that Hearth works on text with no model installed.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/matrix_view.hpp"

namespace hearth::engine::text {

inline constexpr std::string_view lexical_embedder_name = "lexical";
inline constexpr std::uint32_t lexical_default_dimension = 384;

/// Embeds each text as one row of unit length (zeros for a text without letters or digits). The
/// same text gives the same bits on every machine and in every version of format 1.
/// Errors: invalid_argument for a dimension outside 8..65536.
[[nodiscard]] result<matrix> embed_lexical(std::span<const std::string_view> texts,
                                           std::uint32_t dimension);

}  // namespace hearth::engine::text
