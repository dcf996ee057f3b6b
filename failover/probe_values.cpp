#include "failover/probe_values.hpp"

#include <algorithm>
#include <cctype>

namespace sluice::failover {
namespace {

// MySQL 8.0.26 knows plugins that say source and replica in place of master and slave.
std::string usual_name(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
  const auto replace = [&](std::string_view word, std::string_view by) {
    for (auto at = name.find(word); at != std::string::npos; at = name.find(word)) name.replace(at, word.size(), by);
  };
  replace("source", "master");
  replace("replica", "slave");
  return name;
}

constexpr std::string_view status_asked =
    "'uptime', 'rpl_semi_sync_master_status', 'rpl_semi_sync_master_clients', 'rpl_semi_sync_master_wait_sessions', "
    "'rpl_semi_sync_master_yes_tx', 'rpl_semi_sync_master_no_tx', 'rpl_semi_sync_slave_status', 'threads_connected', "
    "'connections'";
constexpr std::string_view status_asked_of_8 =
    ", 'rpl_semi_sync_source_status', 'rpl_semi_sync_source_clients', 'rpl_semi_sync_source_wait_sessions', "
    "'rpl_semi_sync_source_yes_tx', 'rpl_semi_sync_source_no_tx', 'rpl_semi_sync_replica_status'";
// Of the one channel that there is; MariaDB has them in SHOW ALL SLAVES STATUS.
constexpr std::string_view status_asked_of_56 = ", 'slave_heartbeat_period', 'slave_received_heartbeats'";
constexpr std::string_view variables_asked =
    "'rpl_semi_sync_master_enabled', 'rpl_semi_sync_master_timeout', 'rpl_semi_sync_master_wait_no_slave', "
    "'rpl_semi_sync_master_wait_for_slave_count', 'rpl_semi_sync_slave_enabled'";
constexpr std::string_view variables_asked_of_8 =
    ", 'rpl_semi_sync_source_enabled', 'rpl_semi_sync_source_timeout', 'rpl_semi_sync_source_wait_no_replica', "
    "'rpl_semi_sync_source_wait_for_replica_count', 'rpl_semi_sync_replica_enabled'";

// MariaDB has had them without a plugin since 10.3: they can be asked by name, in a fraction of the time that a look at
// all variables takes.
constexpr std::string_view variables_of_mariadb[] = {"rpl_semi_sync_master_enabled", "rpl_semi_sync_master_timeout",
                                                     "rpl_semi_sync_master_wait_no_slave",
                                                     "rpl_semi_sync_slave_enabled"};

bool has_performance_schema_only(const ServerKind& kind) {
  return kind.flavour == Flavour::mysql && kind.number >= 50'700;
}

std::string table_of_values(const ServerKind& kind, std::string_view which) {
  return std::string(has_performance_schema_only(kind) ? "performance_schema." : "information_schema.") +
         std::string(which);
}

}  // namespace

// In one statement with one scan of the status: that takes longer than all the rest of a probe.
std::string probe_values_query(const ServerKind& kind) {
  std::string status(status_asked);
  std::string variables(variables_asked);
  if (kind.flavour == Flavour::mysql && kind.number < 50'700) status += status_asked_of_56;
  if (kind.flavour == Flavour::mysql && kind.number >= 80'026) {
    status += status_asked_of_8;
    variables += variables_asked_of_8;
  }
  const auto select = [&](std::string_view table, const std::string& names) {
    return " UNION ALL SELECT VARIABLE_NAME, VARIABLE_VALUE FROM " + table_of_values(kind, table) +
           " WHERE VARIABLE_NAME IN (" + names + ")";
  };
  std::string query = "SELECT 'now' AS name, UNIX_TIMESTAMP() AS value" + select("global_status", status);
  if (kind.flavour != Flavour::mariadb || kind.number < 100'300) return query + select("global_variables", variables);
  for (const auto name : variables_of_mariadb)
    query += " UNION ALL SELECT '" + std::string(name) + "', @@global." + std::string(name);
  return query;
}

ProbeValues::ProbeValues(const ResultTable& table) {
  for (const auto& row : table.rows) {
    if (row.size() >= 2 && row[0] && row[1]) values_.emplace_back(usual_name(*row[0]), *row[1]);
  }
}

const std::string* ProbeValues::find(std::string_view name) const {
  const auto it = std::find_if(values_.begin(), values_.end(), [&](const auto& value) { return value.first == name; });
  return it != values_.end() ? &it->second : nullptr;
}

bool ProbeValues::on(std::string_view name) const {
  const auto* value = find(name);
  return value != nullptr && (*value == "ON" || *value == "1");
}

std::uint64_t ProbeValues::instance() const {
  const auto now = number<std::uint64_t>("now");
  const auto uptime = number<std::uint64_t>("uptime");
  return now && uptime && *uptime <= *now ? *now - *uptime : 0;
}

SemiSyncObservation ProbeValues::semi_sync() const {
  SemiSyncObservation seen;
  seen.leads = on("rpl_semi_sync_master_enabled");
  seen.waits = on("rpl_semi_sync_master_status");
  seen.waits_without_replicas = on("rpl_semi_sync_master_wait_no_slave");
  seen.wanted = number<std::uint32_t>("rpl_semi_sync_master_wait_for_slave_count").value_or(1);
  seen.replicas = number<std::uint32_t>("rpl_semi_sync_master_clients").value_or(0);
  seen.sessions = number<std::uint32_t>("rpl_semi_sync_master_wait_sessions").value_or(0);
  seen.acknowledged = number<std::uint64_t>("rpl_semi_sync_master_yes_tx").value_or(0);
  seen.clients = number<std::uint64_t>("threads_connected").value_or(0);
  seen.clients_ever = number<std::uint64_t>("connections").value_or(0);
  seen.unacknowledged = number<std::uint64_t>("rpl_semi_sync_master_no_tx").value_or(0);
  // Whoever reckons with it may add it to a time.
  constexpr std::uint64_t timeout_ms_max = 366ULL * 24 * 3600 * 1000;
  seen.timeout = std::chrono::milliseconds(
      std::min(number<std::uint64_t>("rpl_semi_sync_master_timeout").value_or(0), timeout_ms_max));
  seen.follows = on("rpl_semi_sync_slave_enabled") || on("rpl_semi_sync_slave_status");
  return seen;
}

std::string instance_expression(const ServerKind& kind) {
  return "(SELECT UNIX_TIMESTAMP() - VARIABLE_VALUE FROM " + table_of_values(kind, "global_status") +
         " WHERE VARIABLE_NAME = 'uptime')";
}

}  // namespace sluice::failover
