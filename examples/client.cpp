// Hearth from a client: connects to the daemon of a store and starts it if nobody has.
//   client DIRECTORY
#include <cstdio>

#include "ipc/client.hpp"

namespace {

hearth::result<void> run(const char* directory) {
  HEARTH_TRY(auto store, hearth::connect(directory));
  HEARTH_TRY(auto docs,
             store->open_namespace("docs", hearth::open_mode::open_or_create, {.dimension = 3}));

  hearth::write_batch batch;
  batch.ids = {"sun", "rain"};
  batch.vectors = hearth::matrix({1, 0, 0, 0, 1, 0}, 2, 3);
  batch.metadata = {{{"degrees", 28}}, {{"degrees", 11.5}}};
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
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto outcome = run(argc > 1 ? argv[1] : "./store");
  if (!outcome)
    std::fprintf(stderr, "%s\n", to_string(outcome.error()).c_str());
  return outcome ? 0 : 1;
}
