#include "core/administration.hpp"

#include <algorithm>

#include "core/limits.hpp"

namespace hearth::inline core {

std::string_view to_string(call_kind kind) noexcept {
  switch (kind) {
  case call_kind::write:
    return "write";
  case call_kind::commit:
    return "commit";
  case call_kind::search:
    return "search";
  case call_kind::get:
    return "get";
  case call_kind::scan:
    return "scan";
  case call_kind::count:
    return "count";
  case call_kind::facets:
    return "facets";
  case call_kind::get_keys:
    return "get_keys";
  case call_kind::scan_keys:
    return "scan_keys";
  case call_kind::flush:
    return "flush";
  }
  return "unknown";
}

latency_summary summarize(call_kind kind, const histogram& times) {
  const auto microseconds = [](std::chrono::nanoseconds time) {
    return static_cast<double>(time.count()) / 1000;
  };
  return {kind,
          times.count(),
          microseconds(times.percentile(0.5)),
          microseconds(times.percentile(0.9)),
          microseconds(times.percentile(0.99)),
          microseconds(times.max())};
}

void check_report::add(const check_step& step) {
  for (const auto& each : step.checked) {
    const auto known = std::ranges::find(checked, each.what, &check_count::what);
    if (known == checked.end())
      checked.push_back(each);
    else
      known->count += each.count;
  }
  problem_count += step.problem_count;
  for (const auto& each : step.problems)
    if (problems.size() < limits::check_problems)
      problems.push_back(each);
}

}  // namespace hearth::inline core
