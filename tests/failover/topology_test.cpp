// failover/topology.hpp against testdata/judge.txt: each case is a cluster's story, one judgement per line that begins
// with ">", and below it the whole expected judgement.
//
// SLUICE_REWRITE_TESTDATA=1 in the environment writes the file anew from what judge() says; then read the difference.
#include "failover/topology.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "failover/golden_file.hpp"
#include "failover/judge_notation.hpp"

namespace sluice::failover {
namespace {

using testing::describe;
using testing::parse_cluster;

ClusterState judge_line(const ClusterState& previous, const std::string& line) {
  const auto cluster = parse_cluster(line);
  return judge(previous, cluster.names, cluster.observations, JudgeOptions{});
}

// The file with every expected judgement replaced by the actual one.
std::string replay(std::istream& in) {
  std::string out;
  ClusterState state;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("case ")) state = ClusterState{};
    const bool kept = line.empty() || line.starts_with("case ") || line.starts_with("#") || line.starts_with("> ");
    if (kept) out += line + "\n";
    if (!line.starts_with("> ")) continue;
    state = judge_line(state, line.substr(2));
    out += describe(state);
  }
  return out;
}

TEST(Judge, MatchesTheGoldenFile) { match_golden_file("judge.txt", replay); }

TEST(Judge, KeepsTheNameOfTheCluster) {
  ClusterState previous;
  previous.cluster = "main";
  EXPECT_EQ(judge_line(previous, "A:rw").cluster, "main");
}

TEST(Judge, ReportsTheWorstLagOfTheClustersChannelsOnly) {
  const auto state = judge_line({}, "A:rw B:ro<A/lag=2000<X/lag=9000 C:down");
  EXPECT_EQ(state.servers[1].lag_ms, 2000U);
  EXPECT_EQ(state.servers[0].lag_ms, std::nullopt);
}

TEST(Judge, FollowsAServerThatMovedInTheConfiguration) {
  const auto before = judge_line({}, "A:rw B:ro<A");
  const auto after = judge_line(before, "B:ro<A A:rw C:rw");
  EXPECT_EQ(after.leader, 1U) << after.reason;
}

// Whoever keeps the record has changed the leader itself: what looks like one is not.
TEST(Judge, NobodyLeadsAgainstTheRecord) {
  const auto under = [](std::optional<std::size_t> leader, const std::string& line) {
    const auto cluster = parse_cluster(line);
    JudgeOptions options;
    options.recorded = true;
    options.leader = leader;
    return judge({}, cluster.names, cluster.observations, options);
  };
  EXPECT_EQ(under(1U, "A:rw B:rw<A").leader, 1U);
  EXPECT_EQ(under(1U, "A:rw B:ro<A").leader, std::nullopt);
  EXPECT_EQ(under(1U, "A:rw B:down").leader, std::nullopt);
  EXPECT_EQ(under(std::nullopt, "A:rw B:ro<A").leader, std::nullopt);
  EXPECT_NE(under(1U, "A:rw B:ro<A").reason.find("B:3306 is read_only"), std::string::npos);
  const auto state = under(0U, "A:rw B:ro<A C:rw");
  EXPECT_EQ(state.leader, 0U);
  EXPECT_TRUE(state.servers[1].healthy);
  EXPECT_FALSE(state.servers[2].healthy);
}

// Somebody has decided so, whatever is seen.
TEST(Judge, AReplicaThatIsSetAsideGetsNoReads) {
  JudgeOptions options;
  options.set_aside = {"", "in maintenance", ""};
  const auto judged = [&](const ClusterState& previous, const std::string& line) {
    const auto cluster = parse_cluster(line);
    return judge(previous, cluster.names, cluster.observations, options);
  };
  auto state = judged(judge_line({}, "A:rw B:ro<A C:ro<A"), "A:rw B:ro<A C:ro<A");
  EXPECT_FALSE(state.servers[1].healthy);
  EXPECT_EQ(state.servers[1].why, "in maintenance");
  EXPECT_TRUE(state.servers[2].healthy);
  state = judged(state, "A:down B:ro<A/io C:ro<A/io");
  EXPECT_FALSE(state.servers[1].healthy) << "it was good enough when the leader was lost, but for that";
  EXPECT_TRUE(state.servers[2].healthy);
  EXPECT_NE(judged(state, "A:rw B:down C:ro<A").servers[1].why, "in maintenance");
  options.set_aside = {"in maintenance", "", ""};
  EXPECT_TRUE(judged({}, "A:rw B:ro<A C:ro<A").servers[0].healthy) << "it leads";
  options.set_aside.clear();
  EXPECT_TRUE(judged(state, "A:rw B:ro<A C:ro<A").servers[1].healthy);
}

