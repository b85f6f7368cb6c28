#pragma once
// Records what is written to one file, by standing in front of the C library's write and sync
// functions. Linked into an executable, its definitions are the ones that liblmdb.so calls too.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <vector>

namespace hearth::storage::test {

enum class event_kind : std::uint8_t {
  write,         ///< in the page cache: lost, kept or torn by a power cut
  synced_write,  ///< through a descriptor with O_DSYNC: on disk when it returned
  sync,          ///< everything written before is on disk
  acknowledged,  ///< the program told someone that step `offset` is done
};

struct file_event {
  event_kind kind = event_kind::write;
  std::uint64_t offset = 0;
  std::vector<std::byte> bytes;
};

/// Starts recording writes to `file`, which exists. One recording at a time, one writing thread.
void start_recording(const std::filesystem::path& file);
void record_acknowledgement(std::uint64_t step);
/// Ends the recording and answers it.
[[nodiscard]] std::vector<file_event> stop_recording();

}  // namespace hearth::storage::test
