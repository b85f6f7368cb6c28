#pragma once
// Filters evaluated on encoded metadata, in place.
#include <cstdint>
#include <memory>

#include "core/bytes.hpp"
#include "core/filter/filter.hpp"

namespace hearth::inline core {

enum class filter_verdict : std::uint8_t {
  no,
  yes,
  damaged,  ///< what was read of the bytes is no metadata
};

/// A filter made ready: nodes in a row, in-lists sorted. Immutable, so any number of threads may
/// use one; copies share everything.
class compiled_filter {
 public:
  /// The errors of validate().
  [[nodiscard]] static result<compiled_filter> compile(const filter& tree);

  /// Whether a record matches. `metadata` is a map as encode_metadata writes it; no bytes stand for
  /// an empty one. Takes no memory and builds no values: reads the keys that the filter names, and
  /// steps over what comes before them.
  [[nodiscard]] filter_verdict matches(byte_span metadata) const noexcept;

 private:
  class program;
  explicit compiled_filter(std::shared_ptr<const program> steps) : program_(std::move(steps)) {}

  std::shared_ptr<const program> program_;
};

}  // namespace hearth::inline core
