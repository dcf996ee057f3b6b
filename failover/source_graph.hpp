// Who follows whom inside one cluster, from what the servers' replication channels say. Pure.
//
// Flow: `SourceGraph g(names, observations);` then `g.follows(replica, leader)`, `g.sources(replica)`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failover/topology.hpp"

namespace sluice::failover {

// The thread that fetches or the one that applies still runs: the server is a replica, even if its source is gone.
[[nodiscard]] bool is_active(const ReplicationChannel& channel);
// Both run.
[[nodiscard]] bool is_running(const ReplicationChannel& channel);

class SourceGraph {
 public:
  // Both must outlive the graph; one observation per name.
  SourceGraph(const std::vector<std::string>& names, const std::vector<ServerObservation>& observations);

  // The server of this cluster that a channel of `replica` comes from; nullopt: one outside of the cluster.
  //
  // A connected channel is matched by the server id that its source told it, then by host and port. One that is not
  // connected is matched the other way round: its id may be that of an earlier source.
  [[nodiscard]] std::optional<std::size_t> source_of(std::size_t replica, const ReplicationChannel& channel) const;
  // Sources inside the cluster of the active channels of a reachable server, without repetition.
  [[nodiscard]] const std::vector<std::size_t>& sources(std::size_t server) const { return sources_[server]; }
  // Active channels lead from `server` to `target`, directly or over other reachable servers. No server follows itself
  // unless it is part of a ring.
  [[nodiscard]] bool follows(std::size_t server, std::size_t target) const;

 private:
  [[nodiscard]] std::optional<std::size_t> by_id(std::size_t replica, std::uint32_t id) const;
  [[nodiscard]] std::optional<std::size_t> by_address(std::size_t replica, std::string_view host,
                                                      std::uint16_t port) const;

  const std::vector<std::string>& names_;
  const std::vector<ServerObservation>& observations_;
  std::vector<std::vector<std::size_t>> sources_;
};

}  // namespace sluice::failover
