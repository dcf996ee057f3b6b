// A folder for one test binary: made anew under the system's temporary folder, removed at the end.
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
