#include "admin/cluster_access.hpp"

namespace sluice::admin {

failover::MonitorOptions monitor_options(const Config& config, const ClusterSettings& cluster) {
  failover::MonitorOptions options;
  options.cluster = cluster.name;
  for (const io::Endpoint& s : cluster.servers) {
    options.servers.push_back({s.to_string(), s.host, s.port, s.unix_path});
  }
  options.user = cluster.monitor_user;
  options.password = cluster.monitor_secret.password;
  options.interval_ms = cluster.monitor_interval_ms;
  options.connect_timeout_ms = cluster.monitor_connect_timeout_ms;
  options.probe_timeout_ms = cluster.monitor_probe_timeout_ms;
  options.judge.replica_lag_max_ms = cluster.replica_lag_max_ms;
  options.tls = config.backend_tls.mode == proxy::BackendTls::required;
  return options;
}

failover::ServerActorOptions actor_options(const Config& config, const ClusterSettings& cluster, std::size_t own) {
  failover::ServerActorOptions options;
  for (const io::Endpoint& s : cluster.servers) {
    options.members.push_back({{s.to_string(), s.host, s.port, s.unix_path}, 0});
  }
  options.own = own;
  options.user = cluster.manager_user;
  options.password = cluster.manager_secret.password;
  options.tls = config.backend_tls.mode == proxy::BackendTls::required;
  options.replication = {cluster.replication_user, cluster.replication_secret.password, options.tls};
  return options;
}

}  // namespace sluice::admin
