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

TEST(SameToSee, LeavesOutHowLongProbesTook) {
  const auto state = judge_line({}, "A:rw B:ro<A");
  auto other = state;
  other.servers[1].seen.probe_us = 7;
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
