#pragma once
// The reads of a namespace and of a transaction, on the wire.
#include <memory>
#include <utility>

#include "ipc/session_calls.hpp"
#include "ipc/wire_columns.hpp"

namespace hearth::ipc {

/// `Server` is generated from an interface with the reads of a Namespace.
template <class Server, class Handle>
class reader_server : public Server {
 public:
  /// `values_per_record`: of all its vectors.
  reader_server(shared_context session, std::shared_ptr<Handle> handle,
                std::size_t values_per_record)
      : session_(std::move(session)), handle_(std::move(handle)),
        values_per_record_(values_per_record) {}

  kj::Promise<void> search(typename Server::SearchContext context) override {
    auto query = wire::checked([&] { return wire::read(context.getParams()); });
    if (!query)
      return refuse(context, query.error());
    const std::size_t bytes = small_reply_bytes + query->count() * query->k *
                                                      row_bytes(query->fields, values_per_record_);
    return run<search_result>(
        session_, context, bytes,
        [handle = handle_, query = std::move(*query)](auto done) mutable {
          handle->search(std::move(query), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> get(typename Server::GetContext context) override {
    auto query = wire::checked([&] { return wire::read(context.getParams()); });
    if (!query)
      return refuse(context, query.error());
    const std::size_t bytes =
        small_reply_bytes + query->ids.size() * row_bytes(query->fields, values_per_record_);
    return run<get_result>(
        session_, context, bytes,
        [handle = handle_, query = std::move(*query)](auto done) mutable {
          handle->get(std::move(query), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> scan(typename Server::ScanContext context) override {
    auto query = wire::checked([&] { return wire::read(context.getParams()); });
    if (!query)
      return refuse(context, query.error());
    const std::size_t bytes =
        small_reply_bytes + query->limit * row_bytes(query->fields, values_per_record_);
    return run<scan_page>(
        session_, context, bytes,
        [handle = handle_, query = std::move(*query)](auto done) mutable {
          handle->scan(std::move(query), std::move(done));
        },
        write_value);
  }

  kj::Promise<void> count(typename Server::CountContext context) override {
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

  kj::Promise<void> facets(typename Server::FacetsContext context) override {
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

  kj::Promise<void> getKeys(typename Server::GetKeysContext context) override {
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

  kj::Promise<void> scanKeys(typename Server::ScanKeysContext context) override {
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

 protected:
  const shared_context session_;
  const std::shared_ptr<Handle> handle_;
  const std::size_t values_per_record_;
};

}  // namespace hearth::ipc
