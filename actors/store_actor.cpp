#include "actors/store_actor.hpp"

#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>

#include "actors/events.hpp"
#include "actors/text_search.hpp"
#include "core/clock.hpp"
#include "core/format.hpp"
#include "storage/compaction.hpp"

namespace hearth::actors {

namespace {

class store_state {
 public:
  static inline const char* name = "store";

  explicit store_state(store_actor::pointer self) : self_(self) {}
  ~store_state() { release(); }

  void prepare(store_options options) {
    options_ = std::move(options);
    started_ = system_clock().steady_now();
    self_->set_down_handler([this](caf::down_msg& message) { namespace_down(message); });
    self_->set_exit_handler([this](caf::exit_msg&) { close(); });
    self_->set_exception_handler([this](std::exception_ptr& thrown) -> caf::error {
      for (auto& [unused, entry] : open_) {
        if (entry.actor)
          caf::anon_send_exit(entry.actor, caf::exit_reason::user_shutdown);
      }
      return actor_failure(describe(thrown));
    });
    log().info(events::store_opened, options_.directory.string());
  }

  void open(const open_request& request);
  void list(const list_request& request);
  void drop(const drop_request& request);
  void info(const store_info_request& request);
  void compact(const compact_request& request);
  void idle(const std::string& which);
  void released(const std::string& which);
  void close();

 private:
  // A namespace that is not closed. While it closes, requests wait until its files are free.
  struct open_entry {
    namespace_actor actor;  // null: it is down already
    bool closing = false;
    std::deque<std::function<void()>> waiting;
    std::function<void()> when_closed;  // before those who wait: exchanges the file
  };

  [[nodiscard]] logger& log() const noexcept { return *options_.runtime.log; }
  [[nodiscard]] result<storage::catalog_entry> find_or_create(const open_request& request);
  open_entry& start(const storage::catalog_entry& found);
  void forward(const open_entry& target, const open_request& request);
  void close_entry(open_entry& target, const namespace_close& how);
  void admit_again(const std::string& which);
  void copied(const compact_request& request, const std::filesystem::path& directory,
              const namespace_compacted& outcome);
  void exchange(const compact_request& request, const std::filesystem::path& directory,
                compact_result outcome);
  void remove(const drop_request& request);
  void namespace_down(const caf::down_msg& message);
  void release();
  void finish_close();

