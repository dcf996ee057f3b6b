#include "failover/topology.hpp"

#include <algorithm>
#include <cassert>
#include <tuple>

#include "failover/replica_health.hpp"
#include "failover/source_graph.hpp"

namespace sluice::failover {
namespace {

using Names = std::vector<std::string>;
using Indices = std::vector<std::size_t>;

bool is_read_only(const ServerObservation& seen) { return seen.read_only || seen.super_read_only; }

std::string join(const Names& names, const Indices& which) {
  std::string text;
  for (std::size_t i = 0; i < which.size(); ++i) {
    if (i > 0) text += i + 1 == which.size() ? " and " : ", ";
    text += names[which[i]];
  }
  return text;
}

std::string count_word(std::size_t count) {
  constexpr const char* words[] = {"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"};
  return count < std::size(words) ? words[count] : std::to_string(count);
}

struct Verdict {
  std::optional<std::size_t> leader;
  std::string reason;
};

// Decides who leads; see the rules at judge().
class LeaderElection {
 public:
  LeaderElection(const ClusterState& previous, const Names& names, const std::vector<ServerObservation>& observations,
                 const SourceGraph& graph, const JudgeOptions& options)
      : previous_(previous),
        names_(names),
        observations_(observations),
        graph_(graph),
        options_(options),
        bar_(names.size()) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names[i] == previous.last_leader) last_ = i;
    }
  }

  Verdict decide() {
    Indices able;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      bar_[i] = what_bars(i);
      if (bar_[i].empty()) able.push_back(i);
    }
    if (able.empty()) return {std::nullopt, why_none()};
    if (options_.recorded) return {able.front(), names_[able.front()] + " leads by the record, and is writable"};
    return able.size() == 1 ? decide_for(able.front()) : decide_among(able);
  }

 private:
  // Why server i cannot lead, in words that follow its name; empty: it can.
  [[nodiscard]] std::string what_bars(std::size_t i) const {
    const auto& seen = observations_[i];
    if (options_.recorded && options_.leader != i) return "does not lead by the record";
    if (!seen.reachable)
      return "is unreachable" + (seen.unreachable_since.empty() ? std::string() : " since " + seen.unreachable_since) +
             (seen.error.empty() ? std::string() : " (" + seen.error + ")");
    if (is_read_only(seen)) return "is read_only";
    if (options_.recorded) return {};
    for (const auto source : graph_.sources(i)) {
      if (!is_ring_partner(i, source)) return "is writable, but replicates from " + names_[source];
    }
    return what_stopped_channel_bars(i);
  }

  // A source that follows `i` in turn takes nothing from i's right to lead while it is read-only itself. If both are
  // writable, or the partner is gone, only the server that led until now goes on.
  [[nodiscard]] bool is_ring_partner(std::size_t i, std::size_t source) const {
    const bool incumbent = last_ == i && previous_.leader.has_value();
    if (!observations_[source].reachable) return incumbent;
    return graph_.follows(source, i) && (is_read_only(observations_[source]) || incumbent);
  }

  [[nodiscard]] std::string what_stopped_channel_bars(std::size_t i) const {
    if (last_ == i || remembered(i, &ServerState::was_read_only)) return {};
    for (const auto& channel : observations_[i].channels) {
      const auto source = graph_.source_of(i, channel);
      if (is_active(channel) || !source || observations_[*source].reachable) continue;
      return "is writable, but has a stopped replication channel from " + names_[*source] +
             ", which is unreachable (RESET SLAVE ALL on it says that it shall lead)";
    }
    return {};
  }

  [[nodiscard]] Verdict decide_for(std::size_t only) const {
    const auto& name = names_[only];
    const auto followers = followers_of(only);
    if (last_ != only && followers.empty()) {
      const auto others = followers_of_others(only);
      if (last_ && !remembered(only, &ServerState::was_replica))
        return {std::nullopt, name + " is writable, but nothing follows it and it was not a replica of " +
                                  names_[*last_] + ", which led before and " + bar_[*last_]};
      if (!last_ && !others.empty())
        return {std::nullopt, name + " is writable, but nothing follows it; " + join(names_, others) +
                                  (others.size() == 1 ? " replicates" : " replicate") + " from another server"};
    }
    std::string reason = name + " is the only writable server";
    if (!followers.empty()) reason += "; " + join(names_, followers) + (followers.size() == 1 ? " follows" : " follow");
    return {only, reason};
  }

  [[nodiscard]] Verdict decide_among(const Indices& able) const {
    const auto all = count_word(able.size()) + " servers are writable: " + join(names_, able);
    if (!last_) return {std::nullopt, all + "; set read_only on all but the leader"};
    if (std::find(able.begin(), able.end(), *last_) == able.end())
      return {std::nullopt, all + "; " + names_[*last_] + ", which led before, " + bar_[*last_]};
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (std::find(able.begin(), able.end(), i) != able.end() || graph_.sources(i).empty()) continue;
      if (!graph_.follows(i, *last_))
        return {std::nullopt, all + "; " + names_[i] + " does not follow " + names_[*last_] + ", which led before"};
    }
    return {last_, all + "; " + names_[*last_] + " led before and every replica follows it"};
  }

  [[nodiscard]] std::string why_none() const {
    std::string reason = "no server is writable; ";
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (observations_[i].reachable && !is_read_only(observations_[i])) reason = "no server can lead; ";
    }
    if (last_ && !observations_[*last_].reachable) reason = "the leader " + names_[*last_] + " " + bar_[*last_];
    bool first = !(last_ && !observations_[*last_].reachable);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (last_ == i && !observations_[i].reachable) continue;
      reason += (first ? "" : "; ") + names_[i] + " " + bar_[i];
      first = false;
    }
    return reason;
  }

  [[nodiscard]] Indices followers_of(std::size_t target) const {
    Indices followers;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (i != target && graph_.follows(i, target)) followers.push_back(i);
    }
    return followers;
  }

  [[nodiscard]] Indices followers_of_others(std::size_t target) const {
    Indices followers;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (i != target && !graph_.sources(i).empty() && !graph_.follows(i, target)) followers.push_back(i);
    }
    return followers;
  }

  [[nodiscard]] bool remembered(std::size_t i, bool ServerState::* flag) const {
    return std::any_of(previous_.servers.begin(), previous_.servers.end(),
                       [&](const ServerState& server) { return server.name == names_[i] && server.*flag; });
  }

  const ClusterState& previous_;
  const Names& names_;
  const std::vector<ServerObservation>& observations_;
  const SourceGraph& graph_;
  const JudgeOptions& options_;
  std::optional<std::size_t> last_;
  Names bar_;  // of each server: what_bars()
};

