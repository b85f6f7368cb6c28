@0xfe353e9e0766fc0a;
# Hearth protocol, part 2: what a namespace is, what a client may ask of it, and how it is doing.
# hearth.capnp is the place to start reading.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("hearth::schema");

using R = import "record.capnp";

enum Distance {
  # Smaller is nearer for all of them.

  unspecified @0;
  l2 @1;
  # sqrt(sum((a - b)^2))
  cosine @2;
  # 1 - a.b / (|a| |b|), in [0, 2]
  dot @3;
  # -a.b
  manhattan @4;
  # sum(|a - b|). Not with ivfFlat and ivfPq; hnsw without codes and with memory fast.
  hamming @5;
  # How many positions differ. Every value of a vector and of a query is 0 or 1. hnsw with its own
  # bits as codes (auto, binary) or with none. No other distance can be altered to this one.
}

enum IndexKind {
  unspecified @0;
  flat @1;
  # Exact.
  hnsw @2;
  ivfFlat @3;
  ivfPq @4;
  kdTree @5;
  # Exact.
}

enum Quantization {
  # The codes on which an hnsw graph is walked.

  unspecified @0;
  auto @1;
  none @2;
  sq8 @3;
  # Every dimension in 8 bits.
  pca @4;
  # Principal components in 7 bits.
  rabitq @5;
  # A random rotation in 4 bits.
  binary @6;
  # A random rotation in 1 bit.
}

enum Memory {
  # What an hnsw index keeps in memory; the rest is read from storage when it is needed.

  unspecified @0;
  fast @1;
  # float32 vectors, codes and structure
  balanced @2;
  # 8-bit vectors, codes and structure
  lean @3;
  # codes and structure
}

struct NamespaceConfig {
  dimension @0 :UInt32;
  distance @1 :Distance;
  kind @2 :IndexKind;
  m @3 :UInt32;
  efConstruction @4 :UInt32;
  efSearch @5 :UInt32;
  seed @6 :UInt64;
  shards @7 :UInt32;
  embedder @8 :Text;
  # Who made the vectors: "lexical", a model's name, or empty for "not said".
  quantization @9 :Quantization;
  memory @10 :Memory;
  nlist @11 :UInt32;
  nprobe @12 :UInt32;
  nbits @13 :UInt32;
  # A daemon of protocol 1.0 leaves these five out: read auto, fast, 0, 0 and 4.
  schema @14 :List(FieldRule);
  textFields @15 :List(FieldWeight);
  # What full text search works on; empty: there is no text index.
  language @16 :Text;
  # Whose stems; "none": words as they are.
  stopWords @17 :List(Text);
  named @18 :List(NamedVector);
  # Further vectors that each record may have.
}

struct NamedVector {
  name @0 :Text;
  # [a-z0-9_-]{1,64}
  config @1 :NamespaceConfig;
  # Its dimension, distance and index parameters; the rest is left out.
}

struct NamespaceRequest {
  # Only what is stated is checked or changed. dimension, distance, shards and embedder must agree
  # with an existing namespace, but for Namespace.alter, which takes over the distance. Stating other
  # index parameters rebuilds the index in the background and loses nothing. efSearch and nprobe only
  # say how to search, and rebuild nothing.

  dimension :union {
    unstated @0 :Void;
    stated @1 :UInt32;
  }
  distance :union {
    unstated @2 :Void;
    stated @3 :Distance;
  }
  kind :union {
    unstated @4 :Void;
    stated @5 :IndexKind;
  }
  m :union {
    # hnsw: links per node and layer, 2 to 256; 16 if never stated. ivfPq: coded parts of a vector,
    # at most the dimension; 0, which chooses by dimension, if never stated.
    unstated @6 :Void;
    stated @7 :UInt32;
  }
  efConstruction :union {
    # Candidates while building, 1 to 65536; 200 if never stated.
    unstated @8 :Void;
    stated @9 :UInt32;
  }
  efSearch :union {
    # Default candidates while searching, 1 to 65536; 64 if never stated.
    unstated @10 :Void;
    stated @11 :UInt32;
  }
  seed :union {
    unstated @12 :Void;
    stated @13 :UInt64;
  }
  shards :union {
    unstated @14 :Void;
    stated @15 :UInt32;
  }
  embedder :union {
    unstated @16 :Void;
    stated @17 :Text;
  }
  quantization :union {
    # hnsw; auto if never stated.
    unstated @18 :Void;
    stated @19 :Quantization;
  }
  memory :union {
    # hnsw; fast if never stated.
    unstated @20 :Void;
    stated @21 :Memory;
  }
  nlist :union {
    # ivfFlat and ivfPq: lists, at most 65536; 0, which chooses by the rows, if never stated.
    unstated @22 :Void;
    stated @23 :UInt32;
  }
  nprobe :union {
    # ivfFlat and ivfPq: default lists to search, at most 65536; 0, which chooses by nlist, if never
    # stated.
    unstated @24 :Void;
    stated @25 :UInt32;
  }
  nbits :union {
    # ivfPq: bits per part, 4 or 8; 4 if never stated.
    unstated @26 :Void;
    stated @27 :UInt32;
  }
  schema :union {
    # Holds for what is written from now on.
    unstated @28 :Void;
    stated @29 :List(FieldRule);
  }
  textFields :union {
    unstated @30 :Void;
    stated @31 :List(FieldWeight);
  }
  language :union {
    # Of stems; "none" if never stated.
    unstated @32 :Void;
    stated @33 :Text;
  }
  stopWords :union {
    # Words that are not indexed; the one word "english" stands for a list of them.
    unstated @34 :Void;
    stated @35 :List(Text);
  }
  named @36 :List(NamedRequest);
  # Which named vectors there are is settled when a namespace is created, 15 at most; each needs a
  # dimension. Of a namespace that exists, they can be checked, and altered, as its own vector can.
}

