#include "failover/precheck.hpp"

#include <algorithm>
#include <utility>

#include "failover/probe_script.hpp"
#include "failover/source_graph.hpp"
#include "protocol/gtid_set.hpp"

namespace sluice::failover {
namespace {

using Names = std::vector<std::string>;

std::string in_seconds(std::uint64_t ms) {
  return ms < 10'000 ? std::to_string(ms) + " ms" : std::to_string(ms / 1000) + " s";
}

std::string limit(std::string_view option, std::uint64_t value) {
  return " (" + std::string(option) + " is " + std::to_string(value) + ")";
}

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string with_error(std::string text, const std::string& error) {
  if (!error.empty()) text += ": " + error;
  return text;
}

std::string address_of(const ReplicationChannel& channel) {
  return channel.source_host + ":" + std::to_string(channel.source_port);
}

std::string version_text(const ServerKind& kind) {
  const auto number = std::to_string(kind.number / 10'000) + "." + std::to_string(kind.number / 100 % 100);
  return (kind.flavour == Flavour::mariadb ? "MariaDB " : "MySQL ") + number;
}

class Checker {
 public:
  Checker(const ClusterState& state, const PrecheckOptions& options)
      : state_(state), options_(options), names_(names_of(state)), seen_(seen_of(state)), graph_(names_, seen_) {}

  Precheck check(std::string_view wanted) {
    if (!state_.leader) return refused("no server leads: " + state_.reason);
    leader_ = *state_.leader;
    std::optional<std::size_t> only;
    if (!wanted.empty()) {
      only = index_of(wanted);
      if (!only) return refused("there is no server " + std::string(wanted) + " in this cluster");
      if (*only == leader_) return refused(names_[leader_] + " leads already");
    }
    Precheck result;
    result.refusals = refusals_of(leader_, what_bars_leader());
    if (!result.refusals.empty()) return result;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (i == leader_ || (only && i != *only)) continue;
      auto bars = refusals_of(i, what_bars(i));
      if (bars.empty() && (!result.candidate || is_better(i, *result.candidate))) result.candidate = i;
      result.refusals.insert(result.refusals.end(), bars.begin(), bars.end());
    }
    if (names_.size() == 1) return refused("there is no server but " + names_[leader_]);
    return result;
  }

 private:
  static Names names_of(const ClusterState& state) {
    Names names;
    names.reserve(state.servers.size());
    for (const auto& server : state.servers) names.push_back(server.name);
    return names;
  }
  static std::vector<ServerObservation> seen_of(const ClusterState& state) {
    std::vector<ServerObservation> seen;
    seen.reserve(state.servers.size());
    for (const auto& server : state.servers) seen.push_back(server.seen);
    return seen;
  }

  static Precheck refused(std::string why) { return {std::nullopt, {std::move(why)}}; }

  [[nodiscard]] std::optional<std::size_t> index_of(std::string_view name) const {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      if (names_[i] == name) return i;
    }
    return std::nullopt;
  }

  [[nodiscard]] Names refusals_of(std::size_t server, Names bars) const {
    for (auto& bar : bars) bar.insert(0, names_[server] + " ");
    return bars;
  }

  // Each in words that follow the server's name, as in everything below.
  [[nodiscard]] Names what_bars_leader() const {
    const auto& seen = seen_[leader_];
    if (!seen.reachable) return {with_error("leads, but is unreachable", seen.error)};
    Names bars;
    if (seen.binary_log == false) bars.emplace_back("has no binary log");
    if (seen.position.empty())
      bars.emplace_back("tells no GTID position: nothing would prove that another server has everything");
    if (seen.oldest_transaction_ms.value_or(0) > options_.transaction_max_ms)
      bars.push_back("has had a transaction open for " + in_seconds(*seen.oldest_transaction_ms) +
                     limit("failover.switchover_transaction_max_ms", options_.transaction_max_ms));
    add_outside_sources(leader_, "replicates", bars);
    return bars;
  }

  [[nodiscard]] Names what_bars(std::size_t server) const {
    const auto& seen = seen_[server];
    Names bars;
    if (contains(options_.maintenance, names_[server])) bars.emplace_back("is in maintenance");
    if (!seen.reachable) {
      bars.push_back(with_error("is unreachable", seen.error));
      return bars;
    }
    add_replication(server, bars);
    add_outside_sources(server, "also replicates", bars);
    if (seen.binary_log == false)
      bars.emplace_back("has no binary log");
    else if (seen.logs_replicated == false)
      bars.emplace_back("leaves out of its binary log what it replicates (log_slave_updates)");
    add_version(server, bars);
    add_own_transactions(server, bars);
    return bars;
  }

