#include "engine/index/kernels/kernels.hpp"

#include <array>

namespace hearth::engine::index {
namespace {

struct usable_tables {
  std::array<const kernel_table*, 5> tables{};
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
    if (vnni && __builtin_cpu_supports("avx512vbmi"))
      add(avx512vbmi_kernels);
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
