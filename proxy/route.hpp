// Which server a statement goes to when its session has no connection of its own. Pure, and in doubt the leader.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "proxy/snapshot.hpp"

namespace sluice::proxy {

struct RouteRequest {
  bool replica_safe = false;        // the statement, by classification, in a session with autocommit
  bool leader_closed = false;       // the gate is closed: nothing new starts on the leader
  std::uint64_t last_write_ms = 0;  // when this session's last write was acknowledged; 0: it never wrote
  std::uint64_t turn = 0;           // any number that changes: spreads reads over the replicas
  std::span<const std::uint64_t> avoid_until_ms = {};  // per server: it just failed us, leave it alone until then
  std::uint64_t now_ms = 0;
};

// nullopt: no server may take it now; hold it.
[[nodiscard]] std::optional<std::uint32_t> choose_server(const ClusterEntry& cluster, const RouteRequest& request);

}  // namespace sluice::proxy
