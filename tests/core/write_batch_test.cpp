#include "core/write_batch.hpp"

#include <catch2/catch.hpp>
#include <limits>
#include <string>
#include <vector>

using namespace hearth;

namespace {

namespace_config config() {
  return *make_config({.dimension = 3});
}

matrix vectors(std::size_t rows, std::uint32_t dimension = 3) {
  return matrix(std::vector<float>(rows * dimension, 0.5F), rows, dimension);
}

write_batch batch(std::size_t rows) {
  write_batch result;
  for (std::size_t row = 0; row < rows; ++row)
    result.ids.emplace_back("id" + std::to_string(row));
  result.vectors = vectors(rows);
  return result;
}

error refused(const write_batch& given) {
  const auto outcome = validate(given, config());
  REQUIRE_FALSE(outcome.has_value());
  return outcome.error();
}

}  // namespace

TEST_CASE("batches with any set of full columns are accepted") {
  auto full = batch(2);
  full.metadata = {{{"year", 2024}}, {}};
  full.texts = {"first", std::nullopt};
  CHECK(validate(full, config()).has_value());
  CHECK(full.rows() == 2);

  write_batch only_ids;
  only_ids.ids = {"a", std::uint64_t{1}};
  CHECK(validate(only_ids, config()).has_value());

  write_batch assigned;
  assigned.kind = write_kind::add;
  assigned.texts = {"a", "b", "c"};
  CHECK(validate(assigned, config()).has_value());
  CHECK(assigned.rows() == 3);

  write_batch erase;
  erase.kind = write_kind::erase;
  erase.ids = {"a"};
  CHECK(validate(erase, config()).has_value());

  write_batch update;
  update.kind = write_kind::update;
  update.ids = {"a"};
  update.metadata = {{{"gone", nullptr}}};
  CHECK(validate(update, config()).has_value());
}

TEST_CASE("columns must agree with each other and with the kind of write") {
  CHECK(refused({}).message == "the batch has no rows");

  auto shorter = batch(3);
  shorter.vectors = vectors(2);
  CHECK(refused(shorter).message == "vectors has 2 rows; the batch has 3");
  auto longer = batch(3);
  longer.metadata.resize(4);
  CHECK(refused(longer).message == "metadata has 4 rows; the batch has 3");
  auto texts = batch(3);
  texts.texts.resize(1);
  CHECK(refused(texts).message == "texts has 1 rows; the batch has 3");
  write_batch uneven;
  uneven.vectors = vectors(2);
  uneven.texts.resize(3);
  CHECK(refused(uneven).message == "vectors has 2 rows; the batch has 3");

  auto no_ids = batch(1);
  no_ids.ids.clear();
  no_ids.kind = write_kind::update;
  CHECK(refused(no_ids).message == "ids is empty");
  auto erase = batch(1);
  erase.kind = write_kind::erase;
  CHECK(refused(erase).message == "a delete takes ids and nothing else");
  write_batch update;
  update.kind = write_kind::update;
  update.ids = {"a"};
  CHECK(refused(update).message == "the update changes nothing");
}

TEST_CASE("vectors of another dimension are refused") {
  auto wrong = batch(2);
  wrong.vectors = vectors(2, 4);
  const auto failure = refused(wrong);
  CHECK(failure.code == errc::dimension_mismatch);
  CHECK(failure.message == "vectors have dimension 4; namespace expects 3");
}

TEST_CASE("NaN and infinity are refused with row and position") {
  std::vector<float> values(60, 1.0F);
  values[12 * 3 + 2] = std::numeric_limits<float>::infinity();
  auto infinite = batch(20);
  infinite.vectors = matrix(std::move(values), 20, 3);
  const auto failure = refused(infinite);
  CHECK(failure.code == errc::invalid_argument);
  CHECK(failure.message == "vectors[12] holds NaN or infinity at position 2");
}

TEST_CASE("ids are checked, and each may appear once") {
  auto empty = batch(4);
  empty.ids[3] = "";
  CHECK(refused(empty).message == "ids[3] is the empty string");

  auto twice = batch(8);
  twice.ids[0] = "a";
  twice.ids[7] = "a";
  const auto failure = refused(twice);
  CHECK(failure.code == errc::invalid_argument);
  CHECK(failure.message == "id 'a' appears twice in the batch (rows 0 and 7)");

  auto both = batch(2);
  both.ids = {std::uint64_t{7}, "7"};
  CHECK(validate(both, config()).has_value());
}