TEST(WithoutReads, AtOnce) {
  const auto before = judge_line({}, "A:rw B:ro<A C:ro<A");
  EXPECT_FALSE(same_for_routing(before, without_reads(before, 1, "left out")));
  EXPECT_EQ(without_reads(before, 1, "left out").servers[1].why, "left out");
  EXPECT_TRUE(same_for_routing(before, without_reads(before, 0, "left out"))) << "it leads";
}

TEST(WithLeader, TheFormerOneGetsNoReadsUntilItIsSeenToFollow) {
  const auto before = judge_line({}, "A:rw B:ro<A C:ro<A");
  const auto after = with_leader(before, 1, "made so");
  EXPECT_EQ(after.leader, 1U);
  EXPECT_EQ(after.last_leader, "B:3306");
  EXPECT_EQ(after.servers[0].role, Role::replica);
  EXPECT_FALSE(after.servers[0].healthy);
  EXPECT_EQ(after.servers[1].role, Role::leader);
  EXPECT_TRUE(after.servers[2].healthy);
  EXPECT_EQ(judge_line(after, "A:ro<B B:rw C:ro<B").leader, 1U);
  EXPECT_EQ(with_leader(before, 0, "again").servers[0].role, Role::leader);
}

TEST(WithoutLeader, NobodyTakesWritesAndTheReasonIsKept) {
  const auto after = without_leader(judge_line({}, "A:rw B:ro<A"), "it is not certain");
  EXPECT_EQ(after.leader, std::nullopt);
  EXPECT_EQ(after.reason, "it is not certain");
  EXPECT_EQ(after.last_leader, "A:3306");
  EXPECT_NE(after.servers[0].role, Role::leader);
  EXPECT_FALSE(after.servers[0].healthy);
  EXPECT_TRUE(after.servers[1].healthy) << "reads go on";
}

struct RoutingCase {
  const char* before;
  const char* after;
  bool same;
};

TEST(SameForRouting, DependsOnLeaderAndHealthyReplicasOnly) {
  const RoutingCase cases[] = {
      {"A:rw B:ro<A", "A:rw B:ro<A", true},
      {"A:rw B:ro<A", "A:rw B:ro<A/lag=900", true},
      {"A:rw B:ro<A", "A:rw B:ro<A/lag=90000", false},
      {"A:rw B:ro<A", "A:rw B:down", false},
      {"A:rw B:ro<A/io", "A:rw B:down", true},
      {"A:rw B:ro<A", "A:ro<B B:rw", false},
      {"A:rw B:ro<A", "A:rw B:ro<A C:ro<A", false},
      {"A:down B:ro<A/io", "A:ro B:ro<A", false},  // clients that wait are told another reason
  };
  for (const auto& it : cases) {
    const auto before = judge_line({}, it.before);
    EXPECT_EQ(same_for_routing(before, judge_line(before, it.after)), it.same) << it.before << "  to  " << it.after;
  }
}

TEST(SameForRouting, DependsOnWhatTheLeaderGreetsWith) {
  const auto state = judge_line({}, "A:rw B:ro<A");
  for (const std::size_t server : {0U, 1U}) {
    auto other = state;
    other.servers[server].seen.version = "5.5.5-10.11.7-MariaDB";
    EXPECT_EQ(same_for_routing(state, other), server == 1);
    other = state;
    other.servers[server].seen.capabilities = 1;
    EXPECT_EQ(same_for_routing(state, other), server == 1);
    other = state;
    other.servers[server].seen.position = "0-1-7";
    EXPECT_TRUE(same_for_routing(state, other));
  }
}

TEST(SameToSee, LeavesOutHowLongProbesTookAndWhatMovesOnAllTheTime) {
  const auto state = judge_line({}, "A:rw B:ro<A");
  auto other = state;
  other.servers[1].seen.probe_us = 7;
  other.servers[1].seen.executed = "0-1-7";
  other.servers[1].seen.semi_sync.sessions = 7;
  other.servers[1].seen.channels[0].traffic = {IoThread::connecting, "0-1-7", "a:7", 7, std::chrono::seconds(7)};
  EXPECT_TRUE(same_to_see(state, other));
  other.servers[1].seen.position = "0-1-7";
  EXPECT_FALSE(same_to_see(state, other));
  other = state;
  other.servers[1].seen.channels[0].delay_s = 1;
  EXPECT_FALSE(same_to_see(state, other));
  other = state;
  other.servers[1].seen.version = "8.4.0";
  EXPECT_FALSE(same_to_see(state, other));
  other = state;
  other.servers[1].seen.binary_log = true;
  EXPECT_FALSE(same_to_see(state, other));
  other = state;
  other.servers[1].seen.logs_replicated = true;
  EXPECT_FALSE(same_to_see(state, other));
  other = state;
  other.servers.pop_back();
  EXPECT_FALSE(same_to_see(state, other));
}

}  // namespace
}  // namespace sluice::failover
