#include "engine/index/codes/principal_components.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>

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

}  // namespace hearth::engine::index
