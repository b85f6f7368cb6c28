@0xe3c5d6a1904b27f8;
# Hearth protocol, part 4: the queues of a namespace. hearth.capnp is the place to start reading;
# docs/queues.md says what queues promise.
#
# Times are milliseconds: spans of them, or since 1970-01-01 UTC by the daemon's clock.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("hearth::schema");

using R = import "record.capnp";

enum ItemState {
  unspecified @0;
  ready @1;
  # To be leased.
  delayed @2;
  # Becomes ready at a certain time.
  leased @3;
  # Held by somebody until a certain time.
  dead @4;
  # Given up on; stays until it is requeued or removed.
  gone @5;
  # Done, or removed; only in replies.
}

enum QueueChange {
  unspecified @0;
  push @1;
  lease @2;
  # With Durability.sync only.
  ack @3;
  # A leased item is done, and gone.
  nack @4;
  # A leased item goes back, or is dead.
  extend @5;
  # A lease lasts longer.
  requeue @6;
  # A dead item becomes ready, as if it had never been tried; notFound if it is not dead.
  remove @7;
  # An item goes, whatever its state.
}

struct QueueWrite {
  # One operation. Those of a batch happen in its order, at one time; a batch with one that is
  # refused changes nothing. A batch of leases that find nothing commits nothing, and answers the LSN
  # of the batch before.

  queue @0 :Text;
  # 1 to 256 bytes. A queue is there as long as it has an item.
  change @1 :QueueChange;
  payload @2 :Data;
  # Of push; at most 16 MiB.
  priority @3 :Int32;
  # Of push. Higher ones are leased first, equal ones in the order in which they became ready.
  maxAttempts @4 :UInt32 = 5;
  # Of push: leases that may fail before the item is dead; 1 to 1000000.
  delayMs @5 :UInt64;
  # Of push and nack: it becomes ready after that; at most 365 days.
  count @6 :UInt32 = 1;
  # Of lease: so many items at most; 1 to 1000.
  consumer @7 :Text;
  # Of lease: who takes them, for people; at most 256 bytes.
  visibilityMs @8 :UInt32 = 30000;
  # Of lease and extend: the item is held so long from now on; 1 to 12 hours.
  item @9 :UInt64;
  # Of ack, nack, extend, requeue and remove.
  token @10 :UInt64;
  # Of ack, nack and extend: of the lease; conflict if it is over: the item is done, or has gone back.
  dead @11 :Bool;
  # Of nack: no further attempt.
}

struct QueueReply {
  item @0 :UInt64;
  # That was pushed or named.
  state @1 :ItemState;
  # Its state from now on.
  changed @2 :Bool;
  # False: remove found no such item.
  dueMs @3 :Int64;
  # Of extend: when the lease ends now.
  leased @4 :List(QueueItem);
  # Of lease: fewer than asked for if there are not so many, or past 32 MiB in one batch.
}

struct QueueItem {
  id @0 :UInt64;
  # Rising in the namespace, never used twice.
  state @1 :ItemState;
  priority @2 :Int32;
  attempts @3 :UInt32;
  # Leases so far.
  maxAttempts @4 :UInt32;
  pushedMs @5 :Int64;
  sinceMs @6 :Int64;
  # When it came into its state.
  dueMs @7 :Int64;
  # Delayed: when it becomes ready. Leased: when the lease ends.
  token @8 :UInt64;
  # Of the lease; only in the reply to it.
  consumer @9 :Text;
  # Who holds it, or held it last.
  payloadBytes @10 :UInt64;
  payload @11 :Data;
}

struct QueueQuery {
  queue @0 :Text;
  # Empty: all that there are, by name.
}

struct QueuesReply {
  union {
    ok @0 :Queues;
    error @1 :R.Error;
  }
}

struct Queues {
  queues @0 :List(QueueInfo);
  # One with zeros for a queue asked for that is not there.
}

struct QueueInfo {
  # Items that are due count as delayed or leased until the next lease takes them up.

  name @0 :Text;
  ready @1 :UInt64;
  delayed @2 :UInt64;
  leased @3 :UInt64;
  dead @4 :UInt64;
  oldestReadyMs @5 :UInt64;
  # How long ago it became ready; 0 if none is.
}

struct ItemScan {
  queue @0 :Text;
  state @1 :ItemState;
  payloads @2 :Bool = true;
  limit @3 :UInt32;
  # Items per page, at least 1; the reply may hold fewer to stay within its limits.
  cursor @4 :Data;
  # Empty: from the start; else ItemPage.next of the page before.
}

struct ItemPageReply {
  union {
    ok @0 :ItemPage;
    error @1 :R.Error;
  }
}

struct ItemPage {
  items @0 :List(QueueItem);
  next @1 :Data;
  # Opaque; empty: this was the last page.
}
