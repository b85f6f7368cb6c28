#include "ipc/session.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/format.hpp"
#include "core/limits.hpp"
#include "ipc/bridge.hpp"
#include "ipc/wire.hpp"
#include "ipc/wire_columns.hpp"

namespace hearth::ipc {

namespace {

constexpr std::size_t small_reply_bytes = 512;
// Guesses for columns whose size is only known when the answer is there.
constexpr std::size_t metadata_guess_bytes = 1'024;
constexpr std::size_t key_guess_bytes = 256;
constexpr std::size_t text_guess_bytes = 4'096;
// Segment table and envelope of a message.
constexpr std::size_t envelope_bytes = 1'024;

using shared_context = std::shared_ptr<session_context>;
using shared_namespace = std::shared_ptr<namespace_handle>;

std::size_t row_bytes(const field_set& fields, std::size_t vector_values) {
  return 24 + (fields.vectors ? vector_values * sizeof(float) : 0) +
         (fields.metadata ? metadata_guess_bytes : 0) + (fields.texts ? text_guess_bytes : 0);
}

template <class T>
std::size_t words_of(const T& value) {
  return wire::words(value);
}
std::size_t words_of(const std::monostate&) {
  return 64;
}
std::size_t words_of(const lsn_t&) {
  return 64;
}
std::size_t words_of(const shared_namespace&) {
  return 128;
}
std::size_t words_of(const std::vector<std::string>& names) {
  std::size_t total = 64 + names.size();
  for (const auto& name : names)
    total += name.size() / 8 + 1;
  return total;
}

template <class Context>
void write_error(Context& context, const error& reason) {
  auto results = context.getResults(capnp::MessageSize{wire::words(reason), 0});
  wire::write(results.initError(), reason);
}

template <class Context>
kj::Promise<void> refuse(Context& context, const error& reason) {
  write_error(context, reason);
  return kj::READY_NOW;
}

// The reply of one finished call.
template <class T, class Context, class WriteOk>
void reply(Context& context, const result<T>& outcome, WriteOk& write_ok) {
  if (!outcome)
    return write_error(context, outcome.error());
  const std::size_t words = words_of(*outcome);
  const std::size_t bytes = words * sizeof(capnp::word) + envelope_bytes;
  if (bytes > limits::message_bytes)
    return write_error(context,
                       error{errc::limit_exceeded,
                             core::format("the reply takes {}; the limit of a message is {}",
                                          format_bytes(bytes), format_bytes(limits::message_bytes)),
                             "ask for fewer rows or fewer columns at a time", 0});
  write_ok(context.getResults(capnp::MessageSize{words, 1}), *outcome);
}

// Runs one call of core for one call of the wire. `start` gets a completion for T, whose outcome
// becomes the reply through `write_ok`. Waits for room first if too much is on its way to the
// client already; `reply_bytes` is the guess for this reply.
template <class T, class Context, class Start, class WriteOk>
kj::Promise<void> run(const shared_context& session, Context context, std::size_t reply_bytes,
                      Start start, WriteOk write_ok) {
  auto slot = session->begin_call();
  if (!slot)
    return refuse(context, slot.error());
  // The parameters stay until the reply: their share of the connection's budget stands for what was
  // read from them.
  context.allowCancellation();

  auto go = [session, context, slot = std::move(*slot), start = std::move(start),
             write_ok = std::move(write_ok)](budget_share share) mutable -> kj::Promise<void> {
    auto box = std::make_shared<completion_box<T>>(session->box());
    auto promise = box->promise();
    start(box->completer());
    return promise.then(
        [context, slot = std::move(slot), share = std::move(share), box,
         write_ok = std::move(write_ok)]() mutable { reply<T>(context, box->take(), write_ok); });
  };
  const std::size_t bytes = std::min(reply_bytes, limits::message_bytes);
  if (auto share = session->replies().try_take(bytes))
    return go(std::move(*share));
  return session->replies().when_taken(bytes).then(std::move(go));
}

// The usual `write_ok`: the value's own writer into `ok`.
constexpr auto write_value = [](auto results, const auto& value) {
  wire::write(results.initOk(), value);
};
constexpr auto write_nothing = [](auto results, const std::monostate&) { results.setOk(); };

class namespace_server final : public schema::Namespace::Server {
 public:
  namespace_server(shared_context session, shared_namespace handle, counted place)
      : session_(std::move(session)), handle_(std::move(handle)), place_(std::move(place)) {}

