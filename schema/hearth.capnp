@0x99a189e23640492f;
# The Hearth protocol, version 1.4: how a program talks to the daemon of a store. This file,
# record.capnp, namespace.capnp and key_value.capnp are all that a client needs; docs/protocol.md
# shows one being written.
#
# Transport: Cap'n Proto RPC, two-party, over the store's Unix socket. The socket is one user's own
# (mode 0600) and the daemon asks the kernel for the peer's uid, so being connected is being
# authenticated. The bootstrap capability is a Gate:
#
#     bootstrap -> Gate.login -> Session.openNamespace -> Namespace
#
# Capabilities are the permissions: what a client holds is what it may do. There is no call that
# takes the name of a namespace except those of a Session.
#
# Every reply is a union of `ok` and `error`. Calls may be sent without waiting for earlier ones,
# and are answered in any order. Dropping a call cancels the wait for it, not a write on its way.
#
# Limits protect the daemon from its clients. A frame larger than Limits.messageBytes (64 KiB before
# login), a connection that does not log in, and a message that stops half-way end the connection;
# everything else is an ordinary error.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("hearth::schema");

using R = import "record.capnp";
using N = import "namespace.capnp";
using K = import "key_value.capnp";

const protocolMajor :UInt16 = 1;
# Client and daemon must agree on it.
const protocolMinor :UInt16 = 4;
# Grows when something is added. A method the daemon does not know yet answers with Cap'n Proto's
# "unimplemented" exception; a field that it does not know is ignored.

const loginMessageBytes :UInt32 = 65536;
# The largest message before login.

interface Gate {
  # What a new connection holds.

  login @0 (major :UInt16, minor :UInt16, clientName :Text) -> LoginReply;
  # Starts the session; once per connection, and soon: a connection that has not logged in within
  # 10 seconds is closed.
  #
  # major, minor: the protocol that the client was written for (protocolMajor, protocolMinor).
  # clientName: for the daemon's log, e.g. "my-tool/1.2"; the first 128 bytes count.
  #
  # Errors: protocolMismatch (names both versions), conflict (logged in already), busy (too many
  # connections), unavailable (shutting down).
}

struct LoginReply {
  union {
    ok :group {
      session @0 :Session;
      major @1 :UInt16;
      minor @2 :UInt16;
      # The protocol of the daemon. A newer minor version has more to offer, never less.
      version @3 :Text;
      # Of the serving Hearth, e.g. "0.1.0".
      limits @4 :Limits;
    }
    error @5 :R.Error;
  }
}

struct Limits {
  # What this daemon accepts. Check before sending: past messageBytes the connection ends.

  messageBytes @0 :UInt64;
  # One message in either direction, framing included. Requests whose answer would be larger fail
  # with limitExceeded.
  batchBytes @1 :UInt64;
  # One write: vectors, ids, metadata and texts together.
  batchRows @2 :UInt32;
  queryRows @3 :UInt32;
  # Query vectors of one search.
  searchResults @4 :UInt64;
  # Query vectors times k of one search.
  dimension @5 :UInt32;
  idBytes @6 :UInt32;
  metadataBytes @7 :UInt32;
  metadataDepth @8 :UInt32;
  textBytes @9 :UInt32;
  callsInFlight @10 :UInt32;
  # Unanswered calls of one connection; the next one is answered with busy.
  openNamespaces @11 :UInt32;
  # Namespace capabilities held by one connection.
}

interface Session {
  # One client's view of the store. Ends with the connection.

  openNamespace @0 (name :Text, mode :OpenMode, request :N.NamespaceRequest) -> OpenReply;
  # name: [a-z0-9_-]{1,64}.
  # mode: open fails with notFound, create with alreadyExists, openOrCreate never for either reason.
  # request: what the caller insists on; creating needs a dimension.
  #
  # Errors: invalidArgument, notFound, alreadyExists, dimensionMismatch, configMismatch,
  # limitExceeded (open namespaces), corruption, io, noSpace.

  listNamespaces @1 () -> NamesReply;
  # Names in order.

  dropNamespace @2 (name :Text) -> EmptyReply;
  # Removes the namespace and its files. Capabilities to it answer notFound from now on.
  # Errors: invalidArgument, notFound, io.

