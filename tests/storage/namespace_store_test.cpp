#include "storage/namespace_store.hpp"

#include <map>

#include "tests/storage/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

const field_set everything{true, true, true};

write_batch rich_batch(write_kind kind, std::vector<record_id> ids, std::uint32_t dimension,
                       std::uint64_t seed) {
  auto batch = batch_of(kind, ids, vectors_of(ids.size(), dimension, seed));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    batch.metadata.push_back(
        {{"seed", static_cast<std::int64_t>(seed)}, {"place", static_cast<std::int64_t>(i)}});
    batch.texts.emplace_back("text " + std::to_string(seed) + "." + std::to_string(i));
  }
  return batch;
}

std::array<std::uint64_t, 2> colliding_hash(std::string_view) {
  return {1, 2};
}

TEST_CASE("answers that outgrow their bound are limit_exceeded, however small the question") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 4);
  auto batch = batch_of(write_kind::add, {"a"}, vectors_of(1, 4, 1));
  batch.texts = {std::string(100'000, 'x')};
  write(*store, batch);
  const auto view = need(store->read());
  const field_set texts{.texts = true};
  const std::vector<record_id> often(100, "a");
  REQUIRE(need(view->get({often, texts}, std::size_t{11} << 20)).found.size() == 100);
  REQUIRE(code_of(view->get({often, texts}, std::size_t{1} << 20)) == errc::limit_exceeded);
  REQUIRE(need(view->get({often, {}}, std::size_t{1} << 20)).found.size() == 100);
  const std::vector<row_id> rows(100, 1);
  record_columns columns;
  REQUIRE(code_of(view->resolve(rows, texts, std::size_t{1} << 20, columns)) ==
          errc::limit_exceeded);
}

TEST_CASE("an update that would rewrite too much is refused and changes nothing") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 4);
  constexpr std::size_t count = 17;
  for (std::size_t i = 0; i < count; ++i) {
    auto batch = batch_of(write_kind::add, numbers(i, 1), vectors_of(1, 4, i));
    batch.texts = {std::string(limits::text_bytes, 'x')};
    write(*store, batch);
  }
  auto update = batch_of(write_kind::update, numbers(0, count));
  update.metadata.assign(count, value_map{{"seen", true}});
  REQUIRE(code_of(store->apply(update)) == errc::limit_exceeded);
  update.ids = numbers(0, 2);
  update.metadata.resize(2);
  const auto applied = write(*store, update);
  REQUIRE(applied.rewritten_bytes >= 2 * limits::text_bytes);
  REQUIRE(applied.result.lsn == count + 1);
}

}  // namespace

TEST_CASE("records come back as they were written, in this process and the next") {
  const temporary_directory home;
  const auto directory = home.path() / "docs";
  const auto batch = rich_batch(write_kind::add, {"a", 7, "b"}, 4, 1);
  const auto check = [&](const namespace_store& store) {
    const auto got = get(store, {7, "missing", "b", "a"});
    REQUIRE(got.missing == std::vector<record_id>{"missing"});
    REQUIRE(got.found.ids == std::vector<record_id>{7, "b", "a"});
    REQUIRE(got.found.versions == std::vector<lsn_t>{1, 1, 1});
    REQUIRE(got.found.has_vector == std::vector<bool>{true, true, true});
    for (const auto& [place, row] : {std::pair{0, 1}, {1, 2}, {2, 0}}) {
      REQUIRE(row_of(got.found.vectors, place) == row_of(batch.vectors, row));
      REQUIRE(got.found.metadata[place] == batch.metadata[row]);
      REQUIRE(got.found.texts[place] == batch.texts[row]);
    }
  };
  store_identity made;
  {
    auto store = create(directory, 4);
    made = store->identity();
    const auto applied = need(store->apply(batch));
    REQUIRE(applied.result.lsn == 1);
    REQUIRE(applied.result.durable_lsn == 0);
    REQUIRE(applied.result.affected == 3);
    REQUIRE(applied.changes.added == std::vector<row_id>{1, 2, 3});
    REQUIRE(applied.changes.vectors[0].vectors.data() == batch.vectors.data());
    REQUIRE(applied.changes.removed.empty());
    REQUIRE(need(store->read())->record_count() == 0);  // not before the commit
    REQUIRE(need(store->commit()) == 1);
    REQUIRE(need(store->commit()) == 1);
    check(*store);
  }
  auto store = need(namespace_store::open(directory, {}));
  check(*store);
  REQUIRE(store->config() == config_of(4));
  REQUIRE(store->durable_lsn() == 1);
  REQUIRE(std::ranges::equal(store->identity().uuid, made.uuid));
  REQUIRE((made.uuid[0] != 0 || made.uuid[1] != 0));
  REQUIRE(code_of(namespace_store::create(directory, config_of(4), {})) == errc::busy);
  store.reset();
  REQUIRE(code_of(namespace_store::create(directory, config_of(4), {})) == errc::already_exists);
  REQUIRE(code_of(namespace_store::open(home.path() / "none", {})) == errc::not_found);
}

