#include "engine/index/codes/short_codes.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "engine/index/codes/principal_components.hpp"

namespace hearth::engine::index {
namespace {

constexpr std::size_t header_bytes = sizeof(float);
constexpr std::size_t row_unit = 64;
constexpr double wanted_energy = 0.92;
// The sample does not hold the extremes of what is to come.
constexpr float margin = 1.05F;

std::size_t padded(std::size_t bytes) noexcept {
  return (bytes + row_unit - 1) / row_unit * row_unit;
}

std::size_t code_bytes(std::size_t components, unsigned bits) noexcept {
  const std::size_t per_byte = bits == 7 ? 1 : 8 / bits;
  return (components + per_byte - 1) / per_byte;
}

// As many components as reach the wanted energy, and as many more as fill the row.
std::size_t component_count(std::span<const double> energies, std::size_t most_bytes) noexcept {
  const double total = std::accumulate(energies.begin(), energies.end(), 0.0);
  double reached = 0;
  std::size_t needed = 0;
  while (needed < energies.size() && (needed == 0 || reached < wanted_energy * total))
    reached += energies[needed++];
  std::size_t bytes = padded(needed + header_bytes);
  if (most_bytes != 0)
    bytes = std::min(bytes, most_bytes);
  return std::min(energies.size(), bytes - header_bytes);
}

// Where codes begin and how far they are apart.
void choose_range(std::span<const float> projected, short_codes::model& learned) {
  double squares = 0;
  float largest = 0;
  for (const float value : projected) {
    squares += static_cast<double>(value) * static_cast<double>(value);
    largest = std::max(largest, std::abs(value));
  }
  const auto deviation =
      static_cast<float>(std::sqrt(squares / static_cast<double>(projected.size())));
  // Coordinates after a random rotation are nearly normal: the ranges of least squared error.
  const float reach = learned.bits == 7   ? largest * margin
                      : learned.bits == 4 ? 2.7F * deviation
                                          : 0.798F * deviation;
  const auto largest_code = static_cast<float>((1U << learned.bits) - 1);
  learned.lowest = -reach;
  learned.step = reach > 0 ? 2 * reach / largest_code : 1;
}

const short_code_kernels& kernels_for(const kernel_table& table, unsigned bits) noexcept {
  return bits == 7 ? table.codes7 : bits == 4 ? table.codes4 : table.codes1;
}

}  // namespace

std::optional<short_codes> short_codes::train(matrix_view sample, const plan& wanted) {
  const std::size_t dimension = sample.dimension();
  model learned;
  if (wanted.kind == quantization_kind::pca) {
    auto found = principal_components(sample);
    if (!std::ranges::all_of(found.energies, [](double energy) { return std::isfinite(energy); }))
      return std::nullopt;
    found.components.resize(component_count(found.energies, wanted.most_bytes) * dimension);
    learned.mean = std::move(found.mean);
    learned.components = std::move(found.components);
  } else {
    learned.mean = mean_of(sample);
    if (wanted.kind != quantization_kind::sq8)
      learned.components = random_rotation(static_cast<std::uint32_t>(dimension), wanted.seed);
    if (wanted.kind != quantization_kind::sq8)
      learned.bits = wanted.kind == quantization_kind::rabitq ? 4 : 1;
  }
  short_codes codes(std::move(learned), wanted.distance);
  std::vector<float> projected(sample.rows() * codes.components());
  for (std::size_t i = 0; i < sample.rows(); ++i)
    codes.project(sample.row(i).data(), projected.data() + i * codes.components());
  choose_range(projected, codes.model_);
  if (!std::isfinite(codes.model_.step * codes.model_.step * static_cast<float>(dimension)))
    return std::nullopt;
  short_codes ready(std::move(codes.model_), wanted.distance);
  double errors = 0;
  for (std::size_t i = 0; i < sample.rows(); ++i)
    errors += static_cast<double>(ready.error_of(sample.row(i).data()));
  ready.model_.error = static_cast<float>(errors / static_cast<double>(sample.rows()));
  return ready;
}

short_codes::short_codes(model trained, distance_kind distance)
    : model_(std::move(trained)), distance_(distance), dimension_(model_.mean.size()),
      components_(model_.components.empty() ? dimension_ : model_.components.size() / dimension_),
      row_bytes_(padded(header_bytes + code_bytes(components_, model_.bits))),
      squared_step_(model_.step * model_.step), per_step_(1 / model_.step),
      largest_code_(static_cast<float>((1U << model_.bits) - 1)), kernel_(kernels()),
      code_kernels_(kernels_for(kernel_, model_.bits)) {
  if (!model_.components.empty())
    projection_.emplace(model_.components, dimension_);
}

bool short_codes::is_row(const std::byte* row) const noexcept {
  const auto* const codes = row + header_bytes;
  const auto* const end = codes + code_bytes(components_, model_.bits);
  const std::size_t last_bits = model_.bits == 7 ? 0 : components_ * model_.bits % 8;
  return std::isfinite(offset_of(row)) &&
         (model_.bits != 7 ||
          std::all_of(codes, end, [](std::byte code) { return code <= std::byte{127}; })) &&
         (last_bits == 0 || (end[-1] >> last_bits) == std::byte{0}) &&
         std::all_of(end, row + row_bytes_, [](std::byte rest) { return rest == std::byte{0}; });
}

void short_codes::distances(const std::byte* a, std::span<const std::byte* const> rows,
                            float* out) const noexcept {
  constexpr std::size_t block = 64;
  std::uint32_t sums[block];
  const float offset = offset_of(a);
  for (std::size_t first = 0; first < rows.size(); first += block) {
    const auto part = rows.subspan(first, std::min(block, rows.size() - first));
    code_kernels_.l2_squared_many(a, part.data(), part.size(), row_bytes_, sums);
    for (std::size_t i = 0; i < part.size(); ++i)
      out[first + i] = static_cast<float>(sums[i]) * squared_step_ + (offset + offset_of(part[i]));
  }
}

// Writes the coordinates of `vector` and answers its squared length, both relative to the mean.
float short_codes::project(const float* vector, float* out) const noexcept {
  if (model_.components.empty()) {
    for (std::size_t d = 0; d < dimension_; ++d)
      out[d] = vector[d] - model_.mean[d];
    return kernel_.squared_norm(out, dimension_);
  }
  thread_local std::vector<float> centred;
  centred.resize(dimension_);
  for (std::size_t d = 0; d < dimension_; ++d)
    centred[d] = vector[d] - model_.mean[d];
  const float squared_norm = kernel_.squared_norm(centred.data(), dimension_);
  if (!projection_->apply(centred.data(), squared_norm, out))
    kernel_.products(model_.components.data(), components_, dimension_, centred.data(), out);
  return squared_norm;
}

inline int short_codes::code_of(float coordinate) const noexcept {
  const float exact = (coordinate - model_.lowest) * per_step_ + 0.5F;
  return static_cast<int>(std::clamp(exact, 0.0F, largest_code_));
}

float short_codes::error_of(const float* vector) const noexcept {
  thread_local std::vector<float> projected;
  projected.resize(components_);
  const float length = project(vector, projected.data());
  const float covered = kernel_.squared_norm(projected.data(), components_);
  for (float& coordinate : projected)
    coordinate -= model_.lowest + model_.step * static_cast<float>(code_of(coordinate));
  return std::max(0.0F, length - covered) + kernel_.squared_norm(projected.data(), components_);
}

void short_codes::encode(const float* vector, std::byte* row) const noexcept {
  thread_local std::vector<float> projected;
  projected.resize(components_);
  float offset = project(vector, projected.data());
  const float covered = kernel_.squared_norm(projected.data(), components_);
  std::memset(row, 0, row_bytes_);
  std::byte* const codes = row + header_bytes;
  const unsigned bits = model_.bits;
  const std::size_t per_byte = bits == 7 ? 1 : 8 / bits;
  if (bits == 7) {
    for (std::size_t c = 0; c < components_; ++c)
      codes[c] = static_cast<std::byte>(code_of(projected[c]));
  } else {
    for (std::size_t c = 0; c < components_; ++c) {
      const int code = code_of(projected[c]);
      codes[c / per_byte] |= static_cast<std::byte>(code << c % per_byte * bits);
      projected[c] = model_.lowest + model_.step * static_cast<float>(code);
    }
  }
  // A difference of fine codes errs in proportion to the distance, which is small where it matters.
  // Single bits leave too much of the lengths to be corrected that way.
  offset = bits == 1 ? offset - kernel_.squared_norm(projected.data(), components_)
                     : std::max(0.0F, offset - covered);
  if (distance_ == distance_kind::dot)
    offset -= kernel_.squared_norm(vector, dimension_);
  std::memcpy(row, &offset, sizeof offset);
}

}  // namespace hearth::engine::index
