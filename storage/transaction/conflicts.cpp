#include "storage/transaction/conflicts.hpp"

#include <string>

#include "core/format.hpp"

namespace hearth::storage {

namespace {

constexpr const char* again = "run the transaction again";

// The record or key of a change that was read, in words; empty if none was.
std::string found_in(const read_set& reads, const changed_name& change) {
  if (change.kind == name_kind::key)
    return reads.has_key(change.text) ? core::format("key '{}'", printable(change.text))
                                      : std::string();
  if (change.kind == name_kind::record) {
    const record_id id{std::string(change.text)};
    return reads.has_record(id) ? core::format("record {}", to_string(id)) : std::string();
  }
  for (std::uint64_t i = 0; i < change.count; ++i)
    if (const record_id id(change.first + i); reads.has_record(id))
      return core::format("record {}", to_string(id));
  return {};
}

}  // namespace

result<void> check_unchanged(const read_set& reads, lsn_t since, const walk_changes& changes) {
  if (reads.empty())
    return {};
  const auto walked = changes([&](const changed_name& change) -> result<bool> {
    const auto name = found_in(reads, change);
    if (name.empty())
      return true;
    return fail(errc::conflict,
                core::format("{}, which the transaction depends on, was {} at lsn {}; the "
                             "transaction has read lsn {}",
                             name, change.erased ? "erased" : "written", change.lsn, since),
                again);
  });
  if (walked || walked.error().code != errc::not_found)
    return walked;
  return fail(errc::conflict,
              core::format("more was written since lsn {} than the namespace remembers", since),
              again);
}

}  // namespace hearth::storage
