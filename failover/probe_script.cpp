#include "failover/probe_script.hpp"

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <limits>

#include "failover/probe_values.hpp"

namespace sluice::failover {
namespace {

constexpr std::string_view mariadb_prefix = "5.5.5-";

// Reads one row by column names. A column that is missing reads like NULL.
class Row {
 public:
  Row(const ResultTable& table, std::size_t row) : table_(table), cells_(table.rows[row]) {}

  // The first of these columns that exists: MySQL renamed Master_… to Source_… and Slave_… to Replica_….
  [[nodiscard]] const std::string* find(std::initializer_list<std::string_view> columns) const {
    for (const auto column : columns) {
      for (std::size_t i = 0; i < table_.columns.size() && i < cells_.size(); ++i) {
        if (table_.columns[i] == column) return cells_[i] ? &*cells_[i] : nullptr;
      }
    }
    return nullptr;
  }

  [[nodiscard]] std::string text(std::initializer_list<std::string_view> columns) const {
    const auto* cell = find(columns);
    return cell != nullptr ? *cell : std::string();
  }

  template <typename Number>
  [[nodiscard]] std::optional<Number> number(std::initializer_list<std::string_view> columns) const {
    return parse_number<Number>(find(columns));
  }

  // Anything but a plain "off" counts as on: newer servers know more ways of being read-only than one.
  [[nodiscard]] bool on(std::initializer_list<std::string_view> columns) const {
    const auto* cell = find(columns);
    return cell != nullptr && *cell != "0" && *cell != "OFF";
  }
  [[nodiscard]] std::optional<bool> on_if_told(std::initializer_list<std::string_view> columns) const {
    return find(columns) != nullptr ? std::optional(on(columns)) : std::nullopt;
  }

  // Every column "Replicate_…" that says what is left out. Server ids that are ignored are no filter: rings need them.
  [[nodiscard]] std::string filters() const {
    std::string text;
    for (std::size_t i = 0; i < table_.columns.size() && i < cells_.size(); ++i) {
      const auto& column = table_.columns[i];
      if (!column.starts_with("Replicate_") || column == "Replicate_Ignore_Server_Ids") continue;
      if (cells_[i] && !cells_[i]->empty()) text += (text.empty() ? "" : "; ") + column + "=" + *cells_[i];
    }
    return text;
  }

 private:
  const ResultTable& table_;
  const std::vector<std::optional<std::string>>& cells_;
};

std::chrono::milliseconds period(std::optional<double> seconds) {
  constexpr double seconds_max = 4'294'967;  // of MASTER_HEARTBEAT_PERIOD
  if (!seconds || !(*seconds > 0)) return std::chrono::milliseconds(0);
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::min(*seconds, seconds_max) * 1000));
}

IoThread io_thread(const std::string& running) {
  if (running == "Yes") return IoThread::connected;
  return running == "Connecting" || running == "Preparing" ? IoThread::connecting : IoThread::stopped;
}

// GTID sets are shown and compared as one line.
std::string without_newlines(std::string text) {
  std::erase(text, '\n');
  return text;
}

std::string error_text(const Row& row, std::string_view number_column, std::string_view text_column) {
  const auto number = row.number<std::uint32_t>({number_column}).value_or(0);
  const auto text = row.text({text_column});
  if (number == 0 && text.empty()) return {};
  return text + " (" + std::to_string(number) + ")";
}

ChannelTraffic read_traffic(const Row& row, const ProbeValues& values) {
  ChannelTraffic traffic;
  traffic.io = io_thread(row.text({"Slave_IO_Running", "Replica_IO_Running"}));
  const auto* gtids = row.find({"Gtid_IO_Pos", "Retrieved_Gtid_Set"});
  if (gtids != nullptr && row.text({"Using_Gtid"}) != "No") traffic.gtids = without_newlines(*gtids);
  traffic.log_position =
      row.text({"Master_Log_File", "Source_Log_File"}) + ":" + row.text({"Read_Master_Log_Pos", "Read_Source_Log_Pos"});
  traffic.heartbeats = row.number<std::uint64_t>({"Slave_received_heartbeats"});
  if (!traffic.heartbeats) traffic.heartbeats = values.number<std::uint64_t>("slave_received_heartbeats");
  auto heartbeat_period = row.number<double>({"Slave_heartbeat_period"});
  if (!heartbeat_period) heartbeat_period = values.number<double>("slave_heartbeat_period");
  traffic.heartbeat_period = period(heartbeat_period);
  return traffic;
}

