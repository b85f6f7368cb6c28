#include "storage/transaction/key_reads.hpp"

#include "storage/keyvalue/key_names.hpp"

namespace hearth::storage {

void add_scan(read_set& reads, const key_scan& scan, const key_page& page) {
  if (scan.delimiter.empty()) {
    if (auto range = range_of(scan)) {
      auto walked = covered(scan, *std::move(range), page.next);
      reads.add_keys(std::move(walked.first), std::move(walked.end));
    }
    return;
  }
  auto walked = covered_names(scan, page.next);
  reads.add_keys(std::move(walked.first), std::move(walked.end));
  for (const auto& [key, value, version] : page.entries) {
    reads.add_key(key);
    const auto below = std::string(key) + scan.delimiter;
    reads.add_keys(below, behind(below));
  }
}

}  // namespace hearth::storage
