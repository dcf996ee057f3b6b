// A proxy of two workers in this process, in front of a real cluster, on either event loop.
//
// Flow: `start()`; `Sql sql = connect();` or `RawClient client(port())`; `report()` tells what the proxy sees. The
// routing table is the test's own: `publish(leader)`, `replicas_have_all()`.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/proxy.hpp"
#include "proxy/raw_client.hpp"
#include "support/test_cluster.hpp"

namespace sluice::proxy {

using test::Rows;
using test::Sql;
using test::SqlAddress;
using test::SqlError;
using namespace std::chrono_literals;

class ProxyTest : public testing::TestWithParam<io::Backend> {
 protected:
  ProxyTest();
  ~ProxyTest() override;

  void TearDown() override;

  // What the test has made until now is everywhere: a client that has written nothing reads from any replica.
  void start();

  SnapshotPtr snapshot(std::optional<std::uint32_t> leader, std::string reason = "it has none");

  // In force when it returns: the workers make their reports after it.
  void publish(std::optional<std::uint32_t> leader, std::string reason = "it has none");

  std::vector<std::pair<std::string, std::string>> accounts();

  static std::string server_name(std::uint32_t index) { return "db" + std::to_string(index + 1); }
  static std::string user() { return std::string(demo::app_user); }
  std::string password() { return cluster->passwords().app; }
  [[nodiscard]] std::uint16_t port() const { return proxy->listening().front().port; }

  Sql connect(const std::string& schema = "app");

  void log_in(RawClient& client, const std::string& schema = "app", Capabilities capabilities = RawClient::ordinary);

  // Every replica has what the leader has, and the routing table says so: of what was acknowledged in this millisecond
  // or before, not of what is written next.
  void replicas_have_all();
  static std::uint64_t now_ms();

  Report report();
  Counters counters() { return report().counters; }

  SessionRow only_session();

  template <class Condition>
  [[nodiscard]] static bool await(Condition&& condition, std::chrono::milliseconds step = 5ms) {
    return test::await(std::forward<Condition>(condition), step);
  }
  [[nodiscard]] bool await_state(const std::string& state);

  // Statements of ours that this server runs now, and transactions open on it.
  std::string running(std::size_t node, const std::string& like);
  // InnoDB shows a picture of its transactions, and keeps it while it is asked more often than every 100 ms.
  static constexpr std::chrono::milliseconds transactions_step = 150ms;
  std::string transactions(std::size_t node);
  std::string server_id(std::size_t node) { return std::to_string(cluster->node(node).server_id()); }

  static unsigned error_of(const std::function<void()>& action, std::string* text = nullptr);

  bool saw_event(const std::string& kind);

  test::TestCluster& cluster;
  std::vector<std::shared_ptr<std::atomic<std::uint64_t>>> freshness;
  ProxyOptions options;
  std::vector<bool> usable;
  bool read_only_transactions_on_replicas = false;
  std::vector<ClusterEntry> other_clusters;
  std::uint16_t leader_port = 0;  // instead of the first server's own
  std::unique_ptr<Proxy> proxy;

 private:
  std::uint64_t number_ = 0;
  std::mutex mutex_;
  std::vector<Event> events_;
};

std::string loop_name(const testing::TestParamInfo<io::Backend>& info);

// On which loops a suite of sessions runs: see tests/CMakeLists.txt.
std::vector<io::Backend> session_loops(std::string_view suite);

#define SLUICE_PROXY_ON_BOTH_LOOPS(suite) \
  INSTANTIATE_TEST_SUITE_P(Both, suite, testing::ValuesIn(session_loops(#suite)), loop_name)

}  // namespace sluice::proxy
