#pragma once
// Cap'n Proto RPC without the RPC system: frames as a client may send them that knows the protocol
// and does not care about the answers.
#include <cstdint>
#include <string>

namespace hearth::ipc::test {

/// Builds one byte stream. Calls are pipelined on calls before them, so nothing has to be read.
class raw_rpc {
 public:
  /// Bootstrap, login, openNamespace("docs").
  raw_rpc& open();
  raw_rpc& bootstrap_and_login(std::uint16_t major);
  /// Calls on the namespace opened; never finished.
  raw_rpc& search(std::uint32_t k);
  raw_rpc& flush(std::uint64_t lsn);

  [[nodiscard]] const std::string& bytes() const noexcept { return bytes_; }
  void clear() noexcept { bytes_.clear(); }

 private:
  std::string bytes_;
  std::uint32_t next_ = 0;
  std::uint32_t login_ = 0;
  std::uint32_t open_ = 0;
};

/// The header of a frame of one segment of `words`.
[[nodiscard]] std::string frame_header(std::uint32_t words);

}  // namespace hearth::ipc::test
