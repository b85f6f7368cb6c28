#pragma once
// Table `consumers`: how far readers of the change feed that have a name have got.
#include <optional>
#include <vector>

#include "core/change_feed.hpp"
#include "storage/tables.hpp"

namespace hearth::storage {

/// Does what a validated request asks for, of a namespace whose newest batch is `newest`, and
/// answers the position of the consumer. Writes nothing unless it succeeds: not_found,
/// limit_exceeded, invalid_argument for a position that no reader can have reached.
[[nodiscard]] result<feed_position> update_consumer(lmdb::write_transaction& in, const tables& to,
                                                    const consumer_request& request, lsn_t newest);

/// By name.
[[nodiscard]] result<std::vector<feed_consumer>> list_consumers(const lmdb::transaction& in,
                                                                const tables& from);

}  // namespace hearth::storage
