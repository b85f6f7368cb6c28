#include "actors/handles.hpp"

#include <algorithm>
#include <chrono>

#include "actors/feed_job.hpp"
#include "actors/namespace_actor.hpp"
#include "actors/read_jobs.hpp"
#include "actors/simple_job.hpp"
#include "actors/transaction.hpp"
#include "actors/with_port.hpp"
#include "core/format.hpp"

namespace hearth::actors {

namespace {

class embedded_store final : public store_handle {
 public:
  explicit embedded_store(std::shared_ptr<store_core> core) : core_(std::move(core)) {}

  void open_namespace(std::string name, open_mode mode, namespace_request request,
                      completion<std::shared_ptr<namespace_handle>> done) override {
    completion<opened_namespace> wrapped =
        [core = core_, name, done = std::move(done)](result<opened_namespace> opened) mutable {
          if (!opened)
            return done(std::unexpected(std::move(opened).error()));
          done(std::make_shared<embedded_namespace>(std::move(core), std::move(name), *opened));
        };
    core_->runtime().ask<opened_namespace>(
        *core_, std::move(wrapped), [&](call<opened_namespace> answer) {
          return open_request{std::move(name), mode, std::move(request), std::move(answer)};
        });
  }

  void list_namespaces(completion<std::vector<std::string>> done) override {
    core_->runtime().ask<std::vector<std::string>>(
        *core_, std::move(done), [](auto answer) { return list_request{std::move(answer)}; });
  }

  void drop_namespace(std::string name, completion<std::monostate> done) override {
    core_->runtime().ask<std::monostate>(*core_, std::move(done), [&](auto answer) {
      return drop_request{std::move(name), std::move(answer)};
    });
  }

  void info(completion<store_info> done) override {
    core_->runtime().ask<store_info>(
        *core_, std::move(done), [](auto answer) { return store_info_request{std::move(answer)}; });
  }

