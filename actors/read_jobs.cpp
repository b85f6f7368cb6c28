#include "actors/read_jobs.hpp"

#include <algorithm>
#include <exception>
#include <functional>
#include <utility>

#include "core/limits.hpp"

namespace hearth::actors {

namespace {

/// A page of a scan ends here, so that its reply stays far below limits::message_bytes.
constexpr std::size_t scan_page_bytes = std::size_t{8} << 20;

// What `work` answers; an exception (memory ran out, say) is an error of this call alone.
template <class T, class Work>
result<T> guarded(const open_namespace& space, Work&& work) noexcept {
  HEARTH_CHECK(space.check_usable());
  try {
    return work();
  } catch (const std::exception& reason) {
    return fail(errc::internal, std::string("the read failed: ") + reason.what(),
                "try again with a smaller request");
  }
}

/// A read in one part.
template <class T>
class simple_job final : public read_job {
 public:
  using work = std::move_only_function<result<T>(open_namespace&)>;

  simple_job(namespace_lease space, call<T> answer, work what)
      : space_(std::move(space)), answer_(std::move(answer)), work_(std::move(what)) {}

  void run(std::size_t) noexcept override {
    if (!answer_.open())
      return;  // timed out while it was queued
    answer_.settle(guarded<T>(*space_, [this] { return work_(*space_); }));
  }

 private:
  namespace_lease space_;
  call<T> answer_;
  work work_;
};

}  // namespace

search_job::search_job(namespace_lease space, search_query query, call<search_result> answer,
                       std::size_t parts)
    : space_(std::move(space)), query_(std::move(query)), answer_(std::move(answer)),
      run_(*space_, query_),
      parts_(std::clamp<std::size_t>(query_.vectors.rows() / queries_per_part, 1, parts)),
      left_(parts_) {}

void search_job::run(std::size_t part) noexcept {
  if (answer_.open()) {
    if (auto found = collect(part); !found)
      answer_.settle(std::unexpected(std::move(found).error()));
  }
  if (left_.fetch_sub(1, std::memory_order_acq_rel) == 1 && answer_.open())
    answer_.settle(guarded<search_result>(*space_, [this] { return run_.finish(); }));
}

result<void> search_job::collect(std::size_t part) {
  const auto rows = query_.vectors.rows();
  return guarded<void>(
      *space_, [&] { return run_.collect(rows * part / parts_, rows * (part + 1) / parts_); });
}

std::shared_ptr<read_job> make_get_job(namespace_lease space, get_query query,
                                       call<get_result> answer) {
  return std::make_shared<simple_job<get_result>>(
      std::move(space), std::move(answer),
      [query = std::move(query)](open_namespace& opened) -> result<get_result> {
        HEARTH_TRY(const auto view, opened.store().read());
        return view->get(query, limits::message_bytes);
      });
}

std::shared_ptr<read_job> make_scan_job(namespace_lease space, scan_query query,
                                        call<scan_page> answer) {
  return std::make_shared<simple_job<scan_page>>(
      std::move(space), std::move(answer),
      [query = std::move(query)](open_namespace& opened) -> result<scan_page> {
        HEARTH_TRY(const auto view, opened.store().read());
        return view->scan(query, scan_page_bytes);
      });
}

std::shared_ptr<read_job> make_info_job(namespace_lease space, call<namespace_info> answer) {
  return std::make_shared<simple_job<namespace_info>>(
      std::move(space), std::move(answer),
      [](open_namespace& opened) { return std::as_const(opened).info(); });
}

}  // namespace hearth::actors
