#include "failover/probe_script.hpp"

#include <gtest/gtest.h>

namespace sluice::failover {
namespace {

struct VersionCase {
  const char* driver;
  Flavour flavour;
  std::uint32_t number;
  const char* greeting;
};

TEST(ServerKind, IsReadFromTheVersionText) {
  const VersionCase cases[] = {
      {"10.11.19-MariaDB-0+deb12u1-log", Flavour::mariadb, 101119, "5.5.5-10.11.19-MariaDB-0+deb12u1-log"},
      {"5.5.5-10.11.6-MariaDB", Flavour::mariadb, 101106, "5.5.5-10.11.6-MariaDB"},
      {"11.4.2-MariaDB-log", Flavour::mariadb, 110402, "11.4.2-MariaDB-log"},
      {"5.6.24-log", Flavour::mysql, 50624, "5.6.24-log"},
      {"8.4.0", Flavour::mysql, 80400, "8.4.0"},
      {"8.0", Flavour::unknown, 0, "8.0"},
      {"", Flavour::unknown, 0, ""},
      {"999.1.1", Flavour::unknown, 0, "999.1.1"},
      {"garbage", Flavour::unknown, 0, "garbage"},
  };
  for (const auto& it : cases) {
    const auto kind = ServerKind::from_version(it.driver);
    EXPECT_EQ(kind.flavour, it.flavour) << it.driver;
    EXPECT_EQ(kind.number, it.number) << it.driver;
    EXPECT_EQ(kind.greeting_version(it.driver), it.greeting);
  }
}

TEST(ServerKind, AsksOnlyForWhatTheServerKnows) {
  const auto asks = [](const char* version, const char* word) {
    return ServerKind::from_version(version).probe_statements().find(word) != std::string::npos;
  };
  EXPECT_TRUE(asks("10.11.6-MariaDB", "gtid_current_pos"));
  EXPECT_TRUE(asks("10.11.6-MariaDB", "SHOW ALL SLAVES STATUS"));
  EXPECT_FALSE(asks("10.11.6-MariaDB", "server_uuid"));
  EXPECT_FALSE(asks("5.6.24", "super_read_only"));
  EXPECT_TRUE(asks("8.0.25", "log_slave_updates"));
  EXPECT_TRUE(asks("8.0.26", "log_replica_updates"));
  EXPECT_TRUE(asks("11.4.2-MariaDB", "log_slave_updates"));
  EXPECT_FALSE(asks("5.6.24", "SHOW ALL"));
  EXPECT_TRUE(asks("5.7.44", "super_read_only"));
  EXPECT_TRUE(asks("8.0.21", "SHOW SLAVE STATUS"));
  EXPECT_TRUE(asks("8.4.0", "SHOW REPLICA STATUS"));
  EXPECT_EQ(ServerKind::from_version("10.4.1-MariaDB").privilege(), "REPLICATION CLIENT");
  EXPECT_EQ(ServerKind::from_version("10.5.0-MariaDB").privilege(), "SLAVE MONITOR");
}

const ResultTable mysql_variables = {{"server_id", "read_only", "server_uuid", "gtid_executed", "super_read_only"},
                                     {{"7", "1", "3e11fa47", "3e11fa47:1-5,\n4f22:1-9", "0"}}};

TEST(ReadProbe, ReadsMysql) {
  const ResultTable channels = {
      {"Channel_Name", "Source_Host", "Source_Port", "Source_Server_Id", "Replica_IO_Running", "Replica_SQL_Running",
       "Seconds_Behind_Source", "SQL_Delay", "Last_IO_Errno", "Last_IO_Error", "Last_SQL_Errno", "Last_SQL_Error"},
      {{"", "db1", "3306", "6", "Connecting", "Yes", std::nullopt, "30", "2003", "cannot connect", "0", ""}}};
  ServerObservation seen;
  ASSERT_TRUE(read_probe(ServerKind::from_version("8.4.0"), {mysql_variables, channels}, seen));
  EXPECT_EQ(seen.flavour, Flavour::mysql);
  EXPECT_EQ(seen.server_id, 7U);
  EXPECT_EQ(seen.server_uuid, "3e11fa47");
  EXPECT_TRUE(seen.read_only);
  EXPECT_FALSE(seen.super_read_only);
  EXPECT_EQ(seen.position, "3e11fa47:1-5,4f22:1-9");
  ASSERT_EQ(seen.channels.size(), 1U);
  const auto& channel = seen.channels[0];
  EXPECT_EQ(channel.source_host, "db1");
  EXPECT_EQ(channel.source_port, 3306);
  EXPECT_EQ(channel.source_server_id, 6U);
  EXPECT_FALSE(channel.io_running);
  EXPECT_TRUE(channel.sql_running);
  EXPECT_EQ(channel.lag_ms, std::nullopt);
  EXPECT_EQ(channel.delay_s, 30U);
  EXPECT_EQ(channel.last_io_error, "cannot connect (2003)");
  EXPECT_EQ(channel.last_sql_error, "");
}

TEST(ReadProbe, ReadsMariadbWithTwoChannels) {
  const ResultTable variables = {{"server_id", "read_only", "gtid_current_pos", "gtid_binlog_pos"},
                                 {{"2", "OFF", "", "0-1-9"}}};
  const ResultTable channels = {
      {"Connection_name", "Master_Host", "Master_Port", "Slave_IO_Running", "Slave_SQL_Running", "Master_Server_Id",
       "Seconds_Behind_Master"},
      {{"", "db1", "3306", "Yes", "Yes", "1", "0"}, {"other", "db9", "3309", "Yes", "No", "9", "99999999999999"}}};
  ServerObservation seen;
  ASSERT_TRUE(read_probe(ServerKind::from_version("10.11.6-MariaDB"), {variables, channels}, seen));
  EXPECT_FALSE(seen.read_only);
  EXPECT_EQ(seen.position, "0-1-9") << "no current position: the binary log's";
  ASSERT_EQ(seen.channels.size(), 2U);
  EXPECT_EQ(seen.channels[0].lag_ms, 0U);
  EXPECT_EQ(seen.channels[1].name, "other");
  EXPECT_FALSE(seen.channels[1].sql_running);
  EXPECT_EQ(seen.channels[1].lag_ms, 4294967295000U) << "bounded, not wrapped";
}

TEST(ReadProbe, ReadsWhatAChangeOfLeaderWantsToKnow) {
  const ResultTable channels = {{"Replicate_Do_DB", "Replicate_Ignore_Server_Ids", "Replicate_Wild_Ignore_Table"},
                                {{"shop", "7", "a.%"}, {"", "7", std::nullopt}, {"", "", "tmp.%"}}};
  const auto kind = ServerKind::from_version("10.11.6-MariaDB");
  ServerObservation seen;
  ASSERT_TRUE(read_probe(
      kind, {{{"server_id", "read_only", "log_bin", "logs_replicated"}, {{"1", "0", "1", "0"}}}, channels}, seen));
  EXPECT_EQ(seen.binary_log, true);
  EXPECT_EQ(seen.logs_replicated, false);
  ASSERT_EQ(seen.channels.size(), 3U);
  EXPECT_EQ(seen.channels[0].filters, "Replicate_Do_DB=shop; Replicate_Wild_Ignore_Table=a.%");
  EXPECT_EQ(seen.channels[1].filters, "");
  EXPECT_EQ(seen.channels[2].filters, "Replicate_Wild_Ignore_Table=tmp.%");
  ASSERT_TRUE(read_probe(kind, {{{"server_id", "read_only"}, {{"1", "0"}}}, {}}, seen));
  EXPECT_EQ(seen.binary_log, std::nullopt) << "not told is not off";
}

TEST(ReadProbe, TakesEveryKindOfReadOnlyForReadOnly) {
  for (const auto& [text, read_only] :
       {std::pair{"0", false}, {"OFF", false}, {"1", true}, {"NO_LOCK_NO_ADMIN", true}}) {
    ServerObservation seen;
    ASSERT_TRUE(read_probe(ServerKind::from_version("12.1.0-MariaDB"),
                           {{{"server_id", "read_only"}, {{"1", text}}}, {}}, seen));
    EXPECT_EQ(seen.read_only, read_only) << text;
  }
}

TEST(ReadProbe, RefusesAnswersThatWereNotAskedFor) {
  const auto kind = ServerKind::from_version("8.4.0");
  ServerObservation seen;
  EXPECT_FALSE(read_probe(kind, {}, seen));
  EXPECT_FALSE(read_probe(kind, {mysql_variables}, seen));
  EXPECT_FALSE(read_probe(kind, {{{"server_id", "read_only"}, {}}, {}}, seen));
  EXPECT_FALSE(read_probe(kind, {{{"server_id", "read_only"}, {{"x", "0"}}}, {}}, seen));
  EXPECT_FALSE(read_probe(kind, {{{"server_id", "read_only"}, {{"1", std::nullopt}}}, {}}, seen));
  EXPECT_FALSE(read_probe(kind, {{{"server_id", "read_only"}, {{"1"}}}, {}}, seen)) << "a short row";
  EXPECT_FALSE(read_probe(kind, {{{"server_id"}, {{"1"}}}, {}}, seen));
}

}  // namespace
}  // namespace sluice::failover
