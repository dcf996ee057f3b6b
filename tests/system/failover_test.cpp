// A leader that dies, hangs or comes back, through the binary: applications write on, and lose nothing acknowledged.
#include <optional>

#include "system/leader_change_test.hpp"

namespace sluice::test {
namespace {

class FailoverTest : public LeaderChangeTest {
 protected:
  FailoverTest() { insist(0, true); }
  ~FailoverTest() override {
    for (std::size_t i = 0; i < 3; ++i) {
      if (cluster_->node(i).running()) insist(i, false);
    }
  }

  // The demo's leaders acknowledge alone when no replica is there: then nobody can know what one had acknowledged that
  // is gone.
  void insist(std::size_t node, bool on) {
    cluster_.root(node).exec("SET GLOBAL rpl_semi_sync_master_wait_no_slave = " + std::string(on ? "1" : "0"));
  }
  void start_node(std::size_t node) {
    cluster_->node(node).start();
    cluster_->node(node).await_ready();
  }

  // Only what a hung leader lets pass is short, and longer than a machine stands still for.
  [[nodiscard]] Settings supervised(const std::string& mode = "automatic") const {
    const std::string short_ms = std::to_string(scaled_ms(2000));
    return {.cluster = replication(),
            .failover = "mode = \"" + mode + "\"\ndetection_time_ms = " + short_ms + "\ninterval_min_ms = 0\n" +
                        "stop_io_max_ms = " + short_ms + "\nfence_max_ms = " + short_ms + "\n"};
  }
  void start_supervised(const std::string& mode = "automatic") { start_supervised(supervised(mode)); }
  void start_supervised(const Settings& settings) {
    start(settings);
    await_leads(0);
    await_that("it is on record", [&] { return proxy_->log().find("adopted") != std::string::npos; });
  }
  std::size_t await_another(std::size_t lost) {
    std::string leader;
    await_that("another leads", [&] {
      leader = leader_name();
      return !leader.empty() && leader != server_name(lost);
    });
    return leader == server_name(1) ? 1 : leader == server_name(2) ? 2 : 0;
  }
  // The former leader is read-only and follows the new one, or is left out because it has what nobody acknowledged.
  bool await_back(std::size_t node) {
    std::string healthy;
    await_that(server_name(node) + " is back", [&] {
      healthy = admin_value("SELECT healthy FROM servers WHERE server = '" + server_name(node) + "'");
      return healthy == "1" || proxy_->log().find(server_name(node) + " has transactions that") != std::string::npos;
    });
    EXPECT_FALSE(writable().contains(node));
    return healthy == "1";
  }
  // Of the last change.
  [[nodiscard]] std::string steps() const {
    std::string text;
    for (const auto& row :
         admin().query("SELECT * FROM history_steps WHERE number = (SELECT MAX(number) FROM history)")) {
      for (const auto& cell : row) text += cell.value_or("-") + " ";
      text += "\n";
    }
    return text;
  }
  // The proxy's clients keep their connections, and who was in the middle of something is told once.
  void expect_few_errors(const Writers& writers, std::size_t clients) {
    EXPECT_EQ(writers.connections_lost(), 0U);
    std::string all;
    for (const auto& error : writers.errors()) all += "\n" + error;
    EXPECT_LE(writers.errors().size(), clients) << all;
  }
  // `back`: what await_back(0) gave.
  void stop_and_compare(Writers& writers, bool back) {
    writers.stop();
    expect_few_errors(writers, 8);
    expect_nothing_lost(writers, back ? std::nullopt : std::optional<std::size_t>(0));
  }
  void end_whole(bool back, std::size_t node = 0) {
    EXPECT_EQ(proxy_->terminate(), 0);
    ended_ = true;
    if (!back) cluster_->rejoin_fresh(node);
  }
  [[nodiscard]] std::string why(std::size_t node) const {
    return admin_value("SELECT why FROM servers WHERE server = '" + server_name(node) + "'");
  }
  void expect_reads_only_from(std::size_t node) {
    for (int i = 0; i < 20; ++i) EXPECT_EQ(client().value("SELECT @@server_id"), server_id(node));
  }
};

TEST_P(FailoverTest, ALeaderThatIsKilledIsFollowedByAnotherAndComesBackAsAReplica) {
  start_supervised();
  Writers writers(client_address(), 8);
  writers.await_more(50);
  cluster_->node(0).kill();
  const auto leader = await_another(0);
  writers.await_more(50);
  start_node(0);
  const bool back = await_back(0);
  EXPECT_TRUE(writable().contains(leader));
  writers.await_more(50);
  stop_and_compare(writers, back);
  EXPECT_EQ(admin_value("SELECT state FROM history WHERE kind = 'failover'"), "done");
  end_whole(back);
}

TEST_P(FailoverTest, ALeaderThatHangsIsGivenUpAndIsReadOnlyBeforeItIsAnythingElse) {
  Settings settings = supervised();
  const std::string probe_ms = std::to_string(scaled_ms(400));
  settings.limits = "backend_connect_timeout_ms = " + probe_ms;  // of the KILLs for what hangs there
  settings.cluster += "\nmonitor_connect_timeout_ms = " + probe_ms + "\nmonitor_probe_timeout_ms = " + probe_ms;
  start_supervised(settings);
  Writers writers(client_address(), 8);
  writers.await_more(50);
  cluster_->node(0).hang();
  const auto leader = await_another(0);
  writers.await_more(50);
  cluster_->node(0).resume();
  const bool back = await_back(0);
  EXPECT_TRUE(writable().contains(leader));
  writers.await_more(50);
  stop_and_compare(writers, back);
  end_whole(back);
}

TEST_P(FailoverTest, InManualModeNobodyLeadsUntilTheLeaderIsBack) {
  start_supervised("manual");
  // Nothing is under way when it is killed: MariaDB, started again as a replica is, may take back what a replica has.
  cluster_->node(0).kill();
  proxy_->await_log("failover is manual");
  EXPECT_EQ(leader_name(), "");
  Writers writers(client_address(), 2);
  await_that("they wait", [&] { return admin_value("SELECT SUM(state LIKE 'holding%') FROM sessions") == "2"; });
  start_node(0);
  // The demo's servers start read-only: it is on record as the leader, and is made writable again.
  await_leads(0);
  writers.await_more(20);
  writers.stop();
  EXPECT_TRUE(writers.errors().empty()) << writers.errors().front();
  EXPECT_TRUE(writable().contains(0));
  await_healthy();
  expect_nothing_lost(writers);
}

TEST_P(FailoverTest, AServerThatTakesWritesBesideTheLeaderIsMadeReadOnly) {
  start_supervised();
  cluster_.root(1).exec("SET GLOBAL read_only = 0");
  await_that("it is read-only again", [&] { return !writable().contains(1); });
  EXPECT_EQ(leader_name(), server_name(0));
  await_healthy();
}

TEST_P(FailoverTest, TheRecordOutlivesSluice) {
  start_supervised();
  cluster_->node(0).kill();
  const auto leader = await_another(0);
  EXPECT_EQ(proxy_->terminate(), 0);
  // Back, and writable, while nobody looks.
  start_node(0);
  cluster_.root(0).exec("SET GLOBAL read_only = 0");
  launch(supervised());
  await_leads(leader);
  await_that("the old one is read-only", [&] { return !writable().contains(0); });
  await_healthy();
}

TEST_P(FailoverTest, AFailoverByHandIsRefusedWhileTheLeaderAnswersUnlessThatIsSpeltOut) {
  start_supervised();
  Writers writers(client_address(), 8);
  writers.await_more(50);
  Sql admin = this->admin();
  const Outcome refused = outcome_of(admin, "FAILOVER");
  EXPECT_EQ(refused.code, 1105U);
  EXPECT_NE(refused.text.find("refused: no failover: " + server_name(0) + " leads and answers"), std::string::npos)
      << refused;
  EXPECT_EQ(leader_name(), server_name(0));
  EXPECT_EQ(outcome_of(admin, "FAILOVER TO 'nobody:1'").code, 1105U);
  const Outcome done = outcome_of(admin, "FAILOVER TO '" + server_name(2) + "' ALTHOUGH THE LEADER LIVES");
  EXPECT_EQ(done.code, 0U) << done << "\n" << steps();
  EXPECT_EQ(leader_name(), server_name(2));
  const bool back = await_back(0);
  writers.await_more(50);
  stop_and_compare(writers, back);
  EXPECT_EQ(admin_value("SELECT GROUP_CONCAT(state) FROM history WHERE kind = 'failover'"), "refused,refused,done");
  end_whole(back);
}

TEST_P(FailoverTest, AServerInMaintenanceDoesNotLeadAndIsNotRead) {
  start_supervised();
  Sql admin = this->admin();
  EXPECT_EQ(outcome_of(admin, "MAINTENANCE ON '" + server_name(1) + "'").code, 0U);
  EXPECT_EQ(why(1), "in maintenance");
  expect_reads_only_from(2);
  const Outcome refused = outcome_of(admin, "SWITCHOVER TO '" + server_name(1) + "'");
  EXPECT_NE(refused.text.find("is in maintenance"), std::string::npos) << refused;
  cluster_->node(0).kill();
  EXPECT_EQ(await_another(0), 2U);
  EXPECT_EQ(outcome_of(admin, "MAINTENANCE OFF '" + server_name(1) + "'").code, 0U);
  start_node(0);
  await_that("all follow", [&] { return admin_value("SELECT SUM(healthy) FROM servers") == "3"; });
}

// It goes on replicating, but what it has is not what was written through the leader.
TEST_P(FailoverTest, AReplicaWithTransactionsOfItsOwnIsNotRead) {
  start_supervised();
  Sql own = cluster_.root(1);
  own.exec("SET SESSION gtid_domain_id = 7");  // in the leader's domain it would stop to replicate
  own.exec("INSERT INTO app.t VALUES (-7)");
  await_that("it is seen", [&] { return why(1).find("has transactions that are not from the leader") == 0; });
  expect_reads_only_from(2);
  EXPECT_EQ(cluster_.root(1).query("SHOW SLAVE STATUS").size(), 1U);
  end_whole(false, 1);
}

TEST_P(FailoverTest, WithoutARecordThereIsNoFailover) {
  start();
  Sql admin = this->admin();
  const Outcome refused = outcome_of(admin, "FAILOVER");
  EXPECT_NE(refused.text.find("failover.mode is \"off\""), std::string::npos) << refused;
}

INSTANTIATE_TEST_SUITE_P(Loops, FailoverTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
