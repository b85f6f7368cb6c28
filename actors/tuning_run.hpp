#pragma once
// How much effort an index needs for a recall, measured on the namespace itself. No actor in here:
// the tuner actor calls it.
#include <chrono>
#include <functional>

#include "actors/open_namespace.hpp"
#include "core/tuning.hpp"

namespace hearth::actors {

/// Measures with queries that are like the stored vectors without being any of them: a stored
/// vector, drawn by the seed, moved by 0.7 of the way that another drawn vector is from one of its
/// ten nearest. So they are as far from the data as the data is from itself. A stored vector as it
/// is would be too easy a question, also if its own row is not counted: the graph has links from it
/// to exactly the rows that are to be found, which no query from outside has. So is a point between
/// neighbours, where data is denser than around data. docs/benchmarks.md ("tune") compares these
/// with queries that were held back. Under inner products the nearest need not be near: there, the
/// way is that to the nearest in the sample.
///
/// The truth comes from exact searches, sixteen queries at a time until half of the time is used.
/// Then the effort is doubled until the recall is reached, and bisected. What the answer is depends
/// on the seed and the vectors only, unless time runs out.
///
/// Takes the calling thread for as long as request.time_limit_ms, or `limit` if that is less. Ends
/// early, with an error, when the namespace closes. errc::busy while an index is built;
/// errc::unsupported for exact ones; errc::invalid_argument for fewer than 100 vectors.
[[nodiscard]] result<tune_result> run_tuning(open_namespace& space, const tune_request& request,
                                             std::chrono::milliseconds limit);

}  // namespace hearth::actors
