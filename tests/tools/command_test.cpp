// The command line as far as it goes without a daemon; test_cli.py has the rest.
#include <catch2/catch.hpp>
#include <sstream>

#include "tests/tools/temp_dir.hpp"
#include "tools/command.hpp"

using namespace hearth;
using namespace hearth::tools;

namespace {

struct outcome {
  int code = 0;
  std::string out;
  std::string err;
};

outcome run(std::vector<std::string> arguments) {
  std::ostringstream out;
  std::ostringstream err;
  const int code = run_command_line(std::move(arguments), out, err);
  return {code, out.str(), err.str()};
}

// The names of all commands, "namespace create" and the like.
void collect(const CLI::App& app, const std::vector<std::string>& path,
             std::vector<std::vector<std::string>>& all) {
  for (const auto* child : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (child->get_name().empty())
      continue;
    auto words = path;
    words.push_back(child->get_name());
    all.push_back(words);
    collect(*child, words, all);
  }
}

}  // namespace

TEST_CASE("command line: every command explains itself with an example") {
  global_options options;
  action chosen;
  std::vector<std::vector<std::string>> commands;
  collect(*make_app(options, chosen), {}, commands);
  CHECK(commands.size() > 18);
  for (auto words : commands) {
    INFO(words.back());
    words.emplace_back("--help");
    const auto help = run(words);
    CHECK(help.code == exit_ok);
    CHECK(help.err.empty());
    CHECK(help.out.find("Example") != std::string::npos);
    CHECK(help.out.find("hearth ") != std::string::npos);
    CHECK(help.out.ends_with('\n'));
  }
}

TEST_CASE("command line: mistakes are exit code 2, as text or as JSON") {
  for (const auto& line : std::vector<std::vector<std::string>>{
           {},
           {"nonsense"},
           {"search"},
           {"search", "docs"},
           {"search", "docs", "--vector", "[1]", "--vector-file", "a.npy"},
           {"search", "docs", "--vector", "[1]", "--like", "1"},
           {"search", "docs", "--unlike", "1"},
           {"search", "docs", "--where", "a == 1"},
           {"search", "docs", "--text", "a", "--mode", "words"},
           {"search", "docs", "--text", "a", "--fusion", "sum"},
           {"search", "docs", "--text", "a", "--group-limit", "2"},
           {"search", "docs", "--text", "a", "--diversity", "1.5"},
           {"search", "docs", "--vector", "[1]", "--operators"},
           {"search", "docs", "--vector", "[1]", "--text-field", "title"},
           {"delete", "docs"},
           {"delete", "docs", "1", "--where", "a == 1"},
           {"facets", "docs"},
           {"export", "docs", "--descending"},
           {"namespace", "alter", "docs", "--field", "a:int", "--no-fields"},
           {"search", "docs", "--text", "a", "--fields", "everything"},
           {"search", "docs", "--text", "a", "-k", "0"},
           {"search", "docs", "--text", "a", "--row", "1"},
           {"import", "docs", "x.jsonl", "--format", "xml"},
           {"namespace", "create", "docs", "--dimension", "many"},
           {"completions", "tcsh"},
           {"config", "show", "--call-timeout-ms", "soon"}}) {
    const auto text = run(line);
    INFO(text.err);
    CHECK(text.code == exit_usage);
    CHECK(text.out.empty());
    CHECK(text.err.starts_with("hearth: "));
    auto with_json = line;
    with_json.emplace_back("--json");
    const auto document = parse_json(run(with_json).err);
    REQUIRE(document.has_value());
    CHECK(document->at("error").contains("code"));
    CHECK(document->at("error").contains("hint"));
  }
}

TEST_CASE("command line: an unknown command is named") {
  CHECK(run({"serach", "docs"}).err.starts_with("hearth: 'serach' is not a command\n"));
  CHECK(run({"namespace", "destroy", "x"}).code == exit_usage);
}

