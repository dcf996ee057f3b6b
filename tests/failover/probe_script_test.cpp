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
  EXPECT_TRUE(asks("5.6.24", "information_schema.global_status"));
  EXPECT_TRUE(asks("5.6.24", "slave_received_heartbeats"));
  EXPECT_TRUE(asks("8.4.0", "performance_schema.global_status"));
  EXPECT_TRUE(asks("10.3.0-MariaDB", "@@global.rpl_semi_sync_master_timeout"));
  EXPECT_FALSE(asks("10.3.0-MariaDB", "global_variables"));
  EXPECT_FALSE(asks("10.2.44-MariaDB", "@@global.rpl_semi_sync_master_timeout"));
  EXPECT_FALSE(asks("8.4.0", "information_schema"));
  EXPECT_TRUE(asks("8.0.26", "rpl_semi_sync_source_status"));
  EXPECT_FALSE(asks("8.0.25", "rpl_semi_sync_source_status"));
  EXPECT_TRUE(asks("8.0.21", "SHOW SLAVE STATUS"));
  EXPECT_TRUE(asks("8.4.0", "SHOW REPLICA STATUS"));
  EXPECT_EQ(ServerKind::from_version("10.4.1-MariaDB").privilege(), "REPLICATION CLIENT");
  EXPECT_EQ(ServerKind::from_version("10.5.0-MariaDB").privilege(), "SLAVE MONITOR");
}

const ResultTable no_values = {{"name", "value"}, {}};
const ResultTable mysql_variables = {{"server_id", "read_only", "server_uuid", "gtid_executed", "super_read_only"},
                                     {{"7", "1", "3e11fa47", "3e11fa47:1-5,\n4f22:1-9", "0"}}};

TEST(ReadProbe, ReadsMysql) {
  const ResultTable channels = {
      {"Channel_Name", "Source_Host", "Source_Port", "Source_Server_Id", "Replica_IO_Running", "Replica_SQL_Running",
       "Seconds_Behind_Source", "SQL_Delay", "Last_IO_Errno", "Last_IO_Error", "Last_SQL_Errno", "Last_SQL_Error"},
      {{"", "db1", "3306", "6", "Connecting", "Yes", std::nullopt, "30", "2003", "cannot connect", "0", ""}}};
  ServerObservation seen;
  ASSERT_TRUE(read_probe(ServerKind::from_version("8.4.0"), {no_values, mysql_variables, channels}, seen));
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
  EXPECT_EQ(channel.traffic.io, IoThread::connecting);
  EXPECT_EQ(channel.traffic.heartbeat_period.count(), 0) << "not told by this one";
  EXPECT_EQ(seen.executed, "3e11fa47:1-5,4f22:1-9");
  EXPECT_EQ(seen.instance, 0U);
  EXPECT_FALSE(seen.semi_sync.leads);
}

TEST(ReadProbe, ReadsMariadbWithTwoChannels) {
  const ResultTable variables = {{"server_id", "read_only", "gtid_current_pos", "gtid_binlog_pos"},
                                 {{"2", "OFF", "", "0-1-9"}}};
  const ResultTable channels = {
      {"Connection_name", "Master_Host", "Master_Port", "Slave_IO_Running", "Slave_SQL_Running", "Master_Server_Id",
       "Seconds_Behind_Master"},
      {{"", "db1", "3306", "Yes", "Yes", "1", "0"}, {"other", "db9", "3309", "Yes", "No", "9", "99999999999999"}}};
  ServerObservation seen;
  ASSERT_TRUE(read_probe(ServerKind::from_version("10.11.6-MariaDB"), {no_values, variables, channels}, seen));
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
      kind, {no_values, {{"server_id", "read_only", "log_bin", "logs_replicated"}, {{"1", "0", "1", "0"}}}, channels},
      seen));
  EXPECT_EQ(seen.binary_log, true);
  EXPECT_EQ(seen.logs_replicated, false);
  ASSERT_EQ(seen.channels.size(), 3U);
  EXPECT_EQ(seen.channels[0].filters, "Replicate_Do_DB=shop; Replicate_Wild_Ignore_Table=a.%");
  EXPECT_EQ(seen.channels[1].filters, "");
  EXPECT_EQ(seen.channels[2].filters, "Replicate_Wild_Ignore_Table=tmp.%");
  ASSERT_TRUE(read_probe(kind, {no_values, {{"server_id", "read_only"}, {{"1", "0"}}}, {}}, seen));
  EXPECT_EQ(seen.binary_log, std::nullopt) << "not told is not off";
}

struct ExecutedCase {
  const char* binlog_state;
  const char* slave_pos;
  const char* executed;
};

