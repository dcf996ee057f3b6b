// The folder where sluice keeps what it makes for itself.
//
// Flow: `if (auto error = make_state_dir(config)) die(*error);` before anything is kept in it.
#pragma once

#include <optional>
#include <string>

#include "admin/config.hpp"

namespace sluice::admin {

// Makes it, with the folders above it, if it is absent; only its owner may look inside. Nothing, or the error.
[[nodiscard]] std::optional<std::string> make_state_dir(const Config& config);

}  // namespace sluice::admin
