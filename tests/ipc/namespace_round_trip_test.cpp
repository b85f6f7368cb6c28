// What a store and a namespace are, over a real socket and back.
#include <catch2/catch.hpp>
#include <limits>

#include "support.hpp"

namespace hearth::ipc::test {
namespace {

TEST_CASE("info, flush, list and drop arrive") {
  served_store served;
  namespace_info told;
  told.name = "docs";
  told.config = {.dimension = 384,
                 .distance = distance_kind::dot,
                 .index = {.kind = index_kind::flat,
                           .m = 3,
                           .ef_construction = 4,
                           .ef_search = 5,
                           .seed = std::numeric_limits<std::uint64_t>::max(),
                           .quantization = quantization_kind::rabitq,
                           .memory = memory_kind::balanced,
                           .nlist = 9,
                           .nprobe = 10,
                           .nbits = 8},
                 .shards = 6,
                 .embedder = "lexical"};
  told.count = 1;
  told.vectors = 2;
  told.lsn = 3;
  told.durable_lsn = 4;
  told.index = index_state::building;
  told.indexed = 5;
  told.fresh = 6;
  told.file_bytes = 7;
  told.index_bytes = 8;
  told.read_only = true;
  told.read_only_reason = "disk";
  told.config.named = {{"image",
                        512,
                        distance_kind::l2,
                        {.kind = index_kind::ivf_pq, .m = 8, .seed = 3, .nbits = 8}}};
  told.named = {{.name = "image",
                 .vectors = 11,
                 .index = index_state::failed,
                 .indexed = 12,
                 .fresh = 13,
                 .index_bytes = 14,
                 .rebuild = index_rebuild{.rows_done = 15, .failure = "it snowed"}}};
  served.what().info = [&] { return told; };
  served.what().list = [] { return std::vector<std::string>{"a", "b-c"}; };
  std::string dropped;
  served.what().drop = [&](std::string name) {
    dropped = std::move(name);
    return result<void>();
  };
  const auto store = served.connect();
  const auto ns = store->open_namespace("docs");
  REQUIRE(ns);
  const auto info = (*ns)->info();
  REQUIRE(info);
  CHECK(info->name == told.name);
  CHECK(info->config == told.config);
  CHECK(info->count == 1);
  CHECK(info->vectors == 2);
  CHECK(info->lsn == 3);
  CHECK(info->durable_lsn == 4);
  CHECK(info->index == index_state::building);
  CHECK(info->indexed == 5);
  CHECK(info->fresh == 6);
  CHECK(info->file_bytes == 7);
  CHECK(info->index_bytes == 8);
  CHECK(info->read_only);
  CHECK(info->read_only_reason == "disk");
  CHECK(info->named == told.named);
  CHECK_FALSE(info->rebuild);
  told.rebuild = {.distance = distance_kind::l2,
                  .params = {.kind = index_kind::hnsw, .m = 7, .memory = memory_kind::lean},
                  .rows_done = 9,
                  .rows_total = 10,
                  .failure = "it rained"};
  CHECK((*ns)->info().value().rebuild == told.rebuild);
  CHECK((*ns)->flush(12).value() == 12);
  CHECK(store->list_namespaces().value() == std::vector<std::string>{"a", "b-c"});
  REQUIRE(store->drop_namespace("gone"));
  CHECK(dropped == "gone");
}

TEST_CASE("the store's info counts the sessions of the server") {
  served_store served;
  served.what().store = [] {
    return store_info{.path = "/s",
                      .version = "9",
                      .pid = 1,
                      .uptime_ms = 2,
                      .namespaces = 3,
                      .open_namespaces = 4};
  };
  const auto first = served.connect();
  const auto second = served.connect();
  const auto info = first->info();
  REQUIRE(info);
  CHECK(info->path == "/s");
  CHECK(info->version == "9");
  CHECK(info->pid == 1);
  CHECK(info->uptime_ms == 2);
  CHECK(info->namespaces == 3);
  CHECK(info->open_namespaces == 4);
  CHECK(info->sessions == 2);
  CHECK(served.server().sessions() == 2);
}

TEST_CASE("opening tells what is stated and nothing else") {
  served_store served;
  open_mode mode{};
  namespace_request seen;
  served.what().open = [&](const std::string&, open_mode how, namespace_request request) {
    mode = how;
    seen = std::move(request);
    return namespace_config{.dimension = 3, .embedder = "m"};
  };
  const auto store = served.connect();
  namespace_request all;
  all.dimension = 0;
  all.distance = distance_kind::l2;
  all.kind = index_kind::flat;
  all.m = 0;
  all.ef_construction = 1;
  all.ef_search = 2;
  all.seed = 0;
  all.quantization = quantization_kind::binary;
  all.memory = memory_kind::lean;
  all.nlist = 5;
  all.nprobe = 0;
  all.nbits = 8;
  all.shards = 4;
  all.embedder = "";
  all.named.push_back({.name = "image",
                       .dimension = 5,
                       .distance = distance_kind::l2,
                       .kind = index_kind::flat,
                       .m = 0,
                       .memory = memory_kind::lean});
  all.named.push_back({.name = "title"});
  const auto ns = store->open_namespace("docs", open_mode::open_or_create, all);
  REQUIRE(ns);
  CHECK((*ns)->name() == "docs");
  CHECK((*ns)->config() == namespace_config{.dimension = 3, .embedder = "m"});
  CHECK(mode == open_mode::open_or_create);
  CHECK(seen.dimension == all.dimension);
  CHECK(seen.distance == all.distance);
  CHECK(seen.kind == all.kind);
  CHECK(seen.m == all.m);
  CHECK(seen.ef_construction == all.ef_construction);
  CHECK(seen.ef_search == all.ef_search);
  CHECK(seen.seed == all.seed);
  CHECK(seen.quantization == all.quantization);
  CHECK(seen.memory == all.memory);
  CHECK(seen.nlist == all.nlist);
  CHECK(seen.nprobe == all.nprobe);
  CHECK(seen.nbits == all.nbits);
  CHECK(seen.shards == all.shards);
  CHECK(seen.embedder == all.embedder);
  CHECK(seen.named == all.named);

  REQUIRE(store->open_namespace("docs", open_mode::create));
  CHECK(mode == open_mode::create);
  CHECK_FALSE(seen.dimension.has_value());
  CHECK_FALSE(seen.distance.has_value());
  CHECK_FALSE(seen.kind.has_value());
  CHECK_FALSE(seen.m.has_value());
  CHECK_FALSE(seen.seed.has_value());
  CHECK_FALSE(seen.quantization.has_value());
  CHECK_FALSE(seen.memory.has_value());
  CHECK_FALSE(seen.nlist.has_value());
  CHECK_FALSE(seen.nprobe.has_value());
  CHECK_FALSE(seen.nbits.has_value());
  CHECK_FALSE(seen.embedder.has_value());
}

TEST_CASE("an alteration arrives with all that it states, and answers the configuration") {
  served_store served;
  namespace_request seen;
  served.what().alter = [&](namespace_request request) -> result<namespace_config> {
    seen = std::move(request);
    if (seen.shards)
      return fail(errc::config_mismatch, "shards");
    return namespace_config{.dimension = 3, .distance = distance_kind::dot, .embedder = "m"};
  };
  const auto store = served.connect();
  const auto ns = store->open_namespace("docs");
  REQUIRE(ns);
  const auto altered = (*ns)->alter({.distance = distance_kind::dot, .m = 5});
  REQUIRE(altered);
  CHECK(*altered ==
        namespace_config{.dimension = 3, .distance = distance_kind::dot, .embedder = "m"});
  CHECK(seen.distance == distance_kind::dot);
  CHECK(seen.m == 5);
  CHECK_FALSE(seen.kind.has_value());
  CHECK((*ns)->alter({.shards = 2}).error().code == errc::config_mismatch);
}

}  // namespace
}  // namespace hearth::ipc::test
