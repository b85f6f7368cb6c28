#include "ipc/transaction_server.hpp"

#include "ipc/reader_server.hpp"

namespace hearth::ipc {

namespace {

class transaction_server final
    : public reader_server<schema::Transaction::Server, transaction_handle> {
 public:
  transaction_server(shared_context session, std::shared_ptr<transaction_handle> handle,
                     std::size_t values_per_record, counted place)
      : reader_server(std::move(session), std::move(handle), values_per_record),
        place_(std::move(place)) {}

  kj::Promise<void> write(WriteContext context) override {
    auto batch = wire::checked([&] { return wire::read(context.getParams()); });
    if (!batch)
      return refuse(context, batch.error());
    return run<write_result>(
        session_, context, small_reply_bytes,
        [handle = handle_, batch = std::move(*batch)](auto done) mutable {
          handle->write(std::move(batch), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> savepoint(SavepointContext context) override {
    return run<std::uint32_t>(
        session_, context, small_reply_bytes,
        [handle = handle_](auto done) { handle->savepoint(std::move(done)); },
        [](auto results, std::uint32_t number) { results.initOk().setNumber(number); });
  }

  kj::Promise<void> rollbackTo(RollbackToContext context) override {
    const auto savepoint = context.getParams().getSavepoint();
    return run<std::monostate>(
        session_, context, small_reply_bytes,
        [handle = handle_, savepoint](auto done) {
          handle->rollback_to(savepoint, std::move(done));
        },
        write_nothing);
  }

  kj::Promise<void> commit(CommitContext context) override {
    const auto ack = wire::checked([&] { return wire::read(context.getParams().getDurability()); });
    if (!ack)
      return refuse(context, ack.error());
    return run<write_result>(
        session_, context, small_reply_bytes,
        [handle = handle_, ack = *ack](auto done) { handle->commit(ack, std::move(done)); },
        write_value);
  }

  kj::Promise<void> abort(AbortContext context) override {
    return run<std::monostate>(
        session_, context, small_reply_bytes,
        [handle = handle_](auto done) { handle->abort(std::move(done)); }, write_nothing);
  }

 private:
  counted place_;
};

}  // namespace

schema::Transaction::Client make_transaction(shared_context session,
                                             std::shared_ptr<transaction_handle> handle,
                                             std::size_t values_per_record, counted place) {
  return kj::heap<transaction_server>(std::move(session), std::move(handle), values_per_record,
                                      std::move(place));
}

}  // namespace hearth::ipc
