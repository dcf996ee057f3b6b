// Files that appear whole or not at all, and a lock so that two processes starting at once don't both make them.
//
// Flow: `auto lock = DirectoryLock::take(dir); … write_file(path, text, 0600)`
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "protocol/result.hpp"

namespace sluice::tls {

// Held until destroyed; waits for another holder.
class DirectoryLock {
 public:
  [[nodiscard]] static Result<DirectoryLock, std::string> take(const std::string& dir);
  DirectoryLock(DirectoryLock&& other) noexcept;
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// Writes beside `path`, syncs, and renames over it. Returns the error's text, or nothing.
[[nodiscard]] std::optional<std::string> write_file(const std::string& path, std::string_view content, mode_t mode);

}  // namespace sluice::tls
