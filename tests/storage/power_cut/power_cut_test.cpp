// Simulated power cuts: from a recording of what was written and synced, the file is put together
// as a disk could hold it after the power failed at some moment, and opened.
#include "tests/storage/crash_workload.hpp"
#include "tests/storage/power_cut/write_recorder.hpp"

using namespace hearth;
using namespace hearth::storage;
using namespace hearth::storage::test;

namespace {

constexpr std::uint64_t steps = 60;

class disk_image {
 public:
  explicit disk_image(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  void write(std::uint64_t offset, std::span<const std::byte> data) {
    if (bytes_.size() < offset + data.size())
      bytes_.resize(offset + data.size());
    std::ranges::copy(data, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

// How much of what was not synced survives: whole pages in any selection, sectors of 512 bytes in
// any selection (pages torn), or everything up to one moment.
enum class loss { pages, sectors, order };

disk_image cut_power(const std::vector<std::byte>& before, std::span<const file_event> events,
                     std::size_t cut, loss kind, std::mt19937_64& random) {
  disk_image image(before);
  std::size_t synced = 0;
  for (std::size_t i = 0; i < cut; ++i)
    if (events[i].kind == event_kind::sync)
      synced = i;
  const auto chance = random() % 101;
  const auto moment = synced + random() % (cut - synced + 1);
  for (std::size_t i = 0; i < cut; ++i) {
    const auto& event = events[i];
    if (event.kind == event_kind::synced_write || (event.kind == event_kind::write && i < synced)) {
      image.write(event.offset, event.bytes);
      continue;
    }
    if (event.kind != event_kind::write || (kind == loss::order && i > moment))
      continue;
    const std::size_t unit = kind == loss::sectors ? 512 : 4096;
    for (std::size_t at = 0; at < event.bytes.size(); at += unit)
      if (kind == loss::order || random() % 100 < chance)
        image.write(event.offset + at,
                    std::span(event.bytes).subspan(at, std::min(unit, event.bytes.size() - at)));
  }
  return image;
}

}  // namespace

TEST_CASE("a power cut at any moment loses nothing acknowledged and leaves no half batch") {
  const temporary_directory home;
  const auto directory = home.path() / "docs";
  auto store = create(directory, crash_dimension);
  const auto before = read_file(directory / "data.mdb");
  start_recording(directory / "data.mdb");
  for (std::uint64_t step = 0; step < steps; ++step) {
    REQUIRE(crash_step(*store, step));
    record_acknowledgement(step);
    if (step % 7 == 0)
      need(store->maintain(0));
  }
  store.reset();
  const auto events = stop_recording();
  const auto count = [&](event_kind kind) {
    return std::ranges::count(events, kind, &file_event::kind);
  };
  // The stand-ins saw what LMDB does: each commit writes pages, syncs, writes a meta page.
  REQUIRE(count(event_kind::write) >= static_cast<std::ptrdiff_t>(steps));
  REQUIRE(count(event_kind::sync) >= static_cast<std::ptrdiff_t>(steps));
  REQUIRE(count(event_kind::synced_write) >= static_cast<std::ptrdiff_t>(steps));

  // With everything applied, the recording is the file.
  std::mt19937_64 random(9);
  disk_image whole(before);
  for (const auto& event : events)
    if (!event.bytes.empty())
      whole.write(event.offset, event.bytes);
  REQUIRE(std::ranges::equal(whole.bytes(), read_file(directory / "data.mdb")));

  const auto after = home.path() / "after";
  std::size_t between = 0;
  for (int round = 0; round < 150; ++round) {
    const auto cut = 1 + random() % events.size();
    const auto kind = static_cast<loss>(round % 3);
    const auto image = cut_power(before, events, cut, kind, random);
    std::filesystem::remove_all(after);
    std::filesystem::create_directory(after);
    write_file(after / "data.mdb", image.bytes());
    std::uint64_t acknowledged = 0;
    for (std::size_t i = 0; i < cut; ++i)
      if (events[i].kind == event_kind::acknowledged)
        acknowledged = events[i].offset + 1;
    INFO("round " << round << ", cut at event " << cut << ", " << acknowledged << " acknowledged");
    auto opened = need(namespace_store::open(after, {}));
    const auto written = check_after_crash(*opened, acknowledged);
    between += written > acknowledged ? 1 : 0;
    REQUIRE(crash_step(*opened, written));  // and life goes on
  }
  REQUIRE(between > 0);  // some cuts fell between the commit and its acknowledgement
}
