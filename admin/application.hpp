// `sluice run`: the control thread. Wires the house: monitors, the snapshot, the proxy, the admin's doors, signals.
//
// Flow: `return run_application(config_path, std::cerr);` blocks until a signal or SHUTDOWN has ended it.
// Exit codes: 0 ended as asked, 1 the configuration has errors, 2 it cannot start.
#pragma once

#include <iosfwd>
#include <string>

namespace sluice::admin {

constexpr int exit_ok = 0;
constexpr int exit_config = 1;
constexpr int exit_start = 2;

// Problems that keep it from starting go to `errors`; after that the log tells.
[[nodiscard]] int run_application(const std::string& config_path, std::ostream& errors);

}  // namespace sluice::admin
