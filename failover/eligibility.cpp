#include "failover/eligibility.hpp"

#include <algorithm>

namespace sluice::failover {
namespace {

using protocol::GtidSet;

constexpr std::size_t ranges_shown = 8;

std::string flavour_text(Flavour flavour) {
  switch (flavour) {
    case Flavour::mariadb:
      return "MariaDB";
    case Flavour::mysql:
      return "MySQL";
    case Flavour::unknown:
      break;
  }
  return "of an unknown kind";
}

std::string release_text(const ElectionServer& server) {
  return std::to_string(server.version / 10'000) + "." + std::to_string(server.version / 100 % 100);
}

}  // namespace

std::uint32_t release_of(const ElectionServer& server) { return server.version / 100; }

std::string shown(const GtidSet& set) { return set.to_string(ranges_shown); }

std::string transactions(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " transaction" : " transactions");
}

Eligibility::Eligibility(const ElectionInput& input, const std::vector<GtidSet>& holdings,
                         const std::vector<GtidSet>& errant)
    : input_(input), holdings_(holdings), errant_(errant) {
  if (input.leader) leader_ = &input.servers[*input.leader];
  const ElectionServer* oldest = nullptr;
  for (std::size_t i = 0; i < input.servers.size(); ++i) {
    bars_.push_back(what_bars_alone(i));
    const auto& server = input.servers[i];
    if (bars_[i].empty() && (oldest == nullptr || release_of(server) < release_of(*oldest))) oldest = &server;
  }
  if (oldest == nullptr) return;
  for (std::size_t i = 0; i < input.servers.size(); ++i) {
    if (!bars_[i].empty() || release_of(input.servers[i]) == release_of(*oldest)) continue;
    bars_[i] = "is of release " + release_text(input.servers[i]) + ": " + oldest->name + " (" + release_text(*oldest) +
               "), which can lead too, could not follow it";
  }
}

std::string Eligibility::what_bars_as_source(std::size_t i) const {
  const auto& server = input_.servers[i];
  if (i == input_.leader) return input_.planned ? "is the leader to be replaced" : "is the leader that was lost";
  if (server.maintenance) return "is in maintenance";
  if (!server.left_out.empty()) return server.left_out;
  if (!server.reachable) return "does not answer";
  if (auto why = what_bars_identity(server); !why.empty()) return why;
  if (server.sources.empty()) return "replicates from no server of this cluster";
  if (auto why = what_bars_log(i); !why.empty()) return why;
  if (server.delay_s > 0 && !applied_all(i)) return "is delayed by " + std::to_string(server.delay_s) + " s on purpose";
  return {};
}

std::string Eligibility::what_bars_alone(std::size_t i) const {
  const auto& server = input_.servers[i];
  if (server.ignored && i != input_.leader) return "is ignored, says the configuration";
  if (auto why = what_bars_as_source(i); !why.empty()) return why;
  if (!server.barred.empty()) return server.barred;
  return what_bars_replication(i);
}

std::string Eligibility::what_bars_identity(const ElectionServer& server) const {
  if (server.flavour == Flavour::unknown || server.version == 0) return "is of an unknown flavour or version";
  if (leader_ != nullptr && leader_->flavour != Flavour::unknown && leader_->flavour != server.flavour)
    return "is " + flavour_text(server.flavour) + ", the leader " + leader_->name + " is " +
           flavour_text(leader_->flavour);
  const bool mysql = server.flavour == Flavour::mysql;
  if (server.server_id == 0 || (mysql && server.server_uuid.empty()))
    return std::string("does not tell its server ") + (mysql ? "UUID" : "id");
  for (const auto& other : input_.servers) {
    const bool same = other.server_id == server.server_id || (mysql && other.server_uuid == server.server_uuid);
    if (&other != &server && same)
      return std::string("has the server ") + (mysql ? "id or UUID" : "id") + " of " + other.name;
  }
  const auto kind = mysql ? protocol::GtidKind::mysql : protocol::GtidKind::mariadb;
  const auto readable = [&](const GtidSet& set) { return set.empty() || set.kind() == kind; };
  if (!server.executed || !readable(server.executed->plus(server.received.value_or(GtidSet()))))
    return "does not tell which GTIDs it has";
  return {};
}

std::string Eligibility::what_bars_log(std::size_t i) const {
  const auto& server = input_.servers[i];
  if (!server.binary_log) return "has no binary log";
  if (!server.logs_replicated) return "does not log what it replicates (log_slave_updates)";
  const std::string expected = leader_ == nullptr ? std::string() : leader_->filters;
  if (server.filters != expected)
    return "has replication filters that differ from the leader's: '" + server.filters + "', not '" + expected + "'";
  if (server.disk_full) return "has a full disk";
  if (!errant_[i].empty()) return "has errant transactions: " + shown(errant_[i]);
  const auto has_some = [](const GtidSet& set) { return !set.empty(); };
  if (holdings_[i].empty() && std::any_of(holdings_.begin(), holdings_.end(), has_some)) return "has executed no GTID";
  if (!input_.planned && !server.sql_running && !applied_all(i))
    return "can't apply what it has received: its SQL thread is not running";
  return {};
}

std::string Eligibility::what_bars_replication(std::size_t i) const {
  const auto& server = input_.servers[i];
  if (server.delay_s > 0) return "is delayed by " + std::to_string(server.delay_s) + " s on purpose";
  if (leader_ != nullptr && release_of(server) < release_of(*leader_))
    return "is of release " + release_text(server) + ", lower than the leader's " + release_text(*leader_);
  if (!input_.planned) {
    if (server.stopped_before_loss) return "had stopped to replicate before the leader was lost";
    return {};
  }
  if (!server.io_running || !server.sql_running) {
    if (!server.io_running && !server.sql_running) return "does not replicate: neither of its threads is running";
    return std::string("does not replicate: its ") + (server.io_running ? "SQL" : "IO") + " thread is not running";
  }
  if (leader_ != nullptr && !follows_leader(i))
    return "does not follow the leader " + leader_->name + ", or not through running replicas";
  return {};
}

bool Eligibility::applied_all(std::size_t i) const {
  const auto& server = input_.servers[i];
  return server.received && server.executed && server.executed->contains(*server.received);
}

bool Eligibility::follows_leader(std::size_t i) const {
  std::vector<bool> seen(input_.servers.size(), false);
  std::vector<std::size_t> open = {i};
  while (!open.empty()) {
    const auto& server = input_.servers[open.back()];
    open.pop_back();
    if (!server.reachable || !server.io_running || !server.sql_running) continue;
    for (const auto source : server.sources) {
      if (source == input_.leader) return true;
      if (!seen[source]) open.push_back(source);
      seen[source] = true;
    }
  }
  return false;
}

}  // namespace sluice::failover
