#include <catch2/catch.hpp>

#include "tests/tools/temp_dir.hpp"
#include "tools/npy.hpp"
#include "tools/row_source.hpp"

using namespace hearth;
using namespace hearth::tools;

namespace {

struct outcome {
  std::vector<import_row> rows;
  std::vector<std::string> places;
  std::optional<error> failure;
};

outcome read(const std::filesystem::path& file, source_options options) {
  outcome all;
  auto source = open_source(file, options);
  if (!source) {
    all.failure = source.error();
    return all;
  }
  import_row row;
  for (;;) {
    const auto more = (*source)->next(row);
    if (!more) {
      all.failure = more.error();
      return all;
    }
    if (!*more)
      return all;
    all.rows.push_back(row);
    all.places.push_back((*source)->place());
  }
}

outcome read_text(const std::string& name, const std::string& content,
                  source_options options = {}) {
  const temp_dir dir;
  options.format = *format_of(name);
  return read(dir.write(name, content), options);
}

std::string matrix_file(std::uint64_t rows, std::uint32_t dimension) {
  std::vector<float> values;
  for (std::uint64_t i = 0; i < rows * dimension; ++i)
    values.push_back(static_cast<float>(i));
  return make_npy_header(rows, dimension) +
         std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
}

}  // namespace

TEST_CASE("sources: the format follows the extension") {
  CHECK(*format_of("a.npy") == file_format::npy);
  CHECK(*format_of("a.jsonl") == file_format::jsonl);
  CHECK(*format_of("a.ndjson") == file_format::jsonl);
  CHECK(*format_of("dir.x/a.csv") == file_format::csv);
  CHECK(format_of("a.txt").error().hint.find("--format") != std::string::npos);
}

TEST_CASE("jsonl: id, vector, text and metadata; other fields are metadata too") {
  const auto all =
      read_text("a.jsonl", R"({"id": 7, "vector": [1, 2], "text": "t", "metadata": {"a": 1}}
{"id": "s", "year": 2024, "metadata": {"tags": ["x"]}, "version": 9}

{"text": null, "vector": null}
)");
  REQUIRE_FALSE(all.failure.has_value());
  REQUIRE(all.rows.size() == 3);
  CHECK(*all.rows[0].id == record_id{7});
  CHECK(all.rows[0].vector == std::vector<float>{1, 2});
  CHECK(*all.rows[0].text == "t");
  CHECK(all.rows[0].metadata == value_map{{"a", 1}});
  CHECK(*all.rows[1].id == record_id{"s"});
  CHECK(all.rows[1].metadata == value_map{{"year", 2024}, {"tags", value_list{"x"}}});
  CHECK_FALSE(all.rows[2].id.has_value());
  CHECK_FALSE(all.rows[2].text.has_value());
  CHECK(all.rows[2].vector.empty());
  CHECK(all.places == std::vector<std::string>{"line 1", "line 2", "line 4"});
}

TEST_CASE("jsonl: the fields can have other names") {
  source_options options;
  options.id_field = "key";
  options.text_field = "body";
  options.vector_field = "embedding";
  const auto all =
      read_text("a.jsonl", R"({"key": 1, "body": "b", "embedding": [1], "id": "x"})", options);
  REQUIRE(all.rows.size() == 1);
  CHECK(*all.rows[0].id == record_id{1});
  CHECK(*all.rows[0].text == "b");
  CHECK(all.rows[0].metadata == value_map{{"id", "x"}});
}

TEST_CASE("jsonl: mistakes name the line and the field") {
  const auto message = [](const std::string& line) {
    const auto all = read_text("a.jsonl", "{\"id\": 1}\n" + line + "\n");
    REQUIRE(all.failure.has_value());
    return all.failure->message;
  };
  CHECK(message("{").starts_with("line 2: not JSON"));
  CHECK(message("[1]") == "line 2: not a JSON object");
  CHECK(message(R"({"id": -1})") == "line 2: id must be a string or an integer 0..2^64-1");
  CHECK(message(R"({"id": 1.5})") == "line 2: id must be a string or an integer 0..2^64-1");
  CHECK(message(R"({"text": 5})") == "line 2: text must be a string");
  CHECK(message(R"({"vector": [1, null]})") == "line 2: vector[1] is not a number");
  CHECK(message(R"({"metadata": 5})") == "line 2: metadata must be a JSON object");
  CHECK(message(R"({"metadata": {"a": 1}, "a": 2})") == "line 2: metadata key 'a' is given twice");
}

