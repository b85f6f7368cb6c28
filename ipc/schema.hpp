#pragma once
// The generated protocol, without the warnings that generated code may have.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wconversion"
#include "schema/administration.capnp.h"
#include "schema/feed.capnp.h"
#include "schema/hearth.capnp.h"
#include "schema/key_value.capnp.h"
#include "schema/namespace.capnp.h"
#include "schema/query.capnp.h"
#include "schema/queue.capnp.h"
#include "schema/record.capnp.h"
#include "schema/transaction.capnp.h"
#include "schema/write.capnp.h"
#pragma GCC diagnostic pop

#include <cstdint>

namespace hearth::ipc {

inline constexpr std::uint16_t protocol_major = schema::PROTOCOL_MAJOR;
inline constexpr std::uint16_t protocol_minor = schema::PROTOCOL_MINOR;
/// Namespace capabilities that one connection may hold.
inline constexpr std::uint32_t max_open_namespaces = 4'096;
/// Transactions that one connection may have open.
inline constexpr std::uint32_t max_open_transactions = 1'024;

}  // namespace hearth::ipc
