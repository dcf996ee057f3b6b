// A folder for a test: made anew, removed at the end. In memory where there is room (/dev/shm), since servers that sync
// a shared disk spend most of a test waiting for it; else in the system's temporary folder.
#pragma once

#include <filesystem>
#include <string>

namespace sluice::test {

class TempFolder {
 public:
  explicit TempFolder(const std::string& name);
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder();
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace sluice::test