struct NamedRequest {
  name @0 :Text;
  request @1 :NamespaceRequest;
  # Only the dimension, the distance and the index parameters are looked at.
}

struct FieldRule {
  # What a metadata field has to be. Null is as good as missing.

  path @0 :Text;
  # Keys of nested maps with dots between them.
  type @1 :FieldType;
  required @2 :Bool;
  indexed @3 :Bool;
  # Keep an attribute index of it, for filters.
}

enum FieldType {
  unspecified @0;
  any @1;
  bool @2;
  int @3;
  number @4;
  # int64 or float64
  string @5;
  timestamp @6;
  geo @7;
  list @8;
  map @9;
}

struct FieldWeight {
  field @0 :Text;
  # "text": the text of the record; else a path of metadata.
  weight @1 :Float64 = 1;
}

enum IndexState {
  # How an index stands to its data.

  unspecified @0;
  ready @1;
  building @2;
  # Searches are exact meanwhile.
  failed @3;
}

struct NamespaceInfo {
  name @0 :Text;
  config @1 :NamespaceConfig;
  count @2 :UInt64;
  # Records.
  vectors @3 :UInt64;
  # Records that have a vector.
  lsn @4 :UInt64;
  durableLsn @5 :UInt64;
  index @6 :IndexState;
  indexed @7 :UInt64;
  # Vectors in the graph.
  fresh @8 :UInt64;
  # Vectors still scanned exactly in the fresh tail.
  fileBytes @9 :UInt64;
  indexBytes @10 :UInt64;
  readOnly @11 :Bool;
  readOnlyReason @12 :Text;
  rebuild @13 :IndexRebuild;
  # Null unless an index is being built to replace the one that answers. `config` says what comes;
  # `index`, `indexed` and `fresh` how the one is that answers, `indexBytes` counts both.
  tuneDone @14 :UInt64;
  tuneMost @15 :UInt64;
  # Queries that a tuning has run, of at most so many; 0 and 0: none is under way.
  named @16 :List(NamedInfo);
  # In the order of config.named.
}

struct NamedInfo {
  # How a named vector and its index stand; the fields are those of NamespaceInfo.

  name @0 :Text;
  vectors @1 :UInt64;
  index @2 :IndexState;
  indexed @3 :UInt64;
  fresh @4 :UInt64;
  indexBytes @5 :UInt64;
  rebuild @6 :IndexRebuild;
}

struct IndexRebuild {
  config @0 :NamespaceConfig;
  # The distance and index parameters of the index that still answers; the rest is as ever.
  rowsDone @1 :UInt64;
  rowsTotal @2 :UInt64;
  failure @3 :Text;
  # Why building had to start over, last; empty if it had not.
}

struct Tuning {
  kind @0 :IndexKind;
  # Says what the effort is: nprobe for ivfFlat and ivfPq, ef for the others.
  effort @1 :UInt32;
  # The namespace's from now on; 0: none reached the recall, and nothing has changed.
  finished @2 :Bool;
  # False: the time limit came before it was narrowed down.
  queries @3 :UInt32;
  # Measured with; fewer than asked for if time was short.
  tried @4 :List(Point);
  # In the order of trying.

  struct Point {
    effort @0 :UInt32;
    recall @1 :Float64;
    # Mean share of the true k nearest.
    meanMs @2 :Float64;
    p95Ms @3 :Float64;
    # Of one search, inside the daemon.
  }
}

struct Explanation {
  # How a search was answered. Numbers are sums over its queries, shards and rounds.

  distance @0 :Distance;
  kind @1 :IndexKind;
  # Of the index that was asked.
  ef @2 :UInt32;
  nprobe @3 :UInt32;
  rounds @4 :UInt32;
  # More than 1 if candidates were gone and others had to be found.
  timeUs @5 :UInt64;
  stages @6 :List(Stage);
  # Only those that happened.
  exact @7 :Bool;
  # Every vector was compared, or proven to be farther.
  walkUs @8 :Float64;
  exactUs @9 :Float64;
  # What one query was expected to take in the index, by a walk through the graph and by comparing
  # all; the less was chosen. 0: there was no choice.
  filter @10 :Text;
  # With a filter: how the records that match were found.

  struct Stage {
    step @0 :Step;
    rows @1 :UInt64;
    # Vectors compared with, or candidates looked up; of the index, the vectors that it holds.
    candidates @2 :UInt64;
    # Found, or live.
    timeUs @3 :UInt64;
    # Of all threads together.
  }

  enum Step {
    unspecified @0;
    tail @1;
    # Fresh vectors that are not in the index yet, compared one by one.
    index @2;
    storage @3;
    # Vectors as they are stored: all, or those that no index has.
    late @4;
    # Vectors that were written while indexes were asked.
    records @5;
    # Candidates looked up.
    filter @6;
    # Finding the records that match. rows: those that were looked at one by one.
    text @7;
    # Searching the text index. rows: postings that were scored.
  }
}

struct TuneReply {
  union {
    ok @0 :Tuning;
    error @1 :R.Error;
  }
}

struct NamespaceInfoReply {
  union {
    ok @0 :NamespaceInfo;
    error @1 :R.Error;
  }
}

struct AlterReply {
  union {
    ok @0 :NamespaceConfig;
    # From now on.
    error @1 :R.Error;
  }
}
