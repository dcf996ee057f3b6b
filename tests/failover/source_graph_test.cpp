#include "failover/source_graph.hpp"

#include <gtest/gtest.h>

namespace sluice::failover {
namespace {

ServerObservation server(std::uint32_t id) {
  ServerObservation seen;
  seen.reachable = true;
  seen.server_id = id;
  return seen;
}

ReplicationChannel from(const char* host, std::uint16_t port, std::uint32_t id, bool connected = true) {
  ReplicationChannel channel;
  channel.source_host = host;
  channel.source_port = port;
  channel.source_server_id = id;
  channel.io_running = connected;
  channel.sql_running = true;
  return channel;
}

struct MatchCase {
  const char* what;
  ReplicationChannel channel;
  std::optional<std::size_t> source;
};

// The third of these servers has the channel.
const std::vector<std::string> names = {"127.0.0.1:3306", "db2.example:3306", "[::1]:3308", "/run/db4.sock"};

TEST(SourceOf, MatchesByServerIdThenByAddress) {
  const std::vector<ServerObservation> seen = {server(11), server(12), server(13), server(14)};
  const SourceGraph graph(names, seen);
  const MatchCase cases[] = {
      {"id and address agree", from("127.0.0.1", 3306, 11), 0},
      {"the id is better known than the address", from("10.0.0.5", 3306, 12), 1},
      {"connected: the id wins", from("127.0.0.1", 3306, 12), 1},
      {"not connected: the id may be an earlier source's", from("127.0.0.1", 3306, 12, false), 0},
      {"not connected, unknown address", from("10.0.0.5", 3306, 12, false), 1},
      {"no id yet", from("db2.example", 3306, 0), 1},
      {"hosts have no case", from("DB2.Example", 3306, 0), 1},
      {"localhost is a loopback address", from("localhost", 3306, 0), 0},
      {"so is ::1", from("::1", 3306, 0), 0},
      {"another port", from("127.0.0.1", 3307, 0), std::nullopt},
      {"a server on a unix socket is known by its id", from("10.0.0.7", 3306, 14), 3},
      {"not itself", from("::1", 3308, 13), std::nullopt},
      {"a stranger", from("10.0.0.5", 3306, 99), std::nullopt},
  };
  for (const auto& it : cases) EXPECT_EQ(graph.source_of(2, it.channel), it.source) << it.what;
}

TEST(SourceOf, TrustsNoIdThatTwoServersHave) {
  const std::vector<ServerObservation> seen = {server(11), server(11), server(13), server(14)};
  const SourceGraph graph(names, seen);
  EXPECT_EQ(graph.source_of(2, from("db2.example", 3306, 11)), 1U);
  EXPECT_EQ(graph.source_of(2, from("10.0.0.5", 3306, 11)), std::nullopt);
}

TEST(Follows, GoesOverReachableServersAndEndsInRings) {
  std::vector<ServerObservation> seen = {server(11), server(12), server(13), server(14)};
  seen[1].channels = {from("", 0, 11)};
  seen[2].channels = {from("", 0, 12)};
  EXPECT_TRUE(SourceGraph(names, seen).follows(2, 0));
  EXPECT_FALSE(SourceGraph(names, seen).follows(0, 2));
  EXPECT_FALSE(SourceGraph(names, seen).follows(2, 2));
  seen[1].reachable = false;
  EXPECT_FALSE(SourceGraph(names, seen).follows(2, 0));
  seen[1].reachable = true;
  seen[1].channels = {from("", 0, 13)};
  EXPECT_TRUE(SourceGraph(names, seen).follows(2, 2)) << "a ring of two";
  EXPECT_FALSE(SourceGraph(names, seen).follows(2, 0)) << "a ring that the target is not part of";
}

}  // namespace
}  // namespace sluice::failover
