#include "engine/index/epoch.hpp"

#include <catch2/catch.hpp>

#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace {

using hearth::engine::index::epoch_domain;

TEST_CASE("epoch: what is unlinked is out of reach once the readers of that time are gone") {
  epoch_domain domain;
  CHECK(domain.oldest() > domain.advance());

  std::optional<std::uint64_t> tag;
  {
    const auto before = domain.pin();
    tag = domain.advance();
    CHECK(domain.oldest() <= *tag);
    {
      const auto after = domain.pin();  // came later: does not matter
      CHECK(domain.oldest() <= *tag);
    }
    CHECK(domain.oldest() <= *tag);
  }
  CHECK(domain.oldest() > *tag);
}

TEST_CASE("epoch: a reader that came after the unlinking holds nothing up") {
  epoch_domain domain;
  const auto tag = domain.advance();
  const auto later = domain.pin();
  CHECK(domain.oldest() > tag);
}

TEST_CASE("epoch: more readers than cells fit, each is counted") {
  epoch_domain domain;
  std::vector<std::unique_ptr<epoch_domain::guard>> guards;
  std::vector<std::uint64_t> tags;
  for (int i = 0; i < 100; ++i) {
    guards.push_back(std::unique_ptr<epoch_domain::guard>(new epoch_domain::guard(domain.pin())));
    tags.push_back(domain.advance());
  }
  for (std::size_t i = 0; i < guards.size(); ++i) {
    CHECK(domain.oldest() == tags[i]);
    guards[i].reset();
  }
  CHECK(domain.oldest() > tags.back());
}

TEST_CASE("epoch: readers never see a value after it was reclaimed") {
  constexpr std::uint64_t poison = 0xDEAD;
  struct box {
    std::uint64_t value;  // not atomic: a race would be seen by ThreadSanitizer
  };
  epoch_domain domain;
  std::vector<box> pool(64, box{1});
  std::atomic<box*> current{&pool[0]};
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> poisoned{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) {
        const auto pin = domain.pin();
        if (current.load(std::memory_order_acquire)->value == poison)
          poisoned.fetch_add(1);
      }
    });
  std::deque<std::pair<std::uint64_t, box*>> limbo;
  std::vector<box*> free;
  for (std::size_t i = 1; i < pool.size(); ++i)
    free.push_back(&pool[i]);
  std::size_t swaps = 0;
  for (std::size_t round = 0; round < 20'000 || swaps == 0; ++round) {
    const auto oldest = domain.oldest();
    for (; !limbo.empty() && limbo.front().first < oldest; limbo.pop_front()) {
      limbo.front().second->value = poison;
      free.push_back(limbo.front().second);
    }
    if (free.empty())
      continue;
    box* next = free.back();
    free.pop_back();
    next->value = round + poison + 1;
    box* old = current.exchange(next, std::memory_order_acq_rel);
    limbo.emplace_back(domain.advance(), old);
    ++swaps;
  }
  stop = true;
  for (auto& reader : readers)
    reader.join();
  CHECK(poisoned == 0);
}

}  // namespace
