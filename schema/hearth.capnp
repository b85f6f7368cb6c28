@0x99a189e23640492f;
# The Hearth protocol, version 1.4: how a program talks to the daemon of a store. This file,
# and those that it imports are all that a client needs; docs/protocol.md shows one being written.
#
# Transport: Cap'n Proto RPC, two-party, over the store's Unix socket. The socket is one user's own
# (mode 0600) and the daemon asks the kernel for the peer's uid, so being connected is being
# authenticated. The bootstrap capability is a Gate:
#
#     bootstrap -> Gate.login -> Session.openNamespace -> Namespace -> Transaction
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
using F = import "feed.capnp";
using Q = import "query.capnp";
using W = import "write.capnp";
using T = import "transaction.capnp";
using U = import "queue.capnp";
using A = import "administration.capnp";

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

  write @0 W.WriteBatch -> W.WriteReply;
  # Commits the whole batch or nothing, under one LSN. A search that starts after the reply sees it.
  #
  # Errors: invalidArgument (names field and row: column lengths, NaN, infinity, an id named twice,
  # not UTF-8), dimensionMismatch, limitExceeded, alreadyExists (add), notFound (update), noSpace,
  # readOnly.

  search @1 Q.SearchQuery -> Q.SearchReply;
  # The k nearest records of every query vector.
  # Errors: invalidArgument, dimensionMismatch, limitExceeded (query rows, rows times k).

  get @2 Q.GetQuery -> Q.GetReply;
  # Records by id. Ids that do not exist come back in `missing`.
  # Errors: invalidArgument, limitExceeded (Limits.batchRows ids).

  scan @3 Q.ScanQuery -> Q.ScanReply;
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

  count @8 Q.CountQuery -> Q.CountReply;
  # How many records match the filter; empty: all.
  # Errors: invalidArgument, limitExceeded.

  facets @9 Q.FacetQuery -> Q.FacetReply;
  # How often each value of a metadata field occurs among the records that match. The elements of a
  # list count one by one.
  # Errors: invalidArgument, limitExceeded.

  getKeys @10 K.KeyQuery -> K.KeyReply;
  # What is stored under some keys of the key-value side. Errors: limitExceeded.

  scanKeys @11 K.KeyScan -> K.KeyPageReply;
  # Keys in the order of their bytes. Keys that exist throughout the scan appear exactly once,
  # whatever is written between two pages.
  # Errors: invalidArgument, limitExceeded.

  begin @12 (readOnly :Bool, timeoutMs :UInt32) -> BeginReply;
  # Begins a transaction on what is committed now. timeoutMs: from its beginning to its commit, 1 to
  # 600000; 0: 30000. readOnly: it takes no writes, and its commit always succeeds.
  # Errors: limitExceeded, busy (too many are open).

  getQueues @13 U.QueueQuery -> U.QueuesReply;
  # How many items queues have, by state. Errors: invalidArgument.

  scanItems @14 U.ItemScan -> U.ItemPageReply;
  # The items of a queue in one state, without leasing them. Errors: invalidArgument.

  stats @15 () -> A.StatsReply;
  # Sizes, readers, LSNs, queues and latencies as of now.
  checkpoint @16 () -> A.CheckpointReply;
  # Commits what was accepted; every index writes its snapshot. Errors: readOnly, noSpace, ioError.
  compact @17 () -> A.CompactReply;
  # Puts a copy of the file without its free pages in its place, also if the call is dropped.
  # Errors: busy (snapshots are read for too long), noSpace, readOnly.

  check @18 (cursor :Data) -> A.CheckReply;
  # One step of a check; begin without a cursor, go on with `next`. Errors: invalidArgument.

  changes @19 F.ChangeQuery -> F.ChangePageReply;
  # What was changed behind a position, oldest first. Errors: invalidArgument, cursorTooOld, busy.

  updateConsumer @20 F.ConsumerRequest -> F.ConsumerReply;
  listConsumers @21 () -> F.ConsumersReply;
  # Readers of changes whose position is kept. Errors: invalidArgument, notFound, limitExceeded.
}

struct BeginReply {
  union {
    ok :group {
      transaction @0 :T.Transaction;
      lsn @1 :UInt64;
      # Of its snapshot.
    }
    error @2 :R.Error;
  }
}

struct FlushReply {
  union {
    ok :group {
      durableLsn @0 :UInt64;
    }
    error @1 :R.Error;
  }
}
