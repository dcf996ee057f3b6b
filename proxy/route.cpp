#include "proxy/route.hpp"

namespace sluice::proxy {

namespace {

bool avoided(const RouteRequest& request, std::size_t server) {
  return server < request.avoid_until_ms.size() && request.avoid_until_ms[server] > request.now_ms;
}

// A replica may answer if it is known to have everything that this session wrote.
bool may_read_from(const ClusterEntry& cluster, std::size_t server, const RouteRequest& request) {
  const ServerEntry& entry = cluster.servers[server];
  if (!entry.replica_usable || avoided(request, server)) return false;
  return request.last_write_ms == 0 ||
         entry.has_writes_until_ms->load(std::memory_order_relaxed) > request.last_write_ms;
}

// The `nth` of those that may answer, counted round: each gets the same share, wherever the others stand in the list.
std::optional<std::uint32_t> choose_replica(const ClusterEntry& cluster, const RouteRequest& request) {
  std::size_t able = 0;
  for (std::size_t i = 0; i < cluster.servers.size(); ++i) able += may_read_from(cluster, i, request) ? 1 : 0;
  if (able == 0) return std::nullopt;
  std::size_t nth = request.turn % able;
  for (std::size_t i = 0; i < cluster.servers.size(); ++i) {
    if (may_read_from(cluster, i, request) && nth-- == 0) return static_cast<std::uint32_t>(i);
  }
  return std::nullopt;  // it moved on between the two looks
}

}  // namespace

std::optional<std::uint32_t> choose_server(const ClusterEntry& cluster, const RouteRequest& request) {
  if (request.replica_safe) {
    if (const auto replica = choose_replica(cluster, request)) return replica;
  }
  if (request.leader_closed || !cluster.leader || avoided(request, *cluster.leader)) return std::nullopt;
  return cluster.leader;
}

}  // namespace sluice::proxy