  info @3 () -> StoreInfoReply;

  shutdown @4 () -> EmptyReply;
  # Asks the daemon to stop: it finishes acknowledged work, ends all sessions and exits. The reply
  # says that the wish was heard; the end of the connection says that it came true.
}

enum OpenMode {
  unspecified @0;
  open @1;
  create @2;
  openOrCreate @3;
}

struct OpenReply {
  union {
    ok :group {
      namespace @0 :Namespace;
      config @1 :N.NamespaceConfig;
      # As of opening.
    }
    error @2 :R.Error;
  }
}

struct NamesReply {
  union {
    ok @0 :List(Text);
    error @1 :R.Error;
  }
}

struct EmptyReply {
  union {
    ok @0 :Void;
    error @1 :R.Error;
  }
}

struct StoreInfoReply {
  union {
    ok @0 :StoreInfo;
    error @1 :R.Error;
  }
}

struct StoreInfo {
  path @0 :Text;
  # Absolute.
  version @1 :Text;
  pid @2 :UInt32;
  uptimeMs @3 :UInt64;
  namespaces @4 :UInt32;
  openNamespaces @5 :UInt32;
  sessions @6 :UInt32;
  # Connections logged in now, this one included.
}

interface Namespace {
  # One open namespace. Any call may answer: busy (too many calls in flight, or backpressure of
  # writes), notFound (the namespace was dropped), limitExceeded (the reply would not fit into a
  # message), timeout, unavailable, io, corruption, internal. Further errors are named at each call.

  write @0 WriteBatch -> WriteReply;
  # Commits the whole batch or nothing, under one LSN. A search that starts after the reply sees it.
  #
  # Errors: invalidArgument (names field and row: column lengths, NaN, infinity, an id named twice,
  # not UTF-8), dimensionMismatch, limitExceeded, alreadyExists (add), notFound (update), noSpace,
  # readOnly.

  search @1 SearchQuery -> SearchReply;
  # The k nearest records of every query vector.
  # Errors: invalidArgument, dimensionMismatch, limitExceeded (query rows, rows times k).

  get @2 GetQuery -> GetReply;
  # Records by id. Ids that do not exist come back in `missing`.
  # Errors: invalidArgument, limitExceeded (Limits.batchRows ids).

  scan @3 ScanQuery -> ScanReply;
  # One page of all records in storage order. A record that exists throughout the scan appears
  # exactly once, whatever is written meanwhile.
  # Errors: invalidArgument (the cursor is not one of this namespace).

  info @4 () -> N.NamespaceInfoReply;

  flush @5 (lsn :UInt64) -> FlushReply;
  # Waits until everything up to `lsn` is on disk (0: everything acknowledged so far).

  alter @6 (request :N.NamespaceRequest) -> N.AlterReply;
  # Changes the index, its parameters or the distance; what the request does not state stays. The
  # reply comes when the change is on disk. What has to be built is built in the background: until
  # it is ready the index before answers, in its distance, and takes part in every write. Then
  # searches change over, all at the same moment; NamespaceInfo.rebuild tells how far that is. A
  # further change replaces one that is under way. After a crash, the index is built again, and
  # searches are exact meanwhile, in the new distance.
  #
  # Errors: invalidArgument, dimensionMismatch, configMismatch (shards, embedder), noSpace, readOnly.

  tune @7 (recall :Float64, k :UInt32, sample :UInt32, seed :UInt64, timeLimitMs :UInt32,
      vectorName :Text) -> N.TuneReply;
  # Finds the least efSearch (nprobe of an ivf) with which searches for k hits reach the recall, on a
  # sample of the vectors, and makes it the namespace's. Nothing is rebuilt. NamespaceInfo.tuneDone
  # tells how far it is; after timeLimitMs, the reply says what was found until then.
  #
  # recall: above 0 to 1. k: 1 to 1000. sample: 10 to 10000. timeLimitMs: 100 to 50000. vectorName:
  # whose index; empty: that of the vector without a name.
  #
  # Errors: invalidArgument (also: fewer than 100 vectors), unsupported (the index is exact), busy (it
  # is being built, or tuned already), conflict (it was replaced meanwhile), noSpace, readOnly.

