#include "engine/index/ivf/projection.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/index/codes/principal_components.hpp"

namespace hearth::engine::index {
namespace {

// Beyond this many dimensions a covariance matrix costs too much, and few directions matter.
constexpr std::uint32_t most_dimensions = 1024;
constexpr std::size_t most_rows = 1024;

// Those of the few rows span everything that can be learned from them: the eigenvectors of their
// inner products lead to the directions (Turk and Pentland, "Eigenfaces for recognition", 1991).
principal_directions components_of_few_rows(matrix_view sample) {
  using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const auto rows = static_cast<Eigen::Index>(std::min(sample.rows(), most_rows));
  const auto dimension = static_cast<Eigen::Index>(sample.dimension());
  const std::size_t step = std::max<std::size_t>(sample.rows() / most_rows, 1);
  row_major centred(rows, dimension);
  for (Eigen::Index i = 0; i < rows; ++i)
    std::ranges::copy(sample.row(static_cast<std::size_t>(i) * step),
                      centred.data() + i * dimension);
  const Eigen::RowVectorXf mean = centred.colwise().mean();
  centred.rowwise() -= mean;
  Eigen::MatrixXf products = Eigen::MatrixXf::Zero(rows, rows);
  products.selfadjointView<Eigen::Lower>().rankUpdate(centred, 1.0F / static_cast<float>(rows));
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXf> solved(products);

  principal_directions found;
  found.mean.assign(mean.data(), mean.data() + dimension);
  const double strongest = static_cast<double>(solved.eigenvalues()[rows - 1]);
  for (Eigen::Index c = rows; c-- > 0;) {  // Eigen sorts them rising
    const auto energy = static_cast<double>(solved.eigenvalues()[c]);
    // What rounding left over is no direction. NaN is passed on.
    if (energy <= strongest * 1e-6)
      break;
    const Eigen::VectorXf direction =
        (centred.transpose() * solved.eigenvectors().col(c)).normalized();
    found.components.insert(found.components.end(), direction.begin(), direction.end());
    found.energies.push_back(energy);
  }
  if (found.energies.empty()) {  // all rows are equal
    found.components.assign(static_cast<std::size_t>(dimension), 0.0F);
    found.components.front() = 1;
    found.energies.push_back(0);
  }
  return found;
}

}  // namespace

std::uint32_t projection::result_of_learning::components_for(double energy) const noexcept {
  const auto enough = std::ranges::find_if(energies, [&](double each) { return each >= energy; });
  const auto all = static_cast<std::uint32_t>(energies.size());
  return enough == energies.end() ? all : static_cast<std::uint32_t>(enough - energies.begin()) + 1;
}

projection::result_of_learning projection::learn(matrix_view sample, double energy,
                                                 std::size_t most) {
  auto found = sample.dimension() > most_dimensions ? components_of_few_rows(sample)
                                                    : principal_components(sample);
  if (!std::ranges::all_of(found.energies, [](double each) { return std::isfinite(each); }))
    return {};
  const double total = std::accumulate(found.energies.begin(), found.energies.end(), 0.0);
  result_of_learning learned;
  double reached = 0;
  for (const double each : found.energies) {
    reached += each;
    learned.energies.push_back(total > 0 ? reached / total : 1);
  }
  const std::size_t count = std::min<std::size_t>(learned.components_for(energy), most);
  learned.energies.resize(count);
  found.components.resize(count * sample.dimension());
  learned.space = {std::move(found.mean), std::move(found.components)};
  return learned;
}

projection::projection(model learned)
    : model_(std::move(learned)), kernel_(kernels()),
      from_(static_cast<std::uint32_t>(model_.mean.size())),
      to_(static_cast<std::uint32_t>(model_.components.size() / model_.mean.size())),
      width_((to_ + 15) / 16 * 16), matrix_(from_ * width_) {
  for (std::size_t c = 0; c < to_; ++c)
    for (std::size_t d = 0; d < from_; ++d)
      matrix_[d * width_ + c] = model_.components[c * from_ + d];
}

float projection::apply(const float* point, float* out) const {
  thread_local std::vector<float> centred;
  centred.resize(from_);
  for (std::size_t d = 0; d < from_; ++d)
    centred[d] = point[d] - model_.mean[d];
  turn(centred.data(), out);
  return std::max(0.0F,
                  kernel_.squared_norm(centred.data(), from_) - kernel_.squared_norm(out, to_));
}

void projection::turn(const float* direction, float* out) const noexcept {
  kernel_.column_products(direction, from_, matrix_.data(), width_, out);
}

}  // namespace hearth::engine::index