// A server that takes writes beside the leader goes its own way: it is no former replica any more.
void remember(const ClusterState& previous, const SourceGraph& graph, bool beside_leader, std::size_t i,
              ServerState& state) {
  for (const auto& before : previous.servers) {
    if (before.name != state.name) continue;
    state.was_read_only = before.was_read_only;
    state.was_replica = before.was_replica;
  }
  if (!state.seen.reachable) return;
  const bool replica = is_read_only(state.seen) || !graph.sources(i).empty();
  if (beside_leader && !replica) state.was_read_only = state.was_replica = false;
  state.was_read_only = state.was_read_only || is_read_only(state.seen);
  state.was_replica = state.was_replica || replica;
}

void fill_leader(ServerState& state, const SourceGraph& graph, std::size_t i) {
  state.role = Role::leader;
  state.healthy = true;
  state.why = "takes writes";
  for (const auto& channel : state.seen.channels) {
    if (is_active(channel) && !graph.source_of(i, channel))
      state.why += "; also replicates from " + channel.source_host + ":" + std::to_string(channel.source_port) +
                   " outside of this cluster";
  }
}

auto identity(const ServerObservation& seen) {
  return std::tie(seen.flavour, seen.version, seen.capabilities, seen.server_id, seen.server_uuid);
}

bool same_channel(const ReplicationChannel& a, const ReplicationChannel& b) {
  const auto all_but_traffic = [](const ReplicationChannel& c) {
    return std::tie(c.name, c.source_host, c.source_port, c.source_server_id, c.io_running, c.sql_running, c.lag_ms,
                    c.delay_s, c.filters, c.last_io_error, c.last_sql_error);
  };
  return all_but_traffic(a) == all_but_traffic(b);
}

bool looks_same(const ServerState& a, const ServerState& b) {
  const auto judged = [](const ServerState& s) { return std::tie(s.name, s.role, s.healthy, s.why, s.lag_ms); };
  const auto seen = [](const ServerState& s) {
    return std::tie(s.seen.reachable, s.seen.unreachable_since, s.seen.error, s.seen.read_only, s.seen.super_read_only,
                    s.seen.position, s.seen.binary_log, s.seen.logs_replicated);
  };
  return judged(a) == judged(b) && seen(a) == seen(b) && identity(a.seen) == identity(b.seen) &&
         std::equal(a.seen.channels.begin(), a.seen.channels.end(), b.seen.channels.begin(), b.seen.channels.end(),
                    same_channel);
}

bool usable_replica(const ServerState& state) { return state.role == Role::replica && state.healthy; }

const ServerState* find(const ClusterState& state, const std::string& name) {
  const auto it = std::find_if(state.servers.begin(), state.servers.end(),
                               [&](const ServerState& server) { return server.name == name; });
  return it == state.servers.end() ? nullptr : &*it;
}

// A replica notices that its leader is gone before or after we do: it stays a candidate for reads this many judgements.
constexpr unsigned reads_grace_judgements = 8;

// While the leader is gone nothing new is written: a replica that was good enough for reads when it went still is.
bool outlives_leader(const ServerState& server) {
  return server.role == Role::replica && server.reads_grace > 0 &&
         std::all_of(server.seen.channels.begin(), server.seen.channels.end(),
                     [](const ReplicationChannel& channel) { return channel.sql_running; });
}

