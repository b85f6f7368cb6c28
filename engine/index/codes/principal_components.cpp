#include "engine/index/codes/principal_components.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <random>

namespace hearth::engine::index {

principal_directions principal_components(matrix_view sample) {
  const auto rows = static_cast<Eigen::Index>(sample.rows());
  const auto dimension = static_cast<Eigen::Index>(sample.dimension());
  using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const row_major> values(sample.values().data(), rows, dimension);
  const Eigen::RowVectorXf mean = values.colwise().mean();
  const row_major centred = values.rowwise() - mean;
  Eigen::MatrixXf covariance = Eigen::MatrixXf::Zero(dimension, dimension);
  covariance.selfadjointView<Eigen::Lower>().rankUpdate(centred.transpose(),
                                                        1.0F / static_cast<float>(rows));
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXf> solved(covariance);

  principal_directions found;
  found.mean.assign(mean.data(), mean.data() + dimension);
  found.components.reserve(static_cast<std::size_t>(dimension * dimension));
  found.energies.reserve(static_cast<std::size_t>(dimension));
  for (Eigen::Index c = dimension; c-- > 0;) {  // Eigen sorts them rising
    const auto direction = solved.eigenvectors().col(c);
    found.components.insert(found.components.end(), direction.begin(), direction.end());
    const auto energy = static_cast<double>(solved.eigenvalues()[c]);
    found.energies.push_back(energy < 0 ? 0 : energy);  // rounding; NaN stays
  }
  return found;
}

std::vector<float> random_rotation(std::uint32_t dimension, std::uint64_t seed) {
  // The orthonormal factor of a matrix of normal numbers. std::normal_distribution may differ
  // between standard libraries; sums of uniform numbers do not.
  std::mt19937_64 random(seed);
  const auto normal = [&] {
    double sum = -6;
    for (int i = 0; i < 12; ++i)
      sum += static_cast<double>(random() >> 11) * 0x1p-53;
    return static_cast<float>(sum);
  };
  Eigen::MatrixXf values(dimension, dimension);
  std::ranges::generate(values.reshaped(), normal);
  const Eigen::MatrixXf rotation = Eigen::HouseholderQR<Eigen::MatrixXf>(values).householderQ();
  return {rotation.data(), rotation.data() + rotation.size()};
}

std::vector<float> mean_of(matrix_view sample) {
  std::vector<double> sums(sample.dimension());
  for (std::size_t i = 0; i < sample.rows(); ++i)
    for (std::size_t d = 0; d < sums.size(); ++d)
      sums[d] += static_cast<double>(sample.row(i)[d]);
  std::vector<float> mean;
  for (const double sum : sums)
    mean.push_back(static_cast<float>(sum / static_cast<double>(sample.rows())));
  return mean;
}

}  // namespace hearth::engine::index
