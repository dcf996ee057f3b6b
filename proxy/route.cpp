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

}  // namespace

std::optional<std::uint32_t> choose_server(const ClusterEntry& cluster, const RouteRequest& request) {
  if (request.replica_safe) {
    const std::size_t count = cluster.servers.size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t server = (request.turn + i) % count;
      if (may_read_from(cluster, server, request)) return static_cast<std::uint32_t>(server);
    }
  }
  if (!cluster.leader || avoided(request, *cluster.leader)) return std::nullopt;
  return cluster.leader;
}

}  // namespace sluice::proxy
