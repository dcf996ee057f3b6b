#include "failover/workflows/server_statements.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "failover/position.hpp"
#include "protocol/gtid_set.hpp"

namespace sluice::failover {
namespace {

using std::chrono::milliseconds;

// A former leader's channel asks again after this; the servers' own default is a minute.
constexpr unsigned connect_retry_s = 1;
// As long as a server may be left frozen before its own timeout ends our lock. The most that servers take.
constexpr unsigned wait_timeout_s = 31'536'000;
constexpr unsigned listed_max = 100;  // in one answer; who lists them asks again
constexpr std::string_view semi_sync_master_name = "rpl_semi_sync_master_enabled";
constexpr std::string_view semi_sync_replica_name = "rpl_semi_sync_slave_enabled";

bool is_mariadb(const ServerKind& kind) { return kind.flavour == Flavour::mariadb; }

// Servers without named channels know only the one without a name.
std::string channel_first(const ServerKind& kind, std::string_view channel) {
  return is_mariadb(kind) ? " " + quoted(channel) : std::string();
}
std::string channel_last(const ServerKind& kind, std::string_view channel) {
  return !is_mariadb(kind) && kind.number >= 50'706 ? " FOR CHANNEL " + quoted(channel) : std::string();
}

// Replication's own threads and connections are left alone, and who asks.
std::string clients() {
  return "SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER <> 'system user' AND "
         "COMMAND NOT LIKE 'Binlog Dump%'";
}

std::string is_writer() {
  return "ID IN (SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX WHERE trx_rows_modified > 0 OR "
         "trx_rows_locked > 0 OR trx_tables_locked > 0)";
}

// "STOP SLAVE 'a' IO_THREAD", "STOP REPLICA IO_THREAD FOR CHANNEL 'a'".
std::string channel_threads(const ServerKind& kind, std::string_view verb, std::string_view thread,
                            std::string_view channel) {
  const bool renamed = kind.flavour == Flavour::mysql && kind.number >= 80'022;
  return std::string(verb) + (renamed ? " REPLICA" : " SLAVE") + channel_first(kind, channel) + " " +
         std::string(thread) + channel_last(kind, channel);
}

std::string seconds(milliseconds duration) {
  std::string fraction = std::to_string(duration.count() % 1000);
  fraction.insert(0, 3 - fraction.size(), '0');
  return std::to_string(duration.count() / 1000) + "." + fraction;
}

std::string at_most_listed() { return " LIMIT " + std::to_string(listed_max); }

const std::string* find(const ResultTable& table, std::size_t row, std::string_view column) {
  if (row >= table.rows.size()) return nullptr;
  for (std::size_t i = 0; i < table.columns.size() && i < table.rows[row].size(); ++i) {
    if (table.columns[i] == column) return table.rows[row][i] ? &*table.rows[row][i] : nullptr;
  }
  return nullptr;
}

std::string text(const ResultTable& table, std::size_t row, std::string_view column) {
  const auto* cell = find(table, row, column);
  std::string found = cell != nullptr ? *cell : std::string();
  std::erase(found, '\n');
  return found;
}

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::string text_of(const ResultTable& table, std::size_t row, std::string_view column, std::string_view renamed) {
  auto found = text(table, row, column);
  return found.empty() ? text(table, row, renamed) : found;
}

RelayLog read_relay_log(const ServerKind& kind, const ResultTable& channels, std::size_t row, bool applies_alone) {
  RelayLog log;
  log.received = text(channels, row, is_mariadb(kind) ? "Gtid_IO_Pos" : "Retrieved_Gtid_Set");
  log.received_to = text_of(channels, row, "Master_Log_File", "Source_Log_File") + ":" +
                    text_of(channels, row, "Read_Master_Log_Pos", "Read_Source_Log_Pos");
  const auto state = text_of(channels, row, "Slave_SQL_Running_State", "Replica_SQL_Running_State");
  log.read_to_end = applies_alone && state.find("has read all relay log") != std::string::npos;
  return log;
}

std::string joined(const std::string& one, const std::string& other) {
  return one + (one.empty() || other.empty() ? "" : ",") + other;
}

// By the name that set_semi_sync() knows, in either case; not by the one of MySQL 8.0.26's new plugins.
bool variable_is_on(const ResultTable& table, std::string_view name) {
  const auto same = [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; };
  return std::any_of(table.rows.begin(), table.rows.end(), [&](const auto& row) {
    return row.size() >= 2 && row[0] && row[1] && (*row[1] == "ON" || *row[1] == "1") &&
           std::equal(row[0]->begin(), row[0]->end(), name.begin(), name.end(), same);
  });
}

}  // namespace

std::string why_not_supported(const ServerKind& kind) {
  if (is_mariadb(kind) && kind.number >= 100'200) return {};
  if (kind.flavour == Flavour::mysql && kind.number >= 50'600 && kind.number < 80'400) return {};
  return "leaders are changed among MariaDB from 10.2 on and MySQL 5.6 to 8.3; this server is of another kind";
}

std::string quoted(std::string_view text) {
  std::string literal = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') literal += '\\';
    literal += c;
  }
  return literal + "'";
}

std::string session_settings(const ServerKind& kind, milliseconds lock_wait_max) {
  const auto lock_wait_s = std::max<std::int64_t>(std::chrono::ceil<std::chrono::seconds>(lock_wait_max).count(), 1);
  std::string sql = "SET SESSION sql_mode = '', wait_timeout = " + std::to_string(wait_timeout_s) +
                    ", lock_wait_timeout = " + std::to_string(lock_wait_s);
  if (is_mariadb(kind)) return sql + ", max_statement_time = 0";
  return kind.number >= 50'708 ? sql + ", max_execution_time = 0" : sql;
}

std::string own_connection_query() {
  return "SELECT ID, HOST FROM information_schema.PROCESSLIST WHERE ID = CONNECTION_ID()";
}

std::optional<ConnectionId> read_own_connection(const ResultTable& table) {
  const auto id = number(text(table, 0, "ID"));
  if (!id || *id == 0) return std::nullopt;
  return ConnectionId{*id, text(table, 0, "HOST")};
}

std::string list_connections(const std::vector<ConnectionId>& which) {
  std::string sql = "SELECT ID FROM information_schema.PROCESSLIST WHERE FALSE";
  for (const auto& connection : which)
    sql += " OR (ID = " + std::to_string(connection.id) + " AND HOST = " + quoted(connection.host) + ")";
  return sql;
}

std::string list_writers(const ConnectionId& except) {
  return clients() + " AND COMMAND <> 'Killed' AND ID <> " + std::to_string(except.id) + " AND " + is_writer() +
         at_most_listed();
}

std::string list_waiting() {
  return clients() +
         " AND (STATE IN ('Waiting for global read lock', 'Waiting for commit lock', 'Waiting for backup lock') OR " +
         is_writer() + ")" + at_most_listed();
}

std::string kill_connection(std::uint64_t id) { return "KILL CONNECTION " + std::to_string(id); }

std::string oldest_transaction_query() {
  return "SELECT TIMESTAMPDIFF(SECOND, MIN(trx_started), NOW()) FROM information_schema.INNODB_TRX";
}

std::optional<std::uint64_t> read_oldest_transaction(const std::vector<ResultTable>& tables) {
  if (tables.size() != 1 || tables[0].rows.size() != 1 || tables[0].rows[0].size() != 1) return std::nullopt;
  const auto& text = tables[0].rows[0][0];
  std::uint64_t seconds = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), seconds).ec != std::errc{})
    return std::nullopt;
  constexpr std::uint64_t seconds_max = 1'000'000'000;
  return std::min(seconds, seconds_max) * 1'000;
}

