// What the workflows say to a server, and what it answers, in the words of its kind. Pure: statements out, tables in.
//
// Flow: `ServerKind kind = …` of the connection; `facts_query(kind)` is one text of several statements, and
// `read_facts(kind, tables)` its answer; the others are one statement each, in the order in which the tasks say them.
//
// None of these is written to the binary log, so none of them makes a transaction of its own: SET GLOBAL, FLUSH TABLES
// WITH READ LOCK, FLUSH LOCAL, CHANGE MASTER and START, STOP and RESET SLAVE are not logged, and mysql.gtid_slave_pos
// is not either.
//
// Sources: MariaDB Knowledge Base, "CHANGE MASTER TO", "Global Transaction ID", "Semisynchronous Replication"; MySQL
// 5.6 Reference Manual, "CHANGE MASTER TO Syntax", "Functions Used with Global Transaction IDs (GTIDs)".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failover/probe_script.hpp"
#include "failover/topology.hpp"

namespace sluice::failover {

// A connection as the server's process list shows it. The number alone would name another one after a restart.
struct ConnectionId {
  std::uint64_t id = 0;  // 0: not known
  std::string host;      // "10.0.0.7:51234"
};

// Why servers of this kind can't be acted on; empty: they can.
[[nodiscard]] std::string why_not_supported(const ServerKind& kind);

// As a literal. For sessions whose sql_mode is that of session_settings() only.
[[nodiscard]] std::string quoted(std::string_view text);

// ---- Connections

// What a session of ours needs: no mode that changes how literals are read, no timeout that ends a lock we hold.
[[nodiscard]] std::string session_settings(const ServerKind& kind, std::chrono::milliseconds lock_wait_max);
[[nodiscard]] std::string own_connection_query();
[[nodiscard]] std::optional<ConnectionId> read_own_connection(const ResultTable& table);
// Each lists numbers of connections, the latter two those of clients only. Writers have changed or locked something in
// InnoDB, have not committed it and were not told to end; `except` is left out. Waiting ones wait for the global read
// lock to go, or are writers, whether told to end or not.
[[nodiscard]] std::string list_connections(const std::vector<ConnectionId>& which);
[[nodiscard]] std::string list_writers(const ConnectionId& except);
[[nodiscard]] std::string list_waiting();
[[nodiscard]] std::string kill_connection(std::uint64_t id);
// Open transactions of InnoDB, prepared ones (XA) and such as only read included. The server counts whole seconds.
[[nodiscard]] std::string oldest_transaction_query();
[[nodiscard]] std::optional<std::uint64_t> read_oldest_transaction(const std::vector<ResultTable>& tables);  // ms

// ---- What the server is

// What one channel was sent, applied or not.
struct RelayLog {
  std::string received;     // as the server tells it: whole_transactions() for what can be relied on
  std::string received_to;  // where that is in the source's binary log: another one as soon as anything more comes
  // The thread that applies it waits for more, and has no others that work for it. It may not have noticed yet what
  // came just now: surely true only if it was started after the last event had come.
  bool read_to_end = false;
};

struct ServerFacts {
  bool read_only = false;
  std::string position;        // everything that it has executed
  std::string executed;        // the same as a set, as in ElectionServer
  std::string replica_pos;     // MariaDB: where its replication is; MySQL: empty
  std::uint64_t instance = 0;  // as in ElectionServer
  std::vector<ReplicationChannel> channels;
  std::vector<RelayLog> relay_logs;  // of each channel
  bool semi_sync_master = false;
  bool semi_sync_replica = false;
  [[nodiscard]] bool semi_sync() const { return semi_sync_master || semi_sync_replica; }
};

[[nodiscard]] std::string facts_query(const ServerKind& kind);
// nullopt: not what was asked for.
[[nodiscard]] std::optional<ServerFacts> read_facts(const ServerKind& kind, std::vector<ResultTable> tables);

// What a MariaDB server has executed. gtid_current_pos leaves out what is in the binary log under a server id that the
// server had before, and gtid_binlog_pos what was applied without being logged; nullopt: neither has all of the other.
[[nodiscard]] std::optional<std::string> executed_position(std::string_view current, std::string_view binlog);

// ---- Writable or not

[[nodiscard]] std::string take_global_lock();  // until release_global_lock(), or the end of the connection
[[nodiscard]] std::string release_global_lock();
[[nodiscard]] std::string set_read_only(const ServerKind& kind, bool read_only);

// ---- Replication

[[nodiscard]] std::string await_position_query(const ServerKind& kind, std::string_view position,
                                               std::chrono::milliseconds at_most);
// Of that query's answer: empty, or why the position was not reached.
[[nodiscard]] std::string why_not_reached(const ServerKind& kind, const std::vector<ResultTable>& tables);

// MySQL before 5.7.6 counts a transaction as received when its first event has come (bug 17943188): if the leader was
// lost then, a part of it is all that there ever is. MariaDB and later ones count it when its last event has come.
[[nodiscard]] bool counts_parts(const ServerKind& kind);
// What of `received` is whole for sure: what counts_parts(), was not executed and came last of its source is left out.
[[nodiscard]] std::string whole_transactions(const ServerKind& kind, std::string_view received,
                                             std::string_view executed);

struct ReplicationSource {
  std::string host;
  std::uint16_t port = 0;
  std::string user;      // empty: the account that the channel has
  std::string password;  // never in an error
  bool tls = false;
  bool is_new = false;  // there is no channel yet whose settings are kept
  // So often the source says that it is there while nothing is written; 0: what the channel has is kept.
  std::chrono::milliseconds heartbeat{0};
};

[[nodiscard]] std::string stop_channel(const ServerKind& kind, std::string_view channel);
[[nodiscard]] std::string start_channel(const ServerKind& kind, std::string_view channel);
// Only the thread that receives, and only the one that applies.
[[nodiscard]] std::string stop_receiving(const ServerKind& kind, std::string_view channel);
[[nodiscard]] std::string start_receiving(const ServerKind& kind, std::string_view channel);
[[nodiscard]] std::string restart_applying(const ServerKind& kind, std::string_view channel);  // two statements
[[nodiscard]] std::string forget_channel(const ServerKind& kind, std::string_view channel);
[[nodiscard]] std::string change_source(const ServerKind& kind, std::string_view channel,
                                        const ReplicationSource& source);
[[nodiscard]] std::string set_replica_position(std::string_view position);  // MariaDB
[[nodiscard]] std::string begin_log_file();                                 // of the binary log; not logged itself
// Which of the two roles of semi-synchronous replication the server plays.
[[nodiscard]] std::string set_semi_sync(bool leads);

}  // namespace sluice::failover
