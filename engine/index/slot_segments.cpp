#include "engine/index/slot_segments.hpp"

#include <cassert>
#include <new>

#include <sys/mman.h>

namespace hearth::engine::index {
namespace {

// Below this a huge page would mostly be waste.
constexpr std::size_t huge_page_threshold = std::size_t{4} << 20;

std::byte* map_zeroed(std::size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    throw std::bad_alloc();
#ifdef MADV_HUGEPAGE
  // Gathers over many 4 KiB pages miss the TLB; advice only, so a refusal does not matter.
  if (bytes >= huge_page_threshold)
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return static_cast<std::byte*>(memory);
}

}  // namespace

slot_segments::~slot_segments() {
  release();
}

void slot_segments::release() noexcept {
  while (segment_count_ > 0) {
    --segment_count_;
    munmap(segments_[segment_count_].load(std::memory_order_relaxed),
           (first_cells << segment_count_) * stride_);
  }
}

void slot_segments::reserve(std::uint64_t cells) {
  assert(cells <= max_cells);
  // Segments 0..s together hold first_cells * (2^(s+1) - 1) cells.
  while ((first_cells << segment_count_) - first_cells < cells) {
    segments_[segment_count_].store(map_zeroed((first_cells << segment_count_) * stride_),
                                    std::memory_order_relaxed);
    ++segment_count_;
  }
}

}  // namespace hearth::engine::index