 private:
  const std::shared_ptr<store_core> core_;
};

// A call that is answered on the caller's thread.
template <class Work>
auto timed_here(const open_namespace& space, call_kind kind, Work&& work) {
  const auto started = std::chrono::steady_clock::now();
  auto answer = work();
  space.latencies().record(kind, std::chrono::steady_clock::now() - started);
  return answer;
}

}  // namespace

std::shared_ptr<store_handle> make_store_handle(std::shared_ptr<store_core> core) {
  return std::make_shared<embedded_store>(std::move(core));
}

embedded_namespace::embedded_namespace(std::shared_ptr<store_core> store, std::string name,
                                       const opened_namespace& opened)
    : store_(std::move(store)), name_(std::move(name)), config_(*opened.port->space->config()),
      identity_(opened.identity), port_(opened.port) {}

bool embedded_namespace::same(const storage::store_identity& other) const noexcept {
  return std::ranges::equal(identity_.uuid, other.uuid);
}

namespace_lease embedded_namespace::lease_if_open() const {
  const auto port = port_.load().lock();
  return port ? namespace_lease(port->space) : namespace_lease();
}

template <class T>
call<T> embedded_namespace::timed(call_kind kind, completion<T> done) {
  completion<T> counted = [self = shared_from_this(), kind, done = std::move(done),
                           started = std::chrono::steady_clock::now()](result<T> outcome) mutable {
    if (const auto port = self->port_.load().lock())
      port->space->latencies().record(kind, std::chrono::steady_clock::now() - started);
    // Who is told may drop the last handle, and then the store has to be closed. If this is the
    // last one, it goes inside of a completion, as it must.
    self.reset();
    if (done)
      done(std::move(outcome));
  };
  return call<T>(store_->runtime().calls(), std::move(counted));
}

void embedded_namespace::write(write_batch batch, completion<write_result> done) {
  if (auto valid = validate(batch, config_); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(
      timed(call_kind::write, std::move(done)),
      [batch = std::move(batch)](const namespace_port& port, namespace_lease lease,
                                 call<write_result> answer) mutable {
        if (auto valid = lease->check_values(batch); !valid)
          return answer.settle(std::unexpected(std::move(valid).error()));
        const auto bytes = batch_size(batch);
        if (auto room = lease->reserve(bytes); !room)
          return answer.settle(std::unexpected(std::move(room).error()));
        caf::anon_send(port.writer,
                       write_message{std::make_shared<const write_job>(
                           std::move(lease), std::move(batch), bytes, std::move(answer))});
      },
      access::write);
}

void embedded_namespace::begin(transaction_options options,
                               completion<std::shared_ptr<transaction_handle>> done) {
  if (auto valid = validate(options); !valid)
    return refuse(std::move(done), std::move(valid).error());
  using handle = std::shared_ptr<transaction_handle>;
  with_port(call<handle>(store_->runtime().calls(), std::move(done)),
            [this, options](const namespace_port&, namespace_lease lease, call<handle> answer) {
              store_->runtime().workers().post(std::make_shared<simple_job<handle>>(
                  std::move(lease), std::move(answer),
                  [self = shared_from_this(), options](open_namespace& space) {
                    return begin_transaction(self, space, options);
                  }));
            });
}

void embedded_namespace::flush(lsn_t lsn, completion<lsn_t> done) {
  with_port(timed(call_kind::flush, std::move(done)),
            [lsn](const namespace_port& port, namespace_lease lease, call<lsn_t> answer) {
              caf::anon_send(port.writer, flush_message{std::make_shared<const flush_job>(
                                              std::move(lease), lsn, std::move(answer))});
            });
}

void embedded_namespace::alter(namespace_request request, completion<namespace_config> done) {
  with_port(
      call<namespace_config>(store_->runtime().calls(), std::move(done)),
      [request = std::move(request)](const namespace_port& port, namespace_lease lease,
                                     call<namespace_config> answer) mutable {
        const auto owner = caf::actor_cast<namespace_actor>(port.owner.lock());
        if (owner)
          caf::anon_send(owner, namespace_alter{std::make_shared<const alter_job>(
                                    std::move(lease), std::move(request), std::move(answer))});
      },
      access::write);
}

void embedded_namespace::tune(tune_request request, completion<tune_result> done) {
  if (auto valid = validate(request, config_); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(
      call<tune_result>(store_->runtime().calls(), std::move(done)),
      [request](const namespace_port& port, namespace_lease lease, call<tune_result> answer) {
        const auto owner = caf::actor_cast<namespace_actor>(port.owner.lock());
        if (owner)
          caf::anon_send(owner, namespace_tune{std::make_shared<const tune_job>(
                                    std::move(lease), request, std::move(answer))});
      },
      access::write);
}

void embedded_namespace::search(search_query query, completion<search_result> done) {
  if (auto valid = validate(query, config_); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(timed(call_kind::search, std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<search_result> answer) mutable {
              if (auto valid = lease->check_values(query.vectors.view(), query.vector_name); !valid)
                return answer.settle(std::unexpected(std::move(valid).error()));
              auto& workers = store_->runtime().workers();
              if (query.compound())
                return workers.post(
                    make_compound_job(std::move(lease), std::move(query), std::move(answer)));
              const auto job = std::make_shared<search_job>(std::move(lease), std::move(query),
                                                            std::move(answer), workers.size());
              workers.post(job, job->parts());
            });
}

void embedded_namespace::get(get_query query, completion<get_result> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(timed(call_kind::get, std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<get_result> answer) mutable {
              store_->runtime().workers().post(
                  make_get_job(std::move(lease), std::move(query), std::move(answer)));
            });
}

void embedded_namespace::scan(scan_query query, completion<scan_page> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(timed(call_kind::scan, std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<scan_page> answer) mutable {
              store_->runtime().workers().post(
                  make_scan_job(std::move(lease), std::move(query), std::move(answer)));
            });
}

void embedded_namespace::count(std::optional<filter> where, completion<std::uint64_t> done) {
  if (where) {
    if (auto valid = validate(*where); !valid)
      return refuse(std::move(done), std::move(valid).error());
  }
  with_port(timed(call_kind::count, std::move(done)),
            [this, where = std::move(where)](const namespace_port&, namespace_lease lease,
                                             call<std::uint64_t> answer) mutable {
              store_->runtime().workers().post(
                  make_count_job(std::move(lease), std::move(where), std::move(answer)));
            });
}

void embedded_namespace::facets(facet_query query, completion<facet_result> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(timed(call_kind::facets, std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<facet_result> answer) mutable {
              store_->runtime().workers().post(
                  make_facet_job(std::move(lease), std::move(query), std::move(answer)));
            });
}

void embedded_namespace::get_keys(key_query query, completion<key_result> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(timed(call_kind::get_keys, std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<key_result> answer) mutable {
              store_->runtime().workers().post(
                  make_key_job(std::move(lease), std::move(query), std::move(answer)));
            });
}

void embedded_namespace::scan_keys(key_scan query, completion<key_page> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(timed(call_kind::scan_keys, std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<key_page> answer) mutable {
              store_->runtime().workers().post(
                  make_key_scan_job(std::move(lease), std::move(query), std::move(answer)));
            });
}

void embedded_namespace::changes(change_query query, completion<change_page> done) {
  if (auto valid = validate(query, config_); !valid)
    return refuse(std::move(done), std::move(valid).error());
  auto& calls = store_->runtime().calls();
  // Its answer has to come before the call times out.
  const auto patience = std::min<std::chrono::milliseconds>(
      std::chrono::milliseconds(query.wait_ms), calls.timeout() / 2);
  with_port(call<change_page>(calls, std::move(done)),
            [this, query = std::move(query), patience](const namespace_port& port,
                                                       namespace_lease lease,
                                                       call<change_page> answer) mutable {
              auto& workers = store_->runtime().workers();
              auto wait = [owner = port.owner](std::shared_ptr<feed_job> job) {
                if (const auto to = caf::actor_cast<namespace_actor>(owner.lock()))
                  caf::anon_send(to, feed_wait{std::move(job)});
              };
              workers.post(std::make_shared<feed_job>(std::move(lease), std::move(query), patience,
                                                      std::move(answer), workers, std::move(wait)));
            });
}

void embedded_namespace::update_consumer(consumer_request request, completion<feed_position> done) {
  if (auto valid = validate(request); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(call<feed_position>(store_->runtime().calls(), std::move(done)),
            [request = std::move(request)](const namespace_port& port, namespace_lease lease,
                                           call<feed_position> answer) mutable {
              caf::anon_send(port.writer,
                             consumer_message{std::make_shared<const consumer_job>(
                                 std::move(lease), std::move(request), std::move(answer))});
            });
}

void embedded_namespace::list_consumers(completion<std::vector<feed_consumer>> done) {
  with_port(call<std::vector<feed_consumer>>(store_->runtime().calls(), std::move(done)),
            [this](const namespace_port&, namespace_lease lease,
                   call<std::vector<feed_consumer>> answer) {
              store_->runtime().workers().post(
                  make_consumers_job(std::move(lease), std::move(answer)));
            });
}

result<key_result> embedded_namespace::get_keys(key_query query) {
  if (const auto lease = lease_if_open()) {
    HEARTH_CHECK(validate(query));
    return timed_here(*lease, call_kind::get_keys, [&] { return read_keys(*lease, query); });
  }
  return namespace_handle::get_keys(std::move(query));
}

result<key_page> embedded_namespace::scan_keys(key_scan query) {
  if (const auto lease = lease_if_open()) {
    HEARTH_CHECK(validate(query));
    return timed_here(*lease, call_kind::scan_keys, [&] { return read_key_page(*lease, query); });
  }
  return namespace_handle::scan_keys(std::move(query));
}

void embedded_namespace::get_queues(queue_query query, completion<queue_result> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(call<queue_result>(store_->runtime().calls(), std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<queue_result> answer) mutable {
              store_->runtime().workers().post(
                  make_queue_job(std::move(lease), std::move(query), std::move(answer)));
            });
}

void embedded_namespace::scan_items(item_scan query, completion<item_page> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(call<item_page>(store_->runtime().calls(), std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<item_page> answer) mutable {
              store_->runtime().workers().post(
                  make_item_scan_job(std::move(lease), std::move(query), std::move(answer)));
            });
}

void embedded_namespace::info(completion<namespace_info> done) {
  with_port(call<namespace_info>(store_->runtime().calls(), std::move(done)),
            [this](const namespace_port&, namespace_lease lease, call<namespace_info> answer) {
              store_->runtime().workers().post(make_info_job(std::move(lease), std::move(answer)));
            });
}

void embedded_namespace::stats(completion<namespace_stats> done) {
  with_port(call<namespace_stats>(store_->runtime().calls(), std::move(done)),
            [this](const namespace_port&, namespace_lease lease, call<namespace_stats> answer) {
              auto& workers = store_->runtime().workers();
              const auto load = workers.load();
              workers.post(make_stats_job(std::move(lease), load, std::move(answer)));
            });
}

// What was accepted is flushed first: then it is visible, and a snapshot can cover it.
void embedded_namespace::checkpoint(completion<lsn_t> done) {
  call<lsn_t> answer(store_->runtime().calls(), std::move(done));
  flush(0, [self = shared_from_this(), answer](result<lsn_t> flushed) {
    if (!flushed)
      return answer.settle(std::unexpected(std::move(flushed).error()));
    // (g++ 12 sees an uninitialized value in a copy of *flushed.)
    const auto reached = flushed.value_or(lsn_t{0});
    self->with_port(
        answer, [reached](const namespace_port& port, namespace_lease lease, call<lsn_t> waiting) {
          const auto owner = caf::actor_cast<namespace_actor>(port.owner.lock());
          if (owner)
            caf::anon_send(owner, namespace_checkpoint{std::make_shared<const checkpoint_job>(
                                      std::move(lease), reached, std::move(waiting))});
        });
  });
}

// Nothing of the namespace may be held while the store has it closed: the lease says only that it
// is still the one that was opened.
void embedded_namespace::compact(completion<compact_result> done) {
  with_port(call<compact_result>(store_->runtime().calls(), std::move(done)),
            [this](const namespace_port&, namespace_lease lease, call<compact_result> answer) {
              lease = {};
              store_->runtime().ask<compact_result>(
                  *store_, [answer](result<compact_result> outcome) { answer.settle(outcome); },
                  [this](call<compact_result> asked) {
                    return compact_request{name_, std::move(asked)};
                  });
            });
}

void embedded_namespace::check(std::string cursor, completion<check_step> done) {
  if (cursor.size() > limits::check_cursor_bytes)
    return refuse(std::move(done),
                  error{errc::invalid_argument, "cursor is not one that a check answered",
                        "start without a cursor", 0});
  with_port(call<check_step>(store_->runtime().calls(), std::move(done)),
            [this, cursor = std::move(cursor)](const namespace_port&, namespace_lease lease,
                                               call<check_step> answer) mutable {
              store_->runtime().workers().post(
                  make_check_job(std::move(lease), std::move(cursor), std::move(answer)));
            });
}

}  // namespace hearth::actors
