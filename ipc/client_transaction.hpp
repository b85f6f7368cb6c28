#pragma once
// A transaction as the client holds it.
#include <memory>

#include "ipc/client_connection.hpp"

namespace hearth::ipc {

/// Of the namespace `in`. The transaction ends with the connection that it was begun on.
void begin_transaction(std::shared_ptr<client_connection> connection,
                       std::shared_ptr<namespace_link> in, const transaction_options& options,
                       completion<std::shared_ptr<transaction_handle>> done);

}  // namespace hearth::ipc
