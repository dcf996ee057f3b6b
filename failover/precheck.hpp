// May the leader be changed now, while everything still flows, and to which server? Pure.
//
// Flow: `auto check = precheck(state, wanted, options)`; with a candidate a Switchover can be planned, without one
// `refusals` tells the operator why, each in a sentence of its own.
//
// These are the reasons that would otherwise be found out while clients wait, or after it. The workflow proves what
// counts (the candidate has applied all that the leader has written) once more itself.
//
//   no change at all       no server leads; the leader does not answer, tells no position, has no binary log, has a
//                          transaction open for too long, or replicates from outside of the cluster
//   not to this server     it leads already; is in maintenance; does not answer; does not follow the leader;
//                          a thread of its replication, or of its source's, does not run; it is too far behind, or
//                          delayed on purpose, filters, replicates from outside as well; it has no binary log or
//                          leaves out what it replicates; it is of another kind or an older version; it has
//                          transactions of its own
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failover/topology.hpp"

namespace sluice::failover {

struct PrecheckOptions {
  std::uint64_t lag_max_ms = 1000;            // failover.switchover_lag_max_ms
  std::uint64_t transaction_max_ms = 10'000;  // failover.switchover_transaction_max_ms
  std::vector<std::string> preferred;         // names of servers, the best first
  std::vector<std::string> maintenance;       // names of servers that an operator has set aside
};

struct Precheck {
  std::optional<std::size_t> candidate;
  std::vector<std::string> refusals;  // with a candidate: of the servers that were passed over
};

// `wanted` is a server's name; empty: the best one is taken, which is the first of those preferred, else the one that
// is least behind, else the first in the configuration.
[[nodiscard]] Precheck precheck(const ClusterState& state, std::string_view wanted, const PrecheckOptions& options);

}  // namespace sluice::failover
