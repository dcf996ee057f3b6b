// The cluster's passwords: made at random, kept in files that only their owner can read, never on a command line.
#pragma once

#include <filesystem>
#include <string>

#include "admin/demo/flavour.hpp"

namespace sluice::demo {

// The text of `<folder>/secrets/<name>.password`, made now when it isn't there. Throws DemoError.
[[nodiscard]] std::string password(const std::filesystem::path& folder, const std::string& name);
[[nodiscard]] std::filesystem::path password_file(const std::filesystem::path& folder, const std::string& name);

[[nodiscard]] Passwords cluster_passwords(const std::filesystem::path& folder);

}  // namespace sluice::demo
