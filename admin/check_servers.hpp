// `sluice check --connect`: asks every server of a configuration whether the accounts may do what they will have to,
// and changes nothing there.
//
// Flow: `bool good = check_servers(config, std::cout);` It blocks; each server is waited for by the bounds of the
// configuration: monitor_connect_timeout_ms and monitor_probe_timeout_ms, then failover.switchover_step_max_ms.
#pragma once

#include <iosfwd>

#include "admin/config.hpp"

namespace sluice::admin {

// One line a server and account. False: something is not as it should be. No password is printed.
[[nodiscard]] bool check_servers(const Config& config, std::ostream& out);

}  // namespace sluice::admin