TEST_CASE("metadata and texts are refused with their row") {
  auto large = batch(4);
  large.metadata.resize(4);
  large.metadata[3]["blob"] = std::string(1'468'000, 'x');
  CHECK(refused(large).message == "metadata[3] is 1.4 MiB encoded; the limit is 1 MiB");

  auto text = batch(2);
  text.texts = {std::nullopt, "\xff"};
  CHECK(refused(text).message == "texts[1] is not valid UTF-8");

  text.texts[1] = std::string(limits::text_bytes, 'x');
  CHECK(validate(text, config()).has_value());
  text.texts[1] = std::string(limits::text_bytes + 1024 * 1024, 'x');
  const auto failure = refused(text);
  CHECK(failure.code == errc::limit_exceeded);
  CHECK(failure.message == "texts[1] is 17 MiB; the limit is 16 MiB");
}

TEST_CASE("a batch over 64 MiB is refused, whatever it is made of") {
  write_batch texts;
  for (int i = 0; i < 5; ++i)
    texts.texts.emplace_back(std::string(limits::text_bytes, 'x'));
  const auto by_texts = refused(texts);
  CHECK(by_texts.code == errc::limit_exceeded);
  CHECK(by_texts.message == "the batch is 80 MiB; the limit is 64 MiB");

  write_batch metadata;
  metadata.metadata.assign(70, {{"k", std::string(1'000'000, 'x')}});
  CHECK(refused(metadata).message == "the batch is 66.8 MiB; the limit is 64 MiB");
  CHECK(batch_size(metadata) > limits::batch_bytes);

  write_batch rows;
  rows.ids.assign(limits::batch_rows + 1, record_id());
  CHECK(refused(rows).code == errc::limit_exceeded);
  CHECK(refused(rows).message == "the batch has 1000001 rows; the limit is 1000000");
}

TEST_CASE("the size of a batch is the sum of its columns") {
  auto full = batch(2);  // ids of 3 bytes, 3 floats
  CHECK(batch_size(full) == 2 * 3 + 2 * 12);
  full.ids[0] = std::uint64_t{1};
  CHECK(batch_size(full) == 8 + 3 + 2 * 12);
  full.metadata = {{{"k", nullptr}}, {}};
  full.texts = {"four", std::nullopt};
  CHECK(batch_size(full) ==
        8 + 3 + 2 * 12 + metadata_size(full.metadata[0]) + metadata_size({}) + 4);
}

TEST_CASE("columns of named vectors are checked like the vectors without a name") {
  namespace_request request{.dimension = 3};
  request.named = {{.name = "image", .dimension = 2}, {.name = "title", .dimension = 4}};
  const auto config = *make_config(request);
  const auto outcome_of = [&](std::vector<named_vectors> named) {
    auto given = batch(2);
    given.named = std::move(named);
    return validate(given, config);
  };
  const auto message = [](const result<void>& outcome) { return outcome.error().message; };
  CHECK(outcome_of({{"image", vectors(2, 2)}, {"title", vectors(2, 4)}}));
  CHECK(message(outcome_of({{"image", vectors(1, 2)}})) ==
        "named_vectors['image'] has 1 rows; the batch has 2");
  CHECK(message(outcome_of({{"image", matrix()}})) == "named_vectors['image'] is empty");
  CHECK(message(outcome_of({{"image", vectors(2, 3)}}))
            .starts_with("named_vectors['image']: vectors have dimension 3"));
  CHECK(message(outcome_of({{"imag", vectors(2, 2)}})) ==
        "this namespace has no vector named 'imag'");
  CHECK(message(outcome_of({{"", vectors(2, 3)}})) == "named_vectors has a column without a name");
  CHECK(message(outcome_of({{"image", vectors(2, 2)}, {"image", vectors(2, 2)}})) ==
        "named_vectors['image'] is given twice");
  auto nan = matrix(std::vector<float>{0, 0, 0, std::numeric_limits<float>::quiet_NaN()}, 2, 2);
  CHECK(message(outcome_of({{"image", nan}})).starts_with("named_vectors['image']: vectors[1]"));

  write_batch assigned;
  assigned.named = {{"image", vectors(3, 2)}};
  CHECK(assigned.rows() == 3);
  CHECK(validate(assigned, config));
  CHECK(batch_size(assigned) == 3 * 2 * sizeof(float));
  write_batch erase;
  erase.kind = write_kind::erase;
  erase.ids = {"a"};
  erase.named = {{"image", vectors(1, 2)}};
  CHECK_FALSE(validate(erase, config));
}