  void add_replication(std::size_t server, Names& bars) const {
    bool inside = false;
    for (const auto& channel : seen_[server].channels) {
      const auto source = graph_.source_of(server, channel);
      if (!source) continue;
      inside = true;
      add_channel(channel, bars);
    }
    if (!inside) return bars.push_back("does not replicate from " + names_[leader_]);
    // Threads that stand still were told of; a chain may also end elsewhere, or stand still further up.
    if (!bars.empty()) return;
    if (!graph_.follows(server, leader_)) return bars.push_back("does not follow " + names_[leader_]);
    add_source_of_chain(server, bars);
  }

  void add_channel(const ReplicationChannel& channel, Names& bars) const {
    if (!channel.io_running)
      bars.push_back(with_error("does not replicate: its IO thread does not run", channel.last_io_error));
    if (!channel.sql_running)
      bars.push_back(with_error("does not replicate: its SQL thread does not run", channel.last_sql_error));
    if (channel.delay_s > 0) bars.push_back("is delayed by " + std::to_string(channel.delay_s) + " s on purpose");
    if (!channel.filters.empty()) bars.push_back("filters what it replicates: " + channel.filters);
    if (!is_running(channel) || channel.delay_s > 0) return;
    if (!channel.lag_ms)
      bars.emplace_back("does not know how far behind it is");
    else if (*channel.lag_ms > options_.lag_max_ms)
      bars.push_back("is " + in_seconds(*channel.lag_ms) + " behind" +
                     limit("failover.switchover_lag_max_ms", options_.lag_max_ms));
  }

  // A replica of a replica knows of no lag but its own.
  void add_source_of_chain(std::size_t server, Names& bars) const {
    std::size_t at = server;
    for (std::size_t hops = 0; hops < names_.size(); ++hops) {
      const auto& sources = graph_.sources(at);
      if (sources.empty() || std::find(sources.begin(), sources.end(), leader_) != sources.end()) return;
      at = sources.front();
      Names above;
      for (const auto& channel : seen_[at].channels) {
        if (graph_.source_of(at, channel)) add_channel(channel, above);
      }
      for (const auto& bar : above) bars.push_back("replicates from " + names_[at] + ", which " + bar);
    }
  }

  // A promotion ends all replication of the server, and nobody would go on with this.
  void add_outside_sources(std::size_t server, const std::string& verb, Names& bars) const {
    for (const auto& channel : seen_[server].channels) {
      if (is_active(channel) && !graph_.source_of(server, channel))
        bars.push_back(verb + " from " + address_of(channel) + ", outside of this cluster, which would end");
    }
  }

  void add_version(std::size_t server, Names& bars) const {
    const auto kind = ServerKind::from_version(seen_[server].version);
    const auto leaders = ServerKind::from_version(seen_[leader_].version);
    if (kind.number == 0 || leaders.number == 0) return;
    if (kind.flavour != leaders.flavour)
      bars.push_back("is " + version_text(kind) + ", " + names_[leader_] + " is " + version_text(leaders));
    else if (kind.number / 100 < leaders.number / 100)
      bars.push_back("runs " + version_text(kind) + ", older than " + names_[leader_] + " with " +
                     version_text(leaders));
  }

  // The two positions were asked for at different moments: what the leader wrote in between is not the replica's own.
  void add_own_transactions(std::size_t server, Names& bars) const {
    const auto& leader = seen_[leader_];
    const auto has = protocol::GtidSet::parse(seen_[server].position);
    const auto leaders = protocol::GtidSet::parse(leader.position);
    if (!has || !leaders) {
      bars.emplace_back("tells a position that cannot be compared");
      return;
    }
    auto own = has->minus(*leaders);
    own = own.minus(own.written_by(leader.server_id, leader.server_uuid));
    if (leaders->by_domain().contains(own.by_domain())) return;
    bars.push_back("has transactions that " + names_[leader_] + " lacks: " + own.to_string(ranges_shown));
  }

  [[nodiscard]] bool is_better(std::size_t a, std::size_t b) const {
    const auto rank = [&](std::size_t server) {
      const auto at = std::find(options_.preferred.begin(), options_.preferred.end(), names_[server]);
      return std::pair(at - options_.preferred.begin(), state_.servers[server].lag_ms.value_or(0));
    };
    return rank(a) < rank(b);
  }

  static constexpr std::size_t ranges_shown = 4;

  const ClusterState& state_;
  const PrecheckOptions& options_;
  const Names names_;
  const std::vector<ServerObservation> seen_;
  const SourceGraph graph_;  // over names_ and seen_
  std::size_t leader_ = 0;
};

}  // namespace

Precheck precheck(const ClusterState& state, std::string_view wanted, const PrecheckOptions& options) {
  return Checker(state, options).check(wanted);
}

}  // namespace sluice::failover
