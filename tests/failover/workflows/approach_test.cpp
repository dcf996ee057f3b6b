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

INSTANTIATE_TEST_SUITE_P(Flavours, ApproachTest, ::testing::Values(test::Flavour::mariadb, test::Flavour::mysql56));

}  // namespace
}  // namespace sluice::failover::testing
