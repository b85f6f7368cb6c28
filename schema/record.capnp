@0x947f58a9f023f7bb;
# Hearth protocol, part 1: errors, ids, values and records. hearth.capnp is the place to start
# reading; docs/protocol.md tells the story around all parts.
#
# Conventions
# * Data columns of numbers are little-endian and packed: element i starts at byte i * size. They
#   are Data and not List(...) so that both sides move them with one copy.
# * A column that was not given or not asked for is empty (length 0). A column that is there has
#   exactly one entry per record.
# * Fields are only ever added, with the next number, and their default is the old behaviour.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("hearth::schema");

struct Error {
  # Why a call failed. Every reply of the protocol is a union of `ok` and `error`; a Cap'n Proto
  # exception, in contrast, always means that the connection or one of the programs is broken.

  code @0 :UInt16;
  # One of the error* constants below. A client treats a number it does not know as errorInternal.

  message @1 :Text;
  # One sentence that names the field and the limit. For people; its wording may change.

  hint @2 :Text;
  # What to do next; may be empty.

  retryAfterMs @3 :UInt32;
  # With errorBusy: when to try again; 0 leaves it to the caller.
}

# 1..31: the caller's fault. The same call will fail again.
const errorInvalidArgument :UInt16 = 1;
const errorDimensionMismatch :UInt16 = 2;
const errorNotFound :UInt16 = 3;
const errorAlreadyExists :UInt16 = 4;
const errorConfigMismatch :UInt16 = 5;
# The namespace exists with another, incompatible configuration.
const errorLimitExceeded :UInt16 = 6;
const errorPermissionDenied :UInt16 = 7;
const errorUnsupported :UInt16 = 8;
const errorProtocolMismatch :UInt16 = 9;
const errorCursorTooOld :UInt16 = 10;
# The change feed does not reach back any more to where the cursor stands.

# 32..63: nothing is wrong with the call. The same call may succeed later.
const errorBusy :UInt16 = 32;
# A bounded queue is full; see Error.retryAfterMs.
const errorConflict :UInt16 = 33;
const errorTimeout :UInt16 = 34;
const errorUnavailable :UInt16 = 35;
# The daemon is shutting down.
const errorCancelled :UInt16 = 36;

# 64..: someone has to look at the store or the machine.
const errorCorruption :UInt16 = 64;
const errorIo :UInt16 = 65;
const errorNoSpace :UInt16 = 66;
const errorReadOnly :UInt16 = 67;
# A commit failed; the namespace refuses writes until it is opened again.
const errorInternal :UInt16 = 68;

struct Id {
  # The id of a record: the user's or assigned by the namespace. The number 7 and the text "7" are
  # different ids.

  union {
    number @0 :UInt64;
    text @1 :Text;
    # Not empty, UTF-8, at most Limits.idBytes bytes.
  }
}

struct IdColumn {
  # The ids of records, in row order.

  union {
    numbers @0 :Data;
    # All ids are numbers: uint64 each, 8 bytes per row.

    mixed @1 :List(Id);
    # At least one id is a text.
  }
}

struct Value {
  # One typed metadata value. int64 1 and float64 1.0 are different values.

  union {
    null @0 :Void;
    bool @1 :Bool;
    int64 @2 :Int64;
    float64 @3 :Float64;
    # Not NaN.
    text @4 :Text;
    # UTF-8.
    list @5 :List(Value);
    map @6 :List(Entry);
    # Keys are unique.
    timestamp @7 :Int64;
    # A moment: microseconds since 1970-01-01T00:00:00Z, in the years 1 to 9999.
    geoPoint @8 :GeoPoint;
  }
}

struct GeoPoint {
  # Degrees (WGS 84), north and east positive.

  lat @0 :Float64;
  # -90 to 90.
  lon @1 :Float64;
  # -180 to 180.
}

struct Entry {
  key @0 :Text;
  # UTF-8.
  value @1 :Value;
}

struct Metadata {
  # The metadata of one record: at most Limits.metadataBytes when encoded, and lists and maps nested
  # at most Limits.metadataDepth deep, this map included.

  entries @0 :List(Entry);
  # In any order; keys are unique (errorInvalidArgument).
}

struct Matrix {
  # float32 vectors, row after row.

  rows @0 :UInt32;
  dimension @1 :UInt32;
  # Values per row, 1 to Limits.dimension; 0 only if rows is 0.
  values @2 :Data;
  # Exactly rows * dimension * 4 bytes.
}

struct NamedVectors {
  # A column of vectors that have a name.

  name @0 :Text;
  vectors @1 :Matrix;
  withoutVector @2 :List(UInt32);
  # In Records: rows without this vector, ascending; they have zeros.
}

struct TextColumn {
  # One text per record, or none for some of them.

  values @0 :List(Text);
  # UTF-8; empty for the rows named in `absent`.
  absent @1 :List(UInt32);
  # Rows without a text (which is not the empty text), ascending.
}

struct Fields {
  # Which columns a reply carries besides ids and versions.

  vectors @0 :Bool;
  # All of them, named ones too.
  metadata @1 :Bool;
  texts @2 :Bool;
}

struct Records {
  # Rows of records, columns first.

  ids @0 :IdColumn;
  versions @1 :Data;
  # uint64 each: LSN of the batch that last changed the record.
  vectors @2 :Matrix;
  # A record without a vector has a row of zeros and is named in `withoutVector`.
  withoutVector @3 :List(UInt32);
  # Row numbers, ascending.
  metadata @4 :List(Metadata);
  texts @5 :TextColumn;
  named @6 :List(NamedVectors);
  # With vectors: a column for each named vector of the namespace.
}
