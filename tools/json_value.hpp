#pragma once
// JSON and text forms of ids, metadata and vectors: how the command line and its files spell them.
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/error.hpp"
#include "core/record.hpp"
#include "core/record_id.hpp"
#include "core/value.hpp"

namespace hearth::tools {

/// Objects keep the order in which their members were set, so that output is stable and readable.
using json = nlohmann::ordered_json;

/// Parses one JSON text. invalid_argument with the position; never throws.
[[nodiscard]] result<json> parse_json(std::string_view text);

/// One line, or indented by two spaces. Bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string dump_json(const json& document, bool indented = false);

/// A number for a number id, a string for a string id.
[[nodiscard]] json to_json(const record_id& id);
/// A timestamp is its ISO 8601 text, a geo point {"lat": 48.1, "lon": 11.6}.
[[nodiscard]] json to_json(const value& item);
[[nodiscard]] json to_json(const value_map& metadata);
/// The first field whose number is infinite, which JSON cannot say: "metadata.a[2]", where `field`
/// is "metadata".
[[nodiscard]] std::optional<std::string> infinite_field(const value_map& metadata,
                                                        const std::string& field);
/// The shortest decimals that read back as the same float32 values.
[[nodiscard]] json to_json(std::span<const float> values);
/// The double that prints as the shortest decimal of `number`.
[[nodiscard]] double printable(float number);

/// An id from JSON: an integer 0..2^64-1 or a string. `field` names it in messages.
[[nodiscard]] result<record_id> id_from_json(const json& item, const std::string& field);
/// Metadata from a JSON object. Integers become int64, others float64. Errors: invalid_argument
/// for an integer outside int64, limit_exceeded past limits::metadata_depth.
[[nodiscard]] result<value_map> metadata_from_json(const json& item, const std::string& field);
/// A vector from a flat JSON array of numbers that are finite as float32.
[[nodiscard]] result<std::vector<float>> vector_from_json(const json& item,
                                                          const std::string& field);

/// How a bare word on the command line, in a CSV cell or in an ids file is read.
enum class id_style : std::uint8_t {
  automatic,  ///< 7 is the number 7; "7" in quotes, 007 and anything else are strings
  strings,    ///< every word is a string as it stands
};
[[nodiscard]] result<record_id> id_from_text(std::string_view word, id_style style);
[[nodiscard]] result<std::vector<record_id>> ids_from_text(std::span<const std::string> words,
                                                           id_style style);
/// The text that id_from_text(..., automatic) reads back as `id`, on one line.
[[nodiscard]] std::string id_to_text(const record_id& id);

/// One record as an export line or a search hit: id, version, then the columns that `columns` has.
[[nodiscard]] json record_to_json(const record_columns& columns, std::size_t row);

}  // namespace hearth::tools