TEST_CASE("a batch that is refused leaves no trace, and the others in the transaction stay") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  write(*store, rich_batch(write_kind::add, {"old"}, 2, 1));

  need(store->apply(rich_batch(write_kind::add, {"first"}, 2, 2)));
  REQUIRE(code_of(store->apply(rich_batch(write_kind::add, {"x", "old", "y"}, 2, 3))) ==
          errc::already_exists);
  REQUIRE(code_of(store->apply(rich_batch(write_kind::update, {"first", "gone"}, 2, 4))) ==
          errc::not_found);
  REQUIRE(code_of(store->apply(rich_batch(write_kind::upsert, {"twice", "twice"}, 2, 5))) ==
          errc::invalid_argument);
  REQUIRE(code_of(store->apply(rich_batch(write_kind::upsert, {"wide"}, 3, 5))) ==
          errc::dimension_mismatch);
  need(store->apply(rich_batch(write_kind::add, {"second"}, 2, 6)));
  REQUIRE(need(store->commit()) == 3);

  const auto view = need(store->read());
  REQUIRE(view->record_count() == 3);
  REQUIRE(view->vector_count(0) == 3);
  const auto page = need(view->scan({.cursor = "", .limit = 10, .fields = everything}, 1 << 20));
  REQUIRE(page.rows.ids == std::vector<record_id>{"first", "old", "second"});
  REQUIRE(page.rows.versions == std::vector<lsn_t>{2, 1, 3});
  REQUIRE(need(view->changes(0, 10)).size() == 3);
}

TEST_CASE("a lone batch that is refused leaves no transaction open") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  REQUIRE(code_of(store->apply(rich_batch(write_kind::update, {"gone"}, 2, 1))) == errc::not_found);
  REQUIRE(need(store->commit()) == 0);
  REQUIRE(need(store->read())->lsn() == 0);
}

TEST_CASE("upsert replaces the whole record under a new row") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  write(*store, rich_batch(write_kind::add, {"a", "b"}, 2, 1));
  const auto vectors = vectors_of(2, 2, 9);
  const auto applied = write(*store, batch_of(write_kind::upsert, {"b", "c"}, vectors));
  REQUIRE(applied.changes.added == std::vector<row_id>{3, 4});
  REQUIRE(applied.changes.removed == std::vector<row_id>{2});
  REQUIRE(applied.result.affected == 2);
  const auto got = get(*store, {"b", "c"});
  REQUIRE(got.found.metadata == std::vector<value_map>{{}, {}});
  REQUIRE(got.found.texts == std::vector<std::optional<std::string>>{{}, {}});
  REQUIRE(row_of(got.found.vectors, 0) == row_of(vectors, 0));

  // Without a vector, the record has none any more.
  const auto bare = write(*store, batch_of(write_kind::upsert, {"b"}));
  REQUIRE(bare.changes.added.empty());
  REQUIRE(bare.changes.removed == std::vector<row_id>{3});
  const auto after = get(*store, {"b"});
  REQUIRE(after.found.has_vector == std::vector<bool>{false});
  REQUIRE(row_of(after.found.vectors, 0) == std::vector<float>{0, 0});
  const auto view = need(store->read());
  REQUIRE(view->record_count() == 3);
  REQUIRE(view->vector_count(0) == 2);
}

