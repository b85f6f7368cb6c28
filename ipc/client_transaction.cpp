#include "ipc/client_transaction.hpp"

#include <utility>

#include "ipc/client_reader.hpp"

namespace hearth::ipc {

namespace {

/// The capability, which is destroyed on the loop thread.
struct transaction_link {
  std::uint64_t generation = 0;  ///< of the connection
  schema::Transaction::Client capability = nullptr;
};

class client_transaction final : public client_reader<transaction_handle, client_transaction> {
 public:
  client_transaction(std::shared_ptr<client_connection> connection,
                     std::shared_ptr<transaction_link> link, lsn_t snapshot)
      : connection_(std::move(connection)), link_(std::move(link)), snapshot_(snapshot) {}
  ~client_transaction() override { connection_->dispose(std::move(link_)); }

  lsn_t snapshot() const noexcept override { return snapshot_; }

  void write(write_batch batch, completion<write_result> done) override {
    if (auto valid = check_filter(batch.where); !valid)
      return done(std::unexpected(std::move(valid).error()));
    request<write_result>(std::move(batch), std::move(done),
                          [](auto& on, auto size) { return on.writeRequest(size); });
  }
  void savepoint(completion<std::uint32_t> done) override {
    ask<std::uint32_t>(
        std::move(done), [](auto& on) { return on.savepointRequest(); },
        [](auto reply) { return std::uint32_t{reply.getNumber()}; });
  }
  void rollback_to(std::uint32_t savepoint, completion<std::monostate> done) override {
    ask<std::monostate>(
        std::move(done),
        [savepoint](auto& on) {
          auto message = on.rollbackToRequest();
          message.setSavepoint(savepoint);
          return message;
        },
        nothing);
  }
  void commit(durability ack, completion<write_result> done) override {
    ask<write_result>(
        std::move(done),
        [ack](auto& on) {
          auto message = on.commitRequest();
          message.setDurability(wire::to_wire(ack));
          return message;
        },
        read_what{});
  }
  void abort(completion<std::monostate> done) override {
    ask<std::monostate>(
        std::move(done), [](auto& on) { return on.abortRequest(); }, nothing);
  }

 private:
  friend class client_reader<transaction_handle, client_transaction>;

  static constexpr auto nothing = [](auto) { return std::monostate(); };

  // What `send` answers, on the connection that the transaction was begun on: it does not outlive
  // that.
  template <class Send>
  static auto on_connection(const live_session& live, const transaction_link& link, Send&& send)
      -> decltype(send()) {
    if (live.generation() != link.generation)
      return fail(errc::conflict, "the connection to the daemon broke, and the transaction with it",
                  "run the transaction again");
    return send();
  }

  template <class Answer, class Request, class Make, class Fill = write_what,
            class Read = read_what>
  void request(Request&& what, completion<Answer> done, Make make, Fill fill = {}, Read read = {}) {
    connection_->call<Answer>(
        std::move(done),
        [on = link_, what = std::forward<Request>(what), make, fill](live_session& live) {
          return on_connection(live, *on, [&] {
            return build(
                live, what, [&](auto size) { return make(on->capability, size); }, fill);
          });
        },
        read);
  }

  // A request without a payload.
  template <class Answer, class Make, class Read>
  void ask(completion<Answer> done, Make make, Read read) {
    connection_->call<Answer>(
        std::move(done),
        [on = link_, make](live_session& live) {
          return on_connection(live, *on, [&] { return sent(make(on->capability).send()); });
        },
        read);
  }

  std::shared_ptr<client_connection> connection_;
  std::shared_ptr<transaction_link> link_;
  const lsn_t snapshot_;
};

}  // namespace

void begin_transaction(std::shared_ptr<client_connection> connection,
                       std::shared_ptr<namespace_link> in, const transaction_options& options,
                       completion<std::shared_ptr<transaction_handle>> done) {
  auto link = std::make_shared<transaction_link>();
  auto& on = *connection;
  on.call<std::shared_ptr<transaction_handle>>(
      in, std::move(done),
      [in, link, options](live_session& live) {
        link->generation = live.generation();
        auto message = in->capability.beginRequest();
        message.setReadOnly(options.read_only);
        message.setTimeoutMs(options.timeout_ms);
        return sent(message.send());
      },
      [link, connection =
                 std::move(connection)](auto reply) -> result<std::shared_ptr<transaction_handle>> {
        link->capability = reply.getTransaction();
        return std::make_shared<client_transaction>(connection, link, lsn_t{reply.getLsn()});
      });
}

}  // namespace hearth::ipc
