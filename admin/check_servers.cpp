#include "admin/check_servers.hpp"

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "admin/cluster_access.hpp"
#include "admin/printable.hpp"

namespace sluice::admin {
namespace {

constexpr std::size_t text_max = 1'000;

class ClusterCheck {
 public:
  ClusterCheck(const Config& config, const ClusterSettings& cluster, std::ostream& out)
      : config_(config), cluster_(cluster), out_(out) {}

  bool run() {
    watch();
    if (cluster_.manager_user.empty()) {
      out_ << cluster_.name << ": no manager account: sluice routes, and changes no leader\n";
    } else {
      act();
    }
    return good_;
  }

 private:
  // Every server is asked once, as the monitor does.
  void watch() {
    std::optional<failover::ClusterState> seen;
    failover::Monitor monitor(io_, monitor_options(config_, cluster_),
                              [&](const failover::ClusterState& state) { seen = state; });
    monitor.start();
    while (!seen && io_.run_one() != 0) {
    }
    monitor.stop();
    drain();
    if (!seen) return;
    for (const auto& server : seen->servers) {
      server_ids_.push_back(server.seen.server_id);
      tell(server.name, "monitor", server.seen.reachable ? std::string() : server.why, server.seen.version);
    }
    if (seen->leader) {
      out_ << cluster_.name << ": " << seen->servers[*seen->leader].name << " leads\n";
    } else {
      good_ = false;
      out_ << cluster_.name << ": no leader: " << printable(seen->reason, text_max) << '\n';
    }
  }

  // And may it be acted on, and be made a replica?
  void act() {
    for (std::size_t i = 0; i < cluster_.servers.size(); ++i) {
      const auto actor = std::make_shared<failover::ServerActor>(io_, actor_options(config_, cluster_, i));
      for (std::size_t member = 0; member < server_ids_.size(); ++member) actor->learn(member, server_ids_[member]);
      std::optional<std::string> why_not;
      actor->check(std::chrono::milliseconds(config_.failover.switchover_step_max_ms),
                   [&](const failover::ServerCheck& check) { why_not = check.why_not; });
      io_.restart();
      while (!why_not && io_.run_one() != 0) {
      }
      actor->stop();
      drain();
      tell(cluster_.servers[i].to_string(), "manager", why_not.value_or("no answer"), {});
    }
  }

  void tell(const std::string& server, const char* account, const std::string& why_not, const std::string& version) {
    out_ << cluster_.name << ": " << server << ": " << account << ": ";
    if (why_not.empty()) {
      out_ << "good" << (version.empty() ? "" : ", " + printable(version, text_max)) << '\n';
    } else {
      good_ = false;
      out_ << printable(why_not, text_max) << '\n';
    }
  }

  void drain() {
    io_.restart();
    io_.run();
  }

  boost::asio::io_context io_;
  const Config& config_;
  const ClusterSettings& cluster_;
  std::ostream& out_;
  std::vector<std::uint32_t> server_ids_;  // by server
  bool good_ = true;
};

}  // namespace

bool check_servers(const Config& config, std::ostream& out) {
  bool good = true;
  for (const ClusterSettings& cluster : config.clusters) good = ClusterCheck(config, cluster, out).run() && good;
  return good;
}

}  // namespace sluice::admin
