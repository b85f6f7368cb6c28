#pragma once
// The hard limits of Hearth. Each is checked before memory is taken, and each has its own message.
#include <cstddef>
#include <cstdint>

namespace hearth::inline core::limits {

inline constexpr std::size_t namespace_name_bytes = 64;          ///< also [a-z0-9_-]{1,64}
inline constexpr std::uint32_t dimension = 65'536;               ///< values per vector
inline constexpr std::size_t id_bytes = 4 * 1024;                ///< string ids
inline constexpr std::size_t metadata_bytes = 1024 * 1024;       ///< encoded, per record
inline constexpr std::size_t metadata_depth = 32;                ///< nested lists and maps
inline constexpr std::size_t text_bytes = 16 * 1024 * 1024;      ///< per record
inline constexpr std::size_t value_bytes = 64 * 1024 * 1024;     ///< of one key
inline constexpr std::size_t batch_key_bytes = 8 * 1024 * 1024;  ///< keys of one call together
inline constexpr std::size_t key_bytes = 64 * 1024;              ///< keys of the key-value store
inline constexpr std::size_t batch_bytes = 64 * 1024 * 1024;     ///< one write batch
inline constexpr std::size_t batch_rows = 1'000'000;             ///< one write batch
inline constexpr std::size_t message_bytes = batch_bytes + 16 * 1024 * 1024;  ///< one message
inline constexpr std::size_t query_rows = 65'536;                ///< one search_batch call
inline constexpr std::size_t search_results = 16 * 1024 * 1024;  ///< query rows times k, one call
inline constexpr std::size_t named_vectors = 15;                 ///< per namespace, besides its own
inline constexpr std::size_t shards = 64;                        ///< per namespace
inline constexpr std::size_t filter_depth = 32;                  ///< nested and, or, not
inline constexpr std::size_t filter_nodes = 4096;                ///< one filter
inline constexpr std::size_t filter_bytes = 4 * 1024 * 1024;     ///< its paths and operands
inline constexpr std::size_t filter_text_bytes = 4 * 1024 * 1024;  ///< its text form
inline constexpr std::size_t filter_list = 65'536;                 ///< values of one `in`
inline constexpr std::size_t field_rules = 256;            ///< fields of a schema, or text fields
inline constexpr std::size_t field_path_bytes = 256;       ///< one of them
inline constexpr std::size_t language_bytes = 64;          ///< its name
inline constexpr std::size_t stop_word_bytes = 64 * 1024;  ///< all of them
inline constexpr std::size_t examples = 1024;              ///< ids of like and unlike together
inline constexpr std::size_t diversity_candidates = 4096;  ///< of one search
inline constexpr std::size_t facets = 65'536;              ///< values of one call
inline constexpr std::size_t indexed_fields = 256;         ///< per namespace
inline constexpr std::size_t indexed_field_bytes = 400;    ///< the text of a path
inline constexpr std::size_t embedder_bytes = 64;          ///< the embedder label
inline constexpr std::size_t text_term_bytes = 128;        ///< longer words are cut off here
inline constexpr std::size_t text_query_bytes = 65'536;    ///< one full-text query
inline constexpr std::size_t text_query_clauses = 1024;    ///< its words, phrases and prefixes
inline constexpr std::size_t text_query_depth = 32;        ///< its nested parentheses
inline constexpr std::size_t text_prefix_terms = 1024;     ///< terms that one prefix stands for
inline constexpr std::size_t text_stop_words = 10'000;     ///< of one analyzer

}  // namespace hearth::inline core::limits
