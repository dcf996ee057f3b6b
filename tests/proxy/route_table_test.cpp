#include <gtest/gtest.h>

#include <vector>

#include "proxy/route.hpp"

namespace sluice::proxy {
namespace {

struct Server {
  bool usable = false;
  std::uint64_t fresh = 0;
};

ClusterEntry cluster_of(const std::vector<Server>& servers, std::optional<std::uint32_t> leader) {
  ClusterEntry cluster;
  for (const auto& server : servers) {
    cluster.servers.emplace_back();
    cluster.servers.back().replica_usable = server.usable;
    cluster.servers.back().has_writes_until_ms->store(server.fresh);
  }
  cluster.leader = leader;
  return cluster;
}

struct Case {
  const char* name;
  std::vector<Server> servers;
  std::optional<std::uint32_t> leader;
  bool replica_safe;
  std::uint64_t last_write_ms;
  std::vector<std::uint64_t> avoid;
  std::optional<std::uint32_t> chosen;
};

TEST(RouteTable, EachCase) {
  constexpr auto none = std::nullopt;
  const std::vector<Case> cases = {
      {"a write goes to the leader", {{false}, {true}}, 0, false, 0, {}, 0},
      {"a read goes to a replica", {{false}, {true}}, 0, true, 0, {}, 1},
      {"no usable replica", {{false}, {false}}, 0, true, 0, {}, 0},
      {"fresh enough", {{false}, {true, 101}}, 0, true, 100, {}, 1},
      {"of the same moment is not enough", {{false}, {true, 100}}, 0, true, 100, {}, 0},
      {"unknown freshness", {{false}, {true, 0}}, 0, true, 1, {}, 0},
      {"who never wrote needs none", {{false}, {true, 0}}, 0, true, 0, {}, 1},
      {"a write with fresh replicas", {{false}, {true, 500}}, 0, false, 100, {}, 0},
      {"an avoided replica", {{false}, {true}}, 0, true, 0, {0, 11}, 0},
      {"avoided until now", {{false}, {true}}, 0, true, 0, {0, 10}, 1},
      {"an avoided leader holds writes", {{false}, {true}}, 0, false, 0, {11, 0}, none},
      {"an avoided leader does not hold reads", {{false}, {true}}, 0, true, 0, {11, 0}, 1},
      {"all avoided", {{false}, {true}}, 0, true, 0, {11, 11}, none},
      {"no leader holds writes", {{false}, {true}}, none, false, 0, {}, none},
      {"no leader, a stale read is held", {{false}, {true, 50}}, none, true, 100, {}, none},
      {"no leader, a fresh read is answered", {{false}, {true, 150}}, none, true, 100, {}, 1},
      {"no servers", {}, none, true, 0, {}, none},
  };
  for (const auto& c : cases) {
    for (std::uint64_t turn = 0; turn < 3; ++turn) {
      const ClusterEntry cluster = cluster_of(c.servers, c.leader);
      EXPECT_EQ(choose_server(cluster, {.replica_safe = c.replica_safe,
                                        .last_write_ms = c.last_write_ms,
                                        .turn = turn,
                                        .avoid_until_ms = c.avoid,
                                        .now_ms = 10}),
                c.chosen)
          << c.name;
    }
  }
}

}  // namespace
}  // namespace sluice::proxy