  count @8 (where :Text) -> CountReply;
  # How many records match the filter; empty: all.
  # Errors: invalidArgument, limitExceeded.

  facets @9 (field :Text, where :Text, limit :UInt32) -> FacetReply;
  # How often each value of a metadata field occurs among the records that match. The elements of a
  # list count one by one.
  # Errors: invalidArgument, limitExceeded.

  getKeys @10 K.KeyQuery -> K.KeyReply;
  # What is stored under some keys of the key-value side. Errors: limitExceeded.

  scanKeys @11 K.KeyScan -> K.KeyPageReply;
  # Keys in the order of their bytes. Keys that exist throughout the scan appear exactly once,
  # whatever is written between two pages.
  # Errors: invalidArgument, limitExceeded.
}

struct CountReply {
  union {
    ok :group {
      count @0 :UInt64;
    }
    error @1 :R.Error;
  }
}

struct FacetReply {
  union {
    ok @0 :Facets;
    error @1 :R.Error;
  }
}

struct Facets {
  values @0 :List(R.Value);
  # The most frequent first.
  counts @1 :Data;
  # uint64 each.
  records @2 :UInt64;
  # That match.
}

enum WriteKind {
  unspecified @0;
  add @1;
  # Insert; alreadyExists if any id is there.
  upsert @2;
  # Insert or replace the whole record.
  update @3;
  # Change the given columns of existing records; notFound if any id is missing.
  erase @4;
  # Remove; ids that are not there are not an error.
}

enum Durability {
  unspecified @0;
  sync @1;
  # Acknowledged once on disk.
  interval @2;
  # Acknowledged once validated and queued; on disk and visible within 50 ms.
}

enum MetadataMode {
  # How `update` treats metadata.

  unspecified @0;
  merge @1;
  # Given keys replace, a null value removes the key, the others stay.
  replace @2;
}

struct WriteBatch {
  # Columns of one write; each of vectors, named, metadata and texts is empty or has one entry per
  # id. With update, vectors that are not given stay.

  kind @0 :WriteKind;
  durability @1 :Durability;
  # unspecified: sync.
  metadataMode @2 :MetadataMode;
  # unspecified: merge.
  ids @3 :R.IdColumn;
  # Empty with add and upsert: the namespace assigns numbers, see WriteResult.assigned.
  vectors @4 :R.Matrix;
  metadata @5 :List(R.Metadata);
  texts @6 :R.TextColumn;
  # With update, an absent text keeps the old one.
  expected @7 :Data;
  # Compare and set: uint64 each, one per id, or empty. The record has to have that version (0: there
  # must be no such record), or the batch is refused with conflict.
  where @8 :Text;
  # With update and erase, instead of ids: every record that matches this filter (docs/filters.md).
  # An update then has at most one row of metadata and one text, for all of them. Empty: none.
  named @9 :List(R.NamedVectors);
  # Each name once.
  keys @10 :List(K.KeyWrite);
  # Of the key-value side; each key once. With nothing else, `kind` means nothing.
}

struct WriteReply {
  union {
    ok @0 :WriteResult;
    error @1 :R.Error;
  }
}

struct WriteResult {
  lsn @0 :UInt64;
  # Log sequence number of this batch.
  durableLsn @1 :UInt64;
  # Everything up to here is on disk.
  affected @2 :UInt64;
  # Records written or erased.
  assigned @3 :R.IdColumn;
  # The ids given, if the batch had none.
  keys @4 :UInt64;
  # Keys that were put, or were there to be erased.
  sums @5 :Data;
  # int64 each: what each `add` came to, in the order of the batch.
}

struct SearchQuery {
  vectors @0 :R.Matrix;
  # One row per query.
  k @1 :UInt32;
  # Hits per query, at least 1.
  ef @2 :UInt32;
  # Candidates; 0: the namespace's efSearch. Never below k.
  exact @3 :Bool;
  # Compare with every vector instead of using the approximate index.
  fields @4 :R.Fields;
  explain @5 :Bool;
  # Say how it was answered: SearchResult.explanation.
  nprobe @6 :UInt32;
  # Lists of an ivf index to search; 0: the namespace's nprobe.
  where @7 :Text;
  # Only records that match this filter (docs/filters.md): k of them, if there are so many. Empty:
  # none.