  store_actor::pointer self_;
  store_options options_;
  std::chrono::steady_clock::time_point started_;
  std::map<std::string, open_entry, std::less<>> open_;
  bool closing_ = false;
};

error store_closing() {
  return {errc::unavailable, "the store is closing", "open the store again", 0};
}

void store_state::open(const open_request& request) {
  if (closing_)
    return request.answer.settle(std::unexpected(store_closing()));
  if (auto valid = validate_namespace_name(request.name); !valid)
    return request.answer.settle(std::unexpected(std::move(valid).error()));
  const auto known = open_.find(request.name);
  if (known != open_.end() && known->second.closing) {
    known->second.waiting.push_back([this, request] { open(request); });
    return;
  }
  // The catalog decides between creating and opening also for a namespace that is open.
  auto found = find_or_create(request);
  if (!found)
    return request.answer.settle(std::unexpected(std::move(found).error()));
  forward(known != open_.end() ? known->second : start(*found), request);
}

result<storage::catalog_entry> store_state::find_or_create(const open_request& request) {
  auto found = options_.entries->find(request.name);
  const bool missing = !found && found.error().code == errc::not_found;
  if (found && request.mode == open_mode::create)
    return fail(errc::already_exists, core::format("namespace \"{}\" exists", request.name),
                "open it, or choose another name");
  if (!missing || request.mode == open_mode::open)
    return found;
  HEARTH_TRY(const auto config, make_config(request.request));
  HEARTH_CHECK(make_tokenizer(config.text));  // says whether there is such a language
  HEARTH_TRY(auto created, options_.entries->create(request.name, config));
  log().info(events::namespace_created, request.name);
  return created;
}

store_state::open_entry& store_state::start(const storage::catalog_entry& found) {
  namespace_options options;
  options.name = found.name;
  options.directory = found.directory;
  options.runtime = options_.runtime;
  options.parts = options_.parts;
  const auto self = caf::actor_cast<store_actor>(caf::strong_actor_ptr(self_->ctrl()));
  options.open_token = std::shared_ptr<const void>(this, [self, name = found.name](const void*) {
    caf::anon_send(self, namespace_released{name});
  });
  options.on_idle = [self, name = found.name] { caf::anon_send(self, namespace_idle{name}); };
  auto& target = open_[found.name];
  target.actor = spawn_namespace(self_->system(), std::move(options));
  self_->monitor(target.actor);
  return target;
}

void store_state::forward(const open_entry& target, const open_request& request) {
  self_
      ->request(target.actor, caf_duration(options_.runtime.request_timeout),
                namespace_open{request.request})
      .then(
          [answer = request.answer](const namespace_opened& opened) {
            if (opened.failure)
              return answer.settle(std::unexpected(*opened.failure));
            answer.settle(opened_namespace{opened.port, opened.port->space->store().identity()});
          },
          [answer = request.answer](const caf::error&) {
            answer.settle(
                fail(errc::unavailable, "the namespace stopped while it was opened", "try again"));
          });
}

void store_state::list(const list_request& request) {
  auto entries = options_.entries->list();
  if (!entries)
    return request.answer.settle(std::unexpected(std::move(entries).error()));
  std::vector<std::string> names;
  names.reserve(entries->size());
  for (auto& each : *entries)
    names.push_back(std::move(each.name));
  std::ranges::sort(names);
  request.answer.settle(std::move(names));
}

void store_state::info(const store_info_request& request) {
  auto entries = options_.entries->list();
  if (!entries)
    return request.answer.settle(std::unexpected(std::move(entries).error()));
  store_info answer;
  answer.path = options_.directory.string();
  answer.version = HEARTH_VERSION;
  answer.pid = static_cast<std::uint32_t>(::getpid());
  answer.uptime_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(system_clock().steady_now() - started_)
          .count());
  answer.namespaces = static_cast<std::uint32_t>(entries->size());
  answer.open_namespaces = static_cast<std::uint32_t>(open_.size());
  request.answer.settle(std::move(answer));
}

void store_state::drop(const drop_request& request) {
  if (closing_)
    return request.answer.settle(std::unexpected(store_closing()));
  if (auto valid = validate_namespace_name(request.name); !valid)
    return request.answer.settle(std::unexpected(std::move(valid).error()));
  const auto known = open_.find(request.name);
  if (known == open_.end())
    return remove(request);
  // What waits is run in order: who opens the name after this finds it gone.
  known->second.waiting.push_back([this, request] { drop(request); });
  if (!known->second.closing)
    close_entry(known->second, namespace_close{false, errc::not_found});
}

void store_state::remove(const drop_request& request) {
  if (auto done = options_.entries->drop(request.name); !done)
    return request.answer.settle(std::unexpected(std::move(done).error()));
  log().info(events::namespace_dropped, request.name);
  request.answer.settle(std::monostate{});
}

void store_state::close_entry(open_entry& target, const namespace_close& how) {
  target.closing = true;
  if (target.actor)
    caf::anon_send(target.actor, how);
}

void store_state::idle(const std::string& which) {
  const auto known = open_.find(which);
  if (known == open_.end() || known->second.closing || !known->second.actor)
    return;
  // From here on requests wait: either the namespace agrees, or they are passed on after all.
  known->second.closing = true;
  self_
      ->request(known->second.actor, caf_duration(options_.runtime.request_timeout),
                namespace_close{true, errc::unavailable})
      .then(
          [this, which](const namespace_closing& answer) {
            if (!answer.agreed)
              admit_again(which);
          },
          [](const caf::error&) {
            // It is down: namespace_released follows.
          });
}

// It stays open after all: what waited for its end is run.
void store_state::admit_again(const std::string& which) {
  const auto still = open_.find(which);
  if (still == open_.end())
    return;
  still->second.closing = false;
  for (auto waiting = std::exchange(still->second.waiting, {}); const auto& run : waiting)
    run();
}

// The namespace copies its file and ends its calls; then it is closed, the file is exchanged, and
// who waited opens it again. Handles notice no more than a call that takes longer.
void store_state::compact(const compact_request& request) {
  if (closing_)
    return request.answer.settle(std::unexpected(store_closing()));
  const auto known = open_.find(request.name);
  if (known != open_.end() && known->second.closing) {
    known->second.waiting.push_back([this, request] { compact(request); });
    return;
  }
  const auto found = options_.entries->find(request.name);
  if (!found)
    return request.answer.settle(std::unexpected(found.error()));
  auto& target = known != open_.end() ? known->second : start(*found);
  if (known == open_.end())
    forward(target, {request.name, open_mode::open, {}, {}});
  target.closing = true;
  self_->request(target.actor, caf_duration(longest_compaction), namespace_compact{})
      .then([this, request, directory = found->directory](
                const namespace_compacted& outcome) { copied(request, directory, outcome); },
            [this, request, directory = found->directory](const caf::error&) {
              copied(request, directory,
                     {error{errc::unavailable, "the namespace stopped while it was compacted",
                            "try again", 0},
                      {}});
            });
}

void store_state::copied(const compact_request& request, const std::filesystem::path& directory,
                         const namespace_compacted& outcome) {
  const auto target = open_.find(request.name);
  if (outcome.failure || target == open_.end() || !target->second.actor) {
    request.answer.settle(std::unexpected(outcome.failure.value_or(store_closing())));
    // One that is down is released in any case, and so is one that a closing store waits for.
    if (!closing_ && target != open_.end() && target->second.actor)
      admit_again(request.name);
    return;
  }
  target->second.when_closed = [this, request, directory, result = outcome.result] {
    exchange(request, directory, result);
  };
  close_entry(target->second, namespace_close{false, errc::unavailable});
}

void store_state::exchange(const compact_request& request, const std::filesystem::path& directory,
                           compact_result outcome) {
  if (auto done = storage::adopt_compacted(directory); !done) {
    log().error(events::compaction_failed,
                core::format("{}: {}", request.name, to_string(done.error())));
    return request.answer.settle(std::unexpected(std::move(done).error()));
  }
  std::error_code failed;
  outcome.bytes_after = std::filesystem::file_size(directory / "data.mdb", failed);
  log().info(events::namespace_compacted,
             core::format("{}: {} before, {} after", request.name,
                          format_bytes(outcome.bytes_before), format_bytes(outcome.bytes_after)));
  request.answer.settle(outcome);
}

void store_state::namespace_down(const caf::down_msg& message) {
  for (auto& [unused, target] : open_) {
    if (target.actor && message.source == target.actor) {
      target.actor = nullptr;
      target.closing = true;  // until it is released
    }
  }
}

void store_state::released(const std::string& which) {
  const auto known = open_.find(which);
  if (known == open_.end())
    return;
  const auto waiting = std::move(known->second.waiting);
  if (const auto when_closed = std::move(known->second.when_closed))
    when_closed();
  open_.erase(known);
  for (const auto& run : waiting)
    run();
  finish_close();
}

void store_state::close() {
  if (std::exchange(closing_, true))
    return;
  for (auto& [unused, target] : open_)
    close_entry(target, namespace_close{false, errc::unavailable});
  finish_close();
}

void store_state::finish_close() {
  if (closing_ && open_.empty())
    self_->quit();
}

// The lock goes last.
void store_state::release() {
  if (!options_.closed)
    return;
  options_.entries.reset();
  options_.lock.reset();
  log().info(events::store_closed, options_.directory.string());
  std::exchange(options_.closed, nullptr)->set_value();
}

store_actor::behavior_type store(store_actor::stateful_pointer<store_state> self,
                                 const store_options& options) {
  self->state.prepare(options);
  return {
      [self](const open_request& request) { self->state.open(request); },
      [self](const list_request& request) { self->state.list(request); },
      [self](const drop_request& request) { self->state.drop(request); },
      [self](const store_info_request& request) { self->state.info(request); },
      [self](const namespace_idle& event) { self->state.idle(event.name); },
      [self](const namespace_released& event) { self->state.released(event.name); },
      [self](const store_close&) { self->state.close(); },
      [self](const compact_request& request) { self->state.compact(request); },
  };
}

}  // namespace

store_actor spawn_store(caf::actor_system& system, store_options options) {
  return system.spawn(store, std::move(options));
}

}  // namespace hearth::actors
