#pragma once
// Searches that ask for more than the nearest vectors: by text, by both, by examples; in groups,
// with diversity, with bounds and an offset. No actor in here: the search workers call it.
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "actors/read_source.hpp"
#include "core/query.hpp"

namespace hearth::actors {

/// One query after the other, each in one read view from the candidates to the answer. Candidates
/// by vector come from a search_run, whose view is the view; the text is searched in the same one.
class compound_search {
 public:
  /// The query was validated. Both outlive the search.
  compound_search(const read_source& from, const search_query& query);

  [[nodiscard]] result<search_result> run();

 private:
  using view_ptr = std::unique_ptr<storage::read_view>;

  /// What is known of one hit. NaN: that side did not bring it.
  struct hit {
    storage::row_id row = 0;
    double score = 0;  ///< the higher the better
    float distance = 0;
    double text_score = 0;
    value group{};
  };
  /// The best hits of one query so far, and whether a greater depth would bring more.
  struct hit_list {
    std::vector<hit> hits;
    bool more = false;
  };

  [[nodiscard]] result<void> find_examples();
  [[nodiscard]] std::size_t first_depth() const;
  [[nodiscard]] result<void> answer(std::size_t query, search_result& into);
  [[nodiscard]] result<hit_list> candidates(std::size_t query, std::size_t depth, view_ptr& view,
                                            search_result& into);
  [[nodiscard]] result<hit_list> by_vector(std::size_t query, std::size_t depth, view_ptr& view,
                                           search_result& into);
  [[nodiscard]] result<hit_list> by_text(std::size_t query, std::size_t depth,
                                         storage::read_view& view, search_result& into);
  [[nodiscard]] hit_list fused(const hit_list& by_vector, const hit_list& by_text) const;
  /// Leaves at most `limit` hits per value of the field; false if there are too few groups.
  [[nodiscard]] result<bool> group(storage::read_view& view, std::vector<hit>& hits) const;
  [[nodiscard]] result<void> diversify(storage::read_view& view, std::vector<hit>& hits) const;
  [[nodiscard]] result<void> append(storage::read_view& view, std::span<const hit> hits,
                                    search_result& into) const;
  [[nodiscard]] bool searches_vectors() const noexcept {
    return query_.vectors.rows() > 0 || example_.rows() > 0;
  }

  const read_source source_;
  const open_namespace& space_;
  const search_query& query_;
  const std::size_t vector_;  // the number of the vector that is searched
  matrix example_;            // the vector that stands for the examples
};

}  // namespace hearth::actors