TEST_CASE("update changes only the columns it names") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  const auto original = rich_batch(write_kind::add, {"a", "b"}, 2, 1);
  write(*store, original);

  write_batch merge = batch_of(write_kind::update, {"b"});
  merge.metadata = {{{"place", nullptr}, {"new", value_list{1, nullptr}}}};
  const auto merged = write(*store, merge);
  REQUIRE(merged.changes.added.empty());
  REQUIRE(merged.changes.removed.empty());
  auto got = get(*store, {"b"});
  REQUIRE(got.found.metadata[0] == value_map{{"seed", 1}, {"new", value_list{1, nullptr}}});
  REQUIRE(got.found.texts[0] == original.texts[1]);
  REQUIRE(row_of(got.found.vectors, 0) == row_of(original.vectors, 1));
  REQUIRE(got.found.versions[0] == 2);

  merge.metadata = {{{"only", true}}};
  merge.merge = metadata_mode::replace;
  merge.texts = {std::nullopt};
  write(*store, merge);
  got = get(*store, {"b"});
  REQUIRE(got.found.metadata[0] == value_map{{"only", true}});
  REQUIRE(got.found.texts[0] == original.texts[1]);

  auto move = batch_of(write_kind::update, {"b", "a"}, vectors_of(2, 2, 5));
  move.texts = {"new text", std::nullopt};
  const auto moved = write(*store, move);
  REQUIRE(moved.changes.added == std::vector<row_id>{3, 4});
  REQUIRE(moved.changes.removed == std::vector<row_id>{1, 2});
  got = get(*store, {"a", "b"});
  REQUIRE(got.found.metadata == std::vector<value_map>{original.metadata[0], {{"only", true}}});
  REQUIRE(got.found.texts[0] == original.texts[0]);
  REQUIRE(got.found.texts[1] == "new text");
  REQUIRE(row_of(got.found.vectors, 0) == row_of(move.vectors, 1));
  REQUIRE(need(store->read())->record_count() == 2);
}

TEST_CASE("a vector can be given to a record that had none") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  write(*store, batch_of(write_kind::add, {"a"}));
  const auto vectors = vectors_of(1, 2, 5);
  const auto applied = write(*store, batch_of(write_kind::update, {"a"}, vectors));
  REQUIRE(applied.changes.added == std::vector<row_id>{2});
  REQUIRE(applied.changes.removed.empty());
  REQUIRE(need(store->read())->vector_count(0) == 1);
  REQUIRE(row_of(get(*store, {"a"}).found.vectors, 0) == row_of(vectors, 0));
}

