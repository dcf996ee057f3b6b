#include "admin/snapshot_builder.hpp"

#include <charconv>
#include <utility>

namespace sluice::admin {
namespace {

proxy::ServerEntry build_server(const io::Endpoint& configured, const std::optional<io::Endpoint>& address,
                                const failover::ServerState* state) {
  proxy::ServerEntry entry;
  entry.name = configured.to_string();
  if (!address) {
    entry.endpoint = {"0.0.0.0", configured.port, {}};  // never connected to: neither leader nor usable
    entry.why = "the host name " + configured.host + " has no address";
    return entry;
  }
  entry.endpoint = *address;
  if (state == nullptr) {
    entry.why = "not asked yet";
    return entry;
  }
  entry.silent = !state->seen.reachable;
  entry.replica_usable = state->role == failover::Role::replica && state->healthy;
  if (!entry.replica_usable) entry.why = state->why;
  return entry;
}

void take_leader(proxy::ClusterEntry& cluster, const failover::ServerState& leader) {
  const failover::ServerObservation& seen = leader.seen;
  if (!seen.version.empty()) cluster.server_version = seen.version;
  if (seen.capabilities != 0) cluster.capabilities = seen.capabilities;
  if (seen.flavour != failover::Flavour::unknown) cluster.mariadb = seen.flavour == failover::Flavour::mariadb;
  if (const auto number = version_number(cluster.server_version); number != 0) cluster.version_number = number;
}

proxy::ClusterEntry build_cluster(const ClusterSettings& settings, const failover::ClusterState& state,
                                  const std::vector<std::optional<io::Endpoint>>& addresses,
                                  const proxy::ClusterEntry* previous) {
  proxy::ClusterEntry cluster;
  cluster.name = settings.name;
  cluster.read_only_transactions_on_replicas = settings.read_only_transactions_on_replicas;
  for (std::size_t i = 0; i < settings.servers.size(); ++i) {
    const failover::ServerState* server = i < state.servers.size() ? &state.servers[i] : nullptr;
    cluster.servers.push_back(build_server(settings.servers[i], addresses.at(i), server));
    if (previous != nullptr) cluster.servers[i].has_writes_until_ms = previous->servers.at(i).has_writes_until_ms;
  }
  if (previous != nullptr) {
    cluster.server_version = previous->server_version;
    cluster.capabilities = previous->capabilities;
    cluster.mariadb = previous->mariadb;
    cluster.version_number = previous->version_number;
  }
  cluster.reason = state.servers.empty() ? "the servers have not been asked yet" : state.reason;
  if (!state.leader || *state.leader >= cluster.servers.size()) return cluster;
  if (!addresses.at(*state.leader)) {
    cluster.reason = cluster.servers[*state.leader].why;
    return cluster;
  }
  cluster.leader = static_cast<std::uint32_t>(*state.leader);
  take_leader(cluster, state.servers.at(*state.leader));
  for (const failover::ServerState& server : state.servers) {
    if (server.seen.capabilities == 0) continue;
    cluster.capabilities &= server.seen.capabilities | ~protocol::cap::mariadb_extended_metadata;
  }
  return cluster;
}

}  // namespace

std::uint32_t version_number(std::string_view version) {
  constexpr std::string_view replication_prefix = "5.5.5-";
  if (version.starts_with(replication_prefix)) version.remove_prefix(replication_prefix.size());
  std::uint32_t number = 0;
  for (int part = 0; part < 3; ++part) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(version.data(), version.data() + version.size(), value);
    if (error != std::errc{} || value > 99) return 0;
    number = number * 100 + value;
    version.remove_prefix(static_cast<std::size_t>(end - version.data()));
    if (part < 2 && !version.starts_with('.')) return 0;
    if (part < 2) version.remove_prefix(1);
  }
  return number;
}

proxy::SnapshotPtr build_snapshot(const SnapshotInput& input) {
  auto snapshot = std::make_shared<proxy::Snapshot>();
  snapshot->number = input.previous == nullptr ? 1 : input.previous->number + 1;
  std::unordered_map<std::string, std::uint32_t> index;
  for (std::size_t c = 0; c < input.config.clusters.size(); ++c) {
    const auto* previous = input.previous != nullptr ? &input.previous->clusters.at(c) : nullptr;
    const ClusterSettings& settings = input.config.clusters[c];
    snapshot->clusters.push_back(build_cluster(settings, input.states.at(c), input.addresses.at(c), previous));
    index[settings.name] = static_cast<std::uint32_t>(c);
  }
  for (const UserSettings& user : input.config.users) {
    const auto cluster = index.find(user.cluster);
    if (cluster == index.end()) continue;  // the configuration was checked: only a test gets here
    auto account = std::make_shared<proxy::Account>();
    account->user = user.name;
    account->credential = user.credential;
    account->auth_plugin = user.auth_plugin;
    account->cluster = cluster->second;
    snapshot->accounts[user.name] = std::move(account);
  }
  return snapshot;
}

}  // namespace sluice::admin
