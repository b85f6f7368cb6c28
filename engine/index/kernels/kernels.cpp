#include "engine/index/kernels/kernels.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace hearth::engine::index {
namespace {

#if defined(__x86_64__)
// Tiles are young, and hypervisors and emulators have to carry them through; so they are tried
// before they are trusted: every sum of a block has to be exactly what the other table says. The
// bytes are those of a linear congruence.
bool same_hits(const kernel_table& tried, const kernel_table& trusted) noexcept {
  constexpr std::size_t row_bytes = 128;
  constexpr std::size_t groups = 3;
  constexpr std::size_t queries = groups * group_queries;
  alignas(64) static std::byte rows[code_block_rows * row_bytes];
  alignas(64) static std::byte packed[queries * row_bytes];
  std::uint32_t random = 1;
  for (auto* bytes : {&rows[0], &packed[0]})
    for (std::size_t i = 0; i < (bytes == rows ? sizeof rows : sizeof packed); ++i) {
      random = random * 1664525 + 1013904223;
      bytes[i] = static_cast<std::byte>(random >> 24);
    }
  const float terms[code_block_rows] = {};
  const float zeros[queries] = {};
  float scale[queries];
  float fixed[queries];
  std::fill_n(scale, queries, 1.0F);
  code_hit found[2][code_block_rows * queries + 16];
  const code_block block{rows, row_bytes, 0, row_bytes, terms, 0, 0};
  const code_queries asked{packed, groups, scale, fixed, zeros, zeros};
  // Around the sums that occur, so that a sum that is wrong shows for some limit.
  for (float limit = -200'000; limit <= 200'000; limit += 10'000) {
    std::fill_n(fixed, queries, limit);
    const std::size_t count = trusted.code_hits(block, asked, found[0]);
    if (tried.code_hits(block, asked, found[1]) != count)
      return false;
    // Their order is free.
    for (auto& hits : found)
      std::sort(hits, hits + count, [](code_hit a, code_hit b) {
        return a.row < b.row || (a.row == b.row && a.query < b.query);
      });
    if (std::memcmp(found[0], found[1], count * sizeof(code_hit)) != 0)
      return false;
  }
  return true;
}

// Tiles have 8 KiB of state, which Linux saves only for processes that asked. All threads of the
// process may use them afterwards.
bool may_use_tiles() noexcept {
#if defined(__linux__)
  constexpr int request_permission = 0x1023;  // ARCH_REQ_XCOMP_PERM
  constexpr int tile_data = 18;               // XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}
#endif

struct usable_tables {
  std::array<const kernel_table*, 6> tables{};
  std::size_t count = 0;

  usable_tables() noexcept {
    add(scalar_kernels);
#if defined(__x86_64__)
    // These builtins look at CPUID and at XCR0: registers that the kernel does not save do not
    // count.
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2)
      add(avx2_kernels);
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f");
    if (avx512)
      add(avx512_kernels);
    const bool vnni =
        avx512 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni");
    if (vnni)
      add(avx512vnni_kernels);
    const bool vbmi = vnni && __builtin_cpu_supports("avx512vbmi");
    if (vbmi)
      add(avx512vbmi_kernels);
    if (vbmi && __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-int8") &&
        may_use_tiles() && same_hits(amx_kernels, avx512vnni_kernels))
      add(amx_kernels);
#endif
  }

  void add(const kernel_table& table) noexcept {
    tables[count++] = &table;
  }
};

const usable_tables& detected() noexcept {
  static const usable_tables once;
  return once;
}

}  // namespace

std::span<const kernel_table* const> usable_kernels() noexcept {
  return {detected().tables.data(), detected().count};
}

const kernel_table& kernels() noexcept {
  return *usable_kernels().back();
}

}  // namespace hearth::engine::index
