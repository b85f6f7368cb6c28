#pragma once
// Questions to a namespace and their answers.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "field_rules.hpp"
#include "filter/filter.hpp"
#include "limits.hpp"
#include "namespace_config.hpp"
#include "record.hpp"
#include "tuning.hpp"

namespace hearth::inline core {

/// How the hits by vector and those by text become one list.
enum class fusion_kind : std::uint8_t {
  reciprocal_rank = 1,  ///< "rrf": weight / (rank_constant + rank), summed (Cormack, Clarke and
                        ///< Buettcher, 2009)
  weighted = 2,         ///< weighted sum of both scores, each brought to 0..1 by its least and most
  borda = 3,            ///< weight * (places behind it in its list), summed, as in an election
};

[[nodiscard]] std::string_view to_string(fusion_kind kind) noexcept;
[[nodiscard]] result<fusion_kind> fusion_from_string(std::string_view name);

struct fusion_options {
  fusion_kind kind = fusion_kind::reciprocal_rank;
  double vector_weight = 1;
  double text_weight = 1;
  double rank_constant = 60;  ///< of reciprocal_rank
  std::uint32_t depth =
      0;  ///< candidates of each side; 0: four times what is asked for, 100 at least
};

/// What to look for in the text index.
struct text_question {
  std::vector<std::string> queries{};  ///< one per query
  bool operators = false;  ///< "quoted phrases", AND, OR, NOT, +, -, prefix*, field:word
  std::vector<field_weight> fields{};  ///< empty: all that are indexed
};

/// Not more than `limit` hits with the same value of a field; k then counts the groups.
struct group_options {
  std::string field;
  std::uint32_t limit = 1;
};

/// Maximal marginal relevance (Carbonell and Goldstein, 1998): hits are chosen one by one, each by
/// balance * relevance - (1 - balance) * similarity to the nearest that was chosen before; both are
/// brought to 0..1.
struct diversity_options {
  double balance = 0.5;
  std::uint32_t candidates = 0;  ///< to choose from; 0: four times k, 50 at least
};

/// By vector, by text, by examples, or by vector and text at once (hybrid).
struct search_query {
  matrix vectors;  ///< one row per query; may be empty where there is a text
  std::string
      vector_name{};         ///< which vector of the records to search; empty: the one without name
  std::uint32_t k = 10;      ///< hits per query, at least 1; no cap but limits::search_results
  std::uint32_t ef = 0;      ///< 0: the namespace's ef_search; never below k
  std::uint32_t nprobe = 0;  ///< of an ivf; 0: the namespace's nprobe
  bool exact = false;        ///< miss nothing, whatever the kind of index
  bool explain = false;      ///< say how it was answered: search_result::explanation
  field_set fields;
  /// Only records that match. k of them, if there are so many: the filter is part of the search,
  /// not applied to what it found.
  std::optional<filter> where;

  std::optional<text_question> text;
  fusion_options fusion;
  /// Examples instead of a vector: nearest to the mean of the first, and away from the second. They
  /// are not among the hits.
  std::vector<record_id> like;
  std::vector<record_id> unlike;

  std::uint32_t offset = 0;           ///< hits to leave out first
  std::optional<float> max_distance;  ///< only hits that are not farther; k bounds them
  std::optional<double> min_score;    ///< with a text: only hits that score so much
  std::optional<group_options> group;
  std::optional<diversity_options> diversity;

  /// Queries of the call.
  [[nodiscard]] std::size_t count() const noexcept {
    return std::max({vectors.rows(), text ? text->queries.size() : 0,
                     static_cast<std::size_t>(like.empty() ? 0 : 1)});
  }
  /// Whether more is asked for than the nearest vectors.
  [[nodiscard]] bool compound() const noexcept {
    return text || !like.empty() || !unlike.empty() || offset > 0 || max_distance || min_score ||
           group || diversity;
  }
};

/// What a search does, in the order of a round.
enum class search_step : std::uint8_t {
  filter = 6,   ///< finds the records that match
  text = 7,     ///< searches the text index
  tail = 1,     ///< compares with the fresh vectors that are not in the index yet
  index = 2,    ///< asks the index
  storage = 3,  ///< compares with vectors as they are stored: all, or those that no index has
  late = 4,     ///< compares with vectors that were written while indexes were asked
  records = 5,  ///< looks the candidates up
};

[[nodiscard]] std::string_view to_string(search_step step) noexcept;

/// One step of a search: sums over its queries, shards and rounds.
struct search_stage {
  search_step step = search_step::index;
  /// Vectors compared with, or candidates looked up; of an index, the vectors that it holds; of a
  /// filter, the records that were looked at one by one.
  std::uint64_t rows = 0;
  std::uint64_t candidates = 0;  ///< found, or live, or matching
  std::uint64_t time_us = 0;     ///< of all threads together

  friend bool operator==(const search_stage&, const search_stage&) = default;
};

/// How a search was answered.
struct search_explanation {
  distance_kind distance = distance_kind::cosine;  ///< of the index that was asked
  index_kind kind = index_kind::hnsw;              ///< likewise
  std::uint32_t ef = 0;
  std::uint32_t nprobe = 0;
  std::uint32_t rounds = 1;  ///< more if candidates were gone and others had to be found
  /// Every vector was compared, or proven to be farther. `walk_us` and `exact_us` are what one
  /// query was expected to take in the index by the one way and by the other; 0: there was no
  /// choice.
  bool exact = false;
  double walk_us = 0;
  double exact_us = 0;
  /// With a filter: how the records that match were found, e.g. "index", "scan of all records".
  std::string filter;
  std::uint64_t time_us = 0;         ///< from the first step to the last
  std::vector<search_stage> stages;  ///< only those that happened

