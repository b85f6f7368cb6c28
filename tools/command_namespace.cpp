// `hearth namespace list|create|describe|alter|drop`.
#include <CLI/CLI.hpp>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <thread>

#include "core/format.hpp"
#include "tools/command.hpp"
#include "tools/namespace_options.hpp"
#include "tools/namespace_view.hpp"
#include "tools/terminal.hpp"

namespace hearth::tools {
namespace {

struct create_options {
  std::string name;
  namespace_options config;
  bool if_missing = false;
};

struct alter_options {
  std::string name;
  namespace_options config;
  bool wait = false;
};

struct drop_options {
  std::string name;
  bool yes = false;
};

struct describe_options {
  std::string name;
};

result<int> list(invocation& call, const std::monostate&) {
  HEARTH_TRY(const auto store, call.connect());
  HEARTH_TRY(const auto names, store->list_namespaces());
  if (call.as_json()) {
    call.print({{"namespaces", names}});
    return exit_ok;
  }
  for (const auto& name : names)
    call.out() << name << '\n';
  if (names.empty())
    call.note("no namespaces yet; `hearth namespace create NAME` makes one for keys and texts, "
              "--dimension N one for vectors");
  return exit_ok;
}

// What became of the fields, if the command says anything about them.
void note_fields(invocation& call, const namespace_request& request,
                 const namespace_config& config) {
  if (request.schema)
    call.note(config.schema.empty()
                  ? "schema: (none)"
                  : core::format("schema: {}", core::join(describe_schema(config), ", ")));
  if (request.text_fields || request.language || request.stop_words)
    call.note(core::format("text index: {}", describe_text(config.text)));
}

result<int> create(invocation& call, const create_options& options) {
  HEARTH_TRY(const auto request, to_request(options.config));
  // A configuration that cannot be must not leave a new store behind.
  HEARTH_CHECK(validate_namespace_name(options.name));
  // One that exists may be named without its dimension, but with settings of its index.
  const auto config = make_config(request);
  if (!options.if_missing || request.dimension)
    HEARTH_CHECK(config);
  HEARTH_TRY(const auto store, call.connect(store_use::creating));
  HEARTH_TRY(const auto target, store->open_namespace(options.name,
                                                      options.if_missing ? open_mode::open_or_create
                                                                         : open_mode::create,
                                                      request));
  HEARTH_TRY(const auto info, target->info());
  if (call.as_json())
    call.print(to_json(info));
  else if (info.config.has_vector(0))
    call.note(core::format("namespace {}: dimension {}, {}, {}", info.name, info.config.dimension,
                           core::to_string(info.config.distance),
                           core::to_string(info.config.index.kind)));
  else
    call.note(core::format("namespace {}: no dimension, so no vectors{}", info.name,
                           info.config.named.empty() ? "" : " but the named ones"));
  for (const auto& named : info.config.named)
    call.note(core::format("vector {}: dimension {}, {}, {}", named.name, named.dimension,
                           core::to_string(named.distance), core::to_string(named.index.kind)));
  note_fields(call, request, info.config);
  return exit_ok;
}

result<int> describe(invocation& call, const describe_options& options) {
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto info, target->info());
  if (call.as_json())
    call.print(to_json(info));
  else
    print_namespace(call.out(), info);
  return exit_ok;
}

// Until searches read an index of the namespace's configuration, whole. It is built in the daemon,
// whoever looks on.
result<namespace_info> watch(invocation& call, namespace_handle& target,
                             const std::string& vector_name) {
  using namespace std::chrono_literals;
  const bool visible = !call.as_json() && !call.options().quiet && isatty(STDERR_FILENO) == 1;
  progress_bar bar(call.err(), visible);
  for (;;) {
    HEARTH_TRY(auto info, target.info());
    HEARTH_TRY(const auto number, info.config.vector_number(vector_name));
    const auto state = info.vector(number);
    if (!state.rebuild && state.index == index_state::ready)
      return info;
    const auto done = state.rebuild ? state.rebuild->rows_done : state.indexed;
    const auto total = std::max<std::uint64_t>(1, state.vectors);
    bar.update(static_cast<double>(done) / static_cast<double>(total), done);
    std::this_thread::sleep_for(50ms);
  }
}

result<int> alter(invocation& call, const alter_options& options) {
  HEARTH_TRY(const auto request, to_request(options.config));
  HEARTH_TRY(const auto target, call.open(options.name));
  HEARTH_TRY(const auto config, target->alter(request));
  HEARTH_TRY(const auto info, options.wait
                                  ? watch(call, *target, options.config.vector_name.value_or(""))
                                  : target->info());
  if (call.as_json()) {
    call.print(to_json(info));
    return exit_ok;
  }
  const auto name = options.config.vector_name.value_or("");
  HEARTH_TRY(const auto number, config.vector_number(name));
  const auto vector = config.vector(number);
  const auto state = info.vector(number);
  call.note(core::format(
      "namespace {}{}: {}, {}{}", info.name, name.empty() ? "" : core::format(", vector {}", name),
      core::to_string(vector.distance), describe_index(vector.index),
      state.rebuild ? "; being built, the index before answers until then" : ""));
  note_fields(call, request, config);
  return exit_ok;
}

bool confirmed(invocation& call, const drop_options& options) {
  if (options.yes || call.as_json() || isatty(STDIN_FILENO) != 1)
    return options.yes;
  call.err() << "Drop namespace " << options.name << " and all its records? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

result<int> drop(invocation& call, const drop_options& options) {
  if (!confirmed(call, options))
    return fail(errc::invalid_argument,
                core::format("namespace {} is not dropped without consent", options.name),
                "say --yes to drop it with all its records");
  HEARTH_TRY(const auto store, call.connect());
  HEARTH_CHECK(store->drop_namespace(options.name));
  if (call.as_json())
    call.print({{"dropped", options.name}});
  else
    call.note(core::format("dropped {}", options.name));
  return exit_ok;
}

}  // namespace

void add_namespace_commands(CLI::App& app, action& chosen) {
  auto* group = app.add_subcommand("namespace", "List, make, describe, alter and drop namespaces");
  group->require_subcommand(1);
  group->footer("Example:\n  hearth namespace create docs --dimension 384 --distance cosine");

  auto* list_command = group->add_subcommand("list", "Print the names of all namespaces");
  bind_action<std::monostate>(*list_command, chosen, list);
  list_command->footer("Example:\n  hearth namespace list --json");

  auto* create_command = group->add_subcommand("create", "Make a namespace");
  auto create_state = bind_action<create_options>(*create_command, chosen, create);
  create_command
      ->add_option("namespace", create_state->name, "Its name: a-z, 0-9, - and _, 64 at most")
      ->required();
  create_command->add_flag("--if-missing", create_state->if_missing,
                           "Succeed if it exists with the same configuration");
  add_namespace_options(*create_command, create_state->config);
  add_named_vector_option(*create_command, create_state->config);
  add_field_options(*create_command, create_state->config);
  create_command->footer(
      "Examples:\n"
      "  hearth namespace create docs --dimension 384\n"
      "  hearth namespace create settings        (no vectors: keys, records, texts)\n"
      "  hearth namespace create faces --dimension 512 --distance l2 --m 32\n"
      "  hearth namespace create shop --dimension 384 --named-vector image:512:cosine\n"
      "  hearth namespace create notes --dimension 384 --text-field text --text-field title:2 \\\n"
      "      --language english --field year:int:indexed --field author:string:required");

  auto* describe_command = group->add_subcommand("describe", "Show one namespace in full");
  auto describe_state = bind_action<describe_options>(*describe_command, chosen, describe);
  describe_command->add_option("namespace", describe_state->name, "The namespace")->required();
  describe_command->footer("Example:\n  hearth namespace describe docs");

  auto* alter_command =
      group->add_subcommand("alter", "Change index, distance, fields or texts while others use it");
  auto alter_state = bind_action<alter_options>(*alter_command, chosen, alter);
  alter_command->add_option("namespace", alter_state->name, "The namespace")->required();
  add_index_options(*alter_command, alter_state->config);
  add_vector_name_option(*alter_command, alter_state->config);
  add_field_options(*alter_command, alter_state->config);
  add_field_removals(*alter_command, alter_state->config);
  alter_command->add_flag("--wait", alter_state->wait, "Return when the new index answers");
  alter_command->footer("What is not named stays as it is. --field and --text-field name all that\n"
                        "there are from now on.\n\n"
                        "Examples:\n"
                        "  hearth namespace alter docs --m 32 --wait\n"
                        "  hearth namespace alter docs --distance dot\n"
                        "  hearth namespace alter shop --vector-name image --index flat\n"
                        "  hearth namespace alter docs --text-field text --language english\n"
                        "  hearth namespace alter docs --field year:int:indexed");

  auto* drop_command = group->add_subcommand("drop", "Remove a namespace and all its records");
  auto drop_state = bind_action<drop_options>(*drop_command, chosen, drop);
  drop_command->add_option("namespace", drop_state->name, "The namespace")->required();
  drop_command->add_flag("-y,--yes", drop_state->yes, "Do not ask");
  drop_command->footer("Example:\n  hearth namespace drop docs --yes");
}

}  // namespace hearth::tools
