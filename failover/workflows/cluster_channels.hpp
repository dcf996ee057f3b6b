// Which of a server's replication channels come from its own cluster. The others are not ours: they are left as they
// are. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "failover/monitor/monitor.hpp"
#include "failover/topology.hpp"

namespace sluice::failover {

struct ClusterMember {
  MonitoredServer server;
  std::uint32_t server_id = 0;  // 0: not known
};

// Indexes of `channels` whose source is one of the members, by SourceGraph's rules. `own` is whose channels they are.
[[nodiscard]] std::vector<std::size_t> channels_of_cluster(const std::vector<ClusterMember>& members, std::size_t own,
                                                           const std::vector<ReplicationChannel>& channels);

// The name for a channel that is made anew: the one without a name, unless another source has it.
[[nodiscard]] std::string new_channel_name(const std::vector<ReplicationChannel>& others);

}  // namespace sluice::failover
