#include "proxy/route.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace sluice::proxy {
namespace {

constexpr std::uint64_t now_ms = 1'000'000;

// A leader at index 0 and replicas after it, all of them fit.
ClusterEntry cluster_of(std::size_t servers) {
  ClusterEntry cluster;
  cluster.servers.resize(servers);
  cluster.leader = 0;
  for (std::size_t i = 1; i < servers; ++i) cluster.servers[i].replica_usable = true;
  return cluster;
}

std::vector<int> counted(const ClusterEntry& cluster, RouteRequest request, std::uint64_t turns) {
  std::vector<int> counts(cluster.servers.size());
  for (request.turn = 0; request.turn < turns; ++request.turn) {
    if (const auto server = choose_server(cluster, request)) ++counts[*server];
  }
  return counts;
}

TEST(Route, reads_are_shared_evenly_wherever_the_leader_stands) {
  ClusterEntry cluster = cluster_of(4);
  EXPECT_EQ(counted(cluster, {.replica_safe = true, .now_ms = now_ms}, 300), (std::vector{0, 100, 100, 100}));
  cluster.servers[2].replica_usable = false;
  EXPECT_EQ(counted(cluster, {.replica_safe = true, .now_ms = now_ms}, 300), (std::vector{0, 150, 0, 150}));
}

TEST(Route, writes_go_to_the_leader_or_nowhere) {
  ClusterEntry cluster = cluster_of(3);
  EXPECT_EQ(counted(cluster, {.now_ms = now_ms}, 10), (std::vector{10, 0, 0}));
  cluster.leader.reset();
  EXPECT_EQ(choose_server(cluster, {.now_ms = now_ms}), std::nullopt);
}

TEST(Route, nothing_starts_on_the_leader_of_a_closed_gate) {
  ClusterEntry cluster = cluster_of(3);
  EXPECT_EQ(choose_server(cluster, {.leader_closed = true, .now_ms = now_ms}), std::nullopt);
  EXPECT_EQ(counted(cluster, {.replica_safe = true, .leader_closed = true, .now_ms = now_ms}, 10),
            (std::vector{0, 5, 5}));
  cluster.servers[1].replica_usable = cluster.servers[2].replica_usable = false;
  EXPECT_EQ(choose_server(cluster, {.replica_safe = true, .leader_closed = true, .now_ms = now_ms}), std::nullopt);
}

TEST(Route, reads_go_to_the_leader_where_no_replica_is_fit) {
  ClusterEntry cluster = cluster_of(3);
  cluster.servers[1].replica_usable = cluster.servers[2].replica_usable = false;
  EXPECT_EQ(counted(cluster, {.replica_safe = true, .now_ms = now_ms}, 10), (std::vector{10, 0, 0}));
}

TEST(Route, a_read_follows_the_writes_of_its_session) {
  ClusterEntry cluster = cluster_of(3);
  const RouteRequest request{.replica_safe = true, .last_write_ms = 500, .now_ms = now_ms};
  EXPECT_EQ(counted(cluster, request, 10), (std::vector{10, 0, 0})) << "what the replicas have is not known";
  cluster.servers[1].has_writes_until_ms->store(500);
  EXPECT_EQ(counted(cluster, request, 10), (std::vector{10, 0, 0})) << "up to that moment, but not with it";
  cluster.servers[2].has_writes_until_ms->store(501);
  EXPECT_EQ(counted(cluster, request, 10), (std::vector{0, 0, 10}));
}

TEST(Route, a_server_that_just_failed_is_left_alone) {
  const ClusterEntry cluster = cluster_of(3);
  const std::array<std::uint64_t, 3> avoid{now_ms + 1, now_ms + 1, now_ms};
  EXPECT_EQ(counted(cluster, {.replica_safe = true, .avoid_until_ms = avoid, .now_ms = now_ms}, 10),
            (std::vector{0, 0, 10}));
  EXPECT_EQ(choose_server(cluster, {.avoid_until_ms = avoid, .now_ms = now_ms}), std::nullopt);
}

}  // namespace
}  // namespace sluice::proxy