ReplicationChannel read_channel(const Row& row, const ProbeValues& values) {
  ReplicationChannel channel;
  channel.name = row.text({"Connection_name", "Channel_Name"});
  channel.source_host = row.text({"Master_Host", "Source_Host"});
  channel.source_port = row.number<std::uint16_t>({"Master_Port", "Source_Port"}).value_or(0);
  channel.source_server_id = row.number<std::uint32_t>({"Master_Server_Id", "Source_Server_Id"}).value_or(0);
  channel.io_running = row.text({"Slave_IO_Running", "Replica_IO_Running"}) == "Yes";
  channel.sql_running = row.text({"Slave_SQL_Running", "Replica_SQL_Running"}) == "Yes";
  const auto lag_s = row.number<std::uint64_t>({"Seconds_Behind_Master", "Seconds_Behind_Source"});
  constexpr std::uint64_t lag_s_max = std::numeric_limits<std::uint32_t>::max();
  if (lag_s) channel.lag_ms = std::min(*lag_s, lag_s_max) * 1000;
  channel.delay_s = row.number<std::uint32_t>({"SQL_Delay"}).value_or(0);
  channel.filters = row.filters();
  channel.last_io_error = error_text(row, "Last_IO_Errno", "Last_IO_Error");
  channel.last_sql_error = error_text(row, "Last_SQL_Errno", "Last_SQL_Error");
  channel.traffic = read_traffic(row, values);
  return channel;
}

void read_positions(const Row& variables, ServerObservation& observation) {
  observation.position = without_newlines(variables.text({"gtid_current_pos", "gtid_executed"}));
  if (observation.position.empty()) observation.position = variables.text({"gtid_binlog_pos"});
  observation.executed = without_newlines(variables.text({"gtid_binlog_state", "gtid_executed"}));
  const auto replicated = variables.text({"gtid_slave_pos"});
  if (!observation.executed.empty() && !replicated.empty()) observation.executed += ",";
  observation.executed += replicated;
}

}  // namespace

ServerKind ServerKind::from_version(std::string_view version) {
  ServerKind kind;
  if (version.starts_with(mariadb_prefix)) version.remove_prefix(mariadb_prefix.size());
  std::uint32_t part[3] = {};
  const char* at = version.data();
  const char* const end = at + version.size();
  for (auto& value : part) {
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc{} || value > 99) return kind;
    at = next != end && *next == '.' ? next + 1 : next;
  }
  kind.flavour = version.find("MariaDB") != std::string_view::npos ? Flavour::mariadb : Flavour::mysql;
  kind.number = part[0] * 10'000 + part[1] * 100 + part[2];
  return kind;
}

std::string ServerKind::greeting_version(std::string_view driver_version) const {
  const bool prefixed = flavour == Flavour::mariadb && number / 10'000 == 10;
  if (!prefixed || driver_version.starts_with(mariadb_prefix)) return std::string(driver_version);
  return std::string(mariadb_prefix) + std::string(driver_version);
}

std::string ServerKind::probe_statements() const {
  std::string text = probe_values_query(*this) +
                     "; SELECT @@global.server_id AS server_id, @@global.read_only AS read_only, @@global.log_bin AS "
                     "log_bin, @@global.";
  text += flavour == Flavour::mysql && number >= 80'026 ? "log_replica_updates" : "log_slave_updates";
  text += " AS logs_replicated";
  if (flavour == Flavour::mariadb)
    return text +
           ", @@global.gtid_current_pos AS gtid_current_pos, @@global.gtid_binlog_pos AS gtid_binlog_pos, "
           "@@global.gtid_binlog_state AS gtid_binlog_state, @@global.gtid_slave_pos AS gtid_slave_pos; "
           "SHOW ALL SLAVES STATUS";
  text += ", @@global.server_uuid AS server_uuid, @@global.gtid_executed AS gtid_executed";
  if (number >= 50'708) text += ", @@global.super_read_only AS super_read_only";
  return text + (number >= 80'022 ? "; SHOW REPLICA STATUS" : "; SHOW SLAVE STATUS");
}

std::string_view ServerKind::privilege() const {
  return flavour == Flavour::mariadb && number >= 100'500 ? "SLAVE MONITOR" : "REPLICATION CLIENT";
}

bool read_probe(const ServerKind& kind, const std::vector<ResultTable>& tables, ServerObservation& observation) {
  if (tables.size() != 3 || tables[1].rows.size() != 1) return false;
  const ProbeValues values(tables[0]);
  const Row variables(tables[1], 0);
  const auto server_id = variables.number<std::uint32_t>({"server_id"});
  if (!server_id || variables.find({"read_only"}) == nullptr) return false;
  observation.flavour = kind.flavour;
  observation.server_id = *server_id;
  observation.server_uuid = variables.text({"server_uuid"});
  observation.read_only = variables.on({"read_only"});
  observation.super_read_only = variables.on({"super_read_only"});
  observation.binary_log = variables.on_if_told({"log_bin"});
  observation.logs_replicated = variables.on_if_told({"logs_replicated"});
  read_positions(variables, observation);
  observation.semi_sync = values.semi_sync();
  observation.instance = values.instance();
  observation.channels.clear();
  for (std::size_t i = 0; i < tables[2].rows.size(); ++i)
    observation.channels.push_back(read_channel(Row(tables[2], i), values));
  return true;
}

}  // namespace sluice::failover
