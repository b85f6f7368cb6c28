@0xb0d3a7c94e15f286;
# Hearth protocol, part 3: the key-value side of a namespace. hearth.capnp is the place to start
# reading.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("hearth::schema");

using R = import "record.capnp";

enum KeyChange {
  unspecified @0;
  put @1;
  # Insert or replace.
  erase @2;
  # A key that is not there is no error.
  add @3;
  # Adds `amount` to the whole number that the value says in decimal; a missing one is 0.
  erasePrefix @4;
  # Removes every key that begins with `key`, before the puts of the batch are done, wherever it
  # stands among them: one batch can replace a subtree. At most 1,000,000 keys per batch, of
  # 64 MiB together. Adds and erases of keys that begin like this, and prefixes that begin with one
  # another, are refused.
  # Since minor 4.
}

struct KeyWrite {
  key @0 :Data;
  # At most 64 KiB.
  change @1 :KeyChange;
  value @2 :Data;
  # Of put; at most 64 MiB. An empty value is not a missing one.
  amount @3 :Int64;
  expected :union {
    # Compare and set: the version that the key has to have (0: it must not be there), or the whole
    # batch is refused with conflict.
    unstated @4 :Void;
    stated @5 :UInt64;
  }
}

struct KeyQuery {
  keys @0 :List(Data);
  values @1 :Bool = true;
  # False: only whether they are there, and their versions.
}

struct KeyReply {
  union {
    ok @0 :KeyResult;
    error @1 :R.Error;
  }
}

struct KeyResult {
  found @0 :List(StoredKey);
  # One per key, in the order asked; version 0: it is not there, unless `own`.
}

struct StoredKey {
  key @0 :Data;
  value @1 :Data;
  version @2 :UInt64;
  # LSN of the batch that wrote it.
  own @3 :Bool;
  # It is there, and the transaction that reads it has written it.
}

struct KeyScan {
  start @0 :Data;
  # First key.
  end :union {
    open @1 :Void;
    before @2 :Data;
    # First key that is not part of it any more.
  }
  prefix @3 :Data;
  # Only keys that begin like this.
  reverse @4 :Bool;
  # From the last key to the first.
  values @5 :Bool = true;
  limit @6 :UInt32;
  # Keys per page, at least 1; the reply may hold fewer to stay within its limits.
  cursor @7 :Data;
  # Empty: from the start; else KeyPage.next of the page before.
  delimiter @8 :Data;
  # Not empty: a listing of names, as of the entries of a directory. A name is a key up to the first
  # delimiter behind the prefix, not counting one that is escaped: that has an odd number of
  # backslashes in front of it. Each name is one entry, however many keys go on behind it. At most
  # 64 bytes. Since minor 4.
}

struct KeyPageReply {
  union {
    ok @0 :KeyPage;
    error @1 :R.Error;
  }
}

struct KeyPage {
  # Keys, values and versions are columns: entry i of one belongs to entry i of the others. Keys lie
  # end to end in `keys`, and so do values.
  obsoleteEntries @0 :List(StoredKey);
  # What 1.3 had instead of the columns; empty.
  next @1 :Data;
  # Opaque; empty: this was the last page.
  keys @2 :Data;
  keyEnds @3 :Data;
  # uint32 each: where in `keys` each one ends, which is where the next begins.
  values @4 :Data;
  valueEnds @5 :Data;
  # Likewise; without values asked for, as many empty ones.
  versions @6 :Data;
  # uint64 each.
  names @7 :Data;
  # Of a listing of names: a byte for each entry. 1: the name is a key, whose value and version the
  # entry has; 2: keys go on behind it and the delimiter; 3: both. Since minor 4.
}
