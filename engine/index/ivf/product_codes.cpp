#include "engine/index/ivf/product_codes.hpp"

#include <algorithm>
#include <cmath>

#include "engine/index/ivf/kmeans.hpp"

namespace hearth::engine::index {
namespace {

constexpr std::uint32_t widest_part = 16;
constexpr std::uint32_t rounds = 10;

std::vector<double> variances_of(matrix_view sample) {
  std::vector<double> variances(sample.dimension());
  for (std::size_t d = 0; d < sample.dimension(); ++d) {
    double sum = 0;
    double squares = 0;
    for (std::size_t i = 0; i < sample.rows(); ++i) {
      const auto value = static_cast<double>(sample.row(i)[d]);
      sum += value;
      squares += value * value;
    }
    const auto rows = static_cast<double>(sample.rows());
    variances[d] = std::max(0.0, squares / rows - (sum / rows) * (sum / rows));
  }
  return variances;
}

// A dimension whose variance is v is worth log2(v / level) / 2 bits, if errors of variance `level`
// are accepted everywhere ("reverse water-filling" in Cover and Thomas, "Elements of information
// theory", 2006, section 10.3). Dimensions join a part until its bits are used up.
std::vector<std::uint32_t> starts_at_level(std::span<const double> variances, double level,
                                           std::uint32_t bits) {
  std::vector<std::uint32_t> starts{0};
  double worth = 0;
  for (std::uint32_t d = 0; d < variances.size(); ++d) {
    const double own = variances[d] > level ? std::log2(variances[d] / level) / 2 : 0;
    // To the nearer boundary: without this dimension or with it.
    if (d > starts.back() && (worth + own / 2 > bits || d - starts.back() == widest_part)) {
      starts.push_back(d);
      worth = 0;
    }
    worth += own;
  }
  return starts;
}

std::vector<std::uint32_t> divide(std::span<const double> variances, std::uint32_t parts,
                                  std::uint32_t bits) {
  const auto dimension = static_cast<std::uint32_t>(variances.size());
  std::vector<std::uint32_t> starts;
  if (parts >= dimension) {
    for (std::uint32_t d = 0; d < dimension; ++d)
      starts.push_back(d);
  } else {
    const double most = std::ranges::max(variances);
    // The lowest level at which the parts are not too many, by halving an interval of exponents.
    double low = -80;
    double high = 4;
    for (int step = 0; step < 40; ++step) {
      const double middle = (low + high) / 2;
      const bool fits = starts_at_level(variances, most * std::exp2(middle), bits).size() <= parts;
      (fits ? high : low) = middle;
    }
    starts = starts_at_level(variances, most * std::exp2(high), bits);
    if (starts.size() > parts) {  // parts of the greatest width are still too many
      starts.clear();
      for (std::uint32_t part = 0; part < parts; ++part)
        starts.push_back(static_cast<std::uint32_t>(std::uint64_t{part} * dimension / parts));
    }
  }
  starts.push_back(dimension);
  return starts;
}

}  // namespace

product_codes::model product_codes::learn(matrix_view sample, std::uint32_t parts,
                                          std::uint32_t bits, std::uint64_t seed) {
  model learned{bits, divide(variances_of(sample), parts, bits), {}};
  const std::uint32_t codewords = 1u << bits;
  // 4-bit codebooks need few rows.
  const std::size_t rows = std::min<std::size_t>(sample.rows(), bits == 4 ? 4096 : 16'384);
  const std::size_t step = sample.rows() / rows;
  learned.codebooks.reserve(sample.dimension() * codewords);
  std::vector<float> values;
  for (std::size_t part = 0; part + 1 < learned.starts.size(); ++part) {
    const std::uint32_t start = learned.starts[part];
    const std::uint32_t width = learned.starts[part + 1] - start;
    values.clear();
    for (std::size_t i = 0; i < rows; ++i) {
      const auto row = sample.row(i * step).subspan(start, width);
      values.insert(values.end(), row.begin(), row.end());
    }
    const auto centroids = kmeans({values.data(), rows, width}, {codewords, rounds, seed + part});
    for (std::uint32_t d = 0; d < width; ++d)
      for (std::uint32_t c = 0; c < codewords; ++c)
        learned.codebooks.push_back(centroids[c * width + d]);
  }
  return learned;
}

product_codes::product_codes(model learned)
    : model_(std::move(learned)), kernel_(kernels()), half_norms_(parts() * codewords()) {
  for (std::size_t part = 0; part < parts(); ++part)
    for (std::size_t d = 0; d < width(part); ++d)
      for (std::size_t c = 0; c < codewords(); ++c) {
        const float value = codebook(part)[d * codewords() + c];
        half_norms_[part * codewords() + c] += value * value / 2;
      }
}

void product_codes::encode(const float* vector, std::byte* codes, float* decoded) const {
  float products[256];
  std::fill_n(codes, code_bytes(), std::byte{0});
  for (std::size_t part = 0; part < parts(); ++part) {
    const std::uint32_t start = model_.starts[part];
    const float* const norms = half_norms_.data() + part * codewords();
    kernel_.column_products(vector + start, width(part), codebook(part), codewords(), products);
    std::size_t best = 0;
    for (std::size_t c = 1; c < codewords(); ++c)
      if (norms[c] - products[c] < norms[best] - products[best])
        best = c;
    for (std::size_t d = 0; d < width(part); ++d)
      decoded[start + d] = codebook(part)[d * codewords() + best];
    if (bits() == 8) {
      codes[part] = static_cast<std::byte>(best);
    } else {
      const bool high = part % 8 >= 4;
      codes[part / 8 * 4 + part % 4] |= static_cast<std::byte>(high ? best << 4 : best);
    }
  }
}

void product_codes::make_tables(const float* query, product_tables& tables) const {
  const std::size_t padded_parts = bits() == 4 ? groups() * 8 : parts();
  auto& products = tables.products_;
  products.resize(padded_parts * codewords());
  for (std::size_t part = 0; part < parts(); ++part)
    kernel_.column_products(query + model_.starts[part], width(part), codebook(part), codewords(),
                            products.data() + part * codewords());
  if (bits() == 8)
    return;
  std::fill(products.begin() + static_cast<std::ptrdiff_t>(parts() * codewords()), products.end(),
            0.0F);
  tables.lows_.resize(padded_parts);
  tables.lines_.resize(groups() * 2);
  kernel_.fast_scan.make_tables(products.data(), padded_parts, tables.lows_.data(),
                                tables.lines_.front().entries, &tables.fast_);
}

}  // namespace hearth::engine::index
