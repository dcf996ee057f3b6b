// The process's log: lines to standard error or to a file that can be opened again after rotation.
//
// Flow: `if (auto error = open_log(settings)) die(*error);` then spdlog's functions; again at SIGHUP.
#pragma once

#include <optional>
#include <string>

#include "admin/config.hpp"

namespace sluice::admin {

// Replaces spdlog's default logger. The error names the file and the reason; the logger before stays.
[[nodiscard]] std::optional<std::string> open_log(const LogSettings& settings);

}  // namespace sluice::admin
