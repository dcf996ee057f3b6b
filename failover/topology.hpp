// Who leads a cluster, judged from what its servers say of themselves. Pure.
//
// Flow: the monitor fills one `ServerObservation` per server and probe; `judge(previous, observations)` gives the
// `ClusterState` that routing uses. In doubt there is no leader rather than a wrong one, and `reason` says why.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::failover {

enum class Role : std::uint8_t { unknown, leader, replica };
enum class Flavour : std::uint8_t { unknown, mariadb, mysql };

// One replication channel (MariaDB: connection) of a replica, from SHOW [ALL] SLAVE[S] STATUS.
struct ReplicationChannel {
  std::string name;
  std::string source_host;
  std::uint16_t source_port = 0;
  std::uint32_t source_server_id = 0;  // 0: not known yet
  bool io_running = false;
  bool sql_running = false;
  std::optional<std::uint64_t> lag_ms;  // nullopt: the server does not know (NULL)
  std::uint32_t delay_s = 0;            // configured delay
  std::string filters;                  // "Replicate_Do_DB=shop", several with "; " between; empty: it takes everything
  std::string last_io_error;
  std::string last_sql_error;
  friend bool operator==(const ReplicationChannel&, const ReplicationChannel&) = default;
};

// What one probe of one server found. While a server is unreachable, everything but `reachable`, `error` and
// `unreachable_since` is what the last probe that succeeded has found: judge() trusts only its identity.
struct ServerObservation {
  bool reachable = false;
  std::string unreachable_since;  // "2026-01-31 12:00:03 UTC"; empty while reachable
  std::string error;              // why not reachable, with the server's or the driver's own text; never a password
  Flavour flavour = Flavour::unknown;
  std::string version;             // as the server's greeting gives it, e.g. "5.5.5-10.11.6-MariaDB-log"
  std::uint64_t capabilities = 0;  // the server's capability flags, protocol::Capabilities
  std::uint32_t server_id = 0;
  std::string server_uuid;  // MySQL only
  bool read_only = false;
  bool super_read_only = false;
  std::string position;  // executed GTID set (MariaDB: gtid_current_pos or binlog pos; MySQL: gtid_executed)
  // What a change of leader wants to know of it; nullopt: not asked, or it did not tell.
  std::optional<bool> binary_log;
  std::optional<bool> logs_replicated;  // what it replicates is in its binary log, too (log_slave_updates)
  std::optional<std::uint64_t> oldest_transaction_ms;  // how long the oldest open one has been so; no probe asks for it
  std::vector<ReplicationChannel> channels;
  std::uint64_t probe_us = 0;  // how long the probe took
};

struct ServerState {
  std::string name;  // "127.0.0.1:21001"
  Role role = Role::unknown;
  bool healthy = false;  // it may get queries of its role
  std::string why;       // in words: "replicates from 127.0.0.1:21001, 0 ms behind", "unreachable: …"
  std::optional<std::uint64_t> lag_ms;
  unsigned reads_grace = 0;  // judgements for which it may still count as good for reads if its leader is gone
  ServerObservation seen;
  // What judge() remembers of it from state to state: a server that was seen like this and now takes writes has been
  // promoted by someone. One that never was, or that took writes beside a leader, may be a stranger (freshly installed,
  // or with data of its own).
  bool was_read_only = false;
  bool was_replica = false;
  friend bool same_for_routing(const ServerState& a, const ServerState& b);
};

struct ClusterState {
  std::string cluster;
  std::optional<std::size_t> leader;  // index into servers
  std::string reason;                 // why this leader, or why none
  std::vector<ServerState> servers;   // in the order of the configuration
  std::string last_leader;            // name of the server that led last, remembered while none leads
};

struct JudgeOptions {
  std::uint64_t replica_lag_max_ms = 10'000;  // a replica further behind gets no reads
};

// `previous` is the last state (empty servers at the start); `names` are the configured servers, one observation each.
//
// The rules. A server *can* lead if it answers, is not read-only and does not replicate from another server of the
// cluster (a ring partner that is read-only and follows it does not count). A running channel counts whether or not its
// source can be reached: a replica that someone forgot to make read-only must not lead when its leader dies. For the
// same reason a writable server with a stopped channel from an unreachable server cannot lead, unless it led before or
// went from read-only to writable under our eyes.
//
//   one can lead, it led last                   it leads
//   one can lead, another led last              it leads if it was a replica while the other led (someone promoted it)
//                                               or if a server follows it; else it may be a stranger: none
//   one can lead, nobody led before             it leads, unless replicas follow others only: none
//   several can lead                            the last leader, if it is one of them and every replica that answers
//                                               follows it; else none
//   none can lead                               none; a replica is never promoted here
//
// A replica is good for reads as replica_health.hpp says; one that was left out for its lag comes back when that is at
// most half of the limit. And if the leader is unreachable, as long as it was good
// when the leader went and its SQL thread runs: nothing new is written anywhere.
[[nodiscard]] ClusterState judge(const ClusterState& previous, const std::vector<std::string>& names,
                                 const std::vector<ServerObservation>& observations, const JudgeOptions& options);

// The two states send every query to the same place: nothing has to be published. The leader's version and
// capabilities count (clients are greeted with them), and while nobody leads the reason (waiting clients are told it).
[[nodiscard]] bool same_for_routing(const ClusterState& a, const ClusterState& b);

// An operator sees no difference: everything is equal but how long the probes took.
[[nodiscard]] bool same_to_see(const ClusterState& a, const ClusterState& b);

}  // namespace sluice::failover
