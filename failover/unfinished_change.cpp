#include "failover/unfinished_change.hpp"

#include "failover/position.hpp"
#include "failover/source_graph.hpp"

namespace sluice::failover {
namespace {

std::optional<std::size_t> find(const ClusterState& state, std::string_view name) {
  for (std::size_t i = 0; i < state.servers.size(); ++i) {
    if (state.servers[i].name == name) return i;
  }
  return std::nullopt;
}

bool is_read_only(const ServerState& server) { return server.seen.read_only || server.seen.super_read_only; }

// Who should follow `leader` and does not yet.
void add_followers(const ClusterState& state, std::size_t leader, Settlement& settlement) {
  std::vector<std::string> names;
  std::vector<ServerObservation> seen;
  for (const auto& server : state.servers) {
    names.push_back(server.name);
    seen.push_back(server.seen);
  }
  const SourceGraph graph(names, seen);
  for (std::size_t i = 0; i < state.servers.size(); ++i) {
    const auto& server = state.servers[i];
    if (i == leader || !server.seen.reachable || graph.follows(i, leader)) continue;
    if (!is_read_only(server)) {
      settlement.reason += "; " + server.name + " is writable and left as it is";
    } else if (position_contains(state.servers[leader].seen.position, server.seen.position)) {
      settlement.follow.push_back(i);
    } else {
      settlement.reason += "; " + server.name + " has transactions that " + state.servers[leader].name +
                           " lacks, and is left as it is: it is at '" + server.seen.position + "'";
    }
  }
}

Settlement wait_for(std::string reason) {
  Settlement settlement;
  settlement.reason = std::move(reason);
  return settlement;
}

}  // namespace

Settlement settle(const ClusterState& state, std::string_view from, std::string_view to) {
  Settlement settlement;
  if (state.leader) {
    settlement.leader = state.leader;
    settlement.reason = state.servers[*state.leader].name + " leads";
    add_followers(state, *state.leader, settlement);
    return settlement;
  }
  const auto former = find(state, from);
  const auto candidate = find(state, to);
  if (!former || !candidate) return wait_for("the record names servers that are not configured; nobody leads");
  for (const auto i : {*former, *candidate}) {
    const auto& server = state.servers[i];
    if (!server.seen.reachable) return wait_for(server.name + " does not answer: whether it is read-only is not known");
    if (!is_read_only(server)) return wait_for(server.name + " is writable, but does not lead: " + state.reason);
  }
  const auto& position = state.servers[*former].seen.position;
  if (!position_contains(position, state.servers[*candidate].seen.position)) {
    return wait_for(state.servers[*candidate].name + " has transactions that " + state.servers[*former].name +
                    " lacks: make the right one writable");
  }
  settlement.leader = former;
  settlement.thaw = true;
  settlement.reason = state.servers[*former].name + " leads on";
  add_followers(state, *former, settlement);
  return settlement;
}

}  // namespace sluice::failover