TEST(ReadProbe, JoinsWhatAMariadbHasLoggedAndReplicated) {
  const ExecutedCase cases[] = {
      {"", "", ""}, {"0-1-9,0-2-7", "", "0-1-9,0-2-7"}, {"", "0-1-9", "0-1-9"}, {"0-1-9", "1-3-4", "0-1-9,1-3-4"}};
  for (const auto& it : cases) {
    ServerObservation seen;
    ASSERT_TRUE(read_probe(ServerKind::from_version("10.11.6-MariaDB"),
                           {no_values,
                            {{"server_id", "read_only", "gtid_binlog_state", "gtid_slave_pos"},
                             {{"1", "0", it.binlog_state, it.slave_pos}}},
                            {}},
                           seen));
    EXPECT_EQ(seen.executed, it.executed);
  }
}

struct TrafficCase {
  const char* running;
  const char* using_gtid;
  const char* period;
  IoThread io;
  std::optional<std::string> gtids;
  int period_ms;
};

TEST(ReadProbe, ReadsWhatAMariadbChannelHasReceived) {
  const TrafficCase cases[] = {
      {"Yes", "Slave_Pos", "0.500", IoThread::connected, "0-1-9", 500},
      {"Connecting", "Current_Pos", "30.000", IoThread::connecting, "0-1-9", 30'000},
      {"Preparing", "Slave_Pos", "0.000", IoThread::connecting, "0-1-9", 0},
      {"No", "No", "-1", IoThread::stopped, std::nullopt, 0},
      {"", "No", "x", IoThread::stopped, std::nullopt, 0},
  };
  for (const auto& it : cases) {
    const ResultTable channels = {
        {"Slave_IO_Running", "Using_Gtid", "Slave_heartbeat_period", "Slave_received_heartbeats", "Gtid_IO_Pos",
         "Master_Log_File", "Read_Master_Log_Pos"},
        {{it.running, it.using_gtid, it.period, "12", "0-1-9", "binlog.000001", "325"}}};
    ServerObservation seen;
    ASSERT_TRUE(read_probe(ServerKind::from_version("10.11.6-MariaDB"),
                           {no_values, {{"server_id", "read_only"}, {{"1", "0"}}}, channels}, seen));
    const auto& traffic = seen.channels.at(0).traffic;
    EXPECT_EQ(traffic.io, it.io) << it.running;
    EXPECT_EQ(traffic.gtids, it.gtids) << it.using_gtid;
    EXPECT_EQ(traffic.heartbeat_period.count(), it.period_ms) << it.period;
    EXPECT_EQ(traffic.heartbeats, 12U);
    EXPECT_EQ(traffic.log_position, "binlog.000001:325");
  }
}

TEST(ReadProbe, ReadsTheHeartbeatsOfMysql56FromItsStatus) {
  const ResultTable values = {{"name", "value"},
                              {{"SLAVE_HEARTBEAT_PERIOD", "0.500"}, {"SLAVE_RECEIVED_HEARTBEATS", "7"}}};
  const ResultTable channels = {{"Slave_IO_Running", "Retrieved_Gtid_Set"}, {{"Yes", "3e11fa47:1-5,\n4f22:1-9"}}};
  ServerObservation seen;
  ASSERT_TRUE(read_probe(ServerKind::from_version("5.6.24"), {values, mysql_variables, channels}, seen));
  const auto& traffic = seen.channels.at(0).traffic;
  EXPECT_EQ(traffic.heartbeat_period.count(), 500);
  EXPECT_EQ(traffic.heartbeats, 7U);
  EXPECT_EQ(traffic.gtids, "3e11fa47:1-5,4f22:1-9");
}

TEST(ReadProbe, ReadsSemiSynchronousReplicationUnderBothItsNames) {
  const ResultTable old_names = {{"name", "value"},
                                 {{"RPL_SEMI_SYNC_MASTER_ENABLED", "ON"},
                                  {"RPL_SEMI_SYNC_MASTER_STATUS", "ON"},
                                  {"RPL_SEMI_SYNC_MASTER_WAIT_NO_SLAVE", "1"},
                                  {"RPL_SEMI_SYNC_MASTER_CLIENTS", "3"},
                                  {"RPL_SEMI_SYNC_MASTER_WAIT_SESSIONS", "5"},
                                  {"RPL_SEMI_SYNC_MASTER_NO_TX", "8"},
                                  {"RPL_SEMI_SYNC_MASTER_YES_TX", "9"},
                                  {"THREADS_CONNECTED", "10"},
                                  {"CONNECTIONS", "11"},
                                  {"RPL_SEMI_SYNC_MASTER_TIMEOUT", "18446744073709551615"},
                                  {"RPL_SEMI_SYNC_SLAVE_ENABLED", "ON"}}};
  const ResultTable new_names = {{"name", "value"},
                                 {{"rpl_semi_sync_source_enabled", "ON"},
                                  {"Rpl_semi_sync_source_status", "OFF"},
                                  {"rpl_semi_sync_source_wait_no_replica", "OFF"},
                                  {"rpl_semi_sync_source_wait_for_replica_count", "2"},
                                  {"rpl_semi_sync_source_timeout", "1500"},
                                  {"Rpl_semi_sync_replica_status", "ON"}}};
  const auto read = [](const char* version, const ResultTable& values) {
    ServerObservation seen;
    EXPECT_TRUE(read_probe(ServerKind::from_version(version), {values, mysql_variables, {}}, seen));
    return seen.semi_sync;
  };
  auto semi_sync = read("5.6.24", old_names);
  EXPECT_TRUE(semi_sync.leads && semi_sync.waits && semi_sync.waits_without_replicas && semi_sync.follows);
  EXPECT_EQ(semi_sync.wanted, 1U) << "as there is no such variable";
  EXPECT_EQ(semi_sync.replicas, 3U);
  EXPECT_EQ(semi_sync.sessions, 5U);
  EXPECT_EQ(semi_sync.unacknowledged, 8U);
  EXPECT_EQ(semi_sync.acknowledged, 9U);
  EXPECT_EQ(semi_sync.clients, 10U);
  EXPECT_EQ(semi_sync.clients_ever, 11U);
  EXPECT_GT(semi_sync.timeout, std::chrono::hours(24 * 365));
  EXPECT_LT(semi_sync.timeout, std::chrono::hours(24 * 367)) << "bounded: it is added to times";
  semi_sync = read("8.0.30", new_names);
  EXPECT_TRUE(semi_sync.leads && semi_sync.follows);
  EXPECT_FALSE(semi_sync.waits || semi_sync.waits_without_replicas);
  EXPECT_EQ(semi_sync.wanted, 2U);
  EXPECT_EQ(semi_sync.timeout.count(), 1500);
}

TEST(ReadProbe, KnowsOneRunOfTheServerByItsStart) {
  const auto instance = [](const char* now, const char* uptime) {
    ServerObservation seen;
    EXPECT_TRUE(read_probe(ServerKind::from_version("5.6.24"),
                           {{{"name", "value"}, {{"now", now}, {"UPTIME", uptime}}}, mysql_variables, {}}, seen));
    return seen.instance;
  };
  EXPECT_EQ(instance("1795642674", "258"), 1'795'642'416U);
  EXPECT_EQ(instance("1795642675", "259"), 1'795'642'416U);
  EXPECT_EQ(instance("1", "259"), 0U) << "a clock that was set back tells nothing";
  EXPECT_EQ(instance("1795642675", "x"), 0U);
}

TEST(ReadProbe, TakesEveryKindOfReadOnlyForReadOnly) {
  for (const auto& [text, read_only] :
       {std::pair{"0", false}, {"OFF", false}, {"1", true}, {"NO_LOCK_NO_ADMIN", true}}) {
    ServerObservation seen;
    ASSERT_TRUE(read_probe(ServerKind::from_version("12.1.0-MariaDB"),
                           {no_values, {{"server_id", "read_only"}, {{"1", text}}}, {}}, seen));
    EXPECT_EQ(seen.read_only, read_only) << text;
  }
}

TEST(ReadProbe, RefusesAnswersThatWereNotAskedFor) {
  const auto kind = ServerKind::from_version("8.4.0");
  ServerObservation seen;
  EXPECT_FALSE(read_probe(kind, {}, seen));
  EXPECT_FALSE(read_probe(kind, {no_values, mysql_variables}, seen));
  EXPECT_FALSE(read_probe(kind, {no_values, {{"server_id", "read_only"}, {}}, {}}, seen));
  EXPECT_FALSE(read_probe(kind, {no_values, {{"server_id", "read_only"}, {{"x", "0"}}}, {}}, seen));
  EXPECT_FALSE(read_probe(kind, {no_values, {{"server_id", "read_only"}, {{"1", std::nullopt}}}, {}}, seen));
  EXPECT_FALSE(read_probe(kind, {no_values, {{"server_id", "read_only"}, {{"1"}}}, {}}, seen)) << "a short row";
  EXPECT_FALSE(read_probe(kind, {no_values, {{"server_id"}, {{"1"}}}, {}}, seen));
}

TEST(ProbeScript, AnInstanceIsReadWhereTheServerKeepsIt) {
  const auto reads = [](std::string_view version, std::string_view table) {
    return instance_expression(ServerKind::from_version(version)).find(table) != std::string::npos;
  };
  EXPECT_TRUE(reads("10.11.6-MariaDB", "information_schema."));
  EXPECT_TRUE(reads("5.6.24-log", "information_schema."));
  EXPECT_TRUE(reads("8.0.36", "performance_schema."));
}

}  // namespace
}  // namespace sluice::failover
