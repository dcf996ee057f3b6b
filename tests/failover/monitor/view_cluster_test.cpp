// From real servers to a decision: monitor, ViewKeeper, ClusterMemory and analyse() as the supervisor has them.
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "failover/monitor/monitored_cluster.hpp"
#include "failover/probe_script.hpp"
#include "failover/view_keeper.hpp"
#include "support/temp_folder.hpp"

namespace sluice::failover {
namespace {

using std::chrono::milliseconds;
using testing::MonitorRun;
using Clock = std::chrono::steady_clock;

// A test with this one says that no time has to pass.
constexpr milliseconds never = std::chrono::hours(24);

// A monitor whose probes are analysed one by one; server 0 is taken for the leader.
class Watch {
 public:
  Watch(MonitorOptions options, milliseconds detection_time)
      : detection_time_(detection_time),
        keeper_(configured(options)),
        memory_(names(options)),
        probes_(options.servers.size(), 0),
        run_(listening(std::move(options))) {}

  void await(const std::string& what, const std::function<bool()>& reached) { run_.run_until(what, reached); }
  void await(Analysis analysis, Decision decision) {
    await(std::string(to_string(analysis)) + ", " + std::string(to_string(decision)),
          [&] { return !findings_.empty() && finding().analysis == analysis && finding().decision == decision; });
  }
  // Until each has been asked and has answered or not, so many times more.
  void await_probes(int more) {
    const auto before = probes_;
    await("more probes", [&] {
      for (std::size_t i = 0; i < probes_.size(); ++i) {
        if (probes_[i] < before[i] + more) return false;
      }
      return true;
    });
  }

  [[nodiscard]] const Finding& finding() const { return findings_.back(); }
  [[nodiscard]] std::vector<Finding>& findings() { return findings_; }
  [[nodiscard]] bool answered_all() const {
    if (!memory_.anything_seen()) return false;
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      if (server(i).witness.probe != Probe::answered) return false;
    }
    return true;
  }
  [[nodiscard]] const ServerView& server(std::size_t i) const { return memory_.view(i); }
  [[nodiscard]] const std::vector<int>& probes() const { return probes_; }
  [[nodiscard]] Monitor& monitor() { return run_.monitor(); }

 private:
  static std::vector<ConfiguredServer> configured(const MonitorOptions& options) {
    std::vector<ConfiguredServer> servers;
    for (const auto& server : options.servers) servers.push_back({server.name, false, 0});
    return servers;
  }
  static std::vector<std::string> names(const MonitorOptions& options) {
    std::vector<std::string> names;
    for (const auto& server : options.servers) names.push_back(server.name);
    return names;
  }
  MonitorOptions listening(MonitorOptions options) {
    options.on_observation = [this](std::size_t server, const ServerObservation& seen, Clock::time_point asked) {
      ++probes_[server];
      keeper_.take(server, seen, asked);
      const auto now = Clock::now();
      const auto view = keeper_.view(now);
      if (!view) return;
      memory_.take(*view, 0, now);
      findings_.push_back(analyse(memory_.detection_input(0, detection_time_)).front());
    };
    return options;
  }

