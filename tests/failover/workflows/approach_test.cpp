// failover/workflows/approach on real servers.
#include "failover/workflows/approach.hpp"

#include "failover/workflows/actor_test.hpp"

namespace sluice::failover::testing {
namespace {

class ApproachTest : public ActorTest {
 protected:
  // Server 1 to server 0.
  std::string approach(WorkflowRun& run, std::chrono::milliseconds near, std::chrono::milliseconds bound,
                       std::chrono::milliseconds enough) {
    std::optional<std::string> told;
    std::make_shared<Approach>(ApproachParts{run.actors()[0], run.actors()[1], near, bound, enough, ample})
        ->start([&](const std::string& error) {
          EXPECT_FALSE(told) << "told twice";
          told = error;
        });
    run.run_until("the end of the approach", [&] { return told.has_value(); });
    return told.value_or("nothing");
  }
};

TEST_P(ApproachTest, OneThatIsNearEndsIt) {
  WorkflowRun run(cluster());
  EXPECT_EQ(approach(run, ample, ample, 0ms), "");
}

TEST_P(ApproachTest, OneThatIsNotNearGoesOnUntilTheBound) {
  WorkflowRun run(cluster());
  EXPECT_EQ(approach(run, -1ms, 300ms, ample), "");
}

// All replicas ask the new leader at once, and what is in its file before their position is read for nothing.
TEST_P(ApproachTest, TheOneThatIsToLeadBeginsAFileOfItsBinaryLog) {
  WorkflowRun run(cluster());
  const auto files = [&](std::size_t server) { return cluster().root(server).query("SHOW BINARY LOGS").size(); };
  const auto before = std::pair(files(0), files(1));
  EXPECT_EQ(approach(run, ample, ample, 0ms), "");
  EXPECT_EQ(std::pair(files(0), files(1)), std::pair(before.first, before.second + 1));
  cluster()->await_replicated();  // nothing of it was logged
}

TEST_P(ApproachTest, OneThatStandsStillIsTooFarBehind) {
  WorkflowRun run(cluster());
  auto lock = block_replication(1);
  EXPECT_NE(approach(run, ample, 0ms, test::scaled(1s)), "");
  lock.exec("UNLOCK TABLES");
  EXPECT_EQ(approach(run, ample, ample, 0ms), "");
}

TEST_P(ApproachTest, AServerThatDoesNotAnswerIsTold) {
  WorkflowRun run(cluster());
  cluster()->node(1).kill();
  EXPECT_NE(approach(run, ample, ample, ample), "");
}

TEST(ApproachBounds, OneThatIsAlwaysALittleBehindWillDoAfterAWhile) {
  ApproachParts parts;
  parts.near = 20ms;
  parts.bound = 30s;
  parts.enough = 500ms;
  EXPECT_EQ(near_after(0s, parts), 20ms);
  EXPECT_EQ(near_after(3s, parts), 24ms);
  EXPECT_EQ(near_after(15s, parts), 140ms);
  EXPECT_EQ(near_after(30s, parts), 500ms);
  EXPECT_EQ(near_after(31s, parts), 500ms);
  parts.enough = 10ms;
  EXPECT_EQ(near_after(15s, parts), 20ms);
  EXPECT_EQ(near_after(30s, parts), 20ms);
  parts.bound = 0s;
  EXPECT_EQ(near_after(0s, parts), 20ms);
}

INSTANTIATE_TEST_SUITE_P(Flavours, ApproachTest, ::testing::Values(test::Flavour::mariadb, test::Flavour::mysql56));

}  // namespace
}  // namespace sluice::failover::testing
