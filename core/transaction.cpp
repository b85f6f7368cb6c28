#include "core/transaction.hpp"

#include "core/format.hpp"

namespace hearth::inline core {

result<void> validate(const transaction_options& options) {
  if (options.timeout_ms == 0)
    return fail(errc::invalid_argument, "timeout is 0", "give the transaction some time");
  if (options.timeout_ms > limits::transaction_ms)
    return fail(errc::limit_exceeded,
                core::format("timeout is {} ms; the limit is {} ms", options.timeout_ms,
                             limits::transaction_ms),
                "split the work into several transactions");
  return {};
}

}  // namespace hearth::inline core
