@0xaf3521392c13a7aa;
# Writes to a namespace or a transaction.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("hearth::schema");

using R = import "record.capnp";
using K = import "key_value.capnp";
using U = import "queue.capnp";

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
  queue @11 :List(U.QueueWrite);
  # As keys: with other writes, or alone.
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
  queue @6 :List(U.QueueReply);
  # One per operation on queues.
}
