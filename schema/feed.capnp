@0xa2d9f3bcf5ef23e6;
# Hearth protocol, part 4: the change feed of a namespace. hearth.capnp is the place to start reading,
# docs/change_feed.md tells what the feed promises.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("hearth::schema");

using R = import "record.capnp";

struct FeedPosition {
  # How far a reader has got: past every change up to `lsn`, and past the first `skip` changes of the
  # batch behind it.

  lsn @0 :UInt64;
  skip @1 :UInt64;
}

enum FeedSubject {
  unspecified @0;
  everything @1;
  records @2;
  keys @3;
}

struct ChangeQuery {
  # One page of the feed. Ask again from ChangePage.next: whoever asks for little, or slowly, costs the
  # daemon nothing.

  after :union {
    now @0 :Void;
    # From now on.
    position @1 :FeedPosition;
  }
  subject @2 :FeedSubject;
  # unspecified: everything.
  where @3 :Text;
  # Of records that are put: only those that match this filter by now. Empty: all. Erased ones are
  # always delivered: what they were cannot be found out any more.
  near @4 :Near;
  # Likewise, only those that are near. Null: all.
  prefix @5 :Data;
  # Of keys: only those that begin like this.
  fields @6 :R.Fields;
  # Of records that are put.
  values @7 :Bool;
  # Deliver the values of keys that are put.
  limit @8 :UInt32;
  # Changes per page, 1 to 65536; the reply may hold fewer to stay within its limits.
  waitMs @9 :UInt32;
  # If there is nothing to deliver, the reply waits so long for it, at most 30000. 0: it comes at once.
}

struct Near {
  vector @0 :R.Matrix;
  # One row.
  vectorName @1 :Text;
  # Empty: the vector without a name.
  radius @2 :Float32;
  # The largest distance, as the namespace measures it.
}

struct ChangePageReply {
  union {
    ok @0 :ChangePage;
    error @1 :R.Error;
  }
}

struct ChangePage {
  # Changes in the order of their LSNs, columns first: the first four have an entry for each change.
  # What is told of a record or key is how it is now, not how the batch left it.

  lsns @0 :Data;
  # uint64 each.
  numbers @1 :Data;
  # uint64 each: which change of its batch, from 0.
  flags @2 :Data;
  # uint8 each: 1 it is of a key, not of a record; 2 erased, not put; 4 no more changes of this LSN
  # follow.
  versions @3 :Data;
  # uint64 each: LSN of the batch that wrote what is there now; 0 if it was erased, by this change or
  # by a later one.
  ids @4 :R.IdColumn;
  # Of the changes that are of a record.
  keys @5 :List(Data);
  # Of the changes that are of a key.
  values @6 :List(Data);
  # As many, if they were asked for, or none.
  records @7 :R.Records;
  # Of the changes that put a record which is there (version above 0), a row each.
  next @8 :FeedPosition;
  # Where to go on. It moves also where conditions left nothing to deliver.
  newest @9 :UInt64;
  # LSN of the namespace.
}

enum ConsumerAction {
  unspecified @0;
  open @1;
  # Create it if there is none.
  acknowledge @2;
  # Move it forward. A position behind its own changes nothing.
  erase @3;
}

struct ConsumerRequest {
  name @0 :Text;
  # UTF-8, at most 128 bytes.
  action @1 :ConsumerAction;
  position :union {
    now @2 :Void;
    # Of open only: a new one begins with what is written from now on.
    at @3 :FeedPosition;
  }
}

struct ConsumerReply {
  union {
    ok @0 :FeedPosition;
    # Its position from now on, which is on disk.
    error @1 :R.Error;
  }
}

struct ConsumersReply {
  union {
    ok @0 :List(Consumer);
    # By name.
    error @1 :R.Error;
  }
}

struct Consumer {
  name @0 :Text;
  position @1 :FeedPosition;
}
