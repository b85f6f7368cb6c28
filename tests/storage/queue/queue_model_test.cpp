// Queues against a model that is simple enough to be right: random operations, a clock that moves
// as it likes, and reopening now and then.
#include <map>
#include <set>

#include "tests/storage/queue/support.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

struct model_item {
  item_state state = item_state::ready;
  std::int32_t priority = 0;
  std::uint32_t attempts = 0;
  std::uint32_t max_attempts = 0;
  std::int64_t due_ms = 0;
  std::uint64_t turn = 0;
  std::uint64_t token = 0;
  std::string payload;
};

// One queue, as docs/queues.md says.
class model {
 public:
  void push(std::uint64_t id, const queue_write& one, std::int64_t now) {
    model_item item{
        .priority = one.priority, .max_attempts = one.max_attempts, .payload = one.payload};
    put(item, one.delay_ms > 0, now + static_cast<std::int64_t>(one.delay_ms));
    items_[id] = item;
  }

  void sweep(std::int64_t now) {
    for (const auto state : {item_state::leased, item_state::delayed}) {
      std::vector<std::pair<std::int64_t, std::uint64_t>> due;
      for (const auto& [id, item] : items_)
        if (item.state == state && item.due_ms <= now)
          due.emplace_back(item.due_ms, id);
      std::ranges::sort(due);
      for (const auto& [when, id] : due)
        fail(items_.at(id), 0, false, now, state == item_state::leased);
    }
  }

  // What a lease has to answer, in order; the tokens are taken from what it did answer.
  std::vector<std::uint64_t> lease(const queue_write& one, std::int64_t now) {
    sweep(now);
    std::vector<std::tuple<std::int64_t, std::uint64_t, std::uint64_t>> ready;
    for (const auto& [id, item] : items_)
      if (item.state == item_state::ready)
        ready.emplace_back(-std::int64_t{item.priority}, item.turn, id);
    std::ranges::sort(ready);
    ready.resize(std::min<std::size_t>(ready.size(), one.count));
    std::vector<std::uint64_t> taken;
    for (const auto& [priority, turn, id] : ready) {
      auto& item = items_.at(id);
      item.state = item_state::leased;
      item.due_ms = now + one.visibility_ms;
      ++item.attempts;
      taken.push_back(id);
    }
    return taken;
  }

  void fail(model_item& item, std::uint64_t delay, bool dead, std::int64_t now, bool counts) {
    if (dead || (counts && item.attempts >= item.max_attempts))
      item.state = item_state::dead;
    else
      put(item, delay > 0, now + static_cast<std::int64_t>(delay));
  }

  void put(model_item& item, bool delayed, std::int64_t due) {
    item.state = delayed ? item_state::delayed : item_state::ready;
    item.due_ms = due;
    if (!delayed)
      item.turn = ++turn_;
  }

  std::map<std::uint64_t, model_item> items_;

 private:
  std::uint64_t turn_ = 0;
};

class exercise {
 public:
  explicit exercise(std::uint64_t seed) : random_(seed), store_(open_store(true)) {}

  void step() {
    clock_.now_ms += pick(8) == 0 ? static_cast<std::int64_t>(pick(400)) : 0;
    if (pick(50) == 0)
      clock_.now_ms -= static_cast<std::int64_t>(pick(200));
    switch (pick(9)) {
    case 0:
    case 1:
    case 2:
      return push();
    case 3:
    case 4:
      return lease();
    case 5:
      return end_lease(queue_change::ack);
    case 6:
      return end_lease(queue_change::nack);
    case 7:
      return end_lease(queue_change::extend);
    default:
      return name_any();
    }
  }

  void check() const {
    std::map<item_state, std::uint64_t> counts;
    for (const auto state :
         {item_state::ready, item_state::delayed, item_state::leased, item_state::dead}) {
      for (const auto& listed : items_in(*store_, state, 7)) {
        const auto& item = model_.items_.at(listed.id);
        REQUIRE(item.state == state);
        REQUIRE(listed.attempts == item.attempts);
        REQUIRE(listed.payload == item.payload);
        if (state == item_state::delayed || state == item_state::leased)
          REQUIRE(listed.due_ms == item.due_ms);
        ++counts[state];
      }
    }
    const auto info = info_of(*store_);
    REQUIRE(info.ready == counts[item_state::ready]);
    REQUIRE(info.delayed == counts[item_state::delayed]);
    REQUIRE(info.leased == counts[item_state::leased]);
    REQUIRE(info.dead == counts[item_state::dead]);
    REQUIRE(info.ready + info.delayed + info.leased + info.dead == model_.items_.size());
  }

