#pragma once
// Which fields of a namespace have a text index, and what keeps it up with the records.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "core/field_rules.hpp"
#include "core/filter/field_path.hpp"
#include "storage/attributes/attribute_builder.hpp"
#include "storage/tables.hpp"
#include "storage/text/text_writer.hpp"

namespace hearth::storage {

/// A field with a text index. Its number is never given to another one, so an index that is made
/// anew has nothing of the one before.
struct text_index_field {
  static constexpr row_id every_row = std::numeric_limits<row_id>::max();

  std::string name;
  std::uint32_t number = 0;
  row_id done = 0;  ///< rows up to here are in the index; every_row once it is ready

  [[nodiscard]] bool ready() const noexcept { return done == every_row; }

  friend bool operator==(const text_index_field&, const text_index_field&) = default;
};

/// What "text" in the meta table says: the index as it is, which follows the settings.
struct text_index_state {
  std::vector<text_index_field> fields;
  std::vector<std::uint32_t> leaving;  ///< numbers of indexes that are being removed
  std::uint32_t next_number = 1;
  std::string language = "none";  ///< that the words in it were made with; likewise:
  std::string version;
  std::vector<std::string> stop_words;

  friend bool operator==(const text_index_state&, const text_index_state&) = default;
};

/// Nothing is indexed where the entry is missing.
[[nodiscard]] result<text_index_state> read_text_index(const lmdb::transaction& in,
                                                       const tables& from);
[[nodiscard]] result<void> write_text_index(lmdb::write_transaction& in, const tables& to,
                                            const text_index_state& state);
/// Fields that came are to be built (at once ready where there are no records), fields that went
/// are to be removed; with another language or other stop words all are built anew. Writes nothing
/// if nothing changed.
[[nodiscard]] result<void> follow_text_settings(lmdb::write_transaction& in, const tables& to,
                                                const text_settings& settings,
                                                std::string_view version, bool empty);
/// Starts all fields over under new numbers, because entries turned out damaged.
[[nodiscard]] result<void> restart_text_index(lmdb::write_transaction& in, const tables& to);
/// One bounded step of building and removing, in the open transaction.
[[nodiscard]] result<build_progress> build_text_index(lmdb::write_transaction& in, const tables& to,
                                                      const tokenize_text& tokenize,
                                                      const build_limits& limits);

/// Changes the text index together with records. Of one batch. What is damaged is started over: no
/// write fails for it. On error the transaction must be aborted.
class text_updater {
 public:
  /// Both outlive it.
  [[nodiscard]] static result<text_updater> open(lmdb::write_transaction& in, const tables& to,
                                                 const tokenize_text& tokenize);

  /// Whether any field has an index.
  [[nodiscard]] bool active() const noexcept { return !fields_.empty(); }
  /// Of an update in place, the old record is removed before the new one is added. Rows that the
  /// builder has not come by yet are left to it.
  [[nodiscard]] result<void> add(row_id row, const value_map& metadata,
                                 const std::optional<std::string>& text);
  [[nodiscard]] result<void> remove(row_id row, const value_map& metadata,
                                    const std::optional<std::string>& text);
  [[nodiscard]] result<void> finish();

 private:
  friend result<build_progress> build_text_index(lmdb::write_transaction&, const tables&,
                                                 const tokenize_text&, const build_limits&);
  struct field {
    text_index_field state;
    field_path path;  // empty: the text of the record
  };
  text_updater(lmdb::write_transaction& in, const tables& to, const tokenize_text& tokenize)
      : transaction_(in), tables_(to), tokenize_(tokenize), writer_(in, to.text) {}
  /// Notes damage; other errors are passed on.
  [[nodiscard]] result<void> unless_damaged(result<void> outcome);
  [[nodiscard]] result<void> take_fields(std::vector<text_index_field> fields);
  [[nodiscard]] result<void> change(row_id row, const value_map& metadata,
                                    const std::optional<std::string>& text, bool added);

  lmdb::write_transaction& transaction_;
  const tables& tables_;
  const tokenize_text& tokenize_;
  text_writer writer_;
  bool damaged_ = false;
  std::vector<field> fields_;
};

}  // namespace hearth::storage
