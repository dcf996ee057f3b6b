// One line of text for what a probe of a whole cluster found, and lines of text for what judge() made of it: the
// notation of testdata/judge.txt.
//
// Flow: `parse_cluster("A:rw B:ro<A C:ro<A/lag=20000")` gives names and observations; `describe(state)` the golden
// text.
//
// Each word is a server: `A:rw`, `A:ro`, `A:down`; then one `<SOURCE` per replication channel, a source outside of the
// cluster being any name that is not a server's. After a channel: `/stopped`, `/io` or `/sql` (this thread is not
// running), `/lag=MS`, `/lag=null`, `/delay=S`, `/id=N` (the source's server id; 0: not known).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "failover/topology.hpp"

namespace sluice::failover::testing {

struct Cluster {
  std::vector<std::string> names;
  std::vector<ServerObservation> observations;
};

[[nodiscard]] Cluster parse_cluster(std::string_view line);
[[nodiscard]] std::string describe(const ClusterState& state);

}  // namespace sluice::failover::testing
