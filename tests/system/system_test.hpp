// What the end-to-end tests share: the built binary in front of a real cluster, on each event loop, seen from a client
// and through the admin SQL port.
//
// Flow: `class RoutingTest : public SystemTest {}`; in a test: `start();` (or `start({.limits = …})`), then
// `client()`, `admin()`, `count("retries")`. At the end sluice is drained and must exit 0, unless the test ended it.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "support/proxy_process.hpp"
#include "support/temp_folder.hpp"
#include "support/test_cluster.hpp"
#include "support/time.hpp"

namespace sluice::test {

using std::chrono::milliseconds;

// Lines of the configuration that a test wants otherwise. Times that it does not name are so long that they pass in no
// test.
struct Settings {
  std::string limits{};    // of [limits]
  std::string proxy{};     // of [proxy]
  std::string cluster{};   // of [[cluster]]
  std::string failover{};  // of [failover]
  bool manager = true;     // there is an account that changes the leader
  std::string extra{};     // further sections
};

// Asks until it is so; when nothing goes on any more the test fails with `what`. Errors of SQL count as "not yet".
void await_that(const std::string& what, const std::function<bool()>& condition, milliseconds step = milliseconds{10});

// What a statement gave: its rows, or its error as a client sees it.
struct Outcome {
  Rows rows{};
  unsigned code = 0;
  std::string state{};
  std::string text{};
  friend bool operator==(const Outcome&, const Outcome&) = default;
};
std::ostream& operator<<(std::ostream& out, const Outcome& outcome);
[[nodiscard]] Outcome outcome_of(Sql& sql, const std::string& statement);

class SystemTest : public testing::TestWithParam<const char*> {
 protected:
  explicit SystemTest(Flavour flavour = Flavour::mariadb, unsigned nodes = 3)
      : cluster_(shared_cluster(flavour, nodes)) {}
  void SetUp() override;
  void TearDown() override;

  // Starts sluice, and waits until it knows the leader and every replica. What the test has made until now is
  // everywhere: a client that has written nothing reads from any replica.
  void start(const Settings& settings = {});
  // The same without waiting: for a cluster that isn't there.
  void launch(const Settings& settings = {});
  void await_healthy();
  void await_leader(std::size_t node);
  // What sluice tells of its servers now is what each worker goes by when this returns.
  void await_routing() const;

  [[nodiscard]] SqlAddress client_address() const;
  [[nodiscard]] Sql client() const { return Sql(client_address()); }
  [[nodiscard]] Sql admin() const { return Sql(admin_address(config_)); }
  [[nodiscard]] std::string admin_value(const std::string& query) const;
  [[nodiscard]] std::uint64_t count(const std::string& counter) const;
  [[nodiscard]] std::string server_name(std::size_t node) const;
  [[nodiscard]] std::string server_id(std::size_t node) const {
    return std::to_string(cluster_->node(node).server_id());
  }

  // Runs the binary's other commands; its exit code, and what it wrote.
  struct CommandResult {
    int code = 0;
    std::string output;
  };
  [[nodiscard]] CommandResult command(const std::vector<std::string>& arguments) const;

  TestCluster& cluster_;
  TempFolder folder_{"system"};
  ProxyConfig config_;
  std::unique_ptr<ProxyProcess> proxy_;
  bool ended_ = false;  // the test saw to the end of the process itself
};

// For INSTANTIATE_TEST_SUITE_P: both event loops, by name; under a sanitizer one (tests/CMakeLists.txt).
[[nodiscard]] inline auto on_loops() { return testing::Values(SLUICE_TEST_LOOPS); }
// For what the event loop has no part in.
[[nodiscard]] inline auto on_one_loop() { return testing::Values(std::vector<const char*>{SLUICE_TEST_LOOPS}.front()); }
[[nodiscard]] inline std::string loop_name(const testing::TestParamInfo<const char*>& info) { return info.param; }

}  // namespace sluice::test
