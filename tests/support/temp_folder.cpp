#include "support/temp_folder.hpp"

#include <stdlib.h>
#include <sys/stat.h>

#include <stdexcept>

namespace sluice::test {

TempFolder::TempFolder(const std::string& name) {
  std::string pattern = (std::filesystem::temp_directory_path() / ("sluice-" + name + "-XXXXXX")).string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
  ::chmod(pattern.c_str(), 0755);  // servers run as another account, and have to get in
  path_ = pattern;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace sluice::test
