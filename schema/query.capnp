@0xa3d372bc4060a0dd;
# Questions to a namespace or a transaction, and their answers.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("hearth::schema");

using R = import "record.capnp";
using N = import "namespace.capnp";

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

struct CountQuery {
  where @0 :Text;
  # Only records that match this filter. Empty: all.
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

struct FacetQuery {
  field @0 :Text;
  where @1 :Text;
  limit @2 :UInt32;
}

struct Facets {
  values @0 :List(R.Value);
  # The most frequent first.
  counts @1 :Data;
  # uint64 each.
  records @2 :UInt64;
  # That match.
}