TEST_CASE("command line: a store that is not there is found out before a daemon is started") {
  const temp_dir dir;
  const auto store = (dir.path() / "none").string();
  const auto only_a_directory = dir.path() / "downloads";
  std::filesystem::create_directory(only_a_directory);
  for (const auto& line :
       std::vector<std::vector<std::string>>{{"namespace", "list"},
                                             {"stats"},
                                             {"count", "docs"},
                                             {"facets", "docs", "year"},
                                             {"delete", "docs", "--where", "year == 1"},
                                             {"get", "docs", "1"},
                                             {"delete", "docs", "1"},
                                             {"export", "docs"},
                                             {"search", "docs", "--text", "a"}}) {
    auto words = line;
    words.insert(words.end(), {"--store", store, "--json"});
    const auto answer = run(words);
    CHECK(answer.code == exit_not_found);
    CHECK(parse_json(answer.err)->at("error").at("code") == "not_found");
    CHECK_FALSE(std::filesystem::exists(store));
    words = line;
    words.insert(words.end(), {"--store", only_a_directory.string()});
    CHECK(run(words).code == exit_not_found);
    CHECK(std::filesystem::is_empty(only_a_directory));
  }
}

TEST_CASE("command line: input that is refused leaves no store behind") {
  const temp_dir dir;
  const auto store = (dir.path() / "none").string();
  const auto broken = dir.write("a.npy", "not numpy").string();
  for (const auto& line : std::vector<std::vector<std::string>>{
           {"namespace", "create", "Docs", "--dimension", "3"},
           {"namespace", "create", "docs", "--dimension", "0"},
           {"import", "Docs", broken},
           {"import", "docs", "x.unknown"},
           {"import", "docs", "x.jsonl", "--ids", "ids.txt"},
           {"namespace", "create", "docs", "--dimension", "3", "--field", "year"},
           {"namespace", "create", "docs", "--dimension", "3", "--text-field", "title:much"},
           {"search", "docs", "--text", "a", "--where", "a =="},
           {"search", "docs", "--text", "a", "--weights", "1"},
           {"count", "docs", "--where", " "},
           {"delete", "docs", "--where", ""},
           {"facets", "docs", "a", "--where", "a"},
           {"export", "docs", "--where", "NOT"},
           {"namespace", "drop", "docs", "--json"}}) {
    auto words = line;
    words.insert(words.end(), {"--store", store});
    const auto answer = run(words);
    INFO(answer.err);
    CHECK(answer.code == exit_refused);
    CHECK_FALSE(std::filesystem::exists(store));
  }
  CHECK(run({"import", "docs", broken, "--store", store}).code == exit_service);
  CHECK(run({"import", "docs", "/nonexistent.csv", "--store", store}).code == exit_not_found);
}

TEST_CASE("command line: exit codes follow the group of the error") {
  CHECK(exit_code_for(errc::not_found) == exit_not_found);
  CHECK(exit_code_for(errc::invalid_argument) == exit_refused);
  CHECK(exit_code_for(errc::permission_denied) == exit_refused);
  CHECK(exit_code_for(errc::busy) == exit_retry);
  CHECK(exit_code_for(errc::unavailable) == exit_retry);
  CHECK(exit_code_for(errc::timeout) == exit_retry);
  CHECK(exit_code_for(errc::corruption) == exit_service);
  CHECK(exit_code_for(errc::internal) == exit_service);
}

TEST_CASE("completions: every shell's script knows every command, flag and choice") {
  for (const auto* shell : {"bash", "zsh", "fish"}) {
    const auto script = run({"completions", shell});
    INFO(shell);
    CHECK(script.code == exit_ok);
    for (const auto* word : {"search", "namespace", "create", "describe", "vector-file",
                             "if-missing", "cosine", "interval", "no-autostart", "facets", "where",
                             "hybrid", "borda", "text-field", "stop-words", "group-by"})
      CHECK(script.out.find(word) != std::string::npos);
  }
}
