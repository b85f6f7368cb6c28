#include "core/namespace_config.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "core/query.hpp"
#include "core/write_batch.hpp"

using namespace hearth;

namespace {

namespace_config existing() {
  return *make_config({.dimension = 384, .shards = 2, .embedder = "lexical"});
}

error refused(const namespace_request& request) {
  const auto outcome = make_config(request);
  REQUIRE_FALSE(outcome.has_value());
  return outcome.error();
}

error mismatch(const namespace_request& request) {
  const auto outcome = reconcile(existing(), request);
  REQUIRE_FALSE(outcome.has_value());
  return outcome.error();
}

}  // namespace

TEST_CASE("names of distances and indexes round-trip") {
  for (const auto kind : {distance_kind::l2, distance_kind::cosine, distance_kind::dot,
                          distance_kind::manhattan, distance_kind::hamming})
    CHECK(distance_from_string(to_string(kind)) == kind);
  for (const auto kind : {index_kind::flat, index_kind::hnsw, index_kind::ivf_flat,
                          index_kind::ivf_pq, index_kind::kd_tree})
    CHECK(index_kind_from_string(to_string(kind)) == kind);
  const auto unknown = distance_from_string("euclid");
  REQUIRE_FALSE(unknown.has_value());
  CHECK(unknown.error() == error{errc::invalid_argument, "distance 'euclid' is unknown",
                                 "use l2, cosine, dot, manhattan or hamming", 0});
  CHECK_FALSE(index_kind_from_string("HNSW").has_value());
  CHECK(to_string(static_cast<distance_kind>(99)) == "unknown");
}

TEST_CASE("namespace names are 1 to 64 of a-z, 0-9, underscore and hyphen") {
  for (const std::string name : {"a", "docs", "my-notes_2024", "-", "0"})
    CHECK(validate_namespace_name(name).has_value());
  CHECK(validate_namespace_name(std::string(64, 'z')).has_value());
  for (const std::string name : {"", "Docs", "a b", "a/b", "..", "a.b", "caf\xc3\xa9", "a\n"}) {
    CAPTURE(name);
    const auto outcome = validate_namespace_name(name);
    REQUIRE_FALSE(outcome.has_value());
    CHECK(outcome.error().code == errc::invalid_argument);
  }
  CHECK_FALSE(validate_namespace_name(std::string_view("a\0b", 3)).has_value());
  const auto long_name = validate_namespace_name(std::string(65, 'z'));
  REQUIRE_FALSE(long_name.has_value());
  CHECK(long_name.error().code == errc::limit_exceeded);
  CHECK(long_name.error().message == "namespace name has 65 bytes; the limit is 64");
}

