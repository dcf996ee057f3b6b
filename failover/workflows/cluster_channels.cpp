#include "failover/workflows/cluster_channels.hpp"

#include <algorithm>

#include "failover/source_graph.hpp"

namespace sluice::failover {

std::vector<std::size_t> channels_of_cluster(const std::vector<ClusterMember>& members, std::size_t own,
                                             const std::vector<ReplicationChannel>& channels) {
  std::vector<std::string> names;
  std::vector<ServerObservation> observations(members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    names.push_back(members[i].server.host + ":" + std::to_string(members[i].server.port));
    observations[i].server_id = members[i].server_id;
  }
  const SourceGraph graph(names, observations);
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < channels.size(); ++i) {
    if (graph.source_of(own, channels[i])) found.push_back(i);
  }
  return found;
}

std::string new_channel_name(const std::vector<ReplicationChannel>& others) {
  const auto taken = [&](const std::string& name) {
    return std::any_of(others.begin(), others.end(), [&](const auto& channel) { return channel.name == name; });
  };
  if (!taken("")) return "";
  std::string name = "sluice";
  while (taken(name)) name += "_";
  return name;
}

}  // namespace sluice::failover
