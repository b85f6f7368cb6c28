#include "actors/text_search.hpp"

#include <algorithm>
#include <string>

#include "actors/own_texts.hpp"
#include "actors/read_source.hpp"
#include "actors/text_source.hpp"
#include "core/format.hpp"
#include "engine/text/text_plan.hpp"

namespace hearth::actors {

namespace {

using engine::text::searched_field;

constexpr std::uint32_t building_retry_ms = 500;

engine::text::text_options options_of(const text_settings& settings) {
  return {.language = settings.language, .stop_words = settings.stop_words};
}

std::string names_of(const std::vector<storage::searchable_field>& fields) {
  std::string names;
  for (const auto& field : fields)
    names += (names.empty() ? "" : ", ") + field.name;
  return names;
}

// The weight of a field: as the question says, or as the namespace does.
double weight_in(const std::vector<field_weight>& fields, const std::string& name) {
  const auto found = std::ranges::find(fields, name, &field_weight::field);
  return found == fields.end() ? 1 : found->weight;
}

result<std::vector<searched_field>> fields_of(const open_namespace& space, storage::read_view& view,
                                              const text_question& question) {
  HEARTH_TRY(const auto indexed, view.searchable_fields());
  if (indexed.empty())
    return fail(errc::unsupported, core::format("namespace \"{}\" has no text index", space.name()),
                "say what is searched by text: alter it with text_fields, for example \"text\"");
  for (const auto& [name, weight] : question.fields)
    if (std::ranges::find(indexed, name, &storage::searchable_field::name) == indexed.end())
      return fail(errc::invalid_argument,
                  core::format("text_fields names \"{}\", which has no text index", name),
                  core::format("fields with one: {}", names_of(indexed)));
  const auto& weights = question.fields.empty() ? space.config()->text.fields : question.fields;
  std::vector<searched_field> fields;
  for (const auto& field : indexed) {
    const bool asked = question.fields.empty() ||
                       std::ranges::find(question.fields, field.name, &field_weight::field) !=
                           question.fields.end();
    if (asked && !field.ready)
      return std::unexpected(
          error{errc::busy,
                core::format("the text index of \"{}\" is being built: it has come to row {}",
                             field.name, field.rows_done),
                "try again in a moment", building_retry_ms});
    if (field.ready)
      fields.push_back({field.name, field.number, weight_in(weights, field.name), asked});
  }
  return fields;
}

}  // namespace

result<std::shared_ptr<const engine::text::analyzer>>
analyzer_cache::of(const text_settings& settings) {
  const std::lock_guard lock(guard_);
  if (!analyzer_ || settings_.language != settings.language ||
      settings_.stop_words != settings.stop_words) {
    HEARTH_TRY(auto made, engine::text::analyzer::make(options_of(settings)));
    analyzer_ = std::make_shared<const engine::text::analyzer>(std::move(made));
    settings_ = settings;
  }
  return analyzer_;
}

result<storage::tokenize_text> make_tokenizer(const text_settings& settings) {
  HEARTH_TRY(auto made, engine::text::analyzer::make(options_of(settings)));
  auto words = std::make_shared<const engine::text::analyzer>(std::move(made));
  auto tokens = std::make_shared<engine::text::token_list>();
  return [words, tokens](std::string_view text) {
    words->analyze(text, *tokens);
    return tokens->tokens();
  };
}

namespace {

// Of stored and own records together. Those that the transaction has replaced are not stored any
// more.
result<text_hits> search_both(const read_source& from, const engine::text::analyzer& words,
                              const engine::text::text_plan& plan,
                              engine::text::posting_source& stored,
                              std::span<const searched_field> fields,
                              const engine::text::text_search_options& asked) {
  const auto& own = from.transaction()->own();
  engine::text::token_list tokens;
  const storage::tokenize_text tokenize = [&](std::string_view text) {
    words.analyze(text, tokens);
    return tokens.tokens();
  };
  HEARTH_TRY(const auto texts, own_texts::analyze(own, fields, tokenize));
  auto options = asked;
  options.accepts = [&](storage::row_id row) {
    return !own.replaced().contains(row) && (!asked.accepts || asked.accepts(row));
  };
  text_hits both;
  for (const auto side : {joint_source::side::stored, joint_source::side::own}) {
    joint_source source(stored, texts, side);
    HEARTH_TRY(const auto found, engine::text::search_text(plan, source, options));
    both.scored += found.work.rows_scored;
    both.hits.insert(both.hits.end(), found.hits.begin(), found.hits.end());
  }
  std::ranges::stable_sort(both.hits, std::ranges::greater(), &engine::text::scored_row::score);
  both.hits.resize(std::min(both.hits.size(), asked.k));
  return both;
}

}  // namespace

result<text_hits> search_text(const read_source& from, storage::read_view& view,
                              const text_question& question, std::size_t query, std::size_t depth,
                              const row_set* among) {
  const auto& space = from.space();
  HEARTH_TRY(const auto fields, fields_of(space, view, question));
  HEARTH_TRY(const auto words, space.analyzers().of(space.config()->text));
  auto asked = engine::text::plain_text_query(question.queries[query]);
  if (question.operators) {
    HEARTH_TRY(asked, engine::text::parse_text_query(question.queries[query]));
  }
  HEARTH_TRY(const auto plan, engine::text::make_text_plan(asked, *words, fields));
  const auto snapshot = view.text();
  text_source source(*snapshot.in, *snapshot.tables);
  engine::text::text_search_options options;
  options.k = depth;
  if (among != nullptr)
    options.accepts = [among](storage::row_id row) { return among->contains(row); };
  if (from.transaction() != nullptr)
    return search_both(from, *words, plan, source, fields, options);
  HEARTH_TRY(auto found, engine::text::search_text(plan, source, options));
  return text_hits{std::move(found.hits), found.work.rows_scored};
}

}  // namespace hearth::actors
