// failover/monitor against real servers, MariaDB and MySQL 5.6: it sees what happens to them.
#include <gtest/gtest.h>
#include <signal.h>

#include "failover/monitor/monitored_cluster.hpp"
#include "failover/monitor/raw_greeting.hpp"
#include "protocol/capabilities.hpp"
#include "proxy/tls/self_signed.hpp"

namespace sluice::failover {
namespace {

using testing::MonitorRun;

// A server that says nothing for so long counts as unreachable. One that is well, and slow, may too: it is found again.
constexpr std::uint32_t silence_ms = test::scaled_ms(200);
std::string silence() { return std::to_string(silence_ms) + " ms"; }

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

class MonitorClusterTest : public testing::MonitoredCluster {
 protected:
  static bool all_well(const ClusterState& state) {
    return state.leader == 0U && std::all_of(state.servers.begin(), state.servers.end(),
                                             [](const ServerState& server) { return server.healthy; });
  }
  static ClusterState await_all_well(MonitorRun& run) { return run.await("a leader, replicas healthy", all_well); }
  static auto why_has(std::size_t server, std::string part) {
    return [server, part = std::move(part)](const ClusterState& state) {
      return contains(state.servers.at(server).why, part);
    };
  }
};

TEST_P(MonitorClusterTest, FindsLeaderAndReplicas) {
  cluster().root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
  cluster()->await_replicated();
  MonitorRun run(options());
  const auto state = await_all_well(run);
  EXPECT_TRUE(contains(state.reason, "is the only writable server")) << state.reason;
  for (std::size_t i = 0; i < state.servers.size(); ++i) {
    const auto& server = state.servers[i];
    EXPECT_EQ(server.role, i == 0 ? Role::leader : Role::replica);
    EXPECT_EQ(server.seen.server_id, cluster()->node(i).server_id());
    EXPECT_EQ(server.seen.flavour, mariadb() ? Flavour::mariadb : Flavour::mysql);
    EXPECT_EQ(server.seen.server_uuid.empty(), mariadb());
    EXPECT_EQ(server.seen.read_only, i != 0);
    EXPECT_FALSE(server.seen.position.empty());
    EXPECT_EQ(server.seen.binary_log, true);
    EXPECT_EQ(server.seen.logs_replicated, true);
    EXPECT_GT(server.seen.probe_us, 0U);
    EXPECT_EQ(server.lag_ms, i == 0 ? std::nullopt : std::optional<std::uint64_t>(0));
    EXPECT_TRUE(i == 0 || contains(server.why, "replicates from 127.0.0.1:")) << server.why;
  }
  EXPECT_EQ(state.servers[1].seen.position, state.servers[0].seen.position);
}

TEST_P(MonitorClusterTest, TellsVersionAndCapabilitiesAsTheServerGreets) {
  MonitorRun run(options());
  const auto state = await_all_well(run);
  const auto greeting = testing::read_greeting(cluster()->node(0).port());
  EXPECT_EQ(state.servers[0].seen.version, greeting.version);
  EXPECT_EQ(state.servers[0].seen.capabilities, greeting.capabilities);
  EXPECT_TRUE(protocol::has(greeting.capabilities, protocol::cap::protocol_41));
  EXPECT_EQ(protocol::has(greeting.capabilities, protocol::cap::mariadb_stmt_bulk), mariadb());
}

TEST_P(MonitorClusterTest, SeesReadOnlyComeAndGo) {
  MonitorRun run(options());
  await_all_well(run);
  cluster()->set_read_only(0, true);
  const auto state = run.await("no leader", [](const ClusterState& s) { return !s.leader; });
  EXPECT_TRUE(contains(state.reason, "no server is writable; " + state.servers[0].name + " is read_only"))
      << state.reason;
  cluster()->set_read_only(0, false);
  await_all_well(run);
}

TEST_P(MonitorClusterTest, SeesReplicationStopAndFail) {
  cluster().root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
  cluster()->await_replicated();
  MonitorRun run(options());
  await_all_well(run);
  auto replica = cluster().root(1);
  replica.exec("STOP SLAVE");
  run.await("stopped", why_has(1, "replication is stopped"));
  replica.exec("START SLAVE");
  await_all_well(run);

  replica.exec("SET SESSION sql_log_bin = 0");
  replica.exec("INSERT INTO app.t VALUES (7)");
  cluster().root(0).exec("INSERT INTO app.t VALUES (7)");
  const auto state = run.await("SQL thread", why_has(1, "its SQL thread is not running: "));
  EXPECT_TRUE(contains(state.servers[1].why, "Duplicate entry")) << state.servers[1].why;
  EXPECT_EQ(state.leader, 0U);
  EXPECT_FALSE(state.servers[1].healthy);
  EXPECT_TRUE(state.servers[2].healthy) << "the other replica is not concerned";
  replica.exec("DELETE FROM app.t");
  replica.exec("START SLAVE");
  await_all_well(run);
}

TEST_P(MonitorClusterTest, SeesAHungServerAndItsReturn) {
  auto quick = options();
  quick.probe_timeout_ms = quick.connect_timeout_ms = silence_ms;
  MonitorRun run(quick);
  await_all_well(run);
  cluster()->node(0).hang();
  run.await("no answer", why_has(0, "unreachable: no answer within " + silence()));
  run.await("no greeting", why_has(0, "unreachable: no connection within " + silence()));
  auto state = run.await(
      "no leader", [](const ClusterState& s) { return !s.leader && contains(s.reason, "is unreachable since "); });
  EXPECT_EQ(state.last_leader, state.servers[0].name);
  cluster()->node(0).resume();
  state = await_all_well(run);
  EXPECT_TRUE(state.servers[0].seen.unreachable_since.empty());
}

TEST_P(MonitorClusterTest, NoticesADeathAtOnceAndAReturnAtTheNextInterval) {
  auto lazy = options();
  lazy.interval_ms = 3'600'000;  // nothing but the closed connection can tell of it
  MonitorRun run(lazy);
  await_all_well(run);
  cluster()->node(0).kill();
  const auto state = run.await("death", why_has(0, "unreachable: Can't connect"));
  EXPECT_FALSE(state.leader);
  EXPECT_FALSE(state.servers[0].seen.version.empty()) << "what was known of it is kept";
  cluster()->node(0).start();
  cluster()->node(0).await_ready();
  run.monitor().probe_soon(0);
  run.await("return", [](const ClusterState& s) { return s.servers[0].seen.reachable; });
}

TEST_P(MonitorClusterTest, ProbesSoonWhenAsked) {
  auto lazy = options();
  lazy.interval_ms = 3'600'000;
  MonitorRun run(lazy);
  await_all_well(run);
  cluster()->set_read_only(0, true);
  for (int i = 0; i < 1000; ++i) run.monitor().probe_soon(0);
  run.monitor().probe_soon(99);
  run.await("read-only", [](const ClusterState& s) { return s.servers[0].seen.read_only; });
}

TEST_P(MonitorClusterTest, FollowsAPromotion) {
  MonitorRun run(options());
  await_all_well(run);
  cluster()->promote(1);
  const auto state = run.await("the new leader, followed by all", [](const ClusterState& s) {
    return s.leader == 1U && s.servers[0].healthy && s.servers[2].healthy;
  });
  EXPECT_EQ(state.servers[0].role, Role::replica);
  for (const auto& told : run.told()) {
    EXPECT_TRUE(!told.leader || !told.servers[*told.leader].seen.read_only) << told.reason;
  }
}

TEST_P(MonitorClusterTest, SaysWhichPasswordOrGrantIsWrong) {
  auto wrong = options();
  wrong.password = "very-secret";
  {
    MonitorRun run(wrong);
    const auto state = run.await("denied", why_has(0, "(1045): check user and password of the monitor"));
    EXPECT_FALSE(contains(testing::describe(state), "very-secret"));
  }
  auto leader = cluster().root(0);
  leader.exec("CREATE USER bare@'127.0.0.1' IDENTIFIED BY 'p'");
  cluster()->await_replicated();
  wrong.user = "bare";
  wrong.password = "p";
  {
    MonitorRun run(wrong);
    run.await("privilege", why_has(1, mariadb() ? "GRANT SLAVE MONITOR ON *.* TO 'bare'@"
                                                : "GRANT REPLICATION CLIENT ON *.* TO 'bare'@"));
  }
  leader.exec("DROP USER bare@'127.0.0.1'");
}

TEST_P(MonitorClusterTest, ReachesServersByNameAndByUnixSocket) {
  auto other = options();
  other.servers[0].host = "localhost";
  other.servers[1].host.clear();
  other.servers[1].unix_path = cluster()->node(1).socket();
  other.servers[2].host = "no-such-host.invalid";
  MonitorRun run(other);
  const auto state = run.await("two of three", [](const ClusterState& s) {
    return s.leader == 0U && s.servers[1].healthy && contains(s.servers[2].why, "the name no-such-host.invalid");
  });
  EXPECT_FALSE(state.servers[2].seen.reachable);
}

TEST_P(MonitorClusterTest, TellsNothingWhileNothingChanges) {
  MonitorRun run(options());
  await_all_well(run);
  const auto told = run.told().size();
  int probes = 0;
  auto last = run.monitor().state().servers[0].seen.probe_us;
  run.run_until("ten more probes", [&] {
    const auto now = run.monitor().state().servers[0].seen.probe_us;
    probes += now != last ? 1 : 0;
    last = now;
    return probes >= 10;
  });
  EXPECT_EQ(run.told().size(), told);
}

TEST_P(MonitorClusterTest, JudgesNothingWhileTheLeaderIsChangedOnPurpose) {
  MonitorRun run(options());
  await_all_well(run);
  run.monitor().pause();
  const auto told = run.told().size();
  cluster()->set_read_only(0, true);
  cluster()->set_read_only(1, false);
  run.monitor().lead(1, "made so");
  ASSERT_EQ(run.told().size(), told + 1);
  EXPECT_EQ(run.told().back().leader, 1U);
  EXPECT_EQ(run.told().back().reason, "made so");
  EXPECT_FALSE(run.told().back().servers[0].healthy) << "nobody has seen yet that it follows";
  EXPECT_TRUE(run.told().back().servers[2].healthy);
  bool judged = false;
  run.monitor().resume([&] { judged = true; });
  EXPECT_FALSE(judged);
  run.run_until("judged anew", [&] { return judged; });
  EXPECT_EQ(run.monitor().state().leader, std::nullopt) << "it still follows, so it can't lead";
  cluster()->set_read_only(1, true);
  cluster()->set_read_only(0, false);
  await_all_well(run);
}

TEST_P(MonitorClusterTest, KnowsFromItsRecordWhoLedLast) {
  auto known = options();
  known.last_leader = known.servers[2].name;
  cluster()->set_read_only(0, true);
  MonitorRun run(known);
  const auto state = run.await("judged", [](const ClusterState& s) { return s.servers[0].seen.reachable; });
  EXPECT_EQ(state.last_leader, known.servers[2].name);
  cluster()->set_read_only(0, false);
  await_all_well(run);
}

TEST_P(MonitorClusterTest, LeavesNoDescriptorsBehind) {
  cluster()->node(2).kill();
  const auto before = testing::open_descriptors();
  {
    auto quick = options();
    quick.interval_ms = 50;
    MonitorRun run(quick);
    run.await("one is down", [](const ClusterState& s) { return s.leader == 0U && !s.servers[2].seen.reachable; });
    for (int round = 0; round < 3; ++round) {
      cluster()->node(1).kill();
      run.await("another is down", [](const ClusterState& s) { return !s.servers[1].seen.reachable; });
      cluster()->node(1).start();
      cluster()->node(1).await_ready();
      run.await("it is back", [](const ClusterState& s) { return s.servers[1].seen.reachable; });
    }
  }
  EXPECT_EQ(testing::open_descriptors(), before);
}

// MariaDB alone: the MySQL 5.6 of the tests is built without TLS 1.2.
TEST(MonitorTls, IsUsedWhereTheServerInsistsAndDoesNotBlock) {
  ::signal(SIGPIPE, SIG_IGN);
  test::TempFolder keys("keys");
  const auto files = tls::make_self_signed(keys.path());
  ASSERT_TRUE(files) << files.error();
  // The server may run as another user than the test.
  using std::filesystem::perms;
  const auto add = std::filesystem::perm_options::add;
  std::filesystem::permissions(keys.path(), perms::others_read | perms::others_exec, add);
  std::filesystem::permissions(files->key, perms::others_read, add);
  auto with_tls = test::cluster_options(test::Flavour::mariadb, 1);
  with_tls.extra.insert(with_tls.extra.end(), {"ssl_cert = " + files->certificate, "ssl_key = " + files->key});
  test::TestCluster cluster(with_tls);
  cluster.root(0).exec("GRANT USAGE ON *.* TO " + std::string(demo::monitor_user) + "@'%' REQUIRE SSL");

  auto options = testing::options_for(cluster);
  options.interval_ms = 50;
  options.probe_timeout_ms = options.connect_timeout_ms = silence_ms;
  const auto leads = [](const ClusterState& s) { return s.leader == 0U; };
  MonitorRun run(options);
  run.await("a leader, over TLS", leads);
  auto root = cluster.root(0);
  EXPECT_TRUE(test::await([&] {  // those that were refused, or too late, may be on their way out
    return root.value("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '" +
                      std::string(demo::monitor_user) + "'") == "1";
  }));
  cluster->node(0).hang();
  run.await("no answer", [](const ClusterState& s) { return contains(s.servers[0].why, "no answer within"); });
  cluster->node(0).resume();
  run.await("the leader again", leads);
}

SLUICE_ON_BOTH_FLAVOURS(MonitorClusterTest);

}  // namespace
}  // namespace sluice::failover
