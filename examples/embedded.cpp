// Hearth inside a program: no daemon, no socket needed. This one also serves its store, so that
// other processes can use it as long as the program runs.
//   embedded DIRECTORY
#include <cstdio>

#include "actors/runtime.hpp"
#include "ipc/client.hpp"
#include "ipc/server.hpp"

namespace {

hearth::result<void> run(const char* directory) {
  HEARTH_TRY(auto runtime, hearth::runtime::start());
  HEARTH_TRY(auto store, runtime->open(directory));
  HEARTH_TRY(auto docs,
             store->open_namespace("docs", hearth::open_mode::open_or_create, {.dimension = 3}));

  hearth::write_batch batch;
  batch.ids = {"sun", "rain", 7};
  batch.vectors = hearth::matrix({1, 0, 0, 0, 1, 0, 0, 0, 1}, 3, 3);
  batch.texts = {"a bright day", "a wet day", "seven"};
  HEARTH_TRY(auto written, docs->write(batch));
  std::printf("wrote %llu records\n", static_cast<unsigned long long>(written.affected));

  hearth::search_query query;
  query.vectors = hearth::matrix({0.9F, 0.1F, 0}, 1, 3);
  query.k = 2;
  query.fields.texts = true;
  HEARTH_TRY(auto found, docs->search(query));
  for (std::size_t i = 0; i < found.hits.size(); ++i)
    std::printf("%-6s %.4f  %s\n", to_string(found.hits.ids[i]).c_str(), found.distances[i],
                found.hits.texts[i]->c_str());

  // The same store over the socket, as another process would see it.
  HEARTH_TRY(auto server, hearth::ipc::server::start(store, directory));
  HEARTH_TRY(auto remote, hearth::connect(directory, {.autostart = false}));
  HEARTH_TRY(auto names, remote->list_namespaces());
  std::printf("served %zu namespace\n", names.size());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const auto outcome = run(argc > 1 ? argv[1] : "./store");
  if (!outcome)
    std::fprintf(stderr, "%s\n", to_string(outcome.error()).c_str());
  return outcome ? 0 : 1;
}
