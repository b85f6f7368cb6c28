#pragma once
// Run-time choice among the kernel tables.
#include <span>

#include "engine/index/kernels/kernel_table.hpp"

namespace hearth::engine::index {

/// Every table that this CPU and operating system can run, slowest (scalar) first.
[[nodiscard]] std::span<const kernel_table* const> usable_kernels() noexcept;

/// The fastest usable table. Thread-safe; always the same within a process.
[[nodiscard]] const kernel_table& kernels() noexcept;

}  // namespace hearth::engine::index
