#pragma once
// A transaction of one connection. It is aborted when the client drops the capability or is gone.
#include <memory>

#include "ipc/session_calls.hpp"

namespace hearth::ipc {

[[nodiscard]] schema::Transaction::Client
make_transaction(shared_context session, std::shared_ptr<transaction_handle> handle,
                 std::size_t values_per_record, counted place);

}  // namespace hearth::ipc