std::string facts_query(const ServerKind& kind) {
  const bool renamed = kind.flavour == Flavour::mysql && kind.number >= 80'026;
  const auto* workers = is_mariadb(kind) ? "slave_parallel_threads"
                        : renamed        ? "replica_parallel_workers"
                                         : "slave_parallel_workers";
  return kind.probe_statements() + "; SELECT @@global." + workers + " AS workers";
}

std::optional<ServerFacts> read_facts(const ServerKind& kind, std::vector<ResultTable> tables) {
  if (tables.size() != 4) return std::nullopt;
  const auto workers = std::move(tables.back());
  tables.pop_back();
  ServerObservation seen;
  if (!read_probe(kind, tables, seen)) return std::nullopt;
  const auto& variables = tables[1];
  const auto& channels = tables[2];
  ServerFacts facts;
  facts.read_only = seen.read_only;
  facts.channels = std::move(seen.channels);
  facts.position = facts.executed = seen.position;
  if (is_mariadb(kind)) {
    const auto position =
        executed_position(text(variables, 0, "gtid_current_pos"), text(variables, 0, "gtid_binlog_pos"));
    if (!position) return std::nullopt;
    facts.position = *position;
    facts.replica_pos = text(variables, 0, "gtid_slave_pos");
    facts.executed = joined(text(variables, 0, "gtid_binlog_state"), facts.replica_pos);
  }
  facts.instance = seen.instance;
  const bool applies_alone = text(workers, 0, "workers") == "0";
  for (std::size_t row = 0; row < channels.rows.size(); ++row)
    facts.relay_logs.push_back(read_relay_log(kind, channels, row, applies_alone));
  facts.semi_sync_master = variable_is_on(tables[0], semi_sync_master_name);
  facts.semi_sync_replica = variable_is_on(tables[0], semi_sync_replica_name);
  return facts;
}

