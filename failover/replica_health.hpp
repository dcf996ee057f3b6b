// May a replica get reads, and if not, why: in words for the operator. Pure.
//
// Flow: once the leader is known (or known to be missing), `judge_replicas(...)` gives one answer per server; those of
// the leader and of servers that don't answer mean nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "failover/source_graph.hpp"
#include "failover/topology.hpp"

namespace sluice::failover {

struct ReplicaHealth {
  bool is_replica = false;  // it has a replication channel, running or not
  bool healthy = false;
  std::string why;
  std::optional<std::uint64_t> lag_ms;  // the worst of its channels from this cluster; nullopt: unknown
};

// Healthy: every channel runs, within its lag limit (a configured delay counts as lag), and a source is the leader or a
// server that is healthy itself: a replica of a replica that stands still shows no lag of its own.
// `lag_max_ms`: one limit for each server.
[[nodiscard]] std::vector<ReplicaHealth> judge_replicas(std::optional<std::size_t> leader,
                                                        const std::vector<std::string>& names,
                                                        const std::vector<ServerObservation>& observations,
                                                        const SourceGraph& graph,
                                                        const std::vector<std::uint64_t>& lag_max_ms);

}  // namespace sluice::failover
