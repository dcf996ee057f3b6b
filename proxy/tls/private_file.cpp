#include "proxy/tls/private_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace sluice::tls {
namespace {

std::string system_error(std::string_view what, const std::string& path) {
  return std::string(what) + " " + path + ": " + std::generic_category().message(errno);
}

bool write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(descriptor, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Result<DirectoryLock, std::string> DirectoryLock::take(const std::string& dir) {
  const int descriptor = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return system_error("open the folder", dir);
  DirectoryLock lock(descriptor);
  while (::flock(descriptor, LOCK_EX) != 0) {
    if (errno != EINTR) return system_error("lock the folder", dir);
  }
  return lock;
}

DirectoryLock::DirectoryLock(DirectoryLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

std::optional<std::string> write_file(const std::string& path, std::string_view content, mode_t mode) {
  const std::string temporary = path + ".new";
  ::unlink(temporary.c_str());  // left by a process that died; O_EXCL then keeps its mode and owner from being reused
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (descriptor < 0) return system_error("make the file", temporary);
  const bool written = write_all(descriptor, content) && ::fchmod(descriptor, mode) == 0 && ::fsync(descriptor) == 0;
  std::optional<std::string> error;
  if (!written) error = system_error("write the file", temporary);
  ::close(descriptor);
  if (!error && ::rename(temporary.c_str(), path.c_str()) != 0) error = system_error("rename to", path);
  if (error) ::unlink(temporary.c_str());
  return error;
}

}  // namespace sluice::tls
