// The configuration as values, read from TOML. The reference of every key is docs/configuration.md; the keys themselves
// stand in config_schema.hpp.
//
// Flow: `LoadedConfig loaded = load_config(path); print loaded.problems; if (!loaded.ok()) return 1;
// use(loaded.config)`. All problems are collected, not only the first one.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/config_problem.hpp"
#include "failover/election.hpp"
#include "protocol/auth.hpp"
#include "protocol/result.hpp"
#include "proxy/io/endpoint.hpp"
#include "proxy/limits.hpp"
#include "proxy/proxy.hpp"
#include "proxy/tls/tls_context.hpp"

namespace sluice::admin {

struct ClientTlsSettings {
  std::string cert;  // empty: a self-signed certificate is made in `dir`
  std::string key;
  std::string dir;  // empty: "tls" in the state directory
  bool required = false;
};

struct ProxySettings {
  std::vector<io::Endpoint> listen{{"127.0.0.1", 6033, {}}};
  std::uint32_t workers = 0;
  io::Backend io = io::Backend::automatic;
  std::string server_version = "5.7.0-sluice";
  std::string state_dir = "/var/lib/sluice";
  ClientTlsSettings tls;
};

struct BackendTlsSettings {
  proxy::BackendTls mode = proxy::BackendTls::off;
  tls::Verify verify = tls::Verify::none;
  std::string ca;
};

struct PasswordSettings {
  std::string password;  // from the key itself or from the file
  std::string password_file;
};

struct AdminSettings {
  std::optional<io::Endpoint> sql_listen{{"127.0.0.1", 6032, {}}};
  std::optional<io::Endpoint> http_listen{{"127.0.0.1", 6070, {}}};
  std::string user = "admin";
  PasswordSettings secret;  // both empty: a password is made at the first start
};

// off: sluice looks who leads, and changes it when it is asked to. manual: it keeps a record of who leads, and nobody
// else gets writes. automatic: and it gives up a leader that is dead.
enum class FailoverMode : std::uint8_t { off, manual, automatic };

// Changing the leader, of every cluster.
struct FailoverSettings {
  FailoverMode mode = FailoverMode::off;
  std::uint32_t detection_time_ms = 3000;
  failover::Loss loss = failover::Loss::none;
  std::uint64_t loss_max = 0;  // transactions
  std::uint32_t limit = 5;
  std::uint32_t limit_window_ms = 3'600'000;
  std::uint32_t interval_min_ms = 60'000;
  std::uint32_t fence_max_ms = 1000;
  std::uint32_t freeze_max_ms = 200;
  std::uint32_t stop_io_max_ms = 500;
  std::uint32_t apply_max_ms = 60'000;
  std::uint32_t retry_min_ms = 1000;
  std::uint32_t retry_max_ms = 30'000;
  std::uint64_t switchover_lag_max_ms = 5000;
  std::uint64_t switchover_transaction_max_ms = 10'000;
  std::uint32_t switchover_approach_max_ms = 30'000;
  std::uint32_t switchover_drain_max_ms = 1000;
  std::uint32_t switchover_stall_max_ms = 3000;
  std::uint32_t switchover_step_max_ms = 5000;
  std::uint32_t answer_grace_ms = 500;
  std::string hook_before;  // empty: none
  std::string hook_after;
  std::uint32_t hook_max_ms = 30'000;
};

struct LogSettings {
  std::string level = "info";
  std::string file;  // empty: standard error
};

struct ClusterSettings {
  std::string name;
  std::vector<io::Endpoint> servers;
  std::string monitor_user;
  PasswordSettings monitor_secret;
  std::string manager_user;  // empty: sluice changes nothing on the servers, it only routes
  PasswordSettings manager_secret;
  std::vector<io::Endpoint> preferred;  // to lead, the best first
  std::string replication_user;         // empty: the one with which the replicas log on now
  PasswordSettings replication_secret;
  std::uint64_t replica_lag_max_ms = 10'000;
  bool read_only_transactions_on_replicas = false;
  std::uint32_t monitor_interval_ms = 500;
  std::uint32_t monitor_connect_timeout_ms = 1000;
  std::uint32_t monitor_probe_timeout_ms = 1000;
};

struct UserSettings {
  std::string name;
  PasswordSettings secret;
  std::string password_hash;
  std::string cluster;
  std::string auth_plugin = "mysql_native_password";
  protocol::Credential credential;  // made of the above
};

struct Config {
  std::string file;  // where it was read from
  ProxySettings proxy;
  BackendTlsSettings backend_tls;
  AdminSettings admin;
  proxy::Limits limits;
  FailoverSettings failover;
  LogSettings log;
  std::vector<ClusterSettings> clusters;
  std::vector<UserSettings> users;
};

struct LoadedConfig {
  Config config;
  std::vector<ConfigProblem> problems;
  [[nodiscard]] bool ok() const { return !has_errors(problems); }
};

// A small text file and whether others than its owner and group may read it. The error says why it cannot be read.
struct TextFile {
  std::string text;
  bool world_readable = false;
};
using FileReader = std::function<Result<TextFile, std::string>(const std::string& path)>;

// Reads a regular file of at most `bytes_max` bytes; never waits on a pipe or device.
[[nodiscard]] Result<TextFile, std::string> read_text_file(const std::string& path, std::size_t bytes_max);

constexpr std::size_t config_bytes_max = 1U << 20;
constexpr std::size_t password_file_bytes_max = 4096;

// `text`: the TOML; `file`: its name for messages, and relative paths in it start at its folder.
[[nodiscard]] LoadedConfig parse_config(std::string_view text, const std::string& file,
                                        const FileReader& read_password_file);

[[nodiscard]] LoadedConfig load_config(const std::string& path);

// What the keys left to defaults come to.
[[nodiscard]] std::string tls_dir(const Config& config);
[[nodiscard]] std::string admin_password_file(const Config& config);  // where a generated password is kept

}  // namespace sluice::admin
