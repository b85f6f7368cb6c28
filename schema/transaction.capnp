@0x8a758668795c4a21;
# Reads and writes of one namespace that happen all together, at one moment, or not at all.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("hearth::schema");

using R = import "record.capnp";
using K = import "key_value.capnp";
using Q = import "query.capnp";
using W = import "write.capnp";

interface Transaction {
  # Reads see one snapshot and what the transaction itself has written, in searches too; nobody else
  # sees that before it commits. It is serializable: at commit, nothing that it has read may have been
  # changed by others since, or else commit answers conflict and nothing has happened. Any call may
  # answer conflict: then run the whole transaction again. Versions of what the transaction wrote
  # itself are 0.
  #
  # No lock is held, and nobody waits for it. Calls are carried out in the order in which they arrive.
  # Dropping the capability, and the end of the connection, abort it. After its end every call answers
  # invalidArgument, and after its time-out, timeout. Further errors are those of the same calls of a
  # Namespace.

  search @0 Q.SearchQuery -> Q.SearchReply;
  get @1 Q.GetQuery -> Q.GetReply;
  scan @2 Q.ScanQuery -> Q.ScanReply;
  count @3 Q.CountQuery -> Q.CountReply;
  facets @4 Q.FacetQuery -> Q.FacetReply;
  getKeys @5 K.KeyQuery -> K.KeyReply;
  scanKeys @6 K.KeyScan -> K.KeyPageReply;

  write @7 W.WriteBatch -> W.WriteReply;
  # Into the transaction. Records need ids; durability means nothing here. lsn and durableLsn of the
  # reply are 0. limitExceeded when the transaction has written more than Limits.batchBytes.

  savepoint @8 () -> SavepointReply;
  # Remembers what has been written so far. At most 64 of one transaction.

  rollbackTo @9 (savepoint :UInt32) -> EndReply;
  # Forgets what has been written since a savepoint, which stays.

  commit @10 (durability :W.Durability) -> W.WriteReply;
  # Everything under one LSN. A transaction that has written nothing answers the LSN of its snapshot.

  abort @11 () -> EndReply;
}

struct SavepointReply {
  union {
    ok :group {
      number @0 :UInt32;
      # From 1.
    }
    error @1 :R.Error;
  }
}

struct EndReply {
  union {
    ok @0 :Void;
    error @1 :R.Error;
  }
}
