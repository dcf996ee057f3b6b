#include "support/temp_folder.hpp"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>

namespace sluice::test {

namespace {

// A container's /dev/shm may hold 64 MiB only.
std::filesystem::path parent_folder() {
  constexpr std::uintmax_t room_for_clusters = std::uintmax_t{4} << 30U;
  std::error_code none;
  const auto space = std::filesystem::space("/dev/shm", none);
  if (!none && space.available >= room_for_clusters && ::access("/dev/shm", W_OK) == 0) return "/dev/shm";
  return std::filesystem::temp_directory_path();
}

}  // namespace

TempFolder::TempFolder(const std::string& name) {
  std::string pattern = (parent_folder() / ("sluice-" + name + "-XXXXXX")).string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
  ::chmod(pattern.c_str(), 0755);  // servers run as another account, and have to get in
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace sluice::test
