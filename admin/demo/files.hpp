// Small file work of the demo: private files, logs' tails, trees of files, and the descriptor owner.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "admin/demo/process.hpp"

namespace sluice::demo {

namespace fs = std::filesystem;

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Replaces the file as a whole (a reader sees the old text or the new); `mode` as for chmod(2). Throws DemoError.
void write_file(const fs::path& path, std::string_view text, unsigned mode);
[[nodiscard]] std::optional<std::string> read_file(const fs::path& path);

// The last lines of a log, from byte `from` on: what a person needs to see when a server failed to start.
[[nodiscard]] std::string tail(const fs::path& path, std::size_t lines, std::uintmax_t from = 0);

// Copies a folder with everything in it and gives the copy to `owner`. Throws DemoError.
void copy_tree(const fs::path& from, const fs::path& to, const std::optional<RunAs>& owner);
void make_folder(const fs::path& path, unsigned mode, const std::optional<RunAs>& owner = {});

// 24 letters and digits from the kernel's random source.
[[nodiscard]] std::string random_password();

// "key=value" lines, '#' comments. What the demo remembers of itself.
using KeyValues = std::map<std::string, std::string>;
[[nodiscard]] KeyValues read_key_values(const fs::path& path);
void write_key_values(const fs::path& path, const KeyValues& values);

// As whom servers run: not as root when another account can reach all these folders. nullopt: as ourselves.
[[nodiscard]] std::optional<RunAs> server_account(std::initializer_list<fs::path> folders);

// One command at a time works on a folder: an flock(2) on `<folder>/lock`, given back when we end, however we end.
class FolderLock {
 public:
  // Throws DemoError when another process keeps it for longer than `bound`.
  FolderLock(const fs::path& folder, std::chrono::milliseconds bound);
  [[nodiscard]] int descriptor() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace sluice::demo
