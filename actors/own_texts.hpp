#pragma once
// Full text of what a transaction has written, ranked together with what is stored.
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/text/memory_postings.hpp"
#include "engine/text/text_plan.hpp"
#include "storage/transaction/overlay_view.hpp"

namespace hearth::actors {

/// The words of the transaction's own records. Immutable.
class own_texts {
 public:
  struct posting {
    engine::text::memory_posting where;
    std::vector<std::uint32_t> positions;
  };

  /// `own` outlives nothing of it. Errors: invalid_argument for a field that is no path.
  [[nodiscard]] static result<own_texts>
  analyze(const storage::own_rows& own, std::span<const engine::text::searched_field> fields,
          const storage::tokenize_text& tokenize);

  [[nodiscard]] text_statistics statistics(std::uint32_t field) const;
  /// Rising by row; empty if no record has the term.
  [[nodiscard]] std::span<const posting> find(std::uint32_t field, std::string_view term) const;
  [[nodiscard]] std::vector<std::string> terms(std::uint32_t field, std::string_view prefix,
                                               std::size_t limit) const;

 private:
  using term_key = std::pair<std::uint32_t, std::string>;

  void add(storage::row_id row, std::uint32_t field, std::span<const text_token> tokens);

  std::map<term_key, std::vector<posting>> postings_;
  std::map<std::uint32_t, text_statistics> statistics_;
};

/// The stored texts, or the own ones, with the statistics of both: so scores from either compare.
class joint_source final : public engine::text::posting_source {
 public:
  enum class side : std::uint8_t { stored, own };

  /// Both outlive it.
  joint_source(engine::text::posting_source& stored, const own_texts& own, side lists)
      : stored_(stored), own_(own), lists_(lists) {}

  result<text_statistics> statistics(std::uint32_t field) override;
  result<std::unique_ptr<engine::text::posting_list>> open(std::uint32_t field,
                                                           std::string_view term) override;
  result<std::vector<std::string>> terms(std::uint32_t field, std::string_view prefix,
                                         std::size_t limit) override;

 private:
  engine::text::posting_source& stored_;
  const own_texts& own_;
  const side lists_;
};

}  // namespace hearth::actors
