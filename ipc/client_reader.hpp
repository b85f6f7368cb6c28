#pragma once
// The reads of a namespace and of a transaction, as the client sends them.
#include <utility>

#include "ipc/client_request.hpp"

namespace hearth::ipc {

/// `Self` sends requests to its capability: request<Answer>(what, done, make, fill, read).
template <class Handle, class Self>
class client_reader : public Handle {
 public:
  // The daemon checks everything. A filter, though, can be written down only if it is valid.
  void search(search_query query, completion<search_result> done) override {
    if (auto valid = check_filter(query.where); !valid)
      return done(std::unexpected(std::move(valid).error()));
    self().template request<search_result>(
        std::move(query), std::move(done),
        [](auto& on, auto size) { return on.searchRequest(size); });
  }
  void get(get_query query, completion<get_result> done) override {
    self().template request<get_result>(std::move(query), std::move(done),
                                        [](auto& on, auto size) { return on.getRequest(size); });
  }
  void scan(scan_query query, completion<scan_page> done) override {
    if (auto valid = check_filter(query.where); !valid)
      return done(std::unexpected(std::move(valid).error()));
    self().template request<scan_page>(std::move(query), std::move(done),
                                       [](auto& on, auto size) { return on.scanRequest(size); });
  }
  void count(std::optional<filter> where, completion<std::uint64_t> done) override {
    if (auto valid = check_filter(where); !valid)
      return done(std::unexpected(std::move(valid).error()));
    self().template request<std::uint64_t>(
        std::move(where), std::move(done),
        [](auto& on, auto size) { return on.countRequest(size); },
        [](auto& message, const auto& what) {
          if (what)
            message.setWhere(text(to_string(*what)));
        },
        [](auto reply) { return std::uint64_t{reply.getCount()}; });
  }
  void facets(facet_query query, completion<facet_result> done) override {
    if (auto valid = validate(query); !valid)
      return done(std::unexpected(std::move(valid).error()));
    self().template request<facet_result>(
        std::move(query), std::move(done),
        [](auto& on, auto size) { return on.facetsRequest(size); });
  }
  void get_keys(key_query query, completion<key_result> done) override {
    self().template request<key_result>(std::move(query), std::move(done), [](auto& on, auto size) {
      return on.getKeysRequest(size);
    });
  }
  void scan_keys(key_scan query, completion<key_page> done) override {
    self().template request<key_page>(std::move(query), std::move(done),
                                      [](auto& on, auto size) { return on.scanKeysRequest(size); });
  }

 private:
  friend Self;  // nobody else is one
  client_reader() = default;

  [[nodiscard]] Self& self() noexcept { return static_cast<Self&>(*this); }
};

}  // namespace hearth::ipc