  friend bool operator==(const search_explanation&, const search_explanation&) = default;
};

/// Hits of all queries, nearest first, flat: query q owns [offsets[q], offsets[q + 1]).
/// Fewer than k hits mean that fewer than k records with a vector exist.
struct search_result {
  std::vector<std::uint64_t> offsets;  ///< queries + 1 entries
  std::vector<float> distances;        ///< NaN for a hit that only the text brought
  /// With a text: what the hits are ordered by, most first, and what each got for its text (NaN: it
  /// was not among the hits by text).
  std::vector<double> scores;
  std::vector<double> text_scores;
  std::vector<value> groups;  ///< with `group`: the value of the field; null for records without it
  record_columns hits;        ///< ids and versions always, the other columns as asked
  std::optional<search_explanation> explanation;  ///< if it was asked for
};

struct get_query {
  std::vector<record_id> ids{};
  field_set fields{.vectors = true, .metadata = true, .texts = true};
};

struct get_result {
  record_columns found;  ///< in the order asked
  std::vector<record_id> missing;
};

/// One page of a scan in the namespace's storage order. `cursor` is opaque and survives
/// concurrent writes: records that exist throughout the scan appear exactly once.
struct scan_query {
  std::string cursor{};        ///< empty: from the start
  std::uint32_t limit = 1000;  ///< records per page; the reply may hold fewer to stay in bounds
  field_set fields{.vectors = true, .metadata = true, .texts = true};
  std::optional<filter> where{};  ///< only records that match
  /// By a metadata field instead of storage order: records without it last, ties in the order of
  /// rows. The cursor then counts records, and what is written between two pages may shift them.
  std::string order_by{};
  bool descending = false;
  std::uint64_t offset = 0;  ///< records to leave out, on the first page
};

/// How often each value of a metadata field occurs.
struct facet_query {
  std::string field;
  std::optional<filter> where;  ///< among the records that match
  std::uint32_t limit = 100;    ///< values, the most frequent first
};

struct facet {
  /// Neither a list nor a map: the elements of a list count one by one. Numbers that are whole are
  /// int64: 5 and 5.0 are one value.
  value item;
  std::uint64_t count = 0;

  friend bool operator==(const facet&, const facet&) = default;
};

struct facet_result {
  std::vector<facet> facets;
  std::uint64_t records = 0;  ///< that match
};

struct scan_page {
  record_columns rows;
  std::string next;  ///< empty: this was the last page
};

/// How an index stands to its data.
enum class index_state : std::uint8_t { ready = 1, building = 2, failed = 3 };

/// An index is being built to replace the one that searches read. When it has every row, searches
/// begin with it, all shards at the same moment.
struct index_rebuild {
  distance_kind distance = distance_kind::cosine;  ///< of the index that still answers
  index_params params{};                           ///< likewise
  std::uint64_t rows_done = 0;
  std::uint64_t rows_total = 0;
  std::string failure{};  ///< why building had to start over, last; empty if it had not

  friend bool operator==(const index_rebuild&, const index_rebuild&) = default;
};

/// How a named vector and its index stand; the fields are those of namespace_info.
struct vector_info {
  std::string name{};
  std::uint64_t vectors = 0;
  index_state index = index_state::ready;
  std::uint64_t indexed = 0;
  std::uint64_t fresh = 0;
  std::uint64_t index_bytes = 0;
  std::optional<index_rebuild> rebuild{};

  friend bool operator==(const vector_info&, const vector_info&) = default;
};

/// "ready", "building" (searches are exact meanwhile), "rebuilding" (the index before answers
/// meanwhile) or "failed".
[[nodiscard]] std::string_view state_name(const vector_info& info) noexcept;

struct namespace_info {
  std::string name;
  namespace_config config;
  std::uint64_t count = 0;    ///< records
  std::uint64_t vectors = 0;  ///< records that have a vector
  lsn_t lsn = 0;
  lsn_t durable_lsn = 0;
  index_state index = index_state::ready;
  std::uint64_t indexed = 0;      ///< vectors in the graph
  std::uint64_t fresh = 0;        ///< vectors still scanned exactly in the fresh tail
  std::uint64_t file_bytes = 0;   ///< used pages of the LMDB file
  std::uint64_t index_bytes = 0;  ///< memory of the index
  bool read_only = false;
  std::string read_only_reason;
  /// If there is one: `config` says what comes, `index`, `indexed` and `fresh` how the index is
  /// that still answers, `index_bytes` counts both.
  std::optional<index_rebuild> rebuild;
  std::optional<tune_progress> tuning;  ///< if one is under way
  std::vector<vector_info> named;       ///< in the order of config.named

  /// How the vector of this number is doing (namespace_config::vector). Precondition: there is one.
  [[nodiscard]] vector_info vector(std::size_t number) const;
};

/// Checks k, dimension, finiteness and result bounds.
[[nodiscard]] result<void> validate(const search_query& query, const namespace_config& config);
[[nodiscard]] result<void> validate(const get_query& query);
[[nodiscard]] result<void> validate(const scan_query& query);
[[nodiscard]] result<void> validate(const facet_query& query);

}  // namespace hearth::inline core
