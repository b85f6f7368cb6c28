#include "actors/handles.hpp"

#include <algorithm>

#include "actors/read_jobs.hpp"
#include "core/format.hpp"

namespace hearth::actors {

namespace {

/// How often a call looks for a namespace that closes each time before the call gets in.
constexpr int most_attempts = 8;

/// Refuses what the index that answers has no distance for. While another one replaces it, that
/// still is this one, whatever the configuration says. The other way round nothing is missed, since
/// no other distance becomes hamming.
result<void> fits_index(matrix_view vectors, const std::string& name, const open_namespace& space) {
  return validate_values(vectors, space.index(space.number_of(name))->distance());
}

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

// The handle outlives `post`: it is called within the call, or by a completion that holds the
// handle. Calls post(port, lease, answer) with an open namespace: at once if it is open, otherwise
// when the store has opened it again.
template <class T, class Post>
void embedded_namespace::with_port(call<T> answer, Post post, int attempts) {
  if (const auto port = port_.load().lock()) {
    if (namespace_lease lease(port->space); lease) {
      post(*port, std::move(lease), std::move(answer));
      return;
    }
  }
  if (attempts == most_attempts)
    return answer.settle(fail(errc::busy, core::format("\"{}\" kept closing", name_), "try again"));
  completion<opened_namespace> reopened = [self = shared_from_this(), answer,
                                           post = std::move(post),
                                           attempts](result<opened_namespace> opened) mutable {
    if (!opened)
      return answer.settle(std::unexpected(std::move(opened).error()));
    if (!self->same(opened->identity))
      return answer.settle(fail(errc::not_found,
                                core::format("namespace \"{}\" was dropped", self->name_),
                                "open the new namespace of that name"));
    self->port_.store(opened->port);
    self->with_port(std::move(answer), std::move(post), attempts + 1);
  };
  store_->runtime().ask<opened_namespace>(
      *store_, std::move(reopened), [this](call<opened_namespace> reopening) {
        return open_request{name_, open_mode::open, {}, std::move(reopening)};
      });
}

void embedded_namespace::write(write_batch batch, completion<write_result> done) {
  if (auto valid = validate(batch, config_); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(call<write_result>(store_->runtime().calls(), std::move(done)),
            [batch = std::move(batch)](const namespace_port& port, namespace_lease lease,
                                       call<write_result> answer) mutable {
              auto valid = fits_index(batch.vectors.view(), {}, *lease);
              for (const auto& column : batch.named)
                if (valid)
                  valid = fits_index(column.vectors.view(), column.name, *lease);
              if (!valid)
                return answer.settle(std::unexpected(std::move(valid).error()));
              const auto bytes = batch_size(batch);
              if (auto room = lease->reserve(bytes); !room)
                return answer.settle(std::unexpected(std::move(room).error()));
              caf::anon_send(port.writer,
                             write_message{std::make_shared<const write_job>(
                                 std::move(lease), std::move(batch), bytes, std::move(answer))});
            });
}

void embedded_namespace::flush(lsn_t lsn, completion<lsn_t> done) {
  with_port(call<lsn_t>(store_->runtime().calls(), std::move(done)),
            [lsn](const namespace_port& port, namespace_lease lease, call<lsn_t> answer) {
              caf::anon_send(port.writer, flush_message{std::make_shared<const flush_job>(
                                              std::move(lease), lsn, std::move(answer))});
            });
}

void embedded_namespace::alter(namespace_request request, completion<namespace_config> done) {
  with_port(call<namespace_config>(store_->runtime().calls(), std::move(done)),
            [request = std::move(request)](const namespace_port& port, namespace_lease lease,
                                           call<namespace_config> answer) mutable {
              const auto owner = caf::actor_cast<namespace_actor>(port.owner.lock());
              if (owner)
                caf::anon_send(owner,
                               namespace_alter{std::make_shared<const alter_job>(
                                   std::move(lease), std::move(request), std::move(answer))});
            });
}

void embedded_namespace::tune(tune_request request, completion<tune_result> done) {
  if (auto valid = validate(request, config_); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(call<tune_result>(store_->runtime().calls(), std::move(done)),
            [request](const namespace_port& port, namespace_lease lease, call<tune_result> answer) {
              const auto owner = caf::actor_cast<namespace_actor>(port.owner.lock());
              if (owner)
                caf::anon_send(owner, namespace_tune{std::make_shared<const tune_job>(
                                          std::move(lease), request, std::move(answer))});
            });
}

void embedded_namespace::search(search_query query, completion<search_result> done) {
  if (auto valid = validate(query, config_); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(call<search_result>(store_->runtime().calls(), std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<search_result> answer) mutable {
              if (auto valid = fits_index(query.vectors.view(), query.vector_name, *lease); !valid)
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
  with_port(call<get_result>(store_->runtime().calls(), std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<get_result> answer) mutable {
              store_->runtime().workers().post(
                  make_get_job(std::move(lease), std::move(query), std::move(answer)));
            });
}

void embedded_namespace::scan(scan_query query, completion<scan_page> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(call<scan_page>(store_->runtime().calls(), std::move(done)),
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
  with_port(call<std::uint64_t>(store_->runtime().calls(), std::move(done)),
            [this, where = std::move(where)](const namespace_port&, namespace_lease lease,
                                             call<std::uint64_t> answer) mutable {
              store_->runtime().workers().post(
                  make_count_job(std::move(lease), std::move(where), std::move(answer)));
            });
}

void embedded_namespace::facets(facet_query query, completion<facet_result> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(call<facet_result>(store_->runtime().calls(), std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<facet_result> answer) mutable {
              store_->runtime().workers().post(
                  make_facet_job(std::move(lease), std::move(query), std::move(answer)));
            });
}

void embedded_namespace::get_keys(key_query query, completion<key_result> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(call<key_result>(store_->runtime().calls(), std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<key_result> answer) mutable {
              store_->runtime().workers().post(
                  make_key_job(std::move(lease), std::move(query), std::move(answer)));
            });
}

void embedded_namespace::scan_keys(key_scan query, completion<key_page> done) {
  if (auto valid = validate(query); !valid)
    return refuse(std::move(done), std::move(valid).error());
  with_port(call<key_page>(store_->runtime().calls(), std::move(done)),
            [this, query = std::move(query)](const namespace_port&, namespace_lease lease,
                                             call<key_page> answer) mutable {
              store_->runtime().workers().post(
                  make_key_scan_job(std::move(lease), std::move(query), std::move(answer)));
            });
}

result<key_result> embedded_namespace::get_keys(key_query query) {
  if (const auto lease = lease_if_open()) {
    HEARTH_CHECK(validate(query));
    return read_keys(*lease, query);
  }
  return namespace_handle::get_keys(std::move(query));
}

result<key_page> embedded_namespace::scan_keys(key_scan query) {
  if (const auto lease = lease_if_open()) {
    HEARTH_CHECK(validate(query));
    return read_key_page(*lease, query);
  }
  return namespace_handle::scan_keys(std::move(query));
}

void embedded_namespace::info(completion<namespace_info> done) {
  with_port(call<namespace_info>(store_->runtime().calls(), std::move(done)),
            [this](const namespace_port&, namespace_lease lease, call<namespace_info> answer) {
              store_->runtime().workers().post(make_info_job(std::move(lease), std::move(answer)));
            });
}

}  // namespace hearth::actors
