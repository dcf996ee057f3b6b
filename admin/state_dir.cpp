#include "admin/state_dir.hpp"

#include <filesystem>

namespace sluice::admin {

std::optional<std::string> make_state_dir(const Config& config) {
  const std::filesystem::path dir = config.proxy.state_dir;
  std::error_code error;
  if (std::filesystem::exists(dir, error)) return std::nullopt;
  std::filesystem::create_directories(dir, error);
  if (!error) std::filesystem::permissions(dir, std::filesystem::perms::owner_all, error);
  if (error) return "cannot make the state directory " + dir.string() + ": " + error.message();
  return std::nullopt;
}

}  // namespace sluice::admin
