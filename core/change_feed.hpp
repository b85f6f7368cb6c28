#pragma once
// The change feed of a namespace: what its write batches changed, in the order of their LSNs, by
// name. What is delivered about a record or key is how it is when it is delivered, so several
// changes of one may all come with its newest state; versions tell.
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "filter/filter.hpp"
#include "namespace_config.hpp"
#include "record.hpp"

namespace hearth::inline core {

/// How far a reader of the feed has got: past every change up to `lsn`, and past the first `skip`
/// changes of the batch behind it.
struct feed_position {
  lsn_t lsn = 0;
  std::uint64_t skip = 0;

  friend auto operator<=>(const feed_position&, const feed_position&) = default;
};

enum class feed_subject : std::uint8_t {
  everything = 1,
  records = 2,
  keys = 3,
};

/// Records whose vector is not farther than `radius` from `vector`.
struct near_condition {
  matrix vector{};            ///< one row
  std::string vector_name{};  ///< empty: the vector without a name
  float radius = 0;           ///< in the distance of the namespace
};

/// One page of the feed. If there is nothing to deliver, the answer waits up to `wait_ms` for it.
struct change_query {
  std::optional<feed_position> after{};  ///< nothing: from now on
  feed_subject subject = feed_subject::everything;
  /// Of records that are put: only those that match by now. Erased ones are always delivered: what
  /// they were cannot be found out any more.
  std::optional<filter> where{};
  std::optional<near_condition> near{};
  std::string prefix{};        ///< of keys: only those that begin like this
  field_set fields{};          ///< what to deliver of records that are put
  bool values = false;         ///< deliver the values of keys that are put
  std::uint32_t limit = 1000;  ///< changes per page; it may hold fewer to stay in bounds
  std::uint32_t wait_ms = 0;   ///< 0: answer at once; limits::feed_wait_ms at most
};

/// A record or key that a batch put or erased.
struct change_event {
  lsn_t lsn = 0;
  std::uint64_t number = 0;  ///< in its batch, from 0
  bool erased = false;       ///< or else inserted, replaced or updated
  /// No more changes of this LSN follow. Where conditions leave out the rest of a batch, that may
  /// show only in the LSN of the next change, or in change_page::next.
  bool last = false;
  bool is_key = false;
  record_id id{};     ///< of a record
  std::string key{};  ///< of a key
  /// LSN of the batch that wrote what is there now; 0: nothing is, and that was a later change.
  lsn_t version = 0;
  std::uint32_t row = 0;  ///< of a record that is there: its row in change_page::records
  std::string value{};    ///< of a key that is there, if it was asked for

  /// Where a reader stands that has dealt with this change.
  [[nodiscard]] feed_position position() const noexcept {
    return last ? feed_position{lsn, 0} : feed_position{lsn - 1, number + 1};
  }
};

struct change_page {
  std::vector<change_event> events{};
  record_columns records{};  ///< of the events that put a record which is there
  /// Where to go on. It moves also where conditions left nothing to deliver.
  feed_position next{};
  lsn_t newest = 0;  ///< LSN of the namespace: how far behind the reader is
};

/// A reader whose position the namespace keeps, and for whom it keeps history.
struct feed_consumer {
  std::string name{};
  feed_position position{};

  friend bool operator==(const feed_consumer&, const feed_consumer&) = default;
};

enum class consumer_action : std::uint8_t {
  open = 1,         ///< create it if there is none
  acknowledge = 2,  ///< move it forward; what lies behind it already is left as it is
  erase = 3,
};

struct consumer_request {
  std::string name{};
  consumer_action action = consumer_action::open;
  /// Of open: where a new one begins (nothing: from now on). Of acknowledge: needed.
  std::optional<feed_position> position{};
};

/// Messages name the field and the limit.
[[nodiscard]] result<void> validate(const change_query& query, const namespace_config& config);
[[nodiscard]] result<void> validate(const consumer_request& request);

/// "57", or "57+3" in the middle of a batch.
[[nodiscard]] std::string to_string(const feed_position& position);
/// invalid_argument for what to_string does not make.
[[nodiscard]] result<feed_position> feed_position_from_string(std::string_view text);

}  // namespace hearth::inline core
