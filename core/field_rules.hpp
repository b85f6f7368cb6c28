#pragma once
// What a namespace says about the fields of its records: which metadata it takes, which of it is
// indexed, and which texts are searched.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "error.hpp"
#include "value.hpp"

namespace hearth::inline core {

enum class field_type : std::uint8_t {
  any = 1,
  boolean = 2,  ///< "bool"
  integer = 3,  ///< "int"
  number = 4,   ///< int64 or float64
  string = 5,
  timestamp = 6,
  geo_point = 7,  ///< "geo"
  list = 8,
  map = 9,
};

[[nodiscard]] std::string_view to_string(field_type type) noexcept;
[[nodiscard]] result<field_type> field_type_from_string(std::string_view name);

/// What a metadata field has to be. Null is as good as missing.
struct field_rule {
  std::string path;  ///< as parse_path reads it
  field_type type = field_type::any;
  bool required = false;
  bool indexed = false;  ///< keep an attribute index of it

  friend bool operator==(const field_rule&, const field_rule&) = default;
};

/// A text field and how much its score counts.
struct field_weight {
  std::string field;  ///< "text": the text of the record; else a path of metadata
  double weight = 1;

  friend bool operator==(const field_weight&, const field_weight&) = default;
};

/// The name of the records' own text among text fields.
inline constexpr std::string_view record_text_field = "text";

/// What full text search works on.
struct text_settings {
  std::vector<field_weight> fields{};  ///< none: there is no text index
  std::string language = "none";       ///< whose stems; see engine/text
  std::vector<std::string> stop_words{};

  friend bool operator==(const text_settings&, const text_settings&) = default;
};

/// Paths, no field twice, at most limits::field_rules.
[[nodiscard]] result<void> validate(const std::vector<field_rule>& rules);
/// Fields, weights, sizes; which languages there are is not known here.
[[nodiscard]] result<void> validate(const text_settings& settings);

/// Refuses metadata that breaks a rule: invalid_argument naming the field, what it has to be and
/// what it is. `row` names the record in the message ("metadata[3]").
[[nodiscard]] result<void> check_rules(const std::vector<field_rule>& rules,
                                       const value_map& metadata, const std::string& row);

}  // namespace hearth::inline core
