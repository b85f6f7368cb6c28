#pragma once
// What a transaction has read, and what therefore must not have changed when it commits.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "core/record.hpp"

namespace hearth::storage {

/// Records and keys by name, ranges of keys, or all records: a search, a count or a scan depends on
/// every record, also on those that are not there yet. Its size is bounded: past that, single names
/// become the whole, which finds conflicts where there are none and never misses one.
class read_set {
 public:
  static constexpr std::size_t most_names = 100'000;

  void add_record(const record_id& id);
  void add_all_records() noexcept;
  void add_key(std::string_view key);
  /// Every key in [first, end); without an end, all from `first` on.
  void add_keys(std::string first, std::optional<std::string> end);

  [[nodiscard]] bool has_record(const record_id& id) const {
    return all_records_ || records_.contains(id);
  }
  [[nodiscard]] bool has_key(std::string_view key) const;
  [[nodiscard]] bool empty() const noexcept {
    return !all_records_ && records_.empty() && ranges_.empty();
  }

 private:
  bool all_records_ = false;
  std::unordered_set<record_id> records_;
  std::map<std::string, std::optional<std::string>, std::less<>> ranges_;  // disjoint
};

}  // namespace hearth::storage
