// Who leads a cluster, judged from what its servers say of themselves. Pure.
//
// Flow: the monitor fills one `ServerObservation` per server and probe; `judge(previous, observations)` gives the
// `ClusterState` that routing uses. In doubt there is no leader rather than a wrong one, and `reason` says why.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::failover {

enum class Role : std::uint8_t { unknown, leader, replica };
enum class Flavour : std::uint8_t { unknown, mariadb, mysql };

// How the last probe of a server ended.
enum class Probe : std::uint8_t {
  none,         // not asked yet
  answered,     //
  refused,      // nobody listens there: the process is gone
  silent,       // no answer in time, a connection that can't be made, a network error
  turned_away,  // it speaks, but not with us: a wrong password, too many connections, a blocked host
};

enum class IoThread : std::uint8_t { stopped, connecting, connected };

// What a channel has received so far. It differs from probe to probe: no difference to see.
struct ChannelTraffic {
  IoThread io = IoThread::stopped;
  // Received, applied or not; nullopt: not told, or not followed by GTID (MariaDB).
  std::optional<std::string> gtids;
  std::string log_position;                       // in the source's binary log, "binlog.000007:4711"
  std::optional<std::uint64_t> heartbeats;        // counted since it connected
  std::chrono::milliseconds heartbeat_period{0};  // 0: not known, or none are sent
};

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
  ChannelTraffic traffic;
};

// Semi-synchronous replication; nothing of it is on where the server has no such plugin.
struct SemiSyncObservation {
  bool leads = false;  // rpl_semi_sync_master_enabled
  bool waits = false;  // Rpl_semi_sync_master_status: it has not given up to wait
  bool waits_without_replicas =
      true;                        // rpl_semi_sync_master_wait_no_slave: also while no replica is there to acknowledge
  std::uint32_t wanted = 1;        // acknowledgements for each transaction
  std::uint32_t replicas = 0;      // Rpl_semi_sync_master_clients
  std::uint32_t sessions = 0;      // Rpl_semi_sync_master_wait_sessions: that wait now
  std::uint64_t acknowledged = 0;  // Rpl_semi_sync_master_yes_tx: commits that were, since it was started
  std::uint64_t unacknowledged = 0;  // Rpl_semi_sync_master_no_tx: commits that did not wait to the end
  std::chrono::milliseconds timeout{0};
  // Who could commit: clients' connections now, and how many there have been since it was started.
  std::uint64_t clients = 0;
  std::uint64_t clients_ever = 0;
  bool follows = false;  // as a replica: it acknowledges, or will when its IO thread starts
};

// What one probe of one server found. While a server is unreachable, everything but `reachable`, `probe`, `error` and
// `unreachable_since` is what the last probe that succeeded has found: judge() trusts only its identity.
struct ServerObservation {
  bool reachable = false;
  Probe probe = Probe::none;
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
  std::optional<std::uint64_t> oldest_transaction_ms;  // age of the oldest open one; asked for before a change
  std::vector<ReplicationChannel> channels;
  // MariaDB: gtid_binlog_state and gtid_slave_pos, a comma between; MySQL: gtid_executed. Read after `semi_sync`, and
  // differs from probe to probe like that and `channels[i].traffic`.
  std::string executed;
  SemiSyncObservation semi_sync;
  std::uint64_t instance = 0;  // one run of the server: when it was started, by its own clock; 0: not known
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
  // Somebody keeps a record of who leads (supervisor.hpp): `leader` or nobody, whatever the others look like. It has to
  // answer and to take writes all the same.
  bool recorded = false;
  std::optional<std::size_t> leader;
  // By server: why it gets no reads as a replica, however good it looks; empty: it is judged by what is seen of it.
  std::vector<std::string> set_aside;
};

// `previous` is the last state (empty servers at the start); `names` are the configured servers, one observation each.
//
// The rules, while there is no record. A server *can* lead if it answers, is not read-only and does not replicate from
// another server of the cluster (a ring partner that is read-only and follows it does not count). A running channel
// counts whether or not its source can be reached: a replica that someone forgot to make read-only must not lead when
// its leader dies. For the same reason a writable server with a stopped channel from an unreachable server cannot lead,
// unless it led before or went from read-only to writable under our eyes.
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

// `leader` leads from now on: we have made it so ourselves, and probes will tell the rest. Who led before gets no reads
// until it has been seen to follow.
[[nodiscard]] ClusterState with_leader(ClusterState state, std::size_t leader, std::string reason);
// Unless it leads, it gets no reads from now on: JudgeOptions::set_aside keeps it so.
[[nodiscard]] ClusterState without_reads(ClusterState state, std::size_t server, std::string why);
// Nobody is known to lead, until probes tell.
[[nodiscard]] ClusterState without_leader(ClusterState state, std::string reason);

// The two states send every query to the same place: nothing has to be published. The leader's version and
// capabilities count (clients are greeted with them), and while nobody leads the reason (waiting clients are told it).
[[nodiscard]] bool same_for_routing(const ClusterState& a, const ClusterState& b);

// An operator sees no difference: everything is equal but how long the probes took, and what moves on all the time.
[[nodiscard]] bool same_to_see(const ClusterState& a, const ClusterState& b);

}  // namespace sluice::failover
