#pragma once
// One page of the change feed, read from a snapshot.
#include "actors/open_namespace.hpp"
#include "core/change_feed.hpp"

namespace hearth::actors {

struct feed_page {
  change_page page;
  bool at_end = false;  ///< nothing is behind it, as far as the snapshot goes
};

/// What `query` asks for, without waiting. A page ends early where it grows large, or where its
/// conditions leave out very much; page.next is then behind what was looked at. cursor_too_old if
/// history does not reach back.
[[nodiscard]] result<feed_page> read_feed_page(open_namespace& space, const change_query& query);

}  // namespace hearth::actors
