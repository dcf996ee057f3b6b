#include "failover/freshness.hpp"

#include <gtest/gtest.h>

namespace sluice::failover {
namespace {

TEST(Freshness, NothingIsKnownWithoutALeader) {
  const Freshness freshness;
  EXPECT_EQ(freshness.note_replica("0-1-5"), std::nullopt);
}

TEST(Freshness, AReplicaThatHasTheLeadersPositionIsAsFreshAsTheQuestion) {
  Freshness freshness;
  freshness.note_leader(0, "0-1-5", 1000);
  EXPECT_EQ(freshness.note_replica("0-1-5"), 1000U);
  EXPECT_EQ(freshness.note_replica("0-1-4"), std::nullopt);
}

TEST(Freshness, ALaggingReplicaIsAsFreshAsTheLastPositionThatItHas) {
  Freshness freshness;
  freshness.note_leader(0, "0-1-5", 1000);
  freshness.note_leader(0, "0-1-9", 1500);
  freshness.note_leader(0, "0-1-20", 2000);
  EXPECT_EQ(freshness.note_replica("0-1-10"), 1500U);
}

TEST(Freshness, AnIdleLeaderKeepsMakingItsReplicasFresher) {
  Freshness freshness;
  freshness.note_leader(0, "0-1-5", 1000);
  freshness.note_leader(0, "0-1-5", 9000);
  EXPECT_EQ(freshness.note_replica("0-1-5"), 9000U);
}

TEST(Freshness, AChangeOfLeaderForgetsWhatTheOldOneSaid) {
  Freshness freshness;
  freshness.note_leader(0, "0-1-5", 1000);
  freshness.note_leader(1, "0-1-4", 2000);
  EXPECT_EQ(freshness.note_replica("0-1-4"), 2000U);
  EXPECT_EQ(freshness.note_replica("0-1-3"), std::nullopt);
}

TEST(Freshness, ALeaderWithoutAPositionMakesNobodyFresh) {
  Freshness freshness;
  freshness.note_leader(0, "", 1000);
  EXPECT_EQ(freshness.note_replica("0-1-5"), std::nullopt);
}

TEST(Freshness, OldMarksAreForgottenInABoundedList) {
  Freshness freshness;
  for (int i = 1; i <= 1000; ++i) freshness.note_leader(0, "0-1-" + std::to_string(i), 1000U + i);
  EXPECT_EQ(freshness.note_replica("0-1-1"), std::nullopt);
  EXPECT_EQ(freshness.note_replica("0-1-990"), 1990U);
}

}  // namespace
}  // namespace sluice::failover
