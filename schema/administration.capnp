@0xd3c5e1f0a27b4986;
# Hearth protocol, part 4: what those who run a namespace ask. hearth.capnp is the place to start
# reading.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("hearth::schema");

using R = import "record.capnp";

struct StatsReply {
  union {
    ok @0 :NamespaceStats;
    error @1 :R.Error;
  }
}

struct NamespaceStats {
  # A namespace in numbers, as of one moment.

  name @0 :Text;
  records @1 :UInt64;
  keys @2 :UInt64;

  fileBytes @3 :UInt64;
  pageBytes @4 :UInt32;
  livePages @5 :UInt64;
  # That the newest state is made of.
  freePages @6 :UInt64;
  # To be used again, or pinned by readers; `compact` gives them back.
  tables @7 :List(TableUsage);

  readers @8 :UInt32;
  # Snapshots that are read.
  oldestReaderLag @9 :UInt64;
  # Transactions that were committed since the oldest of them began.

  acceptedLsn @10 :UInt64;
  durableLsn @11 :UInt64;
  visibleLsn @12 :UInt64;
  # The newest write that the indexes have.
  oldestLsn @13 :UInt64;
  # The first change in history; 0: there is none.

  openTransactions @14 :UInt64;
  # Neither committed nor given up; since the namespace was opened, those that have been used.
  transactionBytes @28 :UInt64;
  # That they have written.

  queuedWrites @15 :UInt64;
  # Batches that wait for the writer, and their bytes; past the limit writes are refused (busy).
  queuedBytes @16 :UInt64;
  queuedBytesLimit @17 :UInt64;
  queuedReads @18 :UInt64;
  # That wait or run, of all namespaces of the daemon.
  shards @19 :List(ShardLoad);
  tuning :union {
    none @20 :Void;
    queries :group {
      done @21 :UInt64;
      most @22 :UInt64;
    }
  }
  compaction :union {
    none @23 :Void;
    copying :group {
      bytesDone @24 :UInt64;
      bytesTotal @25 :UInt64;
    }
  }

  openMs @26 :UInt64;
  # Since the namespace was opened, which is what latencies are about.
  latencies @27 :List(Latency);
  # Of the kinds of calls that there were.
}

struct TableUsage {
  name @0 :Text;
  entries @1 :UInt64;
  pages @2 :UInt64;
}

struct ShardLoad {
  vectorName @0 :Text;
  # Empty: the one without a name.
  shard @1 :UInt32;
  freshRows @2 :UInt64;
  # Scanned exactly until they are in the index.
  freshBytes @3 :UInt64;
  staleRows @4 :UInt64;
  # Erased, and perhaps still in the index.
  snapshotLsn @5 :UInt64;
  # What the index snapshot on disk covers; 0: there is none.
}

enum CallKind {
  unspecified @0;
  write @1;
  commit @2;
  # LMDB's, of a group of writes.
  search @3;
  get @4;
  scan @5;
  count @6;
  facets @7;
  getKeys @8;
  scanKeys @9;
  flush @10;
}

struct Latency {
  # How long calls of a kind took in the daemon; percentiles are at most 3.2 % too high.
  kind @0 :CallKind;
  count @1 :UInt64;
  p50Us @2 :Float64;
  p90Us @3 :Float64;
  p99Us @4 :Float64;
  maxUs @5 :Float64;
}

struct CheckpointReply {
  union {
    ok @0 :Checkpoint;
    error @1 :R.Error;
  }
}

struct Checkpoint {
  lsn @0 :UInt64;
  # That the index snapshots on disk cover.
}

struct CompactReply {
  union {
    ok @0 :Compaction;
    error @1 :R.Error;
  }
}

struct Compaction {
  bytesBefore @0 :UInt64;
  # Of the file.
  bytesAfter @1 :UInt64;
  lsn @2 :UInt64;
  # The newest write in it.
}

struct CheckReply {
  union {
    ok @0 :CheckStep;
    error @1 :R.Error;
  }
}

struct CheckStep {
  next @0 :Data;
  # The cursor of the next step; empty: this was the last one.
  stage @1 :Text;
  # What was looked at, for people.
  done @2 :UInt64;
  # Of `total`, over all steps so far; rough.
  total @3 :UInt64;
  checked @4 :List(CheckCount);
  problems @5 :List(CheckProblem);
  # At most 100.
  problemCount @6 :UInt64;
  # All of them.
}

struct CheckCount {
  what @0 :Text;
  count @1 :UInt64;
}

struct CheckProblem {
  where @0 :Text;
  what @1 :Text;
  hint @2 :Text;
  # What to do about it.
}