TEST_CASE("merged metadata is held to the same limit") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  auto batch = batch_of(write_kind::add, {"a"});
  batch.metadata = {{{"x", std::string(700'000, 'x')}}};
  write(*store, batch);
  batch.kind = write_kind::update;
  batch.metadata = {{{"y", std::string(700'000, 'y')}}};
  REQUIRE(code_of(store->apply(batch)) == errc::limit_exceeded);
  batch.metadata[0].insert_or_assign("x", nullptr);
  REQUIRE(store->apply(batch).has_value());
}

TEST_CASE("erase counts what was there") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  write(*store, rich_batch(write_kind::add, {"a", "b", 3}, 2, 1));
  const auto applied = write(*store, batch_of(write_kind::erase, {3, "x", "a"}));
  REQUIRE(applied.result.affected == 2);
  REQUIRE(applied.changes.removed == std::vector<row_id>{1, 3});
  REQUIRE(get(*store, {"a", 3}).found.ids.empty());
  REQUIRE(write(*store, batch_of(write_kind::erase, {"x"})).result.affected == 0);
  const auto view = need(store->read());
  REQUIRE(view->record_count() == 1);
  REQUIRE(view->lsn() == 3);
  REQUIRE(need(view->changes(1, 10))[1].removed.empty());
}

TEST_CASE("assigned ids are never taken and never given twice") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  const auto add = [&](write_kind kind, std::size_t rows) {
    return write(*store, batch_of(kind, {}, vectors_of(rows, 2, 1))).result.assigned;
  };
  REQUIRE(add(write_kind::add, 2) == numbers(0, 2));
  write(*store, batch_of(write_kind::upsert, {2, 100, "5000"}, vectors_of(3, 2, 1)));
  REQUIRE(add(write_kind::upsert, 1) == std::vector<record_id>{101});
  write(*store, batch_of(write_kind::erase, {101}));
  REQUIRE(add(write_kind::add, 1) == std::vector<record_id>{102});
  // The largest numbers do not use up what can be assigned.
  write(*store, batch_of(write_kind::add, {UINT64_MAX, assigned_id_limit}, vectors_of(2, 2, 1)));
  REQUIRE(add(write_kind::add, 1) == std::vector<record_id>{103});
  write(*store, batch_of(write_kind::add, {assigned_id_limit - 2}, vectors_of(1, 2, 1)));
  REQUIRE(code_of(store->apply(batch_of(write_kind::add, {}, vectors_of(2, 2, 1)))) ==
          errc::limit_exceeded);
  REQUIRE(add(write_kind::add, 1) == std::vector<record_id>{assigned_id_limit - 1});

  auto texts_only = batch_of(write_kind::add, {});
  texts_only.texts = {"one"};
  REQUIRE(code_of(store->apply(texts_only)) == errc::limit_exceeded);
}

TEST_CASE("long ids work like short ones") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  std::vector<record_id> ids;
  for (const std::size_t length : {1, 493, 494, 495, 496, 511, 512, 1000, 4096})
    for (const char last : {'x', 'y'})
      ids.emplace_back(std::string(length - 1, 'a') + last);
  write(*store, rich_batch(write_kind::add, ids, 2, 1));
  REQUIRE(get(*store, ids).found.ids == ids);
  REQUIRE(code_of(store->apply(rich_batch(write_kind::add, {ids.back()}, 2, 2))) ==
          errc::already_exists);
  const auto page =
      need(need(store->read())->scan({.cursor = "", .limit = 100, .fields = {}}, 1 << 20));
  auto scanned = page.rows.ids;
  std::ranges::sort(scanned);
  auto sorted = ids;
  std::ranges::sort(sorted);
  REQUIRE(scanned == sorted);
  write(*store, batch_of(write_kind::erase, {ids[7], ids[16]}));
  REQUIRE(get(*store, ids).missing == std::vector<record_id>{ids[7], ids[16]});
}

TEST_CASE("long ids whose hashes collide stay different ids") {
  const temporary_directory home;
  store_hooks hooks;
  hooks.hash = colliding_hash;
  auto store = create(home.path() / "docs", 2, {}, hooks);
  const auto id = [](int number) {
    return record_id(std::string(600, 'p') + std::to_string(number));
  };
  std::vector<record_id> ids;
  for (int i = 0; i < 8; ++i)
    ids.push_back(id(i));
  const auto batch = rich_batch(write_kind::add, ids, 2, 1);
  write(*store, batch);
  REQUIRE(code_of(store->apply(rich_batch(write_kind::add, {id(8), id(3)}, 2, 1))) ==
          errc::already_exists);
  REQUIRE(code_of(store->apply(rich_batch(write_kind::upsert, {id(8), id(9), id(8)}, 2, 1))) ==
          errc::invalid_argument);
  auto got = get(*store, {id(5), id(8), id(0)});
  REQUIRE(got.missing == std::vector<record_id>{id(8)});
  REQUIRE(row_of(got.found.vectors, 0) == row_of(batch.vectors, 5));
  REQUIRE(row_of(got.found.vectors, 1) == row_of(batch.vectors, 0));

  // Pages end inside the group, and go on in it.
  std::vector<record_id> scanned;
  scan_query query{.cursor = "", .limit = 3, .fields = {}};
  do {
    auto page = need(need(store->read())->scan(query, 1 << 20));
    REQUIRE(page.rows.size() <= 3);
    scanned.insert(scanned.end(), page.rows.ids.begin(), page.rows.ids.end());
    query.cursor = page.next;
  } while (!query.cursor.empty());
  REQUIRE(scanned == ids);

  const auto moved = rich_batch(write_kind::upsert, {id(2), id(8)}, 2, 7);
  write(*store, moved);
  write(*store, batch_of(write_kind::erase, {id(0), id(7)}));
  got = get(*store, {id(0), id(1), id(2), id(7), id(8)});
  REQUIRE(got.missing == std::vector<record_id>{id(0), id(7)});
  REQUIRE(row_of(got.found.vectors, 0) == row_of(batch.vectors, 1));
  REQUIRE(row_of(got.found.vectors, 1) == row_of(moved.vectors, 0));
  REQUIRE(row_of(got.found.vectors, 2) == row_of(moved.vectors, 1));
  write(*store, batch_of(write_kind::erase, {id(1), id(2), id(3), id(4), id(5), id(6), id(8)}));
  REQUIRE(need(store->read())->record_count() == 0);
  REQUIRE(get(*store, ids).found.ids.empty());
}

TEST_CASE("a scan sees each record that stays exactly once, whatever is written meanwhile") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  std::vector<record_id> stay;
  for (int i = 0; i < 200; ++i) {
    stay.emplace_back(static_cast<std::uint64_t>(i) * 10);
    stay.emplace_back("s" + std::to_string(i));
  }
  write(*store, rich_batch(write_kind::add, stay, 2, 1));
  std::mt19937_64 random(3);
  std::map<record_id, int> seen;
  scan_query query{.cursor = "", .limit = 7, .fields = {}};
  do {
    const auto page = need(need(store->read())->scan(query, 1 << 20));
    for (const auto& id : page.rows.ids)
      ++seen[id];
    query.cursor = page.next;
    // Updates move records to new rows; adds and erases come in before and behind the cursor.
    std::vector<record_id> updated{stay[random() % stay.size()]};
    write(*store, batch_of(write_kind::update, updated, vectors_of(1, 2, random())));
    const auto extra = random() % 2000 * 10 + 1;
    write(*store, batch_of(write_kind::upsert, {extra}, vectors_of(1, 2, random())));
    write(*store, batch_of(write_kind::erase, {random() % 2000 * 10 + 1}));
    // Even the record that the cursor names may go.
    if (std::ranges::find(stay, page.rows.ids.back()) == stay.end())
      write(*store, batch_of(write_kind::erase, {page.rows.ids.back()}));
  } while (!query.cursor.empty());
  for (const auto& id : stay)
    REQUIRE(seen[id] == 1);
}

TEST_CASE("pages of a scan end at their limits, and strange cursors are refused") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 2);
  auto batch = batch_of(write_kind::add, numbers(0, 5));
  batch.texts.assign(5, std::string(1000, 't'));
  write(*store, batch);
  const auto view = need(store->read());
  const auto page = [&](std::uint32_t limit, std::size_t bytes) {
    return need(view->scan({.cursor = "", .limit = limit, .fields = everything}, bytes));
  };
  REQUIRE(page(2, 1 << 20).rows.size() == 2);
  REQUIRE(page(100, 2500).rows.size() == 2);
  REQUIRE(page(100, 1).rows.size() == 1);
  REQUIRE(page(5, 1 << 20).next.empty());
  for (const auto* wrong : {"x", "n", "n12x", "s", "n99999999999999999999", "\xFF"})
    REQUIRE(code_of(view->scan({.cursor = wrong, .limit = 5, .fields = {}}, 100)) ==
            errc::invalid_argument);
}

TEST_CASE("rows resolve to the records of the snapshot") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 3);
  const auto batch = rich_batch(write_kind::add, {"a", "b", "c"}, 3, 1);
  write(*store, batch);
  const auto before = need(store->read());
  write(*store, batch_of(write_kind::erase, {"b"}));
  const auto after = need(store->read());

  record_columns out;
  const std::vector<row_id> rows{3, 2, 99, 1};
  REQUIRE(need(before->resolve(rows, everything, no_limit, out)) ==
          std::vector<bool>{true, true, false, true});
  REQUIRE(need(after->resolve(rows, everything, no_limit, out)) ==
          std::vector<bool>{true, false, false, true});
  REQUIRE(out.ids == std::vector<record_id>{"c", "b", "a", "c", "a"});
  REQUIRE(out.vectors.rows() == 5);
  for (const auto& [place, row] : {std::pair{0, 2}, {1, 1}, {2, 0}, {3, 2}, {4, 0}}) {
    REQUIRE(row_of(out.vectors, place) == row_of(batch.vectors, row));
    REQUIRE(out.metadata[place] == batch.metadata[row]);
  }
  record_columns bare;
  need(after->resolve(rows, {}, no_limit, bare));
  REQUIRE(bare.ids.size() == 2);
  REQUIRE(bare.versions.size() == 2);
  REQUIRE(bare.metadata.empty());
  REQUIRE(bare.vectors.empty());

  std::vector<float> values(4 * 3);
  REQUIRE(need(after->vectors(std::vector<row_id>{1, 2, 3, 4}, values.data())) ==
          std::vector<bool>{true, false, true, false});
  REQUIRE(std::ranges::equal(std::span(values).subspan(6, 3), batch.vectors.view().row(2)));
}

