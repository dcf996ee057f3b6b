#include "admin/demo/flavour.hpp"

namespace sluice::demo {
namespace {

using Lines = std::vector<std::string>;

Lines common_settings(const ServerSettings& settings) {
  const std::string folder = settings.folder.string();
  // Not durable is still written at each commit, so that a killed server, unlike a killed machine, loses nothing.
  const std::string flush_log = settings.durable ? "1" : "2";
  const std::string sync_binlog = settings.durable ? "1" : "0";
  return {
      "datadir = " + folder + "/data",
      "tmpdir = " + folder + "/tmp",
      "socket = " + settings.socket.string(),
      "pid-file = " + folder + "/data/server.pid",
      "log-error = " + folder + "/error.log",
      "bind-address = 127.0.0.1",
      "port = " + std::to_string(settings.port),
      "server-id = " + std::to_string(settings.server_id),
      "skip-name-resolve",
      "character-set-server = utf8mb4",
      "collation-server = utf8mb4_general_ci",
      "max_connections = " + std::to_string(settings.connections_max),
      "back_log = 1024",
      "thread_cache_size = 256",
      "table_open_cache = 2000",
      "table_definition_cache = 2000",
      "open_files_limit = " + std::to_string(open_files),
      "max_prepared_stmt_count = 1000000",
      "performance_schema = OFF",
      "innodb_buffer_pool_size = 128M",
      "innodb_flush_log_at_trx_commit = " + flush_log,
      "sync_binlog = " + sync_binlog,
      "# Every server comes back read-only; who leads is decided afterwards.",
      "read_only = 1",
      "log-bin = binlog",
      "log-slave-updates = 1",
      "binlog_format = ROW",
      "relay-log = relay",
      "relay_log_recovery = 1",
      "slave_net_timeout = 10",
      "report-host = 127.0.0.1",
      "report-port = " + std::to_string(settings.port),
      "general_log = " + std::string(settings.general_log ? "1" : "0"),
      "general_log_file = " + folder + "/general.log",
  };
}

Lines mariadb_settings(const ServerSettings& settings) {
  Lines lines = {
      "gtid_strict_mode = 1",
      "innodb_log_file_size = 64M",
      "# One thread that syncs each transaction alone would fall behind a leader that commits in groups.",
      "slave_parallel_threads = 4",
  };
  if (settings.semi_sync) {
    const Lines semi_sync = {
        "rpl_semi_sync_master_enabled = 1",
        "rpl_semi_sync_slave_enabled = 1",
        "rpl_semi_sync_master_wait_point = AFTER_SYNC",
        "# Enabled on replicas too, ready to lead: what they apply must not wait for replicas of their own.",
        "rpl_semi_sync_master_wait_no_slave = 0",
    };
    lines.insert(lines.end(), semi_sync.begin(), semi_sync.end());
  }
  return lines;
}

Lines mysql56_settings() {
  return {
      "gtid_mode = ON",
      "enforce_gtid_consistency = ON",
      "master_info_repository = TABLE",
      "relay_log_info_repository = TABLE",
      "explicit_defaults_for_timestamp = 1",
      "innodb_log_file_size = 64M",
      "# Some containers deny the kernel's own asynchronous I/O.",
      "innodb_use_native_aio = 0",
  };
}

void create_user(std::string& sql, std::string_view user, std::string_view password, std::string_view privileges) {
  const std::string account = "'" + std::string(user) + "'@'%'";
  sql += "CREATE USER " + account + " IDENTIFIED BY '" + std::string(password) + "';\n";
  sql += "GRANT " + std::string(privileges) + " TO " + account;
  sql += user == root_user ? " WITH GRANT OPTION;\n" : ";\n";
}

std::string_view monitor_privileges(Flavour flavour) {
  if (flavour == Flavour::mysql56) return "PROCESS, REPLICATION CLIENT ON *.*";
  return "PROCESS, BINLOG MONITOR, SLAVE MONITOR ON *.*";
}

std::string_view manager_privileges(Flavour flavour) {
  if (flavour == Flavour::mysql56) return "PROCESS, REPLICATION CLIENT, RELOAD, SUPER ON *.*";
  return "PROCESS, RELOAD, BINLOG MONITOR, SLAVE MONITOR, READ_ONLY ADMIN, CONNECTION ADMIN, REPLICATION SLAVE ADMIN, "
         "REPLICATION MASTER ADMIN ON *.*";
}

}  // namespace

std::string_view to_string(Flavour flavour) { return flavour == Flavour::mariadb ? "mariadb" : "mysql56"; }

std::optional<Flavour> parse_flavour(std::string_view text) {
  for (const auto flavour : {Flavour::mariadb, Flavour::mysql56}) {
    if (text == to_string(flavour)) return flavour;
  }
  return std::nullopt;
}

bool has_semi_sync(Flavour flavour) { return flavour == Flavour::mariadb; }

std::string server_config(Flavour flavour, const Installation& installation, const ServerSettings& settings) {
  std::string text = "# written by sluice demo\n[mysqld]\n";
  const auto append = [&text](const Lines& lines) {
    for (const auto& line : lines) text += line + "\n";
  };
  if (!installation.basedir.empty()) append({"basedir = " + installation.basedir.string()});
  append(common_settings(settings));
  append(flavour == Flavour::mariadb ? mariadb_settings(settings) : mysql56_settings());
  append(settings.extra);
  return text;
}

std::string first_start_sql(Flavour flavour, const Passwords& passwords) {
  const std::string accounts = flavour == Flavour::mariadb ? "mysql.global_priv" : "mysql.user";
  const std::string schema(app_schema);
  std::string sql = "SET SESSION sql_log_bin = 0;\n";
  sql += "DELETE FROM " + accounts + " WHERE User IN ('root', '');\n";
  sql += "DELETE FROM mysql.proxies_priv;\n";
  sql += "FLUSH PRIVILEGES;\n";
  sql += "CREATE DATABASE " + schema + " DEFAULT CHARACTER SET utf8mb4;\n";
  create_user(sql, root_user, passwords.root, "ALL PRIVILEGES ON *.*");
  create_user(sql, replication_user, passwords.replication, "REPLICATION SLAVE ON *.*");
  create_user(sql, monitor_user, passwords.monitor, monitor_privileges(flavour));
  create_user(sql, manager_user, passwords.manager, manager_privileges(flavour));
  create_user(sql, app_user, passwords.app, "ALL PRIVILEGES ON " + schema + ".*");
  return sql;
}

std::vector<std::string> follow_statements(Flavour flavour, const LeaderAddress& leader) {
  // A hung leader is known by its heartbeats that stay out, two of them at least.
  const std::string address = "CHANGE MASTER TO MASTER_HOST='" + leader.host +
                              "', MASTER_PORT=" + std::to_string(leader.port) + ", MASTER_USER='" +
                              std::string(replication_user) + "', MASTER_PASSWORD='" + leader.password +
                              "', MASTER_CONNECT_RETRY=1, MASTER_HEARTBEAT_PERIOD=0.5, ";
  if (flavour == Flavour::mysql56) {
    return {"STOP SLAVE", address + "MASTER_AUTO_POSITION=1", "START SLAVE"};
  }
  // A former leader has its own events in the binary log only: its position as a replica has to include them.
  return {"STOP SLAVE", "SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos", address + "MASTER_USE_GTID=slave_pos",
          "START SLAVE"};
}

std::string position_query(Flavour flavour) {
  return flavour == Flavour::mariadb ? "SELECT @@GLOBAL.gtid_current_pos" : "SELECT @@GLOBAL.gtid_executed";
}

std::string await_position_query(Flavour flavour, std::string_view position, unsigned bound_seconds) {
  const std::string function = flavour == Flavour::mariadb ? "MASTER_GTID_WAIT" : "WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS";
  return "SELECT " + function + "('" + std::string(position) + "', " + std::to_string(bound_seconds) + ")";
}

std::string missing_history_query(Flavour flavour, std::string_view oldest_log) {
  if (flavour == Flavour::mysql56) return "SELECT @@GLOBAL.gtid_purged";
  return "SELECT BINLOG_GTID_POS('" + std::string(oldest_log) + "', 4)";
}

}  // namespace sluice::demo