  milliseconds detection_time_;
  ViewKeeper keeper_;
  ClusterMemory memory_;
  std::vector<int> probes_;
  std::vector<Finding> findings_;
  MonitorRun run_;
};

bool says(const Finding& finding, const std::string& part) { return finding.reason.find(part) != std::string::npos; }

class ViewClusterTest : public testing::MonitoredCluster {};

TEST_P(ViewClusterTest, KnowsOfEachServerWhatAnElectionWants) {
  cluster().root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
  cluster()->await_replicated();
  Watch watch(options(), never);
  watch.await("answers of all", [&] { return watch.answered_all(); });
  watch.await(Analysis::no_problem, Decision::nothing);
  const auto& leader = watch.server(0);
  ASSERT_TRUE(leader.known.executed && leader.known.received);
  EXPECT_FALSE(leader.known.executed->empty());
  EXPECT_TRUE(leader.writable);
  EXPECT_TRUE(leader.witness.channels.empty());
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& server = watch.server(i);
    const auto& known = server.known;
    EXPECT_EQ(known.flavour, mariadb() ? Flavour::mariadb : Flavour::mysql);
    EXPECT_EQ(known.server_id, cluster()->node(i).server_id());
    EXPECT_TRUE(known.binary_log && known.logs_replicated);
    const ServerKind kind{known.flavour, known.version};
    EXPECT_EQ(std::to_string(known.instance), cluster().root(i).value("SELECT " + instance_expression(kind)));
    if (i == 0) continue;
    EXPECT_EQ(known.executed, leader.known.executed);
    EXPECT_FALSE(known.received->empty());
    EXPECT_TRUE(leader.known.executed->contains(*known.received));
    EXPECT_TRUE(known.io_running && known.sql_running);
    EXPECT_EQ(known.sources, (std::vector<std::size_t>{0}));
    EXPECT_FALSE(server.writable);
    EXPECT_EQ(known.semi_sync, mariadb());
    ASSERT_EQ(server.witness.channels.size(), 1U);
    EXPECT_EQ(server.witness.channels[0].io, IoThread::connected);
    EXPECT_EQ(server.witness.channels[0].heartbeat, milliseconds(500));
  }
  const auto quiet = [&] { return watch.server(1).witness.channels.at(0).quiet_for; };
  watch.await("a while without a heartbeat", [&] { return quiet() && *quiet() > milliseconds(0); });
  watch.await("a heartbeat", [&] { return *quiet() == milliseconds(0); });
}

TEST_P(ViewClusterTest, AKilledLeaderIsDeadAsSoonAsItsReplicasHaveLostIt) {
  Watch watch(options(), never);
  watch.await(Analysis::no_problem, Decision::nothing);
  const auto instance = watch.server(0).known.instance;
  cluster()->node(0).kill();
  watch.await(Analysis::dead_leader, Decision::fail_over);
  EXPECT_EQ(watch.server(0).witness.probe, Probe::refused);
  EXPECT_TRUE(says(watch.finding(), "have lost it")) << watch.finding().reason;
  EXPECT_EQ(watch.server(1).witness.channels.at(0).io, IoThread::connecting);
  cluster()->node(0).start();
  cluster()->node(0).await_ready();
  watch.await(Analysis::no_problem, Decision::nothing);
  EXPECT_NE(watch.server(0).known.instance, instance);
}

TEST_P(ViewClusterTest, AHungLeaderIsWaitedForUntilHeartbeatsStayOut) {
  auto quick = options();
  quick.connect_timeout_ms = quick.probe_timeout_ms = test::scaled_ms(200);
  Watch watch(quick, test::scaled(milliseconds(1000)));
  watch.await(Analysis::no_problem, Decision::nothing);
  cluster()->node(0).hang();
  watch.findings().clear();
  watch.await(Analysis::unreachable_leader, Decision::wait);
  EXPECT_TRUE(says(watch.finding(), "connected to it")) << watch.finding().reason;
  watch.await(Analysis::dead_leader, Decision::fail_over);
  EXPECT_EQ(watch.server(0).witness.probe, Probe::silent);
  EXPECT_TRUE(says(watch.finding(), "receive nothing from it")) << watch.finding().reason;
  cluster()->node(0).resume();
  watch.await(Analysis::no_problem, Decision::nothing);
}

