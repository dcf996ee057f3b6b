#include "failover/precheck.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "failover/judge_notation.hpp"

namespace sluice::failover {
namespace {

const std::string a = "A:3306";
const std::string b = "B:3306";
const std::string c = "C:3306";

// Servers as a probe finds them when all is well: `line` is in the notation of judge_notation.hpp.
ClusterState cluster(const std::string& line) {
  auto found = testing::parse_cluster(line);
  for (auto& seen : found.observations) {
    seen.flavour = Flavour::mariadb;
    seen.version = "5.5.5-10.11.6-MariaDB-log";
    seen.position = "0-1-100";
    seen.binary_log = seen.logs_replicated = true;
  }
  return judge({}, found.names, found.observations, {});
}

using Change = std::function<void(ClusterState&, PrecheckOptions&)>;

const Change none = [](ClusterState&, PrecheckOptions&) {};

Change seen(std::size_t server, std::function<void(ServerObservation&)> change) {
  return [=](ClusterState& state, PrecheckOptions&) { change(state.servers[server].seen); };
}

struct Case {
  const char* line;
  const char* wanted;
  Change change;
  std::vector<std::string> refusals;
};

void check(const Case& it) {
  auto state = cluster(it.line);
  PrecheckOptions options;
  it.change(state, options);
  const auto result = precheck(state, it.wanted, options);
  EXPECT_EQ(result.candidate, std::nullopt) << it.line;
  EXPECT_EQ(result.refusals, it.refusals) << it.line;
}

TEST(Precheck, RefusesAnyChange) {
  const Case cases[] = {
      {"A:ro B:ro<A", "", none, {"no server leads: no server is writable; A:3306 is read_only; B:3306 is read_only"}},
      {"A:rw", "", none, {"there is no server but A:3306"}},
      {"A:rw B:ro<A", "D:3306", none, {"there is no server D:3306 in this cluster"}},
      {"A:rw B:ro<A", "A:3306", none, {"A:3306 leads already"}},
      {"A:rw B:ro<A",
       "",
       seen(0,
            [](auto& leader) {
              leader.reachable = false;
              leader.error = "connection refused";
            }),
       {"A:3306 leads, but is unreachable: connection refused"}},
      {"A:rw B:ro<A", "", seen(0, [](auto& leader) { leader.binary_log = false; }), {"A:3306 has no binary log"}},
      {"A:rw B:ro<A",
       "",
       seen(0, [](auto& leader) { leader.position.clear(); }),
       {"A:3306 tells no GTID position: nothing would prove that another server has everything"}},
      {"A:rw B:ro<A",
       "",
       seen(0, [](auto& leader) { leader.oldest_transaction_ms = 75'900; }),
       {"A:3306 has had a transaction open for 75 s (failover.switchover_transaction_max_ms is 10000)"}},
      {"A:rw<X B:ro<A", "", none, {"A:3306 replicates from X:3306, outside of this cluster, which would end"}},
  };
  for (const auto& it : cases) check(it);
}

TEST(Precheck, RefusesTheOneThatIsWanted) {
  const Case cases[] = {
      {"A:rw B:down C:ro<A", "B:3306", none, {"B:3306 is unreachable: connection refused"}},
      {"A:rw B:ro<A C:ro<A",
       "B:3306",
       [](auto&, auto& options) { options.maintenance = {b}; },
       {"B:3306 is in maintenance"}},
      {"A:rw B:ro C:ro<A", "B:3306", none, {"B:3306 does not replicate from A:3306"}},
      {"A:rw B:ro<X C:ro<A",
       "B:3306",
       none,
       {"B:3306 does not replicate from A:3306",
        "B:3306 also replicates from X:3306, outside of this cluster, which would end"}},
      {"A:rw B:ro<A<X",
       "B:3306",
       none,
       {"B:3306 also replicates from X:3306, outside of this cluster, which would end"}},
      {"A:rw B:ro<A/io",
       "B:3306",
       none,
       {"B:3306 does not replicate: its IO thread does not run: error connecting to source"}},
      {"A:rw B:ro<A/sql",
       "B:3306",
       none,
       {"B:3306 does not replicate: its SQL thread does not run: Duplicate entry '7' for key 'PRIMARY'"}},
      {"A:rw B:ro<A/stopped",
       "B:3306",
       none,
       {"B:3306 does not replicate: its IO thread does not run",
        "B:3306 does not replicate: its SQL thread does not run"}},
      {"A:rw B:ro<A/lag=40000", "B:3306", none, {"B:3306 is 40 s behind (failover.switchover_lag_max_ms is 1000)"}},
      {"A:rw B:ro<A/lag=1001", "B:3306", none, {"B:3306 is 1001 ms behind (failover.switchover_lag_max_ms is 1000)"}},
      {"A:rw B:ro<A/lag=null", "B:3306", none, {"B:3306 does not know how far behind it is"}},
      {"A:rw B:ro<A/delay=600", "B:3306", none, {"B:3306 is delayed by 600 s on purpose"}},
      {"A:rw B:ro<A",
       "B:3306",
       seen(1, [](auto& it) { it.channels[0].filters = "Replicate_Do_DB=shop"; }),
       {"B:3306 filters what it replicates: Replicate_Do_DB=shop"}},
      {"A:rw B:ro<A", "B:3306", seen(1, [](auto& it) { it.binary_log = false; }), {"B:3306 has no binary log"}},
      {"A:rw B:ro<A",
       "B:3306",
       seen(1, [](auto& it) { it.logs_replicated = false; }),
       {"B:3306 leaves out of its binary log what it replicates (log_slave_updates)"}},
      {"A:rw B:ro<A",
       "B:3306",
       seen(1, [](auto& it) { it.version = "5.5.5-10.6.20-MariaDB"; }),
       {"B:3306 runs MariaDB 10.6, older than A:3306 with MariaDB 10.11"}},
      {"A:rw B:ro<A",
       "B:3306",
       seen(1, [](auto& it) { it.version = "8.0.40"; }),
       {"B:3306 is MySQL 8.0, A:3306 is MariaDB 10.11"}},
      {"A:rw B:ro<A",
       "B:3306",
       seen(1, [](auto& it) { it.position = "0-1-100,7-2-3"; }),
       {"B:3306 has transactions that A:3306 lacks: 7-2-3"}},
      {"A:rw B:ro<A",
       "B:3306",
       seen(1, [](auto& it) { it.position = "0-2-101"; }),
       {"B:3306 has transactions that A:3306 lacks: 0-2-101"}},
      {"A:rw B:ro<A",
       "B:3306",
       seen(1, [](auto& it) { it.position = "nonsense"; }),
       {"B:3306 tells a position that cannot be compared"}},
  };
  for (const auto& it : cases) check(it);
}

TEST(Precheck, LooksUpTheChain) {
  const Case cases[] = {
      {"A:rw B:ro<C C:ro<A/lag=40000",
       "B:3306",
       none,
       {"B:3306 replicates from C:3306, which is 40 s behind (failover.switchover_lag_max_ms is 1000)"}},
      {"A:rw B:ro<C C:ro<A/sql",
       "B:3306",
       none,
       {"B:3306 replicates from C:3306, which does not replicate: its SQL thread does not run: Duplicate entry '7' for "
        "key 'PRIMARY'"}},
      {"A:rw B:ro<C C:down D:ro<A", "B:3306", none, {"B:3306 does not follow A:3306"}},
      {"A:rw B:ro<C C:ro<B D:ro<A", "B:3306", none, {"B:3306 does not follow A:3306"}},
  };
  for (const auto& it : cases) check(it);
  EXPECT_EQ(precheck(cluster("A:rw B:ro<C C:ro<A"), b, {}).candidate, 1U);
}

TEST(Precheck, NamesTheReasonsOfEveryServer) {
  check({"A:rw B:ro<A/lag=2000 C:down",
         "",
         none,
         {"B:3306 is 2000 ms behind (failover.switchover_lag_max_ms is 1000)",
          "C:3306 is unreachable: connection refused"}});
}

TEST(Precheck, TakesTheBest) {
  PrecheckOptions options;
  EXPECT_EQ(precheck(cluster("A:rw B:ro<A C:ro<A"), "", options).candidate, 1U) << "the first of equals";
  EXPECT_EQ(precheck(cluster("A:rw B:ro<A<X/stopped"), "", options).candidate, 1U) << "that channel is at rest";
  EXPECT_EQ(precheck(cluster("A:rw B:ro<A C:ro<A"), c, options).candidate, 2U) << "the one that is wanted";
  EXPECT_EQ(precheck(cluster("A:rw B:ro<A/lag=900 C:ro<A"), "", options).candidate, 2U) << "the one least behind";
  options.preferred = {"D:3306", b, c};
  EXPECT_EQ(precheck(cluster("A:rw C:ro<A B:ro<A/lag=900"), "", options).candidate, 2U) << "the one preferred";
  const auto passed_over = precheck(cluster("A:rw B:ro<A/sql C:ro<A"), "", options);
  EXPECT_EQ(passed_over.candidate, 2U);
  EXPECT_EQ(passed_over.refusals.size(), 1U);
}

// The leader goes on writing between the moments at which the two were asked; servers that led before have written,
// too.
TEST(Precheck, KnowsTheLeadersTransactionsFromForeignOnes) {
  const auto candidate_of = [](const char* leaders, const char* replicas) {
    auto state = cluster("A:rw B:ro<A");
    state.servers[0].seen.server_uuid = "aaaaaaaa-1111-1111-1111-111111111111";
    state.servers[0].seen.position = leaders;
    state.servers[1].seen.position = replicas;
    return precheck(state, "", {}).candidate.has_value();
  };
  EXPECT_TRUE(candidate_of("0-1-100", "0-1-107")) << "what the leader wrote since it was asked";
  EXPECT_TRUE(candidate_of("0-1-100", "0-2-99")) << "the replica is not there yet; server 2 led before";
  EXPECT_TRUE(candidate_of("0-1-100", "")) << "a new replica";
  EXPECT_FALSE(candidate_of("0-1-100", "0-2-101"));
  EXPECT_TRUE(candidate_of("aaaaaaaa-1111-1111-1111-111111111111:1-9", "AAAAAAAA-1111-1111-1111-111111111111:1-12"));
  EXPECT_FALSE(candidate_of("aaaaaaaa-1111-1111-1111-111111111111:1-9",
                            "aaaaaaaa-1111-1111-1111-111111111111:1-9,bbbbbbbb-1111-1111-1111-111111111111:1"));
}

}  // namespace
}  // namespace sluice::failover