  kj::Promise<void> write(WriteContext context) override {
    auto batch = wire::checked([&] { return wire::read(context.getParams()); });
    if (!batch)
      return refuse(context, batch.error());
    const std::size_t assigned = batch->ids.empty() ? batch->rows() * sizeof(std::uint64_t) : 0;
    return run<write_result>(
        session_, context, small_reply_bytes + assigned,
        [handle = handle_, batch = std::move(*batch)](auto done) mutable {
          handle->write(std::move(batch), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> search(SearchContext context) override {
    auto query = wire::checked([&] { return wire::read(context.getParams()); });
    if (!query)
      return refuse(context, query.error());
    const std::size_t bytes = small_reply_bytes + query->count() * query->k *
                                                      row_bytes(query->fields, values_per_record());
    return run<search_result>(
        session_, context, bytes,
        [handle = handle_, query = std::move(*query)](auto done) mutable {
          handle->search(std::move(query), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> get(GetContext context) override {
    auto query = wire::checked([&] { return wire::read(context.getParams()); });
    if (!query)
      return refuse(context, query.error());
    const std::size_t bytes =
        small_reply_bytes + query->ids.size() * row_bytes(query->fields, values_per_record());
    return run<get_result>(
        session_, context, bytes,
        [handle = handle_, query = std::move(*query)](auto done) mutable {
          handle->get(std::move(query), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> scan(ScanContext context) override {
    auto query = wire::checked([&] { return wire::read(context.getParams()); });
    if (!query)
      return refuse(context, query.error());
    const std::size_t bytes =
        small_reply_bytes + query->limit * row_bytes(query->fields, values_per_record());
    return run<scan_page>(
        session_, context, bytes,
        [handle = handle_, query = std::move(*query)](auto done) mutable {
          handle->scan(std::move(query), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> count(CountContext context) override {
    auto where = wire::checked([&] { return wire::read_filter(context.getParams().getWhere()); });
    if (!where)
      return refuse(context, where.error());
    return run<std::uint64_t>(
        session_, context, small_reply_bytes,
        [handle = handle_, where = std::move(*where)](auto done) mutable {
          handle->count(std::move(where), std::move(done));
        },
        [](auto results, std::uint64_t found) { results.initOk().setCount(found); });
  }

  kj::Promise<void> facets(FacetsContext context) override {
    auto query = wire::checked([&] { return wire::read(context.getParams()); });
    if (!query)
      return refuse(context, query.error());
    return run<facet_result>(
        session_, context, small_reply_bytes + query->limit * small_reply_bytes,
        [handle = handle_, query = std::move(*query)](auto done) mutable {
          handle->facets(std::move(query), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> getKeys(GetKeysContext context) override {
    auto query = wire::checked([&] { return wire::read(context.getParams()); });
    if (!query)
      return refuse(context, query.error());
    const std::size_t bytes = small_reply_bytes + query->keys.size() * key_guess_bytes;
    return run<key_result>(
        session_, context, bytes,
        [handle = handle_, query = std::move(*query)](auto done) mutable {
          handle->get_keys(std::move(query), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> scanKeys(ScanKeysContext context) override {
    auto query = wire::checked([&] { return wire::read(context.getParams()); });
    if (!query)
      return refuse(context, query.error());
    const std::size_t bytes = small_reply_bytes + query->limit * key_guess_bytes;
    return run<key_page>(
        session_, context, bytes,
        [handle = handle_, query = std::move(*query)](auto done) mutable {
          handle->scan_keys(std::move(query), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> info(InfoContext context) override {
    return run<namespace_info>(
        session_, context, small_reply_bytes,
        [handle = handle_](auto done) { handle->info(std::move(done)); }, write_value);
  }

  kj::Promise<void> flush(FlushContext context) override {
    const lsn_t lsn = context.getParams().getLsn();
    return run<lsn_t>(
        session_, context, small_reply_bytes,
        [handle = handle_, lsn](auto done) { handle->flush(lsn, std::move(done)); },
        [](auto results, lsn_t durable) { results.initOk().setDurableLsn(durable); });
  }

  kj::Promise<void> alter(AlterContext context) override {
    auto request = wire::checked([&] { return wire::read(context.getParams().getRequest()); });
    if (!request)
      return refuse(context, request.error());
    return run<namespace_config>(
        session_, context, small_reply_bytes,
        [handle = handle_, request = std::move(*request)](auto done) mutable {
          handle->alter(std::move(request), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> tune(TuneContext context) override {
    const auto request = wire::checked([&] { return wire::read(context.getParams()); });
    if (!request)
      return refuse(context, request.error());
    return run<tune_result>(
        session_, context, small_reply_bytes,
        [handle = handle_, request = *request](auto done) {
          handle->tune(request, std::move(done));
        },
        write_value);
  }

 private:
  // Of all its vectors.
  [[nodiscard]] std::size_t values_per_record() const {
    const auto& config = handle_->config();
    std::size_t values = config.dimension;
    for (const auto& named : config.named)
      values += named.dimension;
    return values;
  }

  shared_context session_;
  shared_namespace handle_;
  counted place_;
};

class session_server final : public schema::Session::Server {
 public:
  explicit session_server(shared_context session) : session_(std::move(session)) {}

  kj::Promise<void> openNamespace(OpenNamespaceContext context) override {
    std::string name;
    namespace_request request;
    const auto mode = wire::checked([&]() -> result<open_mode> {
      const auto params = context.getParams();
      HEARTH_TRY(name, read_name(params.getName()));
      HEARTH_TRY(request, wire::read(params.getRequest()));
      return wire::read(params.getMode());
    });
    if (!mode)
      return refuse(context, mode.error());
    auto place = session_->begin_namespace();
    if (!place)
      return refuse(context, place.error());
    return run<shared_namespace>(
        session_, context, small_reply_bytes,
        [session = session_, mode = *mode, name = std::move(name),
         request = std::move(request)](auto done) mutable {
          session->store().open_namespace(std::move(name), mode, std::move(request),
                                          std::move(done));
        },
        [session = session_, place = std::move(*place)](auto results,
                                                        const shared_namespace& handle) mutable {
          auto ok = results.initOk();
          wire::write(ok.initConfig(), handle->config());
          ok.setNamespace(kj::heap<namespace_server>(session, handle, std::move(place)));
        });
  }

  kj::Promise<void> listNamespaces(ListNamespacesContext context) override {
    return run<std::vector<std::string>>(
        session_, context, small_reply_bytes,
        [session = session_](auto done) { session->store().list_namespaces(std::move(done)); },
        [](auto results, const std::vector<std::string>& names) {
          auto list = results.initOk(static_cast<kj::uint>(names.size()));
          for (kj::uint i = 0; i < list.size(); ++i)
            list.set(i, capnp::Text::Reader(names[i].data(), names[i].size()));
        });
  }

  kj::Promise<void> dropNamespace(DropNamespaceContext context) override {
    auto name = wire::checked([&] { return read_name(context.getParams().getName()); });
    if (!name)
      return refuse(context, name.error());
    return run<std::monostate>(
        session_, context, small_reply_bytes,
        [session = session_, name = std::move(*name)](auto done) mutable {
          session->store().drop_namespace(std::move(name), std::move(done));
        },
        write_nothing);
  }

  kj::Promise<void> info(InfoContext context) override {
    return run<store_info>(
        session_, context, small_reply_bytes,
        [session = session_](auto done) { session->store().info(std::move(done)); },
        [session = session_](auto results, store_info info) {
          info.sessions = static_cast<std::uint32_t>(session->status().sessions.load());
          wire::write(results.initOk(), info);
        });
  }

  kj::Promise<void> shutdown(ShutdownContext context) override {
    session_->request_shutdown();
    context.getResults().setOk();
    return kj::READY_NOW;
  }

 private:
  static result<std::string> read_name(capnp::Text::Reader name) {
    const std::string_view view(name.begin(), name.size());
    HEARTH_CHECK(validate_namespace_name(view));
    return std::string(view);
  }

  shared_context session_;
};

class gate_server final : public schema::Gate::Server {
 public:
  explicit gate_server(shared_context session) : session_(std::move(session)) {}

  kj::Promise<void> login(LoginContext context) override {
    const auto done = wire::checked([&] {
      const auto params = context.getParams();
      const auto name = params.getClientName();
      return session_->login(params.getMajor(), params.getMinor(), {name.begin(), name.size()});
    });
    if (!done)
      return refuse(context, done.error());
    auto ok = context.getResults().initOk();
    ok.setSession(kj::heap<session_server>(session_));
    ok.setMajor(protocol_major);
    ok.setMinor(protocol_minor);
    ok.setVersion(HEARTH_VERSION);
    write_limits(ok.initLimits());
    return kj::READY_NOW;
  }

 private:
  void write_limits(schema::Limits::Builder to) const {
    to.setMessageBytes(limits::message_bytes);
    to.setBatchBytes(limits::batch_bytes);
    to.setBatchRows(limits::batch_rows);
    to.setQueryRows(limits::query_rows);
    to.setSearchResults(limits::search_results);
    to.setDimension(limits::dimension);
    to.setIdBytes(limits::id_bytes);
    to.setMetadataBytes(limits::metadata_bytes);
    to.setMetadataDepth(limits::metadata_depth);
    to.setTextBytes(limits::text_bytes);
    to.setCallsInFlight(static_cast<std::uint32_t>(session_->limits().calls_in_flight));
    to.setOpenNamespaces(max_open_namespaces);
  }

  shared_context session_;
};

}  // namespace

schema::Gate::Client make_gate(std::shared_ptr<session_context> context) {
  return kj::heap<gate_server>(std::move(context));
}

}  // namespace hearth::ipc
