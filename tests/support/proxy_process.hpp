// The built `sluice` binary as a test's child: started with a configuration, watched by its log, ended with SIGTERM.
//
// Flow: `ProxyProcess proxy(SLUICE_BINARY, folder, toml);` `proxy.await_port(port);` … `EXPECT_EQ(proxy.terminate(),
// 0);` It dies with the test, however that ends. SLUICE_BINARY is defined by sluice_cluster_test().
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "admin/demo/cluster.hpp"
#include "admin/demo/process.hpp"
#include "admin/demo/sql.hpp"
#include "support/time.hpp"

namespace sluice::test {

class ProxyProcess {
 public:
  // Writes `folder`/sluice.toml and starts `binary run --config` on it, with its output in `folder`/sluice.log.
  ProxyProcess(const std::string& binary, const std::filesystem::path& folder, const std::string& toml);
  ProxyProcess(const ProxyProcess&) = delete;
  ProxyProcess& operator=(const ProxyProcess&) = delete;
  ~ProxyProcess();  // SIGKILL, if it still runs

  // Until something accepts connections there; throws with the log's end when the process ends before, or hangs.
  void await_port(std::uint16_t port);
  void await_log(const std::string& text);

  [[nodiscard]] std::string log() const;
  [[nodiscard]] pid_t pid() const { return id_.pid; }
  [[nodiscard]] bool running() const { return demo::is_running(id_); }
  void signal(int number) { demo::send_signal(id_, number); }

  // SIGTERM, and its exit code; 128 + the signal when one ended it. Throws when it hangs.
  int terminate();
  // The same without sending anything: for a process that is to end by itself.
  int await_end();

 private:
  template <class Condition>
  void await_or_fail(const std::string& what, Condition&& condition);

  std::filesystem::path folder_;
  std::filesystem::path log_;
  demo::ProcessId id_;
};

// A configuration for one cluster: the demo's accounts, one listener on `client_port`, admin SQL on `admin_port`.
// `extra` is put at the end (further sections); `proxy_keys` into [proxy].
struct ProxyConfig {
  std::filesystem::path folder;  // password files and state go there
  std::uint16_t client_port = 0;
  std::uint16_t admin_port = 0;
  std::uint16_t http_port = 0;
  std::string proxy_keys;
  std::string extra;
  std::vector<std::uint16_t> server_ports{};  // of what stands in front of the servers; empty: nothing does
};
[[nodiscard]] std::uint16_t server_port(const demo::Cluster& cluster, const ProxyConfig& config, std::size_t node);
[[nodiscard]] std::string proxy_config(const demo::Cluster& cluster, const ProxyConfig& config);
// The account of the admin's SQL in that configuration.
[[nodiscard]] demo::SqlAddress admin_address(const ProxyConfig& config);

}  // namespace sluice::test
