#include "actors/runtime.hpp"

#include "actors/handles.hpp"
#include "actors/runtime_core.hpp"
#include "actors/runtime_parts.hpp"

namespace hearth::actors {

class runtime::impl {
 public:
  impl(runtime_options options, namespace_parts parts)
      : core_(std::make_shared<runtime_core>(std::move(options), std::move(parts))) {}
  ~impl() { core_->stop(); }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  [[nodiscard]] runtime_core& core() const noexcept { return *core_; }

 private:
  const std::shared_ptr<runtime_core> core_;  // handles hold it too
};

runtime::runtime(std::unique_ptr<impl> state) noexcept : impl_(std::move(state)) {}

runtime::~runtime() = default;

result<std::unique_ptr<runtime>> runtime::start(runtime_options options) {
  return runtime_access::start(std::move(options), {});
}

result<std::unique_ptr<runtime>> runtime_access::start(runtime_options options,
                                                       namespace_parts parts) {
  if (!options.log)
    options.log = null_logger();
  if (options.fresh_rows == 0 || options.fresh_bytes == 0 || options.write_queue_bytes == 0)
    return fail(errc::invalid_argument,
                "fresh_rows, fresh_bytes and write_queue_bytes are at least 1");
  if (options.interval.count() < 1 || options.idle_close.count() < 1 ||
      options.request_timeout.count() < 1 || options.snapshot_after.count() < 1)
    return fail(errc::invalid_argument,
                "interval, idle_close, request_timeout and snapshot_after are at least 1 ms");
  try {
    return std::unique_ptr<runtime>(
        new runtime(std::make_unique<runtime::impl>(std::move(options), std::move(parts))));
  } catch (const std::exception& reason) {  // no thread, or no memory
    return fail(errc::internal, std::string("the runtime could not start: ") + reason.what());
  }
}

result<std::shared_ptr<store_handle>> runtime::open(const std::filesystem::path& directory) {
  return impl_->core().open(directory);
}

}  // namespace hearth::actors
