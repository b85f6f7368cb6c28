#include "ipc/session.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "ipc/reader_server.hpp"
#include "ipc/transaction_server.hpp"

namespace hearth::ipc {

namespace {

// What a page of the change feed takes at most, but for a single large record or value.
constexpr std::size_t feed_page_bytes = std::size_t{4} << 20;

// Of all vectors of a record.
std::size_t values_per_record(const namespace_config& config) {
  std::size_t values = config.dimension;
  for (const auto& named : config.named)
    values += named.dimension;
  return values;
}

class namespace_server final : public reader_server<schema::Namespace::Server, namespace_handle> {
 public:
  namespace_server(shared_context session, const shared_namespace& handle, counted place)
      : reader_server(std::move(session), handle, values_per_record(handle->config())),
        place_(std::move(place)) {}

  kj::Promise<void> write(WriteContext context) override {
    auto batch = wire::checked([&] { return wire::read(context.getParams()); });
    if (!batch)
      return refuse(context, batch.error());
    const std::size_t assigned = batch->ids.empty() ? batch->rows() * sizeof(std::uint64_t) : 0;
    std::size_t leased = 0;
    for (const auto& each : batch->queue)
      leased += each.change == queue_change::lease ? each.count * item_guess_bytes : 0;
    return run<write_result>(
        session_, context, small_reply_bytes + assigned + leased,
        [handle = handle_, batch = std::move(*batch)](auto done) mutable {
          handle->write(std::move(batch), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> begin(BeginContext context) override {
    const auto params = context.getParams();
    transaction_options options;
    options.read_only = params.getReadOnly();
    if (params.getTimeoutMs() != 0)
      options.timeout_ms = params.getTimeoutMs();
    auto place = session_->begin_transaction();
    if (!place)
      return refuse(context, place.error());
    return run<std::shared_ptr<transaction_handle>>(
        session_, context, small_reply_bytes,
        [handle = handle_, options](auto done) { handle->begin(options, std::move(done)); },
        [session = session_, values = values_per_record_, place = std::move(*place)](
            auto results, const std::shared_ptr<transaction_handle>& begun) mutable {
          auto ok = results.initOk();
          ok.setLsn(begun->snapshot());
          ok.setTransaction(make_transaction(session, begun, values, std::move(place)));
        });
  }

  kj::Promise<void> getQueues(GetQueuesContext context) override {
    auto query = wire::checked([&] { return wire::read(context.getParams()); });
    if (!query)
      return refuse(context, query.error());
    return run<queue_result>(
        session_, context, small_reply_bytes,
        [handle = handle_, query = std::move(*query)](auto done) mutable {
          handle->get_queues(std::move(query), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> changes(ChangesContext context) override {
    auto query = wire::checked([&] { return wire::read(context.getParams()); });
    if (!query)
      return refuse(context, query.error());
    return query->wait_ms == 0 ? read_changes(context, std::move(*query))
                               : await_changes(context, std::move(*query));
  }

  kj::Promise<void> updateConsumer(UpdateConsumerContext context) override {
    auto request = wire::checked([&] { return wire::read(context.getParams()); });
    if (!request)
      return refuse(context, request.error());
    return run<feed_position>(
        session_, context, small_reply_bytes,
        [handle = handle_, request = std::move(*request)](auto done) mutable {
          handle->update_consumer(std::move(request), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> scanItems(ScanItemsContext context) override {
    auto query = wire::checked([&] { return wire::read(context.getParams()); });
    if (!query)
      return refuse(context, query.error());
    const std::size_t bytes = small_reply_bytes + query->limit * item_guess_bytes;
    return run<item_page>(
        session_, context, bytes,
        [handle = handle_, query = std::move(*query)](auto done) mutable {
          handle->scan_items(std::move(query), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> listConsumers(ListConsumersContext context) override {
    return run<std::vector<feed_consumer>>(
        session_, context, small_reply_bytes,
        [handle = handle_](auto done) { handle->list_consumers(std::move(done)); },
        [](auto results, const std::vector<feed_consumer>& all) {
          wire::write(results.initOk(static_cast<kj::uint>(all.size())), all);
        });
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

  kj::Promise<void> stats(StatsContext context) override {
    return run<namespace_stats>(
        session_, context, small_reply_bytes,
        [handle = handle_](auto done) { handle->stats(std::move(done)); }, write_value);
  }

  kj::Promise<void> checkpoint(CheckpointContext context) override {
    return run<lsn_t>(
        session_, context, small_reply_bytes,
        [handle = handle_](auto done) { handle->checkpoint(std::move(done)); },
        [](auto results, lsn_t lsn) { results.initOk().setLsn(lsn); });
  }

  kj::Promise<void> compact(CompactContext context) override {
    return run<compact_result>(
        session_, context, small_reply_bytes,
        [handle = handle_](auto done) { handle->compact(std::move(done)); }, write_value);
  }

  kj::Promise<void> check(CheckContext context) override {
    const auto given = context.getParams().getCursor().asChars();
    std::string cursor(given.begin(), given.size());
    return run<check_step>(
        session_, context, small_reply_bytes,
        [handle = handle_, cursor = std::move(cursor)](auto done) mutable {
          handle->check(std::move(cursor), std::move(done));
        },
        write_value);
  }

 private:
  kj::Promise<void> read_changes(ChangesContext context, change_query query) {
    const std::size_t bytes =
        std::min(feed_page_bytes, query.limit * row_bytes(query.fields, values_per_record_));
    return run<change_page>(
        session_, context, small_reply_bytes + bytes,
        [handle = handle_, query = std::move(query)](auto done) mutable {
          handle->changes(std::move(query), std::move(done));
        },
        write_value);
  }

  // Any number of calls may wait, so what waits is a question for one name: it holds next to
  // nothing when it is answered. The page itself is read when there is room for its reply.
  kj::Promise<void> await_changes(ChangesContext context, change_query query) {
    auto slot = session_->begin_call();
    if (!slot)
      return refuse(context, slot.error());
    context.allowCancellation();
    auto probe = query;
    probe.limit = 1;
    probe.fields = {};
    probe.values = false;
    auto box = std::make_shared<completion_box<change_page>>(session_->box());
    auto promise = box->promise();
    handle_->changes(std::move(probe), box->completer());
    return promise.then([this, context, box, query = std::move(query),
                         slot = std::optional(std::move(*slot))]() mutable -> kj::Promise<void> {
      const auto found = box->take();
      if (!found || found->events.empty()) {
        reply<change_page>(context, found, write_value);
        return kj::READY_NOW;
      }
      const auto& first = found->events.front();
      query.after = feed_position{first.lsn - 1, first.number};
      query.wait_ms = 0;
      slot.reset();  // read_changes takes its own
      return read_changes(context, std::move(query));
    });
  }

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