void keep_readable(const ClusterState& previous, ClusterState& state) {
  const ServerState* gone = find(state, state.last_leader);
  const bool leader_is_gone = !state.leader && gone != nullptr && !gone->seen.reachable;
  for (auto& server : state.servers) {
    const ServerState* before = find(previous, server.name);
    if (before != nullptr && before->reads_grace > 0) server.reads_grace = before->reads_grace - 1;
    if (leader_is_gone && !server.healthy && outlives_leader(server)) {
      server.healthy = true;
      server.why = "answers reads as of when " + state.last_leader + " was lost";
    }
    if (usable_replica(server)) server.reads_grace = reads_grace_judgements;
  }
}

}  // namespace

namespace {

// A replica that was left out for its lag comes back when it has caught up by a good part, not at the limit: there it
// would come and go with every probe.
std::vector<std::uint64_t> lag_limits(const ClusterState& previous, std::size_t servers, const JudgeOptions& options) {
  std::vector<std::uint64_t> limits(servers, options.replica_lag_max_ms);
  for (std::size_t i = 0; i < previous.servers.size() && i < servers; ++i) {
    const ServerState& before = previous.servers[i];
    const std::uint64_t back_at = options.replica_lag_max_ms / 2;
    if (!before.healthy && before.lag_ms && *before.lag_ms > back_at) limits[i] = back_at;
  }
  return limits;
}

}  // namespace

ClusterState judge(const ClusterState& previous, const std::vector<std::string>& names,
                   const std::vector<ServerObservation>& observations, const JudgeOptions& options) {
  assert(names.size() == observations.size());
  const SourceGraph graph(names, observations);
  auto verdict = LeaderElection(previous, names, observations, graph, options).decide();
  auto healths =
      judge_replicas(verdict.leader, names, observations, graph, lag_limits(previous, names.size(), options));

  ClusterState state;
  state.cluster = previous.cluster;
  state.leader = verdict.leader;
  state.reason = std::move(verdict.reason);
  state.last_leader = verdict.leader ? names[*verdict.leader] : previous.last_leader;
  state.servers.resize(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto& server = state.servers[i];
    server.name = names[i];
    server.seen = observations[i];
    remember(previous, graph, verdict.leader && verdict.leader != i, i, server);
    if (i == verdict.leader) {
      fill_leader(server, graph, i);
    } else if (!server.seen.reachable) {
      server.why = "unreachable: " + server.seen.error;
    } else {
      server.role = healths[i].is_replica ? Role::replica : Role::unknown;
      server.healthy = healths[i].healthy;
      server.why = std::move(healths[i].why);
      server.lag_ms = healths[i].lag_ms;
    }
  }
  keep_readable(previous, state);
  for (std::size_t i = 0; i < options.set_aside.size(); ++i) {
    if (!options.set_aside[i].empty()) state = without_reads(std::move(state), i, options.set_aside[i]);
  }
  return state;
}

ClusterState without_reads(ClusterState state, std::size_t server, std::string why) {
  auto& aside = state.servers[server];
  if (state.leader == server || !aside.seen.reachable) return state;
  aside.healthy = false;
  aside.why = std::move(why);
  aside.reads_grace = 0;
  return state;
}

ClusterState with_leader(ClusterState state, std::size_t leader, std::string reason) {
  assert(leader < state.servers.size());
  if (state.leader && state.leader != leader) {
    auto& former = state.servers[*state.leader];
    former.role = Role::replica;
    former.healthy = false;
    former.why = "led until " + state.servers[leader].name + " took over";
    former.reads_grace = 0;
  }
  auto& server = state.servers[leader];
  server.role = Role::leader;
  server.healthy = true;
  server.why = "takes writes";
  server.lag_ms.reset();
  state.leader = leader;
  state.last_leader = server.name;
  state.reason = std::move(reason);
  return state;
}

ClusterState without_leader(ClusterState state, std::string reason) {
  if (state.leader) {
    auto& former = state.servers[*state.leader];
    former.role = Role::unknown;
    former.healthy = false;
    former.why = reason;
  }
  state.leader.reset();
  state.reason = std::move(reason);
  return state;
}

bool same_to_see(const ClusterState& a, const ClusterState& b) {
  if (a.cluster != b.cluster || a.leader != b.leader || a.reason != b.reason || a.last_leader != b.last_leader)
    return false;
  return std::equal(a.servers.begin(), a.servers.end(), b.servers.begin(), b.servers.end(), looks_same);
}

bool same_for_routing(const ServerState& a, const ServerState& b) {
  if (a.name != b.name || (a.role == Role::leader) != (b.role == Role::leader)) return false;
  if (usable_replica(a) != usable_replica(b)) return false;
  return a.role != Role::leader || (a.seen.version == b.seen.version && a.seen.capabilities == b.seen.capabilities);
}

bool same_for_routing(const ClusterState& a, const ClusterState& b) {
  if (a.cluster != b.cluster || a.leader != b.leader || (!a.leader && a.reason != b.reason)) return false;
  return std::equal(a.servers.begin(), a.servers.end(), b.servers.begin(), b.servers.end(),
                    [](const ServerState& x, const ServerState& y) { return same_for_routing(x, y); });
}

}  // namespace sluice::failover
