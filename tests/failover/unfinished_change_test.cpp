#include "failover/unfinished_change.hpp"

#include <gtest/gtest.h>

#include "failover/judge_notation.hpp"

namespace sluice::failover {
namespace {

using Servers = std::vector<std::size_t>;

// The cluster as judged when nobody led before but `last`; positions by server.
ClusterState seen(const std::string& line, const std::vector<std::string>& positions, const std::string& last = {}) {
  auto cluster = testing::parse_cluster(line);
  for (std::size_t i = 0; i < positions.size(); ++i) cluster.observations[i].position = positions[i];
  ClusterState before;
  before.last_leader = last;
  return judge(before, cluster.names, cluster.observations, JudgeOptions{});
}

TEST(Settle, NobodyWasPromotedSoTheFormerOneLeadsOn) {
  const auto s = settle(seen("A:ro B:ro<A C:ro<A", {"0-1-9", "0-1-9", "0-1-8"}, "A:3306"), "A:3306", "B:3306");
  EXPECT_EQ(s.leader, 0U);
  EXPECT_TRUE(s.thaw);
  EXPECT_EQ(s.follow, Servers{}) << s.reason;
}

TEST(Settle, ACandidateThatFollowsNobodyAnyMoreFollowsAgain) {
  const auto s = settle(seen("A:ro B:ro C:ro<A", {"0-1-9", "0-1-9", "0-1-8"}, "B:3306"), "A:3306", "B:3306");
  EXPECT_EQ(s.leader, 0U);
  EXPECT_TRUE(s.thaw);
  EXPECT_EQ(s.follow, Servers{1});
}

TEST(Settle, WhoeverWasPromotedLeadsAndTheOthersFollow) {
  const auto s = settle(seen("A:ro B:rw C:ro<A", {"0-1-9", "0-2-10", "0-1-8"}, "B:3306"), "A:3306", "B:3306");
  EXPECT_EQ(s.leader, 1U) << s.reason;
  EXPECT_FALSE(s.thaw);
  EXPECT_EQ(s.follow, (Servers{0, 2}));
}

TEST(Settle, WhoHasTransactionsOfItsOwnIsNamedAndLeftAsItIs) {
  const auto s = settle(seen("A:ro B:rw C:ro<B", {"0-1-9,7-1-1", "0-2-10", "0-2-10"}, "B:3306"), "A:3306", "B:3306");
  EXPECT_EQ(s.leader, 1U) << s.reason;
  EXPECT_EQ(s.follow, Servers{});
  EXPECT_NE(s.reason.find("A:3306 has transactions that B:3306 lacks"), std::string::npos) << s.reason;
}

TEST(Settle, WaitsAsLongAsOneOfTheTwoMayBeWritable) {
  for (const char* line : {"A:down B:ro<A C:ro<A", "A:ro B:down C:ro<A"}) {
    const auto s = settle(seen(line, {"0-1-9", "0-1-9", "0-1-9"}, "A:3306"), "A:3306", "B:3306");
    EXPECT_EQ(s.leader, std::nullopt) << line;
    EXPECT_NE(s.reason.find("does not answer"), std::string::npos) << s.reason;
  }
}

TEST(Settle, WaitsWhenTheCandidateHasMore) {
  const auto s = settle(seen("A:ro B:ro C:ro<A", {"0-1-9", "0-2-10", "0-1-9"}, "B:3306"), "A:3306", "B:3306");
  EXPECT_EQ(s.leader, std::nullopt);
  EXPECT_NE(s.reason.find("B:3306 has transactions that A:3306 lacks"), std::string::npos) << s.reason;
}

TEST(Settle, ARecordOfServersThatAreNotThere) {
  EXPECT_EQ(settle(seen("A:ro B:ro<A", {}), "X:1", "B:3306").leader, std::nullopt);
}

}  // namespace
}  // namespace sluice::failover