  void reopen() {
    store_ = nullptr;
    store_ = open_store(false);
  }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  std::unique_ptr<namespace_store> open_store(bool fresh) {
    if (fresh)
      return create_with(home_.path() / "docs", clock_);
    namespace_store_options options;
    options.clock = &clock_;
    return need(namespace_store::open(home_.path() / "docs", options));
  }

  void push() {
    std::vector<queue_write> pushes;
    for (auto left = 1 + pick(4); left > 0; --left)
      pushes.push_back(push_of(std::string(pick(3000), 'p'), static_cast<std::int32_t>(pick(3)) - 1,
                               pick(3) == 0 ? 1 + pick(300) : 0,
                               1 + static_cast<std::uint32_t>(pick(3))));
    const auto done = need(store_->apply(queue_batch(pushes)));
    need(store_->commit());
    for (std::size_t i = 0; i < pushes.size(); ++i)
      model_.push(done.result.queue[i].item, pushes[i], clock_.now_ms);
  }

  void lease() {
    auto one = lease_of(1 + static_cast<std::uint32_t>(pick(4)),
                        1 + static_cast<std::uint32_t>(pick(300)));
    const auto reply = run(*store_, one);
    const auto expected = model_.lease(one, clock_.now_ms);
    REQUIRE(reply.leased.size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      REQUIRE(reply.leased[i].id == expected[i]);
      auto& item = model_.items_.at(expected[i]);
      REQUIRE(reply.leased[i].payload == item.payload);
      item.token = reply.leased[i].token;
      REQUIRE(tokens_.emplace(item.token).second);
      leases_.emplace_back(expected[i], item.token);
    }
  }

  // With the token of any lease there ever was: the live one, or one that has to be refused.
  void end_lease(queue_change change) {
    if (leases_.empty())
      return;
    const auto recent = std::min<std::uint64_t>(leases_.size(), 12);
    const auto& [id, token] = leases_[leases_.size() - 1 - pick(recent)];
    auto one = named(change, id, token);
    one.visibility_ms = 1 + static_cast<std::uint32_t>(pick(300));
    one.delay_ms = change == queue_change::nack && pick(2) == 0 ? 1 + pick(200) : 0;
    one.dead = change == queue_change::nack && pick(6) == 0;
    const auto found = model_.items_.find(id);
    const bool live = found != model_.items_.end() && found->second.state == item_state::leased &&
                      found->second.token == token;
    const auto applied = store_->apply(queue_batch({one}));
    need(store_->commit());
    REQUIRE(applied.has_value() == live);
    if (!live)
      REQUIRE(applied.error().code == errc::conflict);
    else if (change == queue_change::ack)
      model_.items_.erase(found);
    else if (change == queue_change::extend)
      found->second.due_ms = clock_.now_ms + one.visibility_ms;
    else
      model_.fail(found->second, one.delay_ms, one.dead, clock_.now_ms, true);
  }

  void name_any() {
    if (model_.items_.empty())
      return;
    auto at = model_.items_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(pick(model_.items_.size())));
    if (pick(3) == 0) {
      REQUIRE(run(*store_, named(queue_change::remove, at->first)).changed);
      model_.items_.erase(at);
      return;
    }
    const bool dead = at->second.state == item_state::dead;
    const auto applied = store_->apply(queue_batch({named(queue_change::requeue, at->first)}));
    need(store_->commit());
    REQUIRE(applied.has_value() == dead);
    if (dead) {
      at->second.attempts = 0;
      model_.put(at->second, false, 0);
    }
  }

  std::mt19937_64 random_;
  temporary_directory home_;
  test_clock clock_;
  std::unique_ptr<namespace_store> store_;
  model model_;
  std::set<std::uint64_t> tokens_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> leases_;
};

}  // namespace

TEST_CASE("queues do what a simple model of them does, also after reopening") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    exercise run(seed);
    for (int step = 1; step <= 500; ++step) {
      run.step();
      if (step % 20 == 0)
        run.check();
      if (step % 100 == 0)
        run.reopen();
    }
    run.check();
  }
}