TEST_CASE("csv: columns by name, typed cells, empty cells left out") {
  const auto all = read_text("a.csv", "id,text,vector,year,zip,ok,score,note\n"
                                      "7,hello,\"[1, 2]\",2024,01234,true,1.5,\n"
                                      "\"\"\"8\"\"\",,,-3,1e3,yes,-0.5,\"a, b\"\n");
  REQUIRE_FALSE(all.failure.has_value());
  REQUIRE(all.rows.size() == 2);
  CHECK(*all.rows[0].id == record_id{7});
  CHECK(all.rows[0].vector == std::vector<float>{1, 2});
  CHECK(all.rows[0].metadata ==
        value_map{{"year", 2024}, {"zip", "01234"}, {"ok", true}, {"score", 1.5}});
  CHECK(*all.rows[1].id == record_id{"8"});
  CHECK_FALSE(all.rows[1].text.has_value());
  CHECK(all.rows[1].metadata ==
        value_map{{"year", -3}, {"zip", 1000.0}, {"ok", "yes"}, {"score", -0.5}, {"note", "a, b"}});
}

TEST_CASE("csv: cells that could not be written back the same stay strings") {
  for (const auto* cell : {"01", "-01", "+1", "1,5", "0x10", "inf", "nan", "1.2.3", "--1", "1e999",
                           "-", ".", "e", "True", "1 "})
    CHECK(value_from_cell(cell) == value{cell});
  CHECK(value_from_cell("0") == value{0});
  CHECK(value_from_cell("0.5") == value{0.5});
  CHECK(value_from_cell("-0.5") == value{-0.5});
  CHECK(value_from_cell("9223372036854775807") == value{std::numeric_limits<std::int64_t>::max()});
}

TEST_CASE("csv: string values and string ids on demand") {
  source_options options;
  options.string_values = true;
  options.ids = id_style::strings;
  const auto all = read_text("a.csv", "id,n\n7,5\n", options);
  REQUIRE(all.rows.size() == 1);
  CHECK(*all.rows[0].id == record_id{"7"});
  CHECK(all.rows[0].metadata == value_map{{"n", "5"}});
}

TEST_CASE("csv: headers and rows that do not fit are refused") {
  CHECK(read_text("a.csv", "").failure->message == "the file is empty");
  CHECK(read_text("a.csv", "a,a\n").failure->message == "line 1: column 'a' is named twice");
  CHECK(read_text("a.csv", "a,\n").failure->message == "line 1: a column has no name");
  CHECK(read_text("a.csv", "a,b\n1,2\n3\n").failure->message ==
        "line 3: 1 fields, but the header names 2 columns");
}

TEST_CASE("npy: row numbers are the ids unless a file gives them") {
  const temp_dir dir;
  const auto file = dir.write("a.npy", matrix_file(3, 2));
  source_options options;
  options.format = file_format::npy;
  const auto plain = read(file, options);
  REQUIRE(plain.rows.size() == 3);
  CHECK(*plain.rows[2].id == record_id{2});
  CHECK(plain.rows[2].vector == std::vector<float>{4, 5});
  CHECK(plain.places.back() == "row 2");

  options.ids_file = dir.write("ids.txt", "a\n7\n\"7\"\n");
  options.metadata_file = dir.write("m.jsonl", "{\"n\": 1}\n{}\n{\"n\": 3}\n");
  const auto full = read(file, options);
  REQUIRE_FALSE(full.failure.has_value());
  REQUIRE(full.rows.size() == 3);
  CHECK(*full.rows[0].id == record_id{"a"});
  CHECK(*full.rows[1].id == record_id{7});
  CHECK(*full.rows[2].id == record_id{"7"});
  CHECK(full.rows[2].metadata == value_map{{"n", 3}});
}

TEST_CASE("npy: id and metadata files of another length are refused") {
  const temp_dir dir;
  const auto file = dir.write("a.npy", matrix_file(2, 2));
  source_options options;
  options.format = file_format::npy;
  options.ids_file = dir.write("short.txt", "a\n");
  CHECK(read(file, options).failure->message ==
        "the ids file ends after 1 lines, but the matrix has 2 rows");
  options.ids_file = dir.write("long.txt", "a\nb\nc\n");
  CHECK(read(file, options).failure->message ==
        "the ids file has more lines than the matrix has rows (2)");
  options.ids_file.clear();
  options.metadata_file = dir.write("m.jsonl", "{}\n[]\n");
  CHECK(read(file, options).failure->message == "metadata, line 2: metadata must be a JSON object");
}

TEST_CASE("npy: a matrix larger than one block is read to its end") {
  const temp_dir dir;
  const auto file = dir.write("a.npy", matrix_file(40, 65'536));
  source_options options;
  options.format = file_format::npy;
  const auto all = read(file, options);
  REQUIRE(all.rows.size() == 40);
  for (std::size_t i = 0; i < 40; ++i)
    REQUIRE(all.rows[i].vector.front() == static_cast<float>(i * 65'536));
}

TEST_CASE("sources: files that are not there or are directories are told apart") {
  const temp_dir dir;
  CHECK(read(dir.path() / "none.jsonl", {}).failure->code == errc::not_found);
  CHECK(read(dir.path(), {}).failure->code == errc::invalid_argument);
}
