#include "actors/index_keeper.hpp"

#include <algorithm>
#include <utility>

#include "actors/events.hpp"
#include "core/format.hpp"

namespace hearth::actors {

index_keeper::index_keeper(const shard_group::surroundings& around, std::size_t vector,
                           std::uint64_t& last_group)
    : around_(around), vector_(vector), last_group_(last_group),
      serving_(make_group(space().index(vector))) {
  publish(*serving_);
  serving_->start();
}

// After a crash the configuration is what counts. What searches read follows when it is built.
bool index_keeper::follow(const namespace_config& config) {
  const auto& newest = coming_ ? coming_->set() : serving_->set();
  if (newest->suits(config))
    return false;
  drop_build();
  if (!serving_->set()->suits(config))
    build(config);
  return true;
}

index_keeper::group_ptr index_keeper::make_group(std::shared_ptr<index_set> set) {
  return std::make_unique<shard_group>(around_, ++last_group_, std::move(set));
}

void index_keeper::build(const namespace_config& config) {
  coming_ = make_group(std::make_shared<index_set>(config, vector_));
  space().set_coming(vector_, coming_->set());
  serving_->set()->outdated = true;
  coming_->start();
  // Without an index, searches scan storage: they may as well do so in the new distance.
  if (!serving_->set()->searchable())
    switch_index();
}

void index_keeper::drop_build() {
  if (!coming_)
    return;
  space().set_coming(vector_, nullptr);
  serving_->set()->outdated = false;
  serving_->set()->unsaved = true;
  coming_->discard();
  coming_.reset();
}

// The old index stays, and takes part in every write, until no search reads it any more: unused().
void index_keeper::switch_index() {
  leaving_.push_back(std::exchange(serving_, std::move(coming_)));
  publish(*serving_);
  space().set_coming(vector_, nullptr);
  const auto& set = *serving_->set();
  log().info(events::index_switched,
             core::format("{}: {}, {}", set.title(space().name()), to_string(set.params().kind),
                          to_string(set.distance())));
}

void index_keeper::publish(const shard_group& group) {
  const auto owner = caf::actor_cast<namespace_actor>(caf::strong_actor_ptr(around_.self->ctrl()));
  space().serve(group.set(), [owner, id = group.id()] { caf::anon_send(owner, index_unused{id}); });
}

void index_keeper::ready(std::uint64_t group) {
  if (coming_ && coming_->id() == group && coming_->set()->ready())
    switch_index();
}

void index_keeper::unused(std::uint64_t group) {
  const auto found =
      std::ranges::find_if(leaving_, [&](const group_ptr& each) { return each->id() == group; });
  if (found == leaving_.end())
    return;
  (*found)->discard();
  leaving_.erase(found);
}

bool index_keeper::busy() const {
  const auto& set = *serving_->set();
  bool behind = false;
  for (std::size_t shard = 0; shard < set.shards(); ++shard)
    behind = behind || set.shard(shard).fresh_rows() > 0;
  return behind || coming_ || !set.ready();
}

std::vector<shard_group*> index_keeper::groups() const {
  std::vector<shard_group*> all;
  all.reserve(leaving_.size() + 2);
  for (const auto& each : leaving_)
    all.push_back(each.get());
  all.push_back(serving_.get());
  if (coming_)
    all.push_back(coming_.get());
  return all;
}

}  // namespace hearth::actors
