// Hearth from a client: connects to the daemon of a store and starts it if nobody has.
//   client DIRECTORY
#include <cstdio>

#include "ipc/client.hpp"

namespace {

hearth::result<void> run(const char* directory) {
  HEARTH_TRY(auto store, hearth::connect(directory));
  hearth::namespace_request wanted{.dimension = 3};
  wanted.text_fields = {{.field = "text"}};  // search the words of the texts
  wanted.named = {{.name = "map",
                   .dimension = 2,  // a second vector per record
                   .distance = hearth::distance_kind::l2}};
  HEARTH_TRY(auto docs, store->open_namespace("docs", hearth::open_mode::open_or_create, wanted));

  hearth::write_batch batch;
  batch.ids = {"sun", "rain"};
  batch.vectors = hearth::matrix({1, 0, 0, 0, 1, 0}, 2, 3);
  batch.metadata = {{{"degrees", 28}}, {{"degrees", 11.5}}};
  batch.texts = {"a bright day", "a wet day"};
  batch.named = {{"map", hearth::matrix({48, 11, 53, 10}, 2, 2)}};
  HEARTH_TRY(auto written, docs->write(batch));  // on disk when it returns
  std::printf("wrote %llu records\n", static_cast<unsigned long long>(written.affected));

  hearth::search_query query;
  query.vectors = hearth::matrix({0.9F, 0.1F, 0}, 1, 3);
  query.k = 2;
  HEARTH_TRY(auto found, docs->search(query));
  for (std::size_t i = 0; i < found.hits.size(); ++i)
    std::printf("%-6s %.4f\n", to_string(found.hits.ids[i]).c_str(), found.distances[i]);

  // Only what is warm: a filter is part of the search.
  query.where = hearth::K("degrees") >= 20;
  HEARTH_TRY(auto warm, docs->search(query));
  std::printf("%zu of them above 20 degrees\n", warm.hits.size());

  // By words and by vector at once; and by the other vector.
  query.where.reset();
  query.text = hearth::text_question{.queries = {"wet"}};
  HEARTH_TRY(auto hybrid, docs->search(query));
  std::printf("%s scores %.4f\n", to_string(hybrid.hits.ids[0]).c_str(), hybrid.scores[0]);
  hearth::search_query nearby;
  nearby.vectors = hearth::matrix({53, 9}, 1, 2);
  nearby.vector_name = "map";
  nearby.k = 1;
  HEARTH_TRY(auto near, docs->search(nearby));
  std::printf("%s is %.1f away\n", to_string(near.hits.ids[0]).c_str(), near.distances[0]);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto outcome = run(argc > 1 ? argv[1] : "./store");
  if (!outcome)
    std::fprintf(stderr, "%s\n", to_string(outcome.error()).c_str());
  return outcome ? 0 : 1;
}
