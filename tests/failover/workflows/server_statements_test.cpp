// failover/workflows/server_statements and cluster_channels: the words for each kind of server.
#include "failover/workflows/server_statements.hpp"

#include <gtest/gtest.h>

#include "failover/workflows/cluster_channels.hpp"

namespace sluice::failover {
namespace {

using namespace std::chrono_literals;

const ServerKind mariadb = ServerKind::from_version("10.11.6-MariaDB");
const ServerKind mysql56 = ServerKind::from_version("5.6.24-log");
const ServerKind mysql80 = ServerKind::from_version("8.0.36");

TEST(ServerStatements, KnowsWhomItCanActOn) {
  for (const auto* version : {"10.2.0-MariaDB", "11.4.2-MariaDB", "5.6.24", "5.7.44", "8.0.36"})
    EXPECT_EQ(why_not_supported(ServerKind::from_version(version)), "") << version;
  for (const auto* version : {"10.1.48-MariaDB", "5.5.62", "8.4.0", "9.0.1", "what"})
    EXPECT_NE(why_not_supported(ServerKind::from_version(version)), "") << version;
}

TEST(ServerStatements, LiteralsCantBeLeft) {
  EXPECT_EQ(quoted("a"), "'a'");
  EXPECT_EQ(quoted("a'; DROP \\"), "'a\\'; DROP \\\\'");
}

TEST(ServerStatements, WaitsAreRoundedUpAndNeverForEver) {
  EXPECT_EQ(await_position_query(mariadb, "0-1-5", 1005ms), "SELECT MASTER_GTID_WAIT('0-1-5', 1.005)");
  EXPECT_EQ(await_position_query(mariadb, "0-1-5", 0ms), "SELECT MASTER_GTID_WAIT('0-1-5', 0.001)");
  EXPECT_EQ(await_position_query(mysql56, "u:1", 1001ms), "SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS('u:1', 2)");
  EXPECT_EQ(await_position_query(mysql56, "u:1", 0ms), "SELECT WAIT_UNTIL_SQL_THREAD_AFTER_GTIDS('u:1', 1)");
  EXPECT_NE(session_settings(mysql56, 0ms).find("lock_wait_timeout = 1"), std::string::npos);
}

TEST(ServerStatements, TheOldestTransaction) {
  const auto answer = [](std::optional<std::string> cell) {
    return std::vector<ResultTable>{{{"age"}, {{std::move(cell)}}}};
  };
  EXPECT_EQ(read_oldest_transaction(answer("12")), 12'000U);
  EXPECT_EQ(read_oldest_transaction(answer("18446744073709551615")), 1'000'000'000'000U);
  EXPECT_EQ(read_oldest_transaction(answer(std::nullopt)), std::nullopt);  // none is open
  for (const auto* odd : {"", "-1", "x", "99999999999999999999"})
    EXPECT_EQ(read_oldest_transaction(answer(odd)), std::nullopt) << odd;
  EXPECT_EQ(read_oldest_transaction({}), std::nullopt);
  EXPECT_EQ(read_oldest_transaction({{{"age"}, {}}}), std::nullopt);
}

TEST(ServerStatements, SaysWhyAPositionWasNotReached) {
  const auto answer = [](std::optional<std::string> cell) {
    return std::vector<ResultTable>{{{"f"}, {{std::move(cell)}}}};
  };
  EXPECT_EQ(why_not_reached(mariadb, answer("0")), "");
  EXPECT_EQ(why_not_reached(mysql56, answer("3")), "");
  EXPECT_EQ(why_not_reached(mysql56, answer("-1")), "it was not there in time");
  EXPECT_EQ(why_not_reached(mysql56, answer(std::nullopt)), "its SQL thread does not run");
  EXPECT_NE(why_not_reached(mysql56, {}), "");
}

TEST(ServerStatements, ChannelsAreNamedWhereThereAreSome) {
  EXPECT_EQ(stop_channel(mariadb, "it's"), "STOP SLAVE 'it\\'s'");
  EXPECT_EQ(forget_channel(mariadb, ""), "RESET SLAVE '' ALL");
  EXPECT_EQ(start_channel(mysql56, ""), "START SLAVE");
  EXPECT_EQ(forget_channel(mysql56, ""), "RESET SLAVE ALL");
  EXPECT_EQ(forget_channel(mysql80, "c"), "RESET SLAVE ALL FOR CHANNEL 'c'");
  EXPECT_EQ(set_read_only(mysql80, true), "SET GLOBAL super_read_only = 1");
  EXPECT_EQ(set_read_only(mysql56, true), "SET GLOBAL read_only = 1");
}

TEST(ServerStatements, OfAReplicaOnlyTheSourceChanges) {
  EXPECT_EQ(change_source(mysql56, "", {"db2", 3307, "", "", false, false}),
            "CHANGE MASTER TO MASTER_HOST = 'db2', MASTER_PORT = 3307, MASTER_AUTO_POSITION = 1");
  EXPECT_EQ(
      change_source(mariadb, "c", {"db2", 3307, "r", "p'w", true, true}),
      "CHANGE MASTER 'c' TO MASTER_HOST = 'db2', MASTER_PORT = 3307, MASTER_USER = 'r', MASTER_PASSWORD = 'p\\'w', "
      "MASTER_CONNECT_RETRY = 1, MASTER_SSL = 1, MASTER_USE_GTID = slave_pos");
}

TEST(ServerStatements, ThreadsAreStoppedOneByOne) {
  EXPECT_EQ(stop_receiving(mariadb, "a"), "STOP SLAVE 'a' IO_THREAD");
  EXPECT_EQ(start_receiving(mysql56, ""), "START SLAVE IO_THREAD");
  EXPECT_EQ(stop_receiving(mysql80, "c"), "STOP REPLICA IO_THREAD FOR CHANNEL 'c'");
  EXPECT_EQ(stop_receiving(ServerKind::from_version("8.0.21"), ""), "STOP SLAVE IO_THREAD FOR CHANNEL ''");
  EXPECT_EQ(restart_applying(mysql56, ""), "STOP SLAVE SQL_THREAD; START SLAVE SQL_THREAD");
}

TEST(ServerStatements, AHeartbeatIsSetInSeconds) {
  const ReplicationSource source{"db2", 3307, "", "", false, false, 1500ms};
  EXPECT_EQ(change_source(mysql56, "", source),
            "CHANGE MASTER TO MASTER_HOST = 'db2', MASTER_PORT = 3307, MASTER_HEARTBEAT_PERIOD = 1.500, "
            "MASTER_AUTO_POSITION = 1");
}

TEST(ServerStatements, WhatMayBeAPartIsNotReceived) {
  const std::string a = "aaaaaaaa-0000-0000-0000-000000000000";
  const std::string b = "bbbbbbbb-0000-0000-0000-000000000000";
  EXPECT_EQ(whole_transactions(mysql56, a + ":1-9", a + ":1-9"), a + ":1-9");
  EXPECT_EQ(whole_transactions(mysql56, a + ":1-9", a + ":1-8"), a + ":1-8");
  EXPECT_EQ(whole_transactions(mysql56, a + ":5-9," + b + ":7", a + ":1-5," + b + ":7"), a + ":5-8," + b + ":7");
  EXPECT_EQ(whole_transactions(mysql80, a + ":1-9", a + ":1-8"), a + ":1-9");
  EXPECT_EQ(whole_transactions(mariadb, "0-1-9", "0-1-8"), "0-1-9");
}

TEST(ServerStatements, APositionIsWhateverHasAllOfTheOther) {
  EXPECT_EQ(executed_position("0-1-5", "0-1-5"), "0-1-5");
  EXPECT_EQ(executed_position("0-1-5,1-1-3", "0-1-5"), "0-1-5,1-1-3") << "applied and not logged";
  EXPECT_EQ(executed_position("", "0-7-9"), "0-7-9") << "written under an earlier server id";
  EXPECT_EQ(executed_position("0-1-5,1-1-3", "0-1-6"), std::nullopt);
}

TEST(ServerStatements, AnswersOfAnotherShapeAreRefused) {
  EXPECT_FALSE(read_facts(mariadb, {}));
  EXPECT_FALSE(read_facts(mysql56, {{}, {}, {}}));
  EXPECT_FALSE(read_own_connection({{"ID", "HOST"}, {}}));
  EXPECT_FALSE(read_own_connection({{"ID", "HOST"}, {{"x", "h"}}}));
  EXPECT_EQ(read_own_connection({{"ID", "HOST"}, {{"7", "h:1"}}})->host, "h:1");
}

TEST(ServerStatements, FactsAreThoseOfAProbe) {
  const ResultTable values = {{"name", "value"},
                              {{"RPL_SEMI_SYNC_MASTER_ENABLED", "OFF"}, {"rpl_semi_sync_slave_enabled", "1"}}};
  const ResultTable variables = {
      {"server_id", "read_only", "gtid_current_pos", "gtid_binlog_pos", "gtid_binlog_state", "gtid_slave_pos"},
      {{"2", "1", "0-1-5", "0-1-4", "0-1-4", "0-1-5"}}};
  const ResultTable channels = {{"Master_Host", "Gtid_IO_Pos"}, {{"db1", "0-1-6"}}};
  const ResultTable workers = {{"workers"}, {{"0"}}};
  const auto facts = read_facts(mariadb, {values, variables, channels, workers});
  ASSERT_TRUE(facts);
  EXPECT_TRUE(facts->read_only);
  EXPECT_EQ(facts->position, "0-1-5");
  EXPECT_EQ(facts->replica_pos, "0-1-5");
  EXPECT_EQ(facts->executed, "0-1-4,0-1-5");
  ASSERT_EQ(facts->relay_logs.size(), 1U);
  EXPECT_EQ(facts->relay_logs[0].received, "0-1-6");
  EXPECT_FALSE(facts->semi_sync_master);
  EXPECT_TRUE(facts->semi_sync_replica);
  const ResultTable new_plugin = {{"name", "value"}, {{"rpl_semi_sync_source_enabled", "ON"}}};
  EXPECT_FALSE(read_facts(mysql80, {new_plugin, variables, {}, workers})->semi_sync()) << "not by the name that is set";
}

ReplicationChannel channel(const std::string& name, const std::string& host, std::uint16_t port) {
  ReplicationChannel made;
  made.name = name;
  made.source_host = host;
  made.source_port = port;
  return made;
}

TEST(ClusterChannels, OnlyThoseOfTheClusterAreOurs) {
  const std::vector<ClusterMember> members = {{{"a", "10.0.0.1", 3306, ""}, 1}, {{"b", "10.0.0.2", 3306, ""}, 2}};
  const std::vector<ReplicationChannel> channels = {channel("", "10.9.9.9", 3306), channel("x", "10.0.0.2", 3306)};
  EXPECT_EQ(channels_of_cluster(members, 0, channels), (std::vector<std::size_t>{1}));
  EXPECT_EQ(new_channel_name(channels), "sluice");
  EXPECT_EQ(new_channel_name({}), "");
}

}  // namespace
}  // namespace sluice::failover