  texts @8 :List(Text);
  # What to look for in the text index (docs/text_search.md): one per row of `vectors`, or one per
  # query where there are no vectors. With vectors, both sides are fused into one list.
  textOperators @9 :Bool;
  # The texts are in the query language, not just words.
  textFields @10 :List(N.FieldWeight);
  # Empty: all that are indexed.
  fusion @11 :Fusion;
  # unspecified: reciprocalRank.
  vectorWeight @12 :Float64 = 1;
  textWeight @13 :Float64 = 1;
  rankConstant @14 :Float64 = 60;
  depth @15 :UInt32;
  # Candidates of each side; 0: as the daemon finds right.

  like @16 :R.IdColumn;
  unlike @17 :R.IdColumn;
  # Examples instead of a vector: nearest to the mean of the first, and away from the second. They
  # are not among the hits.

  offset @18 :UInt32;
  # Hits to leave out first.
  maxDistance @19 :Float32 = inf;
  # Only hits that are not farther.
  minScore @20 :Float64 = -inf;
  # With texts: only hits that score so much.
  groupBy @21 :Text;
  # A metadata field: not more than groupLimit hits with the same value; k counts the groups. Empty:
  # no groups.
  groupLimit @22 :UInt32 = 1;
  diversity @23 :Float64 = -1;
  # Maximal marginal relevance: 1 is relevance only, 0 is diversity only; below 0: neither.
  diversityCandidates @24 :UInt32;
  # 0: as the daemon finds right.
  vectorName @25 :Text;
  # Which vector of the records is searched; empty: the one without a name.
}

enum Fusion {
  unspecified @0;
  reciprocalRank @1;
  # weight / (rankConstant + rank), summed over both sides.
  weighted @2;
  # Both scores brought to 0..1 by their least and most, times weight, summed.
  borda @3;
  # weight times the places behind it, summed.
}

struct SearchReply {
  union {
    ok @0 :SearchResult;
    error @1 :R.Error;
  }
}

struct SearchResult {
  # Hits of all queries, nearest first, flat: query q owns the rows [offsets[q], offsets[q + 1]).
  # Fewer than k hits mean that fewer than k records with a vector exist.

  offsets @0 :Data;
  # uint64 each, one more than queries.
  distances @1 :Data;
  # float32 each, one per hit.
  hits @2 :R.Records;
  explanation @3 :N.Explanation;
  # Null unless it was asked for.
  scores @4 :Data;
  # float64 each, with texts: what the hits are ordered by, most first.
  textScores @5 :Data;
  # float64 each, with texts: what the text alone gave; NaN if it is not among the hits by text. Its
  # distance is NaN if it is not among those by vector.
  groups @6 :List(R.Value);
  # With groupBy: the value of the field; null for records without it.
}

struct GetQuery {
  ids @0 :R.IdColumn;
  fields @1 :R.Fields;
}

struct GetReply {
  union {
    ok @0 :GetResult;
    error @1 :R.Error;
  }
}

struct GetResult {
  found @0 :R.Records;
  # In the order asked.
  missing @1 :R.IdColumn;
}

struct ScanQuery {
  cursor @0 :Data;
  # Empty: from the start; else ScanPage.next of the page before.
  limit @1 :UInt32;
  # Records per page, at least 1; the reply may hold fewer to stay within its limits.
  fields @2 :R.Fields;
  where @3 :Text;
  # Only records that match this filter. Empty: all.
  orderBy @4 :Text;
  # A metadata field to order by instead of storage order; records without it come last. The cursor
  # then counts records, so writes between two pages may shift them. Empty: storage order.
  descending @5 :Bool;
  offset @6 :UInt64;
  # Records to leave out, on the first page.
}

struct ScanReply {
  union {
    ok @0 :ScanPage;
    error @1 :R.Error;
  }
}

struct ScanPage {
  rows @0 :R.Records;
  next @1 :Data;
  # Opaque; empty: this was the last page.
}

struct FlushReply {
  union {
    ok :group {
      durableLsn @0 :UInt64;
    }
    error @1 :R.Error;
  }
}
