#include "ipc/client_connection.hpp"

namespace hearth::ipc {

namespace {

// Owns something of the loop thread until the loop drops it.
class dispose_task final : public loop_task {
 public:
  explicit dispose_task(std::shared_ptr<void> object) noexcept : object_(std::move(object)) {}
  void run() noexcept override { object_ = nullptr; }

 private:
  std::shared_ptr<void> object_;
};

}  // namespace

client_connection::client_connection(std::shared_ptr<client_loop> loop,
                                     const std::filesystem::path& directory,
                                     const connect_options& options)
    : loop_(std::move(loop)),
      link_(std::make_shared<client_link>(loop_->port(), directory, options)),
      call_timeout_(options.call_timeout) {}

client_connection::~client_connection() {
  dispose(std::move(link_));
  if (loop_->forked())
    new std::shared_ptr<client_loop>(std::move(loop_));  // NOLINT: leaked on purpose, see there
}

void client_connection::dispose(std::shared_ptr<void> object) noexcept {
  if (object == nullptr)
    return;
  if (loop_->forked())
    new std::shared_ptr<void>(std::move(object));  // NOLINT: its thread is in the parent
  else
    post(std::make_shared<dispose_task>(std::move(object)));
}

void client_connection::connect(completion<std::monostate> done) {
  class connect_task final : public call_task<std::monostate> {
   public:
    using call_task::call_task;

   private:
    // Starting a daemon has a limit of its own, and says more when it is over.
    std::chrono::milliseconds patience() override {
      return link().options().start_timeout + link().options().call_timeout;
    }
    kj::Promise<void> perform() override {
      settle(std::monostate());
      return kj::READY_NOW;
    }
  };
  if (usable(done))
    post(std::make_shared<connect_task>(shared_from_this(), std::move(done)));
}

void client_connection::wait_for_end(completion<std::monostate> done) {
  class end_task final : public call_task<std::monostate> {
   public:
    using call_task::call_task;

   private:
    kj::Promise<void> perform() override {
      return link().when_lost().then([this] { settle(std::monostate()); });
    }
  };
  if (usable(done))
    post(std::make_shared<end_task>(shared_from_this(), std::move(done)));
}

}  // namespace hearth::ipc