TEST_P(ViewClusterTest, ALeaderThatOnlyWeCannotReachIsNotDead) {
  test::TempFolder folder("way");
  const auto way = folder.path() / "socket";
  std::filesystem::create_symlink(cluster()->node(0).socket(), way);
  auto by_socket = options();
  by_socket.servers[0].host.clear();
  by_socket.servers[0].unix_path = way;
  Watch watch(by_socket, never);
  watch.await(Analysis::no_problem, Decision::nothing);

  std::filesystem::remove(way);
  auto root = cluster().root(0);
  const auto id = root.value("SELECT id FROM information_schema.processlist WHERE user = '" +
                             std::string(demo::monitor_user) + "' AND host = 'localhost'");
  root.exec("KILL " + id);
  watch.await(Analysis::unreachable_leader, Decision::wait);
  EXPECT_EQ(watch.server(0).witness.probe, Probe::refused);
  watch.findings().clear();
  watch.await_probes(5);
  for (const auto& finding : watch.findings()) {
    EXPECT_EQ(finding.analysis, Analysis::unreachable_leader) << finding.reason;
    EXPECT_TRUE(says(finding, "still are connected to it")) << finding.reason;
  }
}

TEST_P(ViewClusterTest, AServerThatTurnsUsAwayLives) {
  auto wrong = options();
  wrong.password = "wrong";
  Watch watch(wrong, milliseconds(0));
  watch.await(Analysis::leader_turns_monitor_away, Decision::report);
}

TEST_P(ViewClusterTest, TheReplicasAreAskedAtOnceWhenTheLeaderIsLost) {
  for (const bool paused : {false, true}) {
    cluster().reset();
    auto lazy = options();
    lazy.interval_ms = 3'600'000;  // nothing but the closed connection can tell of it
    Watch watch(lazy, never);
    watch.await("answers of all", [&] { return watch.answered_all(); });
    if (paused) watch.monitor().pause();
    const auto before = watch.probes();
    cluster()->node(0).kill();
    watch.await("replicas asked again", [&] { return watch.probes()[1] > before[1] && watch.probes()[2] > before[2]; });
    EXPECT_EQ(watch.server(0).witness.probe, Probe::refused);
  }
}

// The MySQL 5.6 of the tests has no semi-synchronous plugin.
TEST(SemiSyncView, CountsOnAcknowledgementsWhileTheLeaderInsistsOnThem) {
  ::signal(SIGPIPE, SIG_IGN);
  auto& cluster = test::shared_cluster(test::Flavour::mariadb);
  auto leader = cluster.root(0);
  leader.exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
  const int timeout_ms = std::stoi(leader.value("SELECT @@GLOBAL.rpl_semi_sync_master_timeout"));
  auto options = testing::options_for(cluster);
  options.interval_ms = 50;
  Watch watch(options, never);
  watch.await(Analysis::no_problem, Decision::nothing);
  EXPECT_EQ(watch.server(0).acks, 0U) << "the demo's servers wait for nobody if no replica is connected";
  EXPECT_EQ(watch.server(0).witness.semi_sync.wanted, 1U);
  EXPECT_EQ(watch.server(0).witness.semi_sync.replicas, 2U);

  leader.exec("SET GLOBAL rpl_semi_sync_master_wait_no_slave = 1");
  const auto insists = [&] { return watch.server(0).acks == 1; };
  watch.await("one acknowledgement", insists);
  EXPECT_EQ(watch.server(0).acks_for, milliseconds(timeout_ms));

  for (const std::size_t i : {1U, 2U}) cluster.root(i).exec("STOP SLAVE");
  leader.exec("SET GLOBAL rpl_semi_sync_master_timeout = 1");
  leader.exec("INSERT INTO app.t VALUES (1)");
  watch.await("given up", [&] { return watch.server(0).acks == 0; });
  EXPECT_EQ(watch.server(0).witness.semi_sync.wanted, 0U);
  EXPECT_FALSE(watch.server(0).acks_for);
  for (const std::size_t i : {1U, 2U}) cluster.root(i).exec("START SLAVE");
  leader.exec("INSERT INTO app.t VALUES (2)");
  watch.await("an acknowledgement again", insists);
  leader.exec("SET GLOBAL rpl_semi_sync_master_wait_no_slave = 0");
  leader.exec("SET GLOBAL rpl_semi_sync_master_timeout = " + std::to_string(timeout_ms));
}

SLUICE_ON_BOTH_FLAVOURS(ViewClusterTest);

}  // namespace
}  // namespace sluice::failover
