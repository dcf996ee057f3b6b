// The system variables that clients and drivers ask for when they log on (`SELECT @@version_comment LIMIT 1`). They
// describe the admin port itself, not the servers behind sluice.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace sluice::admin {

struct SystemVariable {
  std::string_view name;
  std::string_view value;
};

[[nodiscard]] std::span<const SystemVariable> system_variables();

// Any case. nullopt: there is no such variable.
[[nodiscard]] std::optional<std::string_view> system_variable(std::string_view name);

// What the greeting and VERSION() say.
[[nodiscard]] std::string_view admin_server_version();

}  // namespace sluice::admin
