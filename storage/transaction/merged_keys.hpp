#pragma once
// The keys of a snapshot with those that a transaction has written in their place.
#include "storage/keyvalue/key_names.hpp"
#include "storage/transaction/write_set.hpp"

namespace hearth::storage {

/// Must not outlive either; both stay as they are.
class merged_keys final : public key_walk {
 public:
  merged_keys(read_view& stored, const write_set::keys_map& own) : stored_(stored), own_(own) {}

  result<bool> seek(std::string_view bound) override;
  result<bool> seek_before(const std::optional<std::string>& bound) override;
  result<bool> next() override { return seek(key_ + '\0'); }
  result<bool> previous() override { return seek_before(std::string(key_)); }

  std::string key() const override { return key_; }
  result<key_value> entry(bool value) override;
  result<std::optional<key_value>> find(const std::string& key, bool value) override;
  result<bool> any_below(const std::string& prefix) override;

 private:
  using found_key = std::optional<std::string>;

  [[nodiscard]] result<found_key> first_unwritten(key_scan from) const;
  [[nodiscard]] result<found_key> first_from(std::string_view bound) const;
  [[nodiscard]] result<bool> move_to(found_key key);

  read_view& stored_;
  const write_set::keys_map& own_;
  std::string key_;
};

}  // namespace hearth::storage
