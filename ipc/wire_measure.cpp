// What was measured of searches: explanations and tunings, wire to core and core to wire.
#include <utility>

#include "core/limits.hpp"
#include "ipc/wire.hpp"
#include "ipc/wire_fields.hpp"

namespace hearth::ipc::wire {

namespace {

constexpr std::size_t point_words = 4;

}  // namespace

result<tune_request> read(schema::Namespace::TuneParams::Reader from) {
  HEARTH_TRY(auto name,
             read_text(from.getVectorName(), "vectorName", limits::namespace_name_bytes));
  return tune_request{.recall = from.getRecall(),
                      .k = from.getK(),
                      .sample = from.getSample(),
                      .seed = from.getSeed(),
                      .time_limit_ms = from.getTimeLimitMs(),
                      .vector_name = std::move(name)};
}

result<tune_result> read(schema::Tuning::Reader from) {
  tune_result to;
  HEARTH_TRY(to.kind, read_enum(from.getKind(), "kind", index_kind::kd_tree));
  to.effort = from.getEffort();
  to.finished = from.getFinished();
  to.queries = from.getQueries();
  for (const auto point : from.getTried())
    to.tried.push_back({point.getEffort(), point.getRecall(), point.getMeanMs(), point.getP95Ms()});
  return to;
}

result<search_explanation> read(schema::Explanation::Reader from) {
  search_explanation to;
  HEARTH_TRY(to.distance, read_enum(from.getDistance(), "distance", distance_kind::hamming));
  HEARTH_TRY(to.kind, read_enum(from.getKind(), "kind", index_kind::kd_tree));
  to.ef = from.getEf();
  to.nprobe = from.getNprobe();
  to.rounds = from.getRounds();
  to.time_us = from.getTimeUs();
  to.exact = from.getExact();
  to.walk_us = from.getWalkUs();
  to.exact_us = from.getExactUs();
  to.filter = text_of(from.getFilter());
  for (const auto each : from.getStages()) {
    auto& stage = to.stages.emplace_back();
    HEARTH_TRY(stage.step, read_enum(each.getStep(), "step", search_step::text));
    stage.rows = each.getRows();
    stage.candidates = each.getCandidates();
    stage.time_us = each.getTimeUs();
  }
  return to;
}

void write(schema::Namespace::TuneParams::Builder to, const tune_request& from) {
  to.setRecall(from.recall);
  to.setK(from.k);
  to.setSample(from.sample);
  to.setSeed(from.seed);
  to.setTimeLimitMs(from.time_limit_ms);
  to.setVectorName(to_text(from.vector_name));
}

void write(schema::Tuning::Builder to, const tune_result& from) {
  to.setKind(static_cast<schema::IndexKind>(from.kind));
  to.setEffort(from.effort);
  to.setFinished(from.finished);
  to.setQueries(from.queries);
  auto tried = to.initTried(static_cast<kj::uint>(from.tried.size()));
  for (kj::uint i = 0; i < tried.size(); ++i) {
    tried[i].setEffort(from.tried[i].effort);
    tried[i].setRecall(from.tried[i].recall);
    tried[i].setMeanMs(from.tried[i].mean_ms);
    tried[i].setP95Ms(from.tried[i].p95_ms);
  }
}

void write(schema::Explanation::Builder to, const search_explanation& from) {
  to.setDistance(static_cast<schema::Distance>(from.distance));
  to.setKind(static_cast<schema::IndexKind>(from.kind));
  to.setEf(from.ef);
  to.setNprobe(from.nprobe);
  to.setRounds(from.rounds);
  to.setTimeUs(from.time_us);
  to.setExact(from.exact);
  to.setWalkUs(from.walk_us);
  to.setExactUs(from.exact_us);
  to.setFilter(to_text(from.filter));
  auto stages = to.initStages(static_cast<kj::uint>(from.stages.size()));
  for (kj::uint i = 0; i < stages.size(); ++i) {
    stages[i].setStep(static_cast<schema::Explanation::Step>(from.stages[i].step));
    stages[i].setRows(from.stages[i].rows);
    stages[i].setCandidates(from.stages[i].candidates);
    stages[i].setTimeUs(from.stages[i].time_us);
  }
}

std::size_t words(const tune_result& value) {
  return fixed_words + point_words * value.tried.size();
}

}  // namespace hearth::ipc::wire
