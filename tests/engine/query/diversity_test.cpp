#include "engine/query/diversity.hpp"

#include <catch2/catch.hpp>

using namespace hearth;
using namespace hearth::engine::query;

namespace {

// Two that are nearly the same, and one that is apart.
const std::vector<float> values = {1.0F, 0.0F, 0.99F, 0.01F, 0.0F, 1.0F};
const matrix_view vectors(values.data(), 3, 2);
const std::vector<double> relevance = {0.9, 0.8, 0.5};

}  // namespace

TEST_CASE("without diversity the most relevant are chosen in order") {
  CHECK(choose_diverse(relevance, vectors, distance_kind::l2, 1.0, 3) ==
        std::vector<std::size_t>{0, 1, 2});
}

TEST_CASE("with diversity a hit that repeats the first one comes later") {
  CHECK(choose_diverse(relevance, vectors, distance_kind::l2, 0.5, 2) ==
        std::vector<std::size_t>{0, 2});
  CHECK(choose_diverse(relevance, vectors, distance_kind::cosine, 0.3, 3) ==
        std::vector<std::size_t>{0, 2, 1});
}

TEST_CASE("the first that is chosen is the most relevant, whatever the balance") {
  CHECK(choose_diverse(relevance, vectors, distance_kind::l2, 0.0, 1) ==
        std::vector<std::size_t>{0});
}

TEST_CASE("no more are chosen than there are") {
  CHECK(choose_diverse(relevance, vectors, distance_kind::l2, 0.5, 10).size() == 3);
  CHECK(choose_diverse({}, matrix_view(nullptr, 0, 2), distance_kind::l2, 0.5, 10).empty());
}

TEST_CASE("equal candidates are chosen in their order") {
  const std::vector<float> same(6, 1.0F);
  const std::vector<double> alike(3, 1.0);
  CHECK(choose_diverse(alike, matrix_view(same.data(), 3, 2), distance_kind::l2, 0.5, 3) ==
        std::vector<std::size_t>{0, 1, 2});
}
