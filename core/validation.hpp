#pragma once
// What the validate() functions of core share. Checks of single rows run for every row of a batch,
// so they answer without building a message; the message is made once, for the row that failed.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/error.hpp"
#include "core/format.hpp"
#include "core/matrix_view.hpp"
#include "core/record_id.hpp"
#include "core/value.hpp"

namespace hearth::inline core::validation {

/// "<subject> <size><how>; the limit is <limit>" as limit_exceeded. Sizes that would look equal
/// when rounded are given in bytes.
[[nodiscard]] std::unexpected<error> too_large(std::string_view subject, std::uint64_t bytes,
                                               std::uint64_t limit, std::string hint = {},
                                               std::string_view how = {});

/// "<field> is <number>; the range is <low> to <high>" as invalid_argument, unless it is inside.
[[nodiscard]] result<void> in_range(std::string_view field, std::uint64_t number, std::uint64_t low,
                                    std::uint64_t high);

/// True if validate_id would accept `id`.
[[nodiscard]] bool is_valid_id(const record_id& id) noexcept;

/// True if validate_metadata would accept `metadata`; `bytes` is then its metadata_size.
[[nodiscard]] bool is_valid_metadata(const value_map& metadata, std::size_t& bytes);

/// dimension_mismatch, or invalid_argument naming the first value that is NaN or infinite.
[[nodiscard]] result<void> check_vectors(matrix_view vectors, std::uint32_t expected);

}  // namespace hearth::inline core::validation
