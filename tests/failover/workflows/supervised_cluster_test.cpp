// The supervisor on real servers: what dies, hangs or comes back, and what is there afterwards.
#include <gtest/gtest.h>

#include <algorithm>

#include "failover/workflows/supervised_run.hpp"

namespace sluice::failover::testing {
namespace {

class SupervisedCluster : public ::testing::Test {
 protected:
  explicit SupervisedCluster(std::chrono::seconds answer_max = test::hang_limit) : run(cluster, answer_max) {}

  test::TestCluster& cluster = test::shared_cluster();
  SupervisedRun run;

  // Whoever leads has every row that was acknowledged, none that nobody wrote, and the others are equal to it.
  void nothing_is_lost(std::size_t leader) {
    run.clients().stop();
    cluster->await_replicated();
    const auto rows = run.rows(leader);
    const auto wrote = run.clients().wrote();
    const auto unknown = run.clients().unknown();
    EXPECT_TRUE(std::includes(rows.begin(), rows.end(), wrote.begin(), wrote.end())) << "acknowledged rows are lost";
    for (const auto row : rows) EXPECT_TRUE(wrote.contains(row) || unknown.contains(row)) << row;
    for (std::size_t i = 0; i < 3; ++i) {
      const auto& left_out = run.supervisor().left_out(i);
      if (left_out.empty()) {
        EXPECT_EQ(run.checksum(i), run.checksum(leader)) << i;
        continue;
      }
      // It says what it has that nobody acknowledged, and an operator sets it up anew.
      EXPECT_NE(left_out.find("has transactions that"), std::string::npos) << left_out;
      for (const auto row : run.rows(i)) EXPECT_TRUE(wrote.contains(row) || unknown.contains(row)) << row;
      run.stop();
      cluster->rejoin_fresh(i);
    }
  }
  [[nodiscard]] std::size_t leader() const { return run.supervisor().leader().value_or(99); }
  void await_another(std::size_t lost) {
    run.await("another leads", [&] { return leader() != 99 && leader() != lost && run.leads(leader()); });
    run.await_known(leader());
  }
};

TEST_F(SupervisedCluster, ALeaderThatIsKilledIsFollowedByAnother) {
  run.adopt(0);
  run.clients().start(4);
  run.clients().await_writes(20);
  cluster->node(0).kill();
  await_another(0);
  run.clients().await_writes(20);
  const auto now_leads = leader();
  // The demo's servers start read-only; this one says that it may be written to.
  run.start_node(0);
  cluster.root(0).exec("SET GLOBAL read_only = 0");
  run.await_whole(now_leads);
  EXPECT_TRUE(run.workflow().read_only(0));
  nothing_is_lost(now_leads);
  SCOPED_TRACE(run.told_text());
  EXPECT_EQ(run.supervisor().epoch(), 2U);
  EXPECT_EQ(run.gate().calls(), (std::vector<std::string>{"release 0 under 1", "hold at once", "cut 0",
                                                          "release " + std::to_string(now_leads) + " under 2"}));
}

// Its clients give up soon what is not answered.
class SupervisedHang : public SupervisedCluster {
 protected:
  SupervisedHang() : SupervisedCluster(2s) {}
};

TEST_F(SupervisedHang, ALeaderThatHangsIsGivenUpAndComesBackReadOnly) {
  run.adopt(0);
  run.clients().start(4);
  run.clients().await_writes(20);
  cluster->node(0).hang();
  await_another(0);
  run.clients().await_writes(20);
  cluster->node(0).resume();
  run.await_whole(leader());
  EXPECT_TRUE(run.workflow().read_only(0));
  nothing_is_lost(leader());
}

TEST_F(SupervisedCluster, SwitchesOverWhenAsked) {
  run.adopt(0);
  run.await_whole(0);
  run.clients().start(4);
  for (const std::size_t to : {1U, 0U}) {
    run.clients().await_writes(20);
    run.runner().command({.what = Command::What::switchover, .server = to, .loss = Loss::none});
    run.await_leader(to);
    run.await_whole(to);
  }
  run.clients().await_writes(20);
  EXPECT_EQ(run.clients().errors(), std::vector<std::string>());
  nothing_is_lost(0);
}

}  // namespace
}  // namespace sluice::failover::testing
