// How the control thread reaches the servers of a cluster: what the configuration says of it, in the words of those who
// watch the servers and act on them.
#pragma once

#include <cstddef>

#include "admin/config.hpp"
#include "failover/monitor/monitor.hpp"
#include "failover/workflows/server_actor.hpp"

namespace sluice::admin {

// Without what is to be called.
[[nodiscard]] failover::MonitorOptions monitor_options(const Config& config, const ClusterSettings& cluster);
// For the server `own`; acts as the manager.
[[nodiscard]] failover::ServerActorOptions actor_options(const Config& config, const ClusterSettings& cluster,
                                                         std::size_t own);

}  // namespace sluice::admin