std::optional<std::string> executed_position(std::string_view current, std::string_view binlog) {
  if (position_contains(current, binlog)) return std::string(current);
  if (position_contains(binlog, current)) return std::string(binlog);
  return std::nullopt;
}

std::string take_global_lock() { return "FLUSH TABLES WITH READ LOCK"; }
std::string release_global_lock() { return "UNLOCK TABLES"; }

std::string set_read_only(const ServerKind& kind, bool read_only) {
  if (!read_only) return "SET GLOBAL read_only = 0";  // where there is super_read_only, it goes with it
  const bool has_super = kind.flavour == Flavour::mysql && kind.number >= 50'708;
  return has_super ? "SET GLOBAL super_read_only = 1" : "SET GLOBAL read_only = 1";
}

// MySQL counts in seconds, and 0 is for ever: a wait that is cut off earlier is ended with its connection.
std::string await_position_query(const ServerKind& kind, std::string_view position, milliseconds at_most) {
  at_most = std::max(at_most, milliseconds(1));
  if (is_mariadb(kind)) return "SELECT MASTER_GTID_WAIT(" + quoted(position) + ", " + seconds(at_most) + ")";
  return "SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS(" + quoted(position) + ", " +
         std::to_string(std::chrono::ceil<std::chrono::seconds>(at_most).count()) + ")";
}

std::string why_not_reached(const ServerKind& kind, const std::vector<ResultTable>& tables) {
  if (tables.size() != 1 || tables[0].rows.size() != 1 || tables[0].rows[0].size() != 1) return "it does not say";
  const auto& answer = tables[0].rows[0][0];
  if (!answer) return is_mariadb(kind) ? "it cannot read the position" : "its SQL thread does not run";
  return *answer == "-1" ? "it was not there in time" : std::string();
}

bool counts_parts(const ServerKind& kind) { return kind.flavour == Flavour::mysql && kind.number < 50'706; }

std::string whole_transactions(const ServerKind& kind, std::string_view received, std::string_view executed) {
  const auto all = protocol::GtidSet::parse(received);
  const auto done = protocol::GtidSet::parse(executed);
  if (!counts_parts(kind) || !all || !done || done->contains(*all)) return std::string(received);
  return all->minus(all->minus(*done).last_of_each_source()).to_string();
}

std::string stop_channel(const ServerKind& kind, std::string_view channel) {
  return "STOP SLAVE" + channel_first(kind, channel) + channel_last(kind, channel);
}

std::string start_channel(const ServerKind& kind, std::string_view channel) {
  return "START SLAVE" + channel_first(kind, channel) + channel_last(kind, channel);
}

std::string stop_receiving(const ServerKind& kind, std::string_view channel) {
  return channel_threads(kind, "STOP", "IO_THREAD", channel);
}

std::string start_receiving(const ServerKind& kind, std::string_view channel) {
  return channel_threads(kind, "START", "IO_THREAD", channel);
}

std::string restart_applying(const ServerKind& kind, std::string_view channel) {
  return channel_threads(kind, "STOP", "SQL_THREAD", channel) + "; " +
         channel_threads(kind, "START", "SQL_THREAD", channel);
}

std::string forget_channel(const ServerKind& kind, std::string_view channel) {
  return "RESET SLAVE" + channel_first(kind, channel) + " ALL" + channel_last(kind, channel);
}

std::string change_source(const ServerKind& kind, std::string_view channel, const ReplicationSource& source) {
  std::string sql = "CHANGE MASTER" + channel_first(kind, channel) + " TO MASTER_HOST = " + quoted(source.host) +
                    ", MASTER_PORT = " + std::to_string(source.port);
  if (!source.user.empty())
    sql += ", MASTER_USER = " + quoted(source.user) + ", MASTER_PASSWORD = " + quoted(source.password);
  if (source.is_new) sql += ", MASTER_CONNECT_RETRY = " + std::to_string(connect_retry_s);
  if (source.heartbeat.count() > 0) sql += ", MASTER_HEARTBEAT_PERIOD = " + seconds(source.heartbeat);
  if (source.tls) sql += ", MASTER_SSL = 1";
  sql += is_mariadb(kind) ? ", MASTER_USE_GTID = slave_pos" : ", MASTER_AUTO_POSITION = 1";
  return sql + channel_last(kind, channel);
}

std::string set_replica_position(std::string_view position) {
  return "SET GLOBAL gtid_slave_pos = " + quoted(position);
}

std::string begin_log_file() { return "FLUSH LOCAL BINARY LOGS"; }

std::string set_semi_sync(bool leads) {
  const auto set = [](std::string_view name, bool on) {
    return "GLOBAL " + std::string(name) + (on ? " = 1" : " = 0");
  };
  return "SET " + set(semi_sync_master_name, leads) + ", " + set(semi_sync_replica_name, !leads);
}

}  // namespace sluice::failover
