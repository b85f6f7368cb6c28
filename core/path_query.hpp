#pragma once
// Rows made of paths: keys that share their first two segments are one row, and the rest of each
// path names a column. "users/alice/name" and "users/alice/address/city" are the columns "name" and
// "address/city" of the row "users/alice".
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "database.hpp"
#include "error.hpp"
#include "filter/filter.hpp"
#include "key_value.hpp"
#include "typed_value.hpp"

namespace hearth::inline core {

struct path_query {
  std::string prefix{};               ///< only keys that begin like this
  std::vector<std::string> select{};  ///< columns, in this order; empty: all that a row has
  std::optional<filter> where{};      ///< on columns; see docs/filters.md
  std::string path_column{};          ///< not empty: the row's path as a column of this name, first
  std::optional<std::string> order_by{};  ///< a column; rows without it come last. Else by path
  bool descending = false;                ///< with order_by
  std::uint64_t offset = 0;               ///< rows to leave out
  std::optional<std::uint64_t> limit{};
};

/// One run of a query, without input and output: ask for the page that it wants, and give it what
/// came, until it is done. Not thread-safe.
///
/// Rows are made while pages arrive, and the run ends with the page in which the limit is reached.
/// It holds the rows of one page, or, with order_by, offset and limit rows (all without a limit).
class path_query_run {
 public:
  /// The errors of validate() for the filter.
  [[nodiscard]] static result<path_query_run> start(path_query query);
  path_query_run(path_query_run&&) noexcept;
  path_query_run& operator=(path_query_run&&) noexcept;
  ~path_query_run();

  [[nodiscard]] bool done() const noexcept;
  /// Precondition: not done().
  [[nodiscard]] key_scan wanted() const;
  /// Takes the page that wanted() brought and answers the rows that are complete, in order: values
  /// of columns in the order of the query, or of the keys. invalid_argument if a column is named by
  /// bytes that are not UTF-8.
  [[nodiscard]] result<std::vector<typed_object>> take(key_page page);

 private:
  class state;
  explicit path_query_run(std::unique_ptr<state> made);

  std::unique_ptr<state> state_;
};

/// All rows of a query, with as many scans as that takes. Blocks.
[[nodiscard]] result<std::vector<typed_object>> query_paths(namespace_handle& from,
                                                            path_query query);

}  // namespace hearth::inline core
