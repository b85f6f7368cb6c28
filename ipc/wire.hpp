#pragma once
// Between the wire (schema/*.capnp) and core's types. Readers distrust what they read: counts are
// compared with the bytes that are there and with core's limits before memory is taken, nesting is
// bounded before each descent, and what is malformed is invalid_argument (or limit_exceeded) naming
// the field. What depends on the namespace (dimension, finiteness, ids named twice) is left to
// core's validate(). Pointers that lead outside of the message make the generated accessors throw
// kj::Exception: wrap readers in checked().
#include <kj/exception.h>

#include <cstddef>
#include <string>
#include <type_traits>

#include "core/database.hpp"
#include "ipc/schema.hpp"

namespace hearth::ipc::wire {

/// The error that stands for `failure` of a reader.
[[nodiscard]] error malformed(const kj::Exception& failure);

/// Runs a reader; a malformed message is invalid_argument.
template <class Read>
[[nodiscard]] std::invoke_result_t<Read> checked(Read&& read) {
  std::invoke_result_t<Read> outcome = fail(errc::internal, "not read");
  KJ_IF_MAYBE (failure, kj::runCatchingExceptions([&] { outcome = read(); })) {
    return std::unexpected(malformed(*failure));
  }
  return outcome;
}

[[nodiscard]] error read(schema::Error::Reader from);
[[nodiscard]] result<write_batch> read(schema::WriteBatch::Reader from);
[[nodiscard]] result<write_result> read(schema::WriteResult::Reader from);
[[nodiscard]] result<search_query> read(schema::SearchQuery::Reader from);
[[nodiscard]] result<search_result> read(schema::SearchResult::Reader from);
[[nodiscard]] result<facet_query> read(schema::FacetQuery::Reader from);
[[nodiscard]] result<facet_result> read(schema::Facets::Reader from);
[[nodiscard]] result<get_query> read(schema::GetQuery::Reader from);
[[nodiscard]] result<get_result> read(schema::GetResult::Reader from);
[[nodiscard]] result<scan_query> read(schema::ScanQuery::Reader from);
[[nodiscard]] result<scan_page> read(schema::ScanPage::Reader from);
[[nodiscard]] result<key_query> read(schema::KeyQuery::Reader from);
[[nodiscard]] result<key_result> read(schema::KeyResult::Reader from);
[[nodiscard]] result<key_scan> read(schema::KeyScan::Reader from);
[[nodiscard]] result<key_page> read(schema::KeyPage::Reader from);
[[nodiscard]] result<queue_query> read(schema::QueueQuery::Reader from);
[[nodiscard]] result<queue_result> read(schema::Queues::Reader from);
[[nodiscard]] result<item_scan> read(schema::ItemScan::Reader from);
[[nodiscard]] result<item_page> read(schema::ItemPage::Reader from);
[[nodiscard]] result<change_query> read(schema::ChangeQuery::Reader from);
[[nodiscard]] result<change_page> read(schema::ChangePage::Reader from);
[[nodiscard]] result<consumer_request> read(schema::ConsumerRequest::Reader from);
[[nodiscard]] feed_position read(schema::FeedPosition::Reader from);
[[nodiscard]] result<std::vector<feed_consumer>> read(capnp::List<schema::Consumer>::Reader from);
[[nodiscard]] result<namespace_config> read(schema::NamespaceConfig::Reader from);
[[nodiscard]] result<namespace_request> read(schema::NamespaceRequest::Reader from);
[[nodiscard]] result<index_rebuild> read(schema::IndexRebuild::Reader from);
[[nodiscard]] result<namespace_info> read(schema::NamespaceInfo::Reader from);
[[nodiscard]] result<tune_request> read(schema::Namespace::TuneParams::Reader from);
[[nodiscard]] result<tune_result> read(schema::Tuning::Reader from);
[[nodiscard]] result<search_explanation> read(schema::Explanation::Reader from);
[[nodiscard]] result<namespace_stats> read(schema::NamespaceStats::Reader from);
[[nodiscard]] result<compact_result> read(schema::Compaction::Reader from);
[[nodiscard]] result<check_step> read(schema::CheckStep::Reader from);
[[nodiscard]] store_info read(schema::StoreInfo::Reader from);
[[nodiscard]] result<open_mode> read(schema::OpenMode from);
[[nodiscard]] result<durability> read(schema::Durability from);

void write(schema::Error::Builder to, const error& from);
void write(schema::WriteBatch::Builder to, const write_batch& from);
void write(schema::WriteResult::Builder to, const write_result& from);
void write(schema::SearchQuery::Builder to, const search_query& from);
void write(schema::SearchResult::Builder to, const search_result& from);
void write(schema::FacetQuery::Builder to, const facet_query& from);
void write(schema::Facets::Builder to, const facet_result& from);
void write(schema::GetQuery::Builder to, const get_query& from);
void write(schema::GetResult::Builder to, const get_result& from);
void write(schema::ScanQuery::Builder to, const scan_query& from);
void write(schema::ScanPage::Builder to, const scan_page& from);
void write(schema::KeyQuery::Builder to, const key_query& from);
void write(schema::KeyResult::Builder to, const key_result& from);
void write(schema::KeyScan::Builder to, const key_scan& from);
void write(schema::KeyPage::Builder to, const key_page& from);
void write(schema::QueueQuery::Builder to, const queue_query& from);
void write(schema::Queues::Builder to, const queue_result& from);
void write(schema::ItemScan::Builder to, const item_scan& from);
void write(schema::ItemPage::Builder to, const item_page& from);
void write(schema::ChangeQuery::Builder to, const change_query& from);
void write(schema::ChangePage::Builder to, const change_page& from);
void write(schema::ConsumerRequest::Builder to, const consumer_request& from);
void write(schema::FeedPosition::Builder to, const feed_position& from);
/// `to` is a list of as many entries.
void write(capnp::List<schema::Consumer>::Builder to, const std::vector<feed_consumer>& from);
void write(schema::NamespaceConfig::Builder to, const namespace_config& from);
void write(schema::NamespaceRequest::Builder to, const namespace_request& from);
void write(schema::IndexRebuild::Builder to, const index_rebuild& from);
void write(schema::NamespaceInfo::Builder to, const namespace_info& from);
void write(schema::Namespace::TuneParams::Builder to, const tune_request& from);
void write(schema::Tuning::Builder to, const tune_result& from);
void write(schema::Explanation::Builder to, const search_explanation& from);
void write(schema::NamespaceStats::Builder to, const namespace_stats& from);
void write(schema::Compaction::Builder to, const compact_result& from);
void write(schema::CheckStep::Builder to, const check_step& from);
void write(schema::StoreInfo::Builder to, const store_info& from);
[[nodiscard]] schema::OpenMode to_wire(open_mode mode);
[[nodiscard]] schema::Durability to_wire(durability ack);

/// An upper bound for the words that `write` takes, so that a message is one segment of the right
/// size, and that it fits is known before it is built.
[[nodiscard]] std::size_t words(const error& value);
[[nodiscard]] std::size_t words(const write_batch& value);
[[nodiscard]] std::size_t words(const write_result& value);
[[nodiscard]] std::size_t words(const search_query& value);
[[nodiscard]] std::size_t words(const search_result& value);
[[nodiscard]] std::size_t words(const std::optional<filter>& where);
[[nodiscard]] std::size_t words(const facet_query& value);
[[nodiscard]] std::size_t words(const facet_result& value);
[[nodiscard]] std::size_t words(const get_query& value);
[[nodiscard]] std::size_t words(const get_result& value);
[[nodiscard]] std::size_t words(const scan_query& value);
[[nodiscard]] std::size_t words(const scan_page& value);
[[nodiscard]] std::size_t words(const key_query& value);
[[nodiscard]] std::size_t words(const key_result& value);
[[nodiscard]] std::size_t words(const key_scan& value);
[[nodiscard]] std::size_t words(const key_page& value);
[[nodiscard]] std::size_t words(const queue_query& value);
[[nodiscard]] std::size_t words(const queue_result& value);
[[nodiscard]] std::size_t words(const item_scan& value);
[[nodiscard]] std::size_t words(const item_page& value);
[[nodiscard]] std::size_t words(const change_query& value);
[[nodiscard]] std::size_t words(const change_page& value);
[[nodiscard]] std::size_t words(const consumer_request& value);
[[nodiscard]] std::size_t words(const feed_position& value);
[[nodiscard]] std::size_t words(const std::vector<feed_consumer>& value);
[[nodiscard]] std::size_t words(const namespace_config& value);
[[nodiscard]] std::size_t words(const tune_result& value);
[[nodiscard]] std::size_t words(const namespace_info& value);
[[nodiscard]] std::size_t words(const namespace_stats& value);
[[nodiscard]] std::size_t words(const compact_result& value);
[[nodiscard]] std::size_t words(const check_step& value);
[[nodiscard]] std::size_t words(const store_info& value);
[[nodiscard]] std::size_t words(const namespace_request& value);

}  // namespace hearth::ipc::wire
