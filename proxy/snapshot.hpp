// What workers route by: an immutable picture of clusters, servers and accounts, made by the control thread and
// published to every worker. Index order is stable: server i of cluster c is the same server in every snapshot.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "protocol/auth.hpp"
#include "protocol/capabilities.hpp"
#include "proxy/io/endpoint.hpp"

namespace sluice::proxy {

struct ServerEntry {
  std::string name;
  io::Endpoint endpoint;        // numeric, or a unix path
  bool replica_usable = false;  // may get reads
  bool silent = false;          // did not answer when it was last asked
  std::string why;              // why it may not
  // Every write acknowledged before this moment (milliseconds of the steady clock) is on this server. 0: not known.
  // The monitor moves it on between snapshots; it stays the same object from snapshot to snapshot.
  std::shared_ptr<std::atomic<std::uint64_t>> has_writes_until_ms = std::make_shared<std::atomic<std::uint64_t>>(0);
};

struct ClusterEntry {
  std::string name;
  std::vector<ServerEntry> servers;
  std::optional<std::uint32_t> leader;  // index of the server that takes writes; nullopt: hold
  std::string reason;                   // why there is no leader
  std::string server_version;           // the leader's greeting text, last known; empty: none seen yet
  // The leader's, last known, and of what can't be made up for only what all servers have; 0: none seen yet.
  protocol::Capabilities capabilities = 0;
  bool mariadb = true;
  bool read_only_transactions_on_replicas = false;  // START TRANSACTION READ ONLY may go to a replica
  std::uint32_t version_number = 0;                 // 101119 for 10.11.19, 50624 for 5.6.24; 0: unknown
};

struct Account {
  std::string user;
  protocol::Credential credential;
  std::string auth_plugin;    // the method offered to clients
  std::uint32_t cluster = 0;  // index into Snapshot::clusters
};

struct Snapshot {
  std::uint64_t number = 0;  // counts up
  std::vector<ClusterEntry> clusters;
  std::unordered_map<std::string, std::shared_ptr<const Account>> accounts;  // by user name
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace sluice::proxy
