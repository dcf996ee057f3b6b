#include "failover/replica_health.hpp"

#include <algorithm>

namespace sluice::failover {
namespace {

std::string describe(const ReplicationChannel& channel) {
  std::string text = "replicates from " + channel.source_host + ":" + std::to_string(channel.source_port);
  if (!channel.name.empty()) text += " (channel '" + channel.name + "')";
  return text;
}

std::string thread_trouble(const char* thread, const std::string& error) {
  return std::string("its ") + thread + " thread is not running" + (error.empty() ? std::string() : ": " + error);
}

// What is wrong with one channel by itself; empty: nothing.
std::string channel_trouble(const ReplicationChannel& channel, std::uint64_t lag_max_ms) {
  if (!is_active(channel) && channel.last_io_error.empty() && channel.last_sql_error.empty())
    return "replication is stopped";
  std::string trouble;
  if (!channel.io_running) trouble = thread_trouble("IO", channel.last_io_error);
  if (!channel.sql_running) {
    if (!trouble.empty()) trouble += "; ";
    trouble += thread_trouble("SQL", channel.last_sql_error);
  }
  if (!trouble.empty()) return trouble;
  if (channel.delay_s * std::uint64_t{1000} > lag_max_ms)
    return "it is delayed by " + std::to_string(channel.delay_s) + " s on purpose";
  if (!channel.lag_ms) return "it does not know how far behind it is";
  if (*channel.lag_ms > lag_max_ms)
    return "it is " + std::to_string(*channel.lag_ms) + " ms behind, more than the limit of " +
           std::to_string(lag_max_ms) + " ms";
  return {};
}

std::optional<std::uint64_t> worst_lag(std::size_t server, const ServerObservation& seen, const SourceGraph& graph) {
  std::optional<std::uint64_t> worst;
  for (const auto& channel : seen.channels) {
    if (!graph.source_of(server, channel)) continue;
    if (!channel.lag_ms) return std::nullopt;
    worst = std::max(worst.value_or(0), *channel.lag_ms);
  }
  return worst;
}

// The server by itself: what it is and whether its channels run. `healthy` is not decided yet.
ReplicaHealth judge_channels(std::size_t server, const ServerObservation& seen, const SourceGraph& graph,
                             std::uint64_t lag_max_ms) {
  ReplicaHealth health;
  if (seen.channels.empty()) {
    health.why =
        seen.read_only ? "is read_only and replicates from no server" : "takes writes and replicates from no server";
    return health;
  }
  health.is_replica = true;
  health.lag_ms = worst_lag(server, seen, graph);
  for (const auto& channel : seen.channels) {
    const auto trouble = channel_trouble(channel, lag_max_ms);
    if (trouble.empty()) continue;
    health.why = describe(channel) + ", but " + trouble;
    break;
  }
  return health;
}

// Every channel runs, yet what the leader writes does not come through: why?
std::string source_trouble(std::size_t server, std::optional<std::size_t> leader, const std::vector<std::string>& names,
                           const std::vector<ServerObservation>& observations, const SourceGraph& graph,
                           const std::vector<ReplicaHealth>& healths) {
  const auto& sources = graph.sources(server);
  if (!leader) return "but no leader is known";
  if (sources.empty()) return "which is not the leader " + names[*leader];
  const auto source = sources.front();
  if (!observations[source].reachable) return "but " + names[source] + " is unreachable";
  if (!graph.follows(server, *leader)) return "which does not follow the leader " + names[*leader];
  return "and " + names[source] + " " + healths[source].why;
}

}  // namespace

std::vector<ReplicaHealth> judge_replicas(std::optional<std::size_t> leader, const std::vector<std::string>& names,
                                          const std::vector<ServerObservation>& observations, const SourceGraph& graph,
                                          const std::vector<std::uint64_t>& lag_max_ms) {
  std::vector<ReplicaHealth> healths(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (observations[i].reachable) healths[i] = judge_channels(i, observations[i], graph, lag_max_ms[i]);
  }
  // Health spreads from the leader along the channels, one hop a round.
  const auto brings = [&](std::size_t source) { return source == leader || healths[source].healthy; };
  for (bool spread = leader.has_value(); spread;) {
    spread = false;
    for (std::size_t i = 0; i < names.size(); ++i) {
      auto& health = healths[i];
      if (health.healthy || i == leader || !health.is_replica || !health.why.empty()) continue;
      const auto& sources = graph.sources(i);
      if (std::any_of(sources.begin(), sources.end(), brings)) health.healthy = spread = true;
    }
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto& health = healths[i];
    if (!health.is_replica || (!health.healthy && !health.why.empty())) continue;
    health.why = describe(observations[i].channels.front()) + ", ";
    health.why += health.healthy ? std::to_string(health.lag_ms.value_or(0)) + " ms behind"
                                 : source_trouble(i, leader, names, observations, graph, healths);
  }
  return healths;
}

}  // namespace sluice::failover
