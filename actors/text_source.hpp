#pragma once
// Lets the ranking of full text (engine) read the postings of a snapshot (storage).
#include "engine/text/posting_source.hpp"
#include "storage/text/text_reader.hpp"

namespace hearth::actors {

/// Of one transaction, which must outlive it and its lists. One thread at a time.
class text_source final : public engine::text::posting_source {
 public:
  text_source(const storage::lmdb::transaction& in, const storage::text_tables& from)
      : reader_(in, from) {}

  [[nodiscard]] result<text_statistics> statistics(std::uint32_t field) override {
    return reader_.statistics(field);
  }
  [[nodiscard]] result<std::unique_ptr<engine::text::posting_list>>
  open(std::uint32_t field, std::string_view term) override;
  [[nodiscard]] result<std::vector<std::string>> terms(std::uint32_t field, std::string_view prefix,
                                                       std::size_t limit) override {
    return reader_.terms(field, prefix, limit);
  }

 private:
  storage::text_reader reader_;
};

}  // namespace hearth::actors
