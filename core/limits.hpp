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
inline constexpr std::size_t erased_keys = 1'000'000;              ///< by the prefixes of one batch
inline constexpr std::size_t erased_key_bytes = 64 * 1024 * 1024;  ///< of those keys together
inline constexpr std::size_t table_text_bytes = 64 * 1024 * 1024;  ///< TOON, written or read
inline constexpr std::size_t query_rows = 65'536;                  ///< one search_batch call
inline constexpr std::size_t search_results = 16 * 1024 * 1024;    ///< query rows times k, one call
inline constexpr std::size_t named_vectors = 15;              ///< per namespace, besides its own
inline constexpr std::size_t shards = 64;                     ///< per namespace
inline constexpr std::size_t filter_depth = 32;               ///< nested and, or, not
inline constexpr std::size_t filter_nodes = 4096;             ///< one filter
inline constexpr std::size_t filter_bytes = 4 * 1024 * 1024;  ///< its paths and operands
inline constexpr std::size_t filter_text_bytes = 4 * 1024 * 1024;  ///< its text form
inline constexpr std::size_t filter_list = 65'536;                 ///< values of one `in`
inline constexpr std::size_t field_rules = 256;            ///< fields of a schema, or text fields
inline constexpr std::size_t field_path_bytes = 256;       ///< one of them
inline constexpr std::size_t language_bytes = 64;          ///< its name
inline constexpr std::size_t stop_word_bytes = 64 * 1024;  ///< all of them
inline constexpr std::size_t examples = 1024;              ///< ids of like and unlike together
inline constexpr std::size_t diversity_candidates = 4096;  ///< of one search
inline constexpr std::size_t facets = 65'536;              ///< values of one call
inline constexpr std::size_t check_problems = 100;         ///< that a report of a check names
inline constexpr std::size_t check_cursor_bytes = 68'000;  ///< it may hold a key
inline constexpr std::size_t indexed_fields = 256;         ///< per namespace
inline constexpr std::size_t indexed_field_bytes = 400;    ///< the text of a path
inline constexpr std::size_t embedder_bytes = 64;          ///< the embedder label
inline constexpr std::size_t text_term_bytes = 128;        ///< longer words are cut off here
inline constexpr std::size_t text_query_bytes = 65'536;    ///< one full-text query
inline constexpr std::size_t text_query_clauses = 1024;    ///< its words, phrases and prefixes
inline constexpr std::size_t text_query_depth = 32;        ///< its nested parentheses
inline constexpr std::size_t text_prefix_terms = 1024;     ///< terms that one prefix stands for
inline constexpr std::size_t feed_changes = 65'536;        ///< one page of the change feed
inline constexpr std::uint64_t feed_wait_ms = 30'000;      ///< for a change to come
inline constexpr std::size_t feed_consumers = 1024;        ///< that have a name, per namespace
inline constexpr std::size_t consumer_bytes = 128;         ///< its name
inline constexpr std::uint32_t snapshot_ms = 2'000;        ///< a transaction's; pins old pages
inline constexpr std::uint32_t transaction_ms = 600'000;   ///< from its beginning to its commit
inline constexpr std::size_t savepoints = 64;              ///< of one transaction
inline constexpr std::size_t open_transactions = 4'096;    ///< of one namespace
inline constexpr std::size_t transaction_bytes =
    std::size_t{1} << 30;  ///< written by all open transactions of one namespace
inline constexpr std::size_t text_stop_words = 10'000;  ///< of one analyzer

// Of queues.
inline constexpr std::size_t queue_name_bytes = 256;                  ///< the name of a queue
inline constexpr std::size_t queue_consumer_bytes = 256;              ///< who leases, for people
inline constexpr std::size_t queue_payload_bytes = 16 * 1024 * 1024;  ///< of one item
inline constexpr std::uint64_t queue_delay_ms = 365ULL * 24 * 3600 * 1000;  ///< until it is ready
inline constexpr std::uint64_t queue_visibility_ms = 12ULL * 3600 * 1000;   ///< of one lease
inline constexpr std::uint32_t queue_attempts = 1'000'000;          ///< before an item is dead
inline constexpr std::uint32_t queue_lease_items = 1000;            ///< of one lease
inline constexpr std::size_t queue_leases = 100;                    ///< lease operations of a batch
inline constexpr std::size_t queue_operations = 65'536;             ///< of one batch
inline constexpr std::size_t queue_reply_bytes = 32 * 1024 * 1024;  ///< leased by one batch
inline constexpr std::size_t queue_due_items = 1000;  ///< that one batch takes up, per queue
inline constexpr std::size_t queues = 10'000;         ///< that are not empty, per namespace

}  // namespace hearth::inline core::limits
