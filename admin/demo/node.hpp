// One real server on loopback: its folder, its process, and what can be done to it (stop, kill, hang, wipe).
//
// Flow: `provision` a data folder, `start`, `await_ready`; then `sql()` to talk to it. A node knows nothing of
// replication: see Cluster. All operations block, are bounded, and throw DemoError with the server's last log lines.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "admin/demo/flavour.hpp"
#include "admin/demo/patience.hpp"
#include "admin/demo/process.hpp"
#include "admin/demo/sql.hpp"

namespace sluice::demo {

struct NodeContext {  // the same for all nodes of a cluster, which shares it
  Flavour flavour = Flavour::mariadb;
  Installation installation;
  Passwords passwords;
  std::optional<RunAs> run_as;
  Lifetime lifetime = Lifetime::detached;
  Patience patience;
};

class Node {
 public:
  // The settings' folder and port are final; nothing is made or started.
  Node(std::string name, ServerSettings settings, std::shared_ptr<const NodeContext> context);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& host() const { return host_; }
  [[nodiscard]] std::uint16_t port() const { return settings_.port; }
  [[nodiscard]] const std::filesystem::path& socket() const { return settings_.socket; }
  [[nodiscard]] std::uint32_t server_id() const { return settings_.server_id; }
  [[nodiscard]] const std::filesystem::path& folder() const { return settings_.folder; }
  [[nodiscard]] std::filesystem::path error_log() const { return settings_.folder / "error.log"; }
  [[nodiscard]] std::filesystem::path general_log() const { return settings_.folder / "general.log"; }

  [[nodiscard]] std::optional<ProcessId> process() const;  // nullopt: not running
  [[nodiscard]] bool running() const { return process().has_value(); }
  [[nodiscard]] pid_t pid() const;         // 0: not running
  [[nodiscard]] bool provisioned() const;  // has answered once with its accounts made

  // Over TCP, as the account that may do everything.
  [[nodiscard]] SqlAddress address() const;
  [[nodiscard]] Sql sql() const;  // each answer within the time for a step
  [[nodiscard]] Sql sql(std::chrono::seconds answer_bound) const;
  [[nodiscard]] bool answers() const;  // a connection and a query, within two seconds
  [[nodiscard]] bool hangs() const;    // it runs, and is stopped: see hang()

  // Makes the data folder anew from `data` (a template, or the data folder of a stopped server of this cluster,
  // `with_accounts`). Not while running.
  void provision(const std::filesystem::path& data, bool with_accounts);
  void use_port(std::uint16_t port) { settings_.port = port; }                      // from the next start on
  void use_server_id(std::uint32_t server_id) { settings_.server_id = server_id; }  // from the next start on
  // Lines of [mysqld] beside the cluster's, from the next start on.
  void use_lines(std::vector<std::string> lines) { lines_ = std::move(lines); }
  [[nodiscard]] bool ever_started() const;

  void start();  // returns at once; does nothing when running
  void await_ready();

  void stop();     // clean shutdown; a hung node is resumed first
  void kill();     // SIGKILL, as a crash
  void hang();     // SIGSTOP: connections stay open, nothing is answered
  void resume();   // SIGCONT
  void restart();  // stop, start, await_ready: read-only afterwards, whatever it was
  void wipe();     // kill and delete the data folder; provision and start bring it back empty

 private:
  void write_config() const;
  [[noreturn]] void fail_start(const std::string& why) const;
  [[nodiscard]] ProcessId require_process(const char* operation) const;
  [[nodiscard]] std::filesystem::path data() const { return settings_.folder / "data"; }
  [[nodiscard]] std::filesystem::path config_file() const { return settings_.folder / "my.cnf"; }
  [[nodiscard]] std::filesystem::path pid_file() const { return settings_.folder / "pid"; }
  [[nodiscard]] std::filesystem::path first_start_file() const { return settings_.folder / "first-start.sql"; }
  [[nodiscard]] std::filesystem::path provisioned_mark() const { return settings_.folder / "provisioned"; }

  std::string name_;
  std::string host_ = "127.0.0.1";
  ServerSettings settings_;
  std::vector<std::string> lines_;
  std::shared_ptr<const NodeContext> context_;
  std::uintmax_t log_start_ = 0;  // where this start's lines begin in the error log
};

}  // namespace sluice::demo