TEST_CASE("changes name the rows of every batch until history is trimmed") {
  const temporary_directory home;
  namespace_store_options options;
  options.history_batches = 5;
  auto store = create(home.path() / "docs", 2, options);
  for (std::uint64_t i = 0; i < 20; ++i)
    write(*store, batch_of(write_kind::upsert, numbers(i % 4, 2), vectors_of(2, 2, i)));
  REQUIRE(need(need(store->read())->changes(30, 5)).empty());
  auto changes = need(need(store->read())->changes(0, 7));
  REQUIRE(changes.size() == 7);
  for (std::size_t i = 0; i < changes.size(); ++i) {
    REQUIRE(changes[i].lsn == i + 1);
    REQUIRE(changes[i].added == std::vector<row_id>{2 * i + 1, 2 * i + 2});
    REQUIRE(changes[i].vectors.empty());
  }
  REQUIRE(changes[1].removed == std::vector<row_id>{2});
  REQUIRE(need(need(store->read())->changes(20, 5)).empty());

  maintain_all(*store, 3);  // keeps what is behind lsn 3
  REQUIRE(code_of(need(store->read())->changes(2, 5)) == errc::not_found);
  REQUIRE(need(need(store->read())->changes(3, 50)).size() == 17);
  maintain_all(*store, 20);  // keeps five, whoever needs them or not
  REQUIRE(code_of(need(store->read())->changes(14, 5)) == errc::not_found);
  REQUIRE(need(need(store->read())->changes(15, 50)).size() == 5);
}

