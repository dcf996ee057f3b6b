// Accounts without SUPER may make functions and triggers on servers with a binary log, for as long as a test needs it.
//
// Flow: `TrustedFunctions trusted_{cluster};` in a fixture, `trusted_.restore()` in its TearDown, behind ProxyTest's.
#pragma once

#include <string>
#include <vector>

#include "support/test_cluster.hpp"

namespace sluice::proxy {

class TrustedFunctions {
 public:
  explicit TrustedFunctions(test::TestCluster& cluster) : cluster_(cluster) {
    for (std::size_t server = 0; server < servers; ++server) {
      test::Sql root = cluster_.root(server);
      before_.push_back(root.value("SELECT @@GLOBAL.log_bin_trust_function_creators"));
      root.exec("SET GLOBAL log_bin_trust_function_creators = 1");
    }
  }
  void restore() {
    cluster_->await_replicated();  // an applier asks for the setting when it comes to CREATE FUNCTION, not before
    for (std::size_t server = 0; server < servers; ++server) {
      cluster_.root(server).exec("SET GLOBAL log_bin_trust_function_creators = " + before_[server]);
    }
  }

 private:
  static constexpr std::size_t servers = 3;
  test::TestCluster& cluster_;
  std::vector<std::string> before_;
};

}  // namespace sluice::proxy
