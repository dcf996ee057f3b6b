// Real servers of either flavour with a monitor in front of them.
//
// Flow: `class SomeTest : public MonitoredCluster {};` with TEST_P, and SLUICE_ON_BOTH_FLAVOURS(SomeTest). In a test
// `MonitorRun run(options());`, with what is changed about the options before.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include <string>

#include "failover/monitor/monitor_run.hpp"
#include "support/test_cluster.hpp"

namespace sluice::failover::testing {

// Each server is asked ten times a second, and given up by nobody: a test in which time has to pass says which.
inline MonitorOptions options_for(test::TestCluster& cluster) {
  MonitorOptions options;
  options.cluster = "main";
  options.user = demo::monitor_user;
  options.password = cluster->passwords().monitor;
  options.interval_ms = 100;
  options.connect_timeout_ms = options.probe_timeout_ms = test::never_ms;
  for (const auto& node : cluster->nodes()) options.servers.push_back(tcp_server(node.port()));
  return options;
}

class MonitoredCluster : public ::testing::TestWithParam<test::Flavour> {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }

  test::TestCluster& cluster() { return cluster_; }
  [[nodiscard]] bool mariadb() const { return GetParam() == test::Flavour::mariadb; }
  MonitorOptions options() { return options_for(cluster_); }

 private:
  test::TestCluster& cluster_ = test::shared_cluster(GetParam());
};

#define SLUICE_ON_BOTH_FLAVOURS(suite)                                                                         \
  INSTANTIATE_TEST_SUITE_P(Flavours, suite, ::testing::Values(test::Flavour::mariadb, test::Flavour::mysql56), \
                           [](const auto& flavour) { return std::string(demo::to_string(flavour.param)); })

}  // namespace sluice::failover::testing
