#include "core/posix_error.hpp"

#include <catch2/catch.hpp>
#include <cerrno>

using namespace hearth;

TEST_CASE("errno maps onto codes") {
  CHECK(errc_from_errno(ENOENT) == errc::not_found);
  CHECK(errc_from_errno(ENOTDIR) == errc::not_found);
  CHECK(errc_from_errno(ENOSPC) == errc::no_space);
  CHECK(errc_from_errno(EDQUOT) == errc::no_space);
  CHECK(errc_from_errno(EACCES) == errc::permission_denied);
  CHECK(errc_from_errno(EROFS) == errc::permission_denied);
  CHECK(errc_from_errno(EEXIST) == errc::already_exists);
  CHECK(errc_from_errno(EIO) == errc::io_error);
  CHECK(errc_from_errno(0) == errc::io_error);
}

TEST_CASE("the message says what could not be done and why") {
  const auto failure = posix_error(ENOENT, "read /x/y");
  CHECK(failure.code == errc::not_found);
  CHECK(failure.message == "cannot read /x/y: No such file or directory");
  CHECK_FALSE(posix_error(ENOSPC, "write /x/y").hint.empty());
}