TEST_CASE("a new namespace takes what is stated and defaults for the rest") {
  const auto plain = make_config({.dimension = 384});
  REQUIRE(plain.has_value());
  CHECK(plain->dimension == 384);
  CHECK(plain->distance == distance_kind::cosine);
  CHECK(plain->index == index_params{});
  CHECK(plain->shards == 1);
  CHECK(plain->embedder.empty());

  const auto full = make_config({.dimension = 3,
                                 .distance = distance_kind::l2,
                                 .kind = index_kind::flat,
                                 .m = 2,
                                 .ef_construction = 1,
                                 .ef_search = 65'536,
                                 .seed = 7,
                                 .shards = 64,
                                 .embedder = "lexical"});
  REQUIRE(full.has_value());
  CHECK(full->index == index_params{index_kind::flat, 2, 1, 65'536, 7});
  CHECK(full->distance == distance_kind::l2);
  CHECK(full->shards == 64);
  CHECK(full->embedder == "lexical");
}

TEST_CASE("every range has a message with the field and its bounds") {
  CHECK(refused({.m = 8}).message == "dimension is missing");
  CHECK(refused({.dimension = 0}).message == "dimension is 0; the range is 1 to 65536");
  CHECK(refused({.dimension = 65'537}).message == "dimension is 65537; the range is 1 to 65536");
  CHECK(refused({.dimension = 3, .m = 1}).message == "m is 1; the range is 2 to 256");
  CHECK(refused({.dimension = 3, .m = 257}).message == "m is 257; the range is 2 to 256");
  CHECK(refused({.dimension = 3, .ef_construction = 0}).message ==
        "ef_construction is 0; the range is 1 to 65536");
  CHECK(refused({.dimension = 3, .ef_search = 65'537}).message ==
        "ef_search is 65537; the range is 1 to 65536");
  CHECK(refused({.dimension = 3, .shards = 0}).message == "shards is 0; the range is 1 to 64");
  CHECK(refused({.dimension = 3, .shards = 65}).message == "shards is 65; the range is 1 to 64");
  CHECK(refused({.dimension = 3, .shards = 65}).code == errc::invalid_argument);
  CHECK(refused({.dimension = 3, .embedder = std::string(65, 'x')}).message ==
        "embedder is 65 bytes; the limit is 64 bytes");
  CHECK(refused({.dimension = 3, .embedder = "\xff"}).message == "embedder is not valid UTF-8");
}

TEST_CASE("an existing namespace agrees with what is stated or says what differs") {
  CHECK(reconcile(existing(), {}) == existing());
  CHECK(reconcile(existing(), {.dimension = 384,
                               .distance = distance_kind::cosine,
                               .shards = 2,
                               .embedder = "lexical"}) == existing());

  const auto dimension = mismatch({.dimension = 3});
  CHECK(dimension.code == errc::dimension_mismatch);
  CHECK(dimension.message == "dimension is '384' in this namespace; the request says '3'");

  const auto distance = mismatch({.distance = distance_kind::l2});
  CHECK(distance.code == errc::config_mismatch);
  CHECK(distance.message == "distance is 'cosine' in this namespace; the request says 'l2'");

  CHECK(mismatch({.shards = 1}).code == errc::config_mismatch);
  CHECK(mismatch({.embedder = "other"}).code == errc::config_mismatch);
  CHECK(mismatch({.m = 1}).code == errc::invalid_argument);
  CHECK(mismatch({.ef_search = 0}).code == errc::invalid_argument);
}

TEST_CASE("names of quantizations and memories round-trip") {
  using enum quantization_kind;
  for (const auto kind : {automatic, none, sq8, pca, rabitq, binary})
    CHECK(quantization_from_string(to_string(kind)) == kind);
  for (const auto kind : {memory_kind::fast, memory_kind::balanced, memory_kind::lean})
    CHECK(memory_from_string(to_string(kind)) == kind);
  CHECK_FALSE(quantization_from_string("SQ8").has_value());
  CHECK_FALSE(memory_from_string("").has_value());
}

TEST_CASE("every parameter of the index is taken over, within its range") {
  const namespace_request request{.dimension = 8,
                                  .quantization = quantization_kind::sq8,
                                  .memory = memory_kind::lean,
                                  .nlist = 65'536,
                                  .nprobe = 7,
                                  .nbits = 8};
  const auto made = make_config(request);
  REQUIRE(made.has_value());
  CHECK(made->index == index_params{.quantization = quantization_kind::sq8,
                                    .memory = memory_kind::lean,
                                    .nlist = 65'536,
                                    .nprobe = 7,
                                    .nbits = 8});
  CHECK(refused({.dimension = 3, .nlist = 65'537}).message ==
        "nlist is 65537; the range is 0 to 65536");
  CHECK(refused({.dimension = 3, .nprobe = 65'537}).message ==
        "nprobe is 65537; the range is 0 to 65536");
  CHECK(refused({.dimension = 3, .nbits = 5}).message == "nbits is 5; it is 4 or 8");
  CHECK(refused({.dimension = 3, .kind = static_cast<index_kind>(77)}).code ==
        errc::invalid_argument);
}

TEST_CASE("a kind that no name stands for is refused, however the request was made") {
  for (const auto kind : {index_kind::flat, index_kind::hnsw, index_kind::ivf_flat,
                          index_kind::ivf_pq, index_kind::kd_tree})
    CHECK(make_config({.dimension = 3, .kind = kind}).has_value() ==
          index_kind_from_string(to_string(kind)).has_value());
}

TEST_CASE("what only says how to search, or is for other kinds, shapes no index") {
  const auto shape = [](index_kind kind, auto change) {
    index_params params{.kind = kind};
    change(params);
    return structure_of(params);
  };
  const auto nothing = [](index_params&) {};
  const std::pair<void (*)(index_params&), std::vector<index_kind>> changes[] = {
      {[](auto& p) { p.m = 40; }, {index_kind::hnsw, index_kind::ivf_pq}},
      {[](auto& p) { p.ef_construction = 40; }, {index_kind::hnsw}},
      {[](auto& p) { p.ef_search = 40; }, {}},
      {[](auto& p) { p.seed = 40; }, {index_kind::hnsw, index_kind::ivf_flat, index_kind::ivf_pq}},
      {[](auto& p) { p.quantization = quantization_kind::sq8; }, {index_kind::hnsw}},
      {[](auto& p) { p.memory = memory_kind::lean; },
       {index_kind::hnsw, index_kind::ivf_flat, index_kind::ivf_pq}},
      {[](auto& p) { p.nlist = 40; }, {index_kind::ivf_flat, index_kind::ivf_pq}},
      {[](auto& p) { p.nprobe = 40; }, {}},
      {[](auto& p) { p.nbits = 8; }, {index_kind::ivf_pq}},
  };
  for (const auto& [change, shaped] : changes)
    for (const auto kind : {index_kind::flat, index_kind::hnsw, index_kind::ivf_flat,
                            index_kind::ivf_pq, index_kind::kd_tree}) {
      CAPTURE(to_string(kind), &change - &changes[0].first);
      const bool matters = std::ranges::find(shaped, kind) != shaped.end();
      CHECK((shape(kind, change) != shape(kind, nothing)) == matters);
    }
}

TEST_CASE("altering takes over the distance, and nothing that is fixed") {
  const auto altered =
      alter(existing(), {.dimension = 384, .distance = distance_kind::l2, .m = 40, .shards = 2});
  REQUIRE(altered.has_value());
  auto expected = existing();
  expected.distance = distance_kind::l2;
  expected.index.m = 40;
  CHECK(*altered == expected);
  CHECK(alter(existing(), {}) == existing());
  CHECK(alter(existing(), {.dimension = 3}).error().code == errc::dimension_mismatch);
  CHECK(alter(existing(), {.shards = 3}).error().code == errc::config_mismatch);
  CHECK(alter(existing(), {.embedder = "x"}).error().code == errc::config_mismatch);
  CHECK(alter(existing(), {.m = 1}).error().code == errc::invalid_argument);
}

TEST_CASE("what does not go with a distance is refused by its name, with what does") {
  const auto manhattan = [](namespace_request request) {
    request.dimension = 8;
    request.distance = distance_kind::manhattan;
    return request;
  };
  const auto hamming = [&](const namespace_request& request) {
    auto same = manhattan(request);
    same.distance = distance_kind::hamming;
    return same;
  };
  for (const auto kind : {index_kind::ivf_flat, index_kind::ivf_pq}) {
    CHECK(make_config(hamming({.kind = kind, .m = 4})).has_value());
    const auto why = refused(manhattan({.kind = kind, .m = 4}));
    CHECK(why.code == errc::invalid_argument);
    CHECK(why.message ==
          "index '" + std::string(to_string(kind)) + "' does not go with distance 'manhattan'");
    CHECK(why.hint == "use flat, hnsw or kd_tree, or another distance");
  }
  using enum quantization_kind;
  for (const auto codes : {sq8, pca, rabitq, binary}) {
    CHECK(refused(manhattan({.quantization = codes})).hint ==
          "use auto or none, or another distance");
    CHECK(make_config(hamming({.quantization = codes})).has_value() == (codes == binary));
    // Of no use to other indexes, so in nobody's way.
    for (const auto kind : {index_kind::flat, index_kind::kd_tree}) {
      CHECK(make_config(manhattan({.kind = kind, .quantization = codes})).has_value());
      CHECK(make_config(hamming({.kind = kind, .quantization = codes})).has_value());
    }
  }
  CHECK(refused(hamming({.quantization = pca})).message ==
        "quantization 'pca' does not go with distance 'hamming'");
  for (const auto memory : {memory_kind::balanced, memory_kind::lean}) {
    CHECK(refused(manhattan({.memory = memory})).hint == "use fast, or another distance");
    CHECK(make_config(hamming({.memory = memory})).has_value());
  }
  for (const auto codes : {automatic, none}) {
    CHECK(make_config(manhattan({.quantization = codes})).has_value());
    CHECK(make_config(hamming({.quantization = codes})).has_value());
  }
}

TEST_CASE("a distance becomes any other but hamming, if the index goes with it") {
  using enum distance_kind;
  for (const auto from : {l2, cosine, dot, manhattan, hamming})
    for (const auto to : {l2, cosine, dot, manhattan, hamming}) {
      CAPTURE(to_string(from), to_string(to));
      auto config = existing();
      config.distance = from;
      const auto altered = alter(config, {.distance = to});
      if (to == hamming && from != hamming) {
        REQUIRE_FALSE(altered.has_value());
        CHECK(altered.error().code == errc::config_mismatch);
        CHECK(altered.error().hint.find("new namespace") != std::string::npos);
      } else {
        REQUIRE(altered.has_value());
        CHECK(altered->distance == to);
      }
    }
  auto lists = existing();
  lists.index.kind = index_kind::ivf_flat;
  CHECK(alter(lists, {.distance = manhattan}).error().code == errc::invalid_argument);
  CHECK(alter(lists, {.distance = manhattan, .kind = index_kind::hnsw}).has_value());
  auto coded = existing();
  coded.index.quantization = quantization_kind::pca;
  CHECK_FALSE(alter(coded, {.distance = manhattan}).has_value());
  coded.distance = manhattan;
  coded.index.kind = index_kind::flat;
  CHECK_FALSE(alter(coded, {.kind = index_kind::hnsw}).has_value());
  CHECK(alter(coded, {.kind = index_kind::kd_tree}).has_value());
}

TEST_CASE("vectors of hamming hold 0 and 1 only, and the first that does not is named") {
  const std::vector<float> bits{0, 1, -0.0F, 1, 1, 0};
  const std::vector<float> other{0, 1, 0, 1, 0.5F, 2};
  using enum distance_kind;
  CHECK(validate_values({bits.data(), 2, 3}, hamming).has_value());
  CHECK(validate_values({}, hamming).has_value());
  const auto refused = validate_values({other.data(), 2, 3}, hamming);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == errc::invalid_argument);
  CHECK(refused.error().message ==
        "vectors[1] holds 0.5 at position 1; with distance 'hamming' every value is 0 or 1");
  for (const auto kind : {l2, cosine, dot, manhattan})
    CHECK(validate_values({other.data(), 2, 3}, kind).has_value());
}

TEST_CASE("index parameters of a request are taken over") {
  const auto changed = reconcile(existing(), {.m = 32, .ef_search = 100});
  REQUIRE(changed.has_value());
  auto expected = existing();
  expected.index.m = 32;
  expected.index.ef_search = 100;
  CHECK(*changed == expected);
}

TEST_CASE("named vectors are made with a namespace, each with settings of its own") {
  namespace_request request{.dimension = 8};
  request.named = {{.name = "image", .dimension = 512, .distance = distance_kind::l2},
                   {.name = "bits",
                    .dimension = 64,
                    .distance = distance_kind::hamming,
                    .kind = index_kind::flat}};
  const auto config = make_config(request);
  REQUIRE(config);
  REQUIRE(config->vector_count() == 3);
  CHECK(config->vector(0) == vector_config{.name = {}, .dimension = 8});
  CHECK(config->vector(1).name == "image");
  CHECK(config->vector(1).dimension == 512);
  CHECK(config->vector(1).distance == distance_kind::l2);
  CHECK(config->vector(1).index == index_params{});
  CHECK(config->vector(2).index.kind == index_kind::flat);
  CHECK(config->vector_number("") == 0U);
  CHECK(config->vector_number("bits") == 2U);
  const auto unknown = config->vector_number("imag");
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().message == "this namespace has no vector named 'imag'");
  CHECK(unknown.error().hint == "it has 'image', 'bits'");
}

TEST_CASE("without a dimension there are no vectors but the named ones") {
  const auto plain = make_config({});
  REQUIRE(plain);
  CHECK(plain->dimension == 0);
  CHECK_FALSE(plain->has_vector(0));
  const auto none = plain->vector_number("");
  REQUIRE_FALSE(none);
  CHECK(none.error().code == errc::invalid_argument);
  CHECK(none.error().message == "this namespace has no vector without a name");
  CHECK(
      none.error().hint ==
      "it was created without a dimension and takes no vectors; use a namespace with a dimension");

  namespace_request request;
  request.named = {{.name = "image", .dimension = 3}};
  const auto named = make_config(request);
  REQUIRE(named);
  CHECK(named->vector_number("image") == 1U);
  CHECK(named->vector_number("").error().hint == "name the vector: it has 'image'");

  CHECK(make_config({.distance = distance_kind::l2}).error().message == "dimension is missing");
}

TEST_CASE("a namespace without a dimension gets none later") {
  const auto plain = make_config({});
  REQUIRE(plain);
  CHECK(reconcile(*plain, {}) == *plain);
  const auto sized = reconcile(*plain, {.dimension = 3});
  REQUIRE_FALSE(sized);
  CHECK(sized.error().code == errc::dimension_mismatch);
  CHECK(sized.error().message ==
        "this namespace was created without a dimension; the request says 3");
  const auto tuned = core::alter(*plain, {.ef_search = 9});
  REQUIRE_FALSE(tuned);
  CHECK(tuned.error().code == errc::config_mismatch);
  CHECK(tuned.error().message ==
        "ef_search is given, but this namespace has no vector without a name");
  CHECK(reconcile(*plain, {.distance = distance_kind::l2}).error().code == errc::config_mismatch);
}

TEST_CASE("a batch and a search say that there is no vector to give or to search") {
  const auto plain = make_config({});
  REQUIRE(plain);
  write_batch batch;
  batch.ids = {record_id(std::uint64_t{1})};
  CHECK(validate(batch, *plain).has_value());
  batch.vectors = matrix({1, 2}, 1, 2);
  CHECK(validate(batch, *plain).error().message == "this namespace has no vector without a name");

  search_query query;
  query.vectors = matrix({1, 2}, 1, 2);
  CHECK(validate(query, *plain).error().code == errc::invalid_argument);
  query.vectors = {};
  query.text = text_question{{"word"}};
  CHECK(validate(query, *plain).has_value());
  query.diversity = diversity_options{};
  CHECK(validate(query, *plain).error().message == "this namespace has no vector without a name");
}

TEST_CASE("a named vector that cannot be is refused by its name") {
  const auto refused = [](std::vector<vector_request> named) {
    namespace_request request{.dimension = 8};
    request.named = std::move(named);
    const auto config = make_config(request);
    REQUIRE_FALSE(config);
    return std::string(to_string(config.error().code)) + ": " + config.error().message;
  };
  CHECK(refused({{.name = "image"}}) ==
        "invalid_argument: named_vectors['image']: dimension is missing");
  CHECK(refused({{.name = "Image", .dimension = 2}}) ==
        "invalid_argument: 'Image' cannot name a vector");
  CHECK(refused({{.name = "", .dimension = 2}}) == "invalid_argument: '' cannot name a vector");
  CHECK(
      refused({{.name = std::string(65, 'a'), .dimension = 2}}).ends_with("cannot name a vector"));
  CHECK(refused({{.name = "a", .dimension = 2}, {.name = "a", .dimension = 2}}) ==
        "invalid_argument: named_vectors has 'a' twice");
  CHECK(refused({{.name = "a", .dimension = 2, .m = 1}}) ==
        "invalid_argument: named_vectors['a']: m is 1; the range is 2 to 256");
  std::vector<vector_request> many;
  for (std::size_t i = 0; i <= limits::named_vectors; ++i)
    many.push_back({.name = "v" + std::to_string(i), .dimension = 2});
  CHECK(refused(many) == "limit_exceeded: there are 16 named vectors; the limit is 15");
}

TEST_CASE("named vectors are altered like the one without a name, and none comes or goes") {
  namespace_request request{.dimension = 8};
  request.named = {{.name = "image", .dimension = 512, .distance = distance_kind::l2}};
  const auto existing = *make_config(request);
  const auto with = [](vector_request wanted) {
    namespace_request one;
    one.named = {std::move(wanted)};
    return one;
  };
  const auto altered =
      alter(existing, with({.name = "image", .distance = distance_kind::dot, .m = 8}));
  REQUIRE(altered);
  CHECK(altered->named[0].distance == distance_kind::dot);
  CHECK(altered->named[0].index.m == 8);
  CHECK(altered->distance == existing.distance);
  CHECK(altered->index == existing.index);
  CHECK(reconcile(existing, with({.name = "image", .dimension = 512})) == existing);

  const auto code = [](const result<namespace_config>& outcome) { return outcome.error().code; };
  CHECK(code(reconcile(existing, with({.name = "image", .distance = distance_kind::dot}))) ==
        errc::config_mismatch);
  CHECK(code(alter(existing, with({.name = "image", .dimension = 3}))) == errc::dimension_mismatch);
  CHECK(code(alter(existing, with({.name = "title", .dimension = 3}))) == errc::config_mismatch);
  CHECK(code(alter(existing, with({.name = "image", .distance = distance_kind::hamming}))) ==
        errc::config_mismatch);
}
