// The demo's proxy: its configuration, its detached process, and what is asked of it.
//
// Flow: `DemoProxy proxy(folder); proxy.up(cluster, options, say);` writes sluice.toml and starts `sluice run` unless
// this very program runs with that configuration already; returns when a query through it was answered.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "admin/demo/cluster.hpp"
#include "admin/demo/demo.hpp"
#include "admin/demo/demo_folder.hpp"
#include "admin/demo/patience.hpp"
#include "admin/demo/process.hpp"
#include "admin/demo/sql.hpp"

namespace sluice::demo {

inline constexpr std::string_view admin_user = "admin";

struct ProxyPorts {
  std::uint16_t client = 0;
  std::uint16_t admin = 0;
  std::uint16_t http = 0;
  [[nodiscard]] bool planned() const { return client != 0; }
};

class DemoProxy {
 public:
  DemoProxy(DemoFolder folder, const Patience& patience);

  void up(const Cluster& cluster, const UpOptions& options, const Progress& say);
  void stop();  // SIGTERM, and SIGKILL when it takes too long

  [[nodiscard]] const ProxyPorts& ports() const { return ports_; }  // zeros: this demo never had a proxy
  [[nodiscard]] std::optional<ProcessId> process() const;
  // The event loop that it runs on, "io_uring" or "epoll", from its log; "" when it hasn't said.
  [[nodiscard]] std::string io() const;
  [[nodiscard]] SqlAddress client_address(const Cluster& cluster) const;
  [[nodiscard]] std::string admin_password() const;
  [[nodiscard]] bool answers(const Cluster& cluster) const;  // a query through it, in time

 private:
  void choose_ports(const UpOptions& options, const Progress& say);
  [[nodiscard]] bool runs(const std::filesystem::path& program) const;
  [[nodiscard]] std::string config_text(const Cluster& cluster) const;
  void write_client_files(const Cluster& cluster) const;
  void start(const UpOptions& options);
  void await_ready(const Cluster& cluster);

  DemoFolder folder_;
  Patience patience_;
  ProxyPorts ports_;
  std::uintmax_t log_start_ = 0;
};

}  // namespace sluice::demo
