#pragma once
// BM25 over a corpus as the books have it: every text is looked at, word by word.
#include <cmath>
#include <optional>
#include <tuple>

#include "engine/text/text_plan.hpp"
#include "engine/text/text_search.hpp"
#include "tests/engine/text/memory_source.hpp"

namespace hearth::engine::text::test {

/// Knows queries whose groups have more than exclusions, of words without capitals.
class plain_bm25 {
 public:
  plain_bm25(const corpus& texts, std::vector<searched_field> fields)
      : texts_(texts), fields_(std::move(fields)) {}

  [[nodiscard]] std::optional<double> score(const text_query& query, row_id row) const {
    double sum = 0;
    return matches(query, row, 1, sum) ? std::optional(sum) : std::nullopt;
  }

  [[nodiscard]] std::vector<scored_row> search(const text_query& query,
                                               const text_search_options& options) const {
    std::set<row_id> rows;
    for (const auto& [field, texts] : texts_)
      for (const auto& [row, words] : texts)
        rows.insert(row);
    std::vector<scored_row> found;
    for (const auto row : rows)
      if (const auto sum = score(query, row))
        if (*sum >= options.min_score.value_or(*sum) && (!options.accepts || options.accepts(row)))
          found.push_back({row, *sum});
    std::ranges::stable_sort(found, std::greater<>(), &scored_row::score);
    found.resize(std::min(found.size(), options.k));
    return found;
  }

 private:
  using text = std::vector<std::string>;

  [[nodiscard]] const text* text_of(std::uint32_t field, row_id row) const {
    const auto texts = texts_.find(field);
    if (texts == texts_.end())
      return nullptr;
    const auto found = texts->second.find(row);
    return found == texts->second.end() || found->second.empty() ? nullptr : &found->second;
  }

  static bool is(const std::string& word, const std::string& wanted, bool prefix) {
    return prefix ? word.starts_with(wanted) : word == wanted;
  }

  static std::size_t count(const text& words, const std::string& wanted, bool prefix) {
    return static_cast<std::size_t>(
        std::ranges::count_if(words, [&](const auto& word) { return is(word, wanted, prefix); }));
  }

  struct numbers {
    double all = 0;
    double with_word = 0;
    double total = 0;
  };

  const numbers& numbers_of(std::uint32_t field, const std::string& wanted, bool prefix) const {
    const auto [at, is_new] = numbers_.try_emplace({field, prefix, wanted});
    if (is_new)
      for (const auto& [row, other] : texts_.at(field)) {
        at->second.all += other.empty() ? 0 : 1;
        at->second.with_word += count(other, wanted, prefix) > 0 ? 1 : 0;
        at->second.total += static_cast<double>(other.size());
      }
    return at->second;
  }

  [[nodiscard]] double word_score(std::uint32_t field, const text& words, const std::string& wanted,
                                  bool prefix, double weight) const {
    const auto& [all, with_word, total] = numbers_of(field, wanted, prefix);
    const double k1 = 1.2;
    const double b = 0.75;
    const double idf = std::log((all - with_word + 0.5) / (with_word + 0.5) + 1);
    const auto tf = static_cast<double>(count(words, wanted, prefix));
    const auto length = static_cast<double>(words.size());
    return weight * idf * (k1 + 1) * tf / (tf + k1 * (1 - b) + k1 * b / (total / all) * length);
  }

  bool matches_in(const searched_field& field, const text_query& query, row_id row, double boost,
                  double& sum) const {
    const auto* words = text_of(field.number, row);
    if (words == nullptr)
      return false;
    const bool prefix = query.kind == query_kind::prefix;
    text wanted;
    for (std::size_t begin = 0; begin <= query.text.size();) {
      const auto end = std::min(query.text.find(' ', begin), query.text.size());
      wanted.push_back(query.text.substr(begin, end - begin));
      begin = end + 1;
    }
    bool found = false;
    for (std::size_t at = 0; at + wanted.size() <= words->size(); ++at) {
      bool here = true;
      for (std::size_t i = 0; i < wanted.size(); ++i)
        here = here && is((*words)[at + i], wanted[i], prefix);
      found = found || here;
    }
    for (const auto& word : wanted)
      if (found)
        sum += word_score(field.number, *words, word, prefix, boost * field.weight);
    return found;
  }

  bool matches(const text_query& query, row_id row, double boost, double& sum) const {
    boost *= query.boost;
    const auto before = sum;
    if (query.kind == query_kind::required || query.kind == query_kind::excluded)
      return matches(query.children[0], row, boost, sum);
    if (query.kind != query_kind::all_of && query.kind != query_kind::any_of) {
      bool any = false;
      for (const auto& field : fields_)
        if (query.field.empty() ? field.searched : query.field == field.name)
          any = matches_in(field, query, row, boost, sum) || any;
      return any;
    }
    bool any = false;
    bool holds = true;
    for (const bool needed : {true, false})
      for (const auto& child : query.children) {
        double ignored = 0;
        const bool must = query.kind == query_kind::all_of || child.kind == query_kind::required;
        if (child.kind == query_kind::excluded) {
          holds = holds && !matches(child, row, boost, ignored);
        } else if (must == needed) {
          const bool found = matches(child, row, boost, sum);
          any = any || found;
          holds = holds && (found || !must);
        }
      }
    if (!holds || !any)
      sum = before;
    return holds && any;
  }

  const corpus& texts_;
  std::vector<searched_field> fields_;
  mutable std::map<std::tuple<std::uint32_t, bool, std::string>, numbers> numbers_;
};

/// With words "w0" to "w140", some of which are nowhere.
inline text_query random_query(std::mt19937_64& random, int depth) {
  const auto word = [&random] {
    return "w" +
           std::to_string(random() % (1ULL << (1 + random() % 7)) + (random() % 20 == 0 ? 100 : 0));
  };
  text_query query;
  if (random() % 6 == 0)
    query.boost = 0.5 + static_cast<double>(random() % 8) / 4;
  if (depth == 0 || random() % 4 == 0) {
    query.kind = query_kind::term;
    query.text = word();
    if (random() % 6 == 0) {
      query.kind = query_kind::phrase;
      query.text += " " + word();
    } else if (random() % 8 == 0) {
      query.kind = query_kind::prefix;
    }
    if (random() % 4 == 0)
      query.field = random() % 2 == 0 ? "title" : "body";
    return query;
  }
  query.kind = random() % 3 == 0 ? query_kind::all_of : query_kind::any_of;
  for (auto left = 2 + random() % 3; left > 0; --left) {
    auto child = random_query(random, depth - 1);
    const bool modified = random() % 4 == 0 && !query.children.empty();
    if (!modified) {
      query.children.push_back(std::move(child));
      continue;
    }
    text_query wrapper;
    wrapper.kind = random() % 2 == 0 ? query_kind::required : query_kind::excluded;
    wrapper.children.push_back(std::move(child));
    query.children.push_back(std::move(wrapper));
  }
  return query;
}

}  // namespace hearth::engine::text::test
