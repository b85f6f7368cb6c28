#include "ipc/socket_path.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <span>
#include <string_view>
#include <system_error>

#include "core/checksum.hpp"
#include "core/format.hpp"
#include "core/posix_error.hpp"
#include "ipc/socket_places.hpp"

namespace hearth::ipc {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t shown_name_bytes = 32;
constexpr std::string_view name_in_store = "hearthd.sock";

fs::path resolved(const fs::path& store) {
  std::error_code ignored;
  auto path = fs::weakly_canonical(fs::absolute(store, ignored), ignored);
  if (path.empty())
    path = store;
  return path.has_filename() ? path : path.parent_path();
}

// Readable for people, unique by the hash: "notes-1f3a...c2.sock".
std::string socket_name(const fs::path& canonical_store) {
  std::string name = canonical_store.filename().string().substr(0, shown_name_bytes);
  std::replace_if(
      name.begin(), name.end(),
      [](unsigned char c) {
        return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                 c == '-' || c == '_');
      },
      '_');
  const std::string& path = canonical_store.native();
  return core::format("{}-{:016x}.sock", name, checksum(std::as_bytes(std::span(path))));
}

struct place {
  fs::path directory;
  fs::path socket;
  bool in_store = false;
};

std::vector<place> places(const fs::path& store, const socket_environment& environment) {
  const auto path = resolved(store);
  std::vector<place> all;
  const auto add = [&](const fs::path& base) {
    const auto directory = base / "hearth";
    all.push_back({directory, directory / socket_name(path)});
  };
  if (environment.runtime_directory.is_absolute())
    add(environment.runtime_directory);
  const auto user = environment.run_user / std::to_string(environment.uid);
  if (user != environment.runtime_directory)
    add(user);
  all.push_back({path / "run", path / "run" / name_in_store, true});
  std::erase_if(all,
                [](const place& one) { return one.socket.native().size() > socket_path_bytes; });
  return all;
}

// Whether the directory above "hearth" may be used at all; if not, the next place is tried.
bool is_private_base(const fs::path& base, uid_t uid) {
  struct stat status {};
  return ::stat(base.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == uid &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

result<void> make_private(const fs::path& directory, uid_t uid) {
  if (::mkdir(directory.c_str(), S_IRWXU) < 0 && errno != EEXIST)
    return std::unexpected(posix_error(errno, core::format("create {}", directory.string())));
  struct stat status {};
  if (::lstat(directory.c_str(), &status) < 0)
    return std::unexpected(posix_error(errno, core::format("look at {}", directory.string())));
  if (!S_ISDIR(status.st_mode))
    return fail(errc::permission_denied, core::format("{} is not a directory", directory.string()),
                "move it away, or set XDG_RUNTIME_DIR to a directory of your own");
  if (status.st_uid != uid)
    return fail(errc::permission_denied,
                core::format("{} belongs to user {}, not to user {}", directory.string(),
                             status.st_uid, uid),
                "set XDG_RUNTIME_DIR to a directory of your own");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return fail(errc::permission_denied,
                core::format("{} is open to other users (mode {:04o})", directory.string(),
                             status.st_mode & 07777),
                core::format("run: chmod 700 {}", directory.string()));
  return {};
}

}  // namespace

socket_environment current_socket_environment() {
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");  // NOLINT: read once per connection
  return {.runtime_directory = runtime != nullptr ? runtime : "", .uid = ::geteuid()};
}

std::vector<fs::path> socket_places(const fs::path& store, const socket_environment& environment) {
  std::vector<fs::path> sockets;
  for (const auto& one : places(store, environment))
    sockets.push_back(one.socket);
  return sockets;
}

bool is_foreign_place(const fs::path& place, const socket_environment& environment) {
  if (place.filename() == name_in_store)
    return false;
  struct stat status {};
  return ::stat(place.parent_path().parent_path().c_str(), &status) < 0 ||
         status.st_uid != environment.uid;
}

result<fs::path> socket_path(const fs::path& store, const socket_environment& environment) {
  for (const auto& one : places(store, environment)) {
    if (one.in_store) {
      std::error_code failure;
      fs::create_directories(one.directory.parent_path(), failure);
      if (failure)
        return std::unexpected(
            posix_error(failure.value(), core::format("create {}", store.string())));
    } else if (!is_private_base(one.directory.parent_path(), environment.uid)) {
      continue;
    }
    HEARTH_CHECK(make_private(one.directory, environment.uid));
    return one.socket;
  }
  return fail(errc::limit_exceeded,
              core::format("no path for the socket of {} is within {} bytes", store.string(),
                           socket_path_bytes),
              "set XDG_RUNTIME_DIR to a short directory of your own, or move the store");
}

result<fs::path> socket_path(const fs::path& store) {
  return socket_path(store, current_socket_environment());
}

}  // namespace hearth::ipc