TEST_CASE("a large batch has its changes in parts and gives them back whole") {
  const temporary_directory home;
  auto store = create(home.path() / "docs", 1);
  write(*store, batch_of(write_kind::add, numbers(0, 9000), vectors_of(9000, 1, 1)));
  std::vector<record_id> scattered;
  for (std::uint64_t i = 0; i < 9000; i += 2)
    scattered.emplace_back(i);
  const auto applied =
      write(*store, batch_of(write_kind::upsert, scattered, vectors_of(4500, 1, 2)));
  const auto changes = need(need(store->read())->changes(0, 10));
  REQUIRE(changes.size() == 2);
  REQUIRE(changes[0].added.size() == 9000);
  REQUIRE(changes[1].added == applied.changes.added);
  REQUIRE(changes[1].removed == applied.changes.removed);
}

TEST_CASE("only the distance and index parameters can be changed") {
  const temporary_directory home;
  const auto directory = home.path() / "docs";
  auto changed = config_of(2);
  changed.index.m = 32;
  changed.distance = distance_kind::dot;
  {
    auto store = create(directory, 2);
    need(store->set_config(changed));
    REQUIRE(store->config() == changed);
    auto wrong = changed;
    wrong.shards = 2;
    REQUIRE(code_of(store->set_config(wrong)) == errc::config_mismatch);
    wrong = changed;
    wrong.dimension = 3;
    REQUIRE(code_of(store->set_config(wrong)) == errc::config_mismatch);
  }
  REQUIRE(need(namespace_store::open(directory, {}))->config() == changed);
}
