// A proxy of two workers in this process, in front of a real cluster, on either event loop.
//
// Flow: `start()`; `Sql sql = connect();` or `RawClient client(port())`; `report()` tells what the proxy sees. The
// routing table is the test's own: `publish(leader)`, `replicas_have_all()`.
#pragma once

#include <gtest/gtest.h>
#include <time.h>

#include <future>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
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
  ProxyTest() : cluster(test::shared_cluster()) {
    options.listen = {{.host = "127.0.0.1", .port = 0, .unix_path = {}}};
    options.workers = 2;
    // No time passes for the proxy either: a test in which one has to says which.
    Limits& limits = options.limits;
    for (std::uint32_t* budget :
         {&limits.login_timeout_ms, &limits.hold_max_ms, &limits.pool_wait_max_ms, &limits.backend_connect_timeout_ms,
          &limits.backend_idle_max_ms, &limits.drain_max_ms}) {
      *budget = test::never_ms;
    }
    options.io = GetParam();
    options.on_event = [this](const Event& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    };
    for (int i = 0; i < 3; ++i) freshness.push_back(std::make_shared<std::atomic<std::uint64_t>>(0));
    usable = {false, true, true};
  }

  void TearDown() override {
    proxy.reset();  // its threads speak to this object
    if (!HasFailure()) return;
    const std::lock_guard lock(mutex_);
    for (const auto& event : events_) ADD_FAILURE() << event.kind << ": " << event.text;
  }

  // What the test has made until now is everywhere: a client that has written nothing reads from any replica.
  void start() {
    cluster->await_replicated();
    auto created = Proxy::create(options, snapshot(0));
    ASSERT_TRUE(created.ok()) << created.error();
    proxy = std::move(*created);
    ASSERT_EQ(proxy->backend(), GetParam()) << proxy->backend_reason();
  }

  SnapshotPtr snapshot(std::optional<std::uint32_t> leader, std::string reason = "it has none") {
    static const protocol::Greeting greeting = [&] {
      RawClient client(cluster->node(0).port());
      EXPECT_TRUE(client.greet());
      return client.greeting;
    }();
    auto made = std::make_shared<Snapshot>();
    made->number = ++number_;
    ClusterEntry entry;
    entry.name = "main";
    for (std::uint32_t i = 0; i < 3; ++i) {
      ServerEntry server;
      server.name = server_name(i);
      server.endpoint = {.host = "127.0.0.1",
                         .port = i == 0 && leader_port != 0 ? leader_port : cluster->node(i).port(),
                         .unix_path = {}};
      server.replica_usable = usable[i];
      server.has_writes_until_ms = freshness[i];
      entry.servers.push_back(std::move(server));
    }
    entry.leader = leader;
    entry.read_only_transactions_on_replicas = read_only_transactions_on_replicas;
    entry.reason = std::move(reason);
    entry.server_version = greeting.server_version;
    entry.capabilities = greeting.capabilities;
    entry.version_number = 101100;
    made->clusters.push_back(std::move(entry));
    made->clusters.insert(made->clusters.end(), other_clusters.begin(), other_clusters.end());
    for (const auto& [user, password] : accounts()) {
      auto account = std::make_shared<Account>();
      account->user = user;
      account->credential.password = password;
      account->auth_plugin = std::string(protocol::native_password_plugin);
      made->accounts[user] = std::move(account);
    }
    return made;
  }

  // In force when it returns: the workers make their reports after it.
  void publish(std::optional<std::uint32_t> leader, std::string reason = "it has none") {
    proxy->publish(snapshot(leader, std::move(reason)));
    static_cast<void>(report());
  }

  std::vector<std::pair<std::string, std::string>> accounts() {
    return {{std::string(user()), password()}, {"root_like", "wrong on the server"}};
  }

  static std::string server_name(std::uint32_t index) { return "db" + std::to_string(index + 1); }
  static std::string user() { return std::string(demo::app_user); }
  std::string password() { return cluster->passwords().app; }
  [[nodiscard]] std::uint16_t port() const { return proxy->listening().front().port; }

  Sql connect(const std::string& schema = "app") {
    SqlAddress address;
    address.port = port();
    address.user = user();
    address.password = password();
    address.schema = schema;
    return Sql(address);
  }

  void log_in(RawClient& client, const std::string& schema = "app", Capabilities capabilities = RawClient::ordinary) {
    const Result result = client.login(user(), password(), schema, capabilities);
    ASSERT_EQ(result.kind, Result::Kind::ok) << result.error << " " << result.text;
  }

  // Every replica has what the leader has, and the routing table says so: of what was acknowledged in this millisecond
  // or before, not of what is written next.
  void replicas_have_all() {
    const std::uint64_t asked = now_ms();
    cluster->await_replicated();
    while (now_ms() <= asked) std::this_thread::yield();
    for (auto& fresh : freshness) fresh->store(asked + 2);
  }
  static std::uint64_t now_ms() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
  }

  Report report() {
    auto promise = std::make_shared<std::promise<Report>>();
    auto future = promise->get_future();
    proxy->report([promise](Report r) { promise->set_value(std::move(r)); });
    return future.get();
  }
  Counters counters() { return report().counters; }

  SessionRow only_session() {
    const Report r = report();
    EXPECT_EQ(r.sessions.size(), 1U);
    return r.sessions.empty() ? SessionRow{} : r.sessions.front();
  }

  template <class Condition>
  [[nodiscard]] static bool await(Condition&& condition, std::chrono::milliseconds step = 5ms) {
    return test::await(std::forward<Condition>(condition), step);
  }
  [[nodiscard]] bool await_state(const std::string& state) {
    return await([&] {
      for (const auto& row : report().sessions) {
        if (row.state.starts_with(state)) return true;
      }
      return false;
    });
  }

  // Statements of ours that this server runs now, and transactions open on it.
  std::string running(std::size_t node, const std::string& like) {
    return cluster.root(node).value(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND info LIKE '" + like + "'");
  }
  // InnoDB shows a picture of its transactions, and keeps it while it is asked more often than every 100 ms.
  static constexpr std::chrono::milliseconds transactions_step = 150ms;
  std::string transactions(std::size_t node) {
    return cluster.root(node).value("SELECT COUNT(*) FROM information_schema.innodb_trx");
  }
  std::string server_id(std::size_t node) { return std::to_string(cluster->node(node).server_id()); }

  static unsigned error_of(const std::function<void()>& action, std::string* text = nullptr) {
    try {
      action();
    } catch (const SqlError& error) {
      if (text != nullptr) *text = error.what();
      return error.code();
    }
    return 0;
  }

  bool saw_event(const std::string& kind) {
    const std::lock_guard lock(mutex_);
    return std::any_of(events_.begin(), events_.end(), [&](const Event& e) { return e.kind == kind; });
  }

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

inline std::string loop_name(const testing::TestParamInfo<io::Backend>& info) {
  return std::string(io::to_string(info.param));
}

// On which loops a suite of sessions runs: see tests/CMakeLists.txt.
inline std::vector<io::Backend> session_loops([[maybe_unused]] std::string_view suite) {
  std::vector<io::Backend> loops{SLUICE_TEST_SESSION_LOOPS};
#ifdef SLUICE_TEST_ONE_SESSION_LOOP
  const unsigned sum = std::accumulate(suite.begin(), suite.end(), 0U);  // any number that is always the same
  loops = {loops[sum % loops.size()]};
#endif
  return loops;
}

#define SLUICE_PROXY_ON_BOTH_LOOPS(suite) \
  INSTANTIATE_TEST_SUITE_P(Both, suite, testing::ValuesIn(session_loops(#suite)), loop_name)

}  // namespace sluice::proxy
