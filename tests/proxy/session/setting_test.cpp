// SET to an expression: its value is read back once, and carried to other connections like a literal.
#include <array>
#include <list>

#include "proxy/session/cutting_fixture.hpp"

namespace sluice::proxy {
namespace {

class SessionSettings : public CuttingFixture {
 protected:
  // All sessions share one connection to each server.
  void share_one() {
    options.workers = 1;
    options.limits.backend_connections_max = 1;
    start();
  }
  std::string ties() {
    std::string all;
    for (const auto& row : report().sessions) all += row.pin;
    return all;
  }
  // What is being read back has been read by then.
  bool await_ties(const std::string& wanted) {
    return await([&] { return ties() == wanted; }, 1ms);
  }
};

// As published for Ruby on Rails (ActiveRecord), for MariaDB Connector/J 2 and for R2DBC's MariaDB driver.
constexpr std::array<const char*, 3> logons = {
    "SET @@SESSION.sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), @@SESSION.sql_auto_is_null = 0, "
    "@@SESSION.wait_timeout = 2147483",
    "set session_track_schema=1, session_track_system_variables='auto_increment_increment', autocommit=1, "
    "sql_mode = concat(@@sql_mode,',STRICT_TRANS_TABLES')",
    "SET session_track_schema=ON, session_track_system_variables='autocommit,tx_isolation'",
};

TEST_P(SessionSettings, LogonsOfFrameworksTieNobody) {
  share_one();
  for (const char* logon : logons) {
    Sql direct = cluster.app(0);
    direct.exec(logon);
    const std::string mode = direct.value("SELECT @@sql_mode");
    std::list<Sql> clients;
    for (int i = 0; i < 50; ++i) {
      clients.push_back(connect());
      clients.back().exec(logon);
    }
    EXPECT_TRUE(await_ties("")) << logon;
    Sql other = connect();
    EXPECT_EQ(other.value("SELECT @@sql_mode"), cluster.app(0).value("SELECT @@sql_mode"));
    for (Sql& client : clients) EXPECT_EQ(client.value("SELECT @@sql_mode"), mode) << logon;
    replicas_have_all();
    EXPECT_EQ(clients.front().value("SELECT @@sql_mode"), mode) << "on a replica, too: " << logon;
  }
}

TEST_P(SessionSettings, AnyExpressionIsCarried) {
  share_one();
  const std::vector<std::pair<std::string, std::string>> settings = {
      {"time_zone", "CONCAT('+0', 2, ':00')"},
      {"group_concat_max_len", "@@group_concat_max_len + 7"},
      {"sql_mode", "(SELECT 'ANSI_QUOTES')"},
      {"sql_mode", "IF(1 = 2, @@sql_mode, '')"},
      {"lc_time_names", "IF(1, 'de_DE', 'en_US')"},
      {"SESSION tx_isolation", "CONCAT('SERIALIZ', 'ABLE')"},
      {"max_statement_time", "1.5 * 200"},
      {"sql_select_limit", "@@GLOBAL.sql_select_limit - 1"},
      {"foreign_key_checks", "1 - 1"},
      {"@@session.div_precision_increment", "@@div_precision_increment + 3"},
      {"time_zone", "_utf8mb4'+03:00'"},
  };
  for (const auto& [name, expression] : settings) {
    const std::string bare = name.substr(name.find_last_of(" .") + 1);
    const std::string question = "SELECT @@" + bare;
    const std::string untouched = cluster.app(0).value(question);
    Sql direct = cluster.app(0);
    direct.exec("SET " + name + " = " + expression);
    const std::string wanted = direct.value(question);
    Sql client = connect();
    client.exec("SET " + name + " = " + expression);
    EXPECT_TRUE(await_ties("")) << name;
    for (int round = 0; round < 2; ++round) {
      Sql other = connect();
      EXPECT_EQ(other.value(question), untouched) << name;
      replicas_have_all();
      EXPECT_EQ(client.value(question), wanted) << name;
    }
  }
}

TEST_P(SessionSettings, AlsoAParameterAndInATransaction) {
  share_one();
  RawClient client(port());
  log_in(client);
  const std::uint32_t id = client.prepare("SET group_concat_max_len = ?");
  ASSERT_NE(id, 0U);
  client.send(
      execute_as(id, std::string_view("\0", 1), std::string_view("\x03\0", 2), std::string_view("\xd2\4\0\0", 4)));
  EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
  EXPECT_TRUE(await_ties(""));
  client.run("BEGIN");
  EXPECT_EQ(client.run("SET sql_mode = CONCAT('ANSI', '_QUOTES')").kind, Result::Kind::ok);
  EXPECT_TRUE(await_ties("transaction"));
  client.run("COMMIT");
  Sql other = connect();
  EXPECT_EQ(other.value("SELECT @@group_concat_max_len = 1234 OR @@sql_mode = 'ANSI_QUOTES'"), "0");
  EXPECT_EQ(client.run("SELECT CONCAT(@@group_concat_max_len, @@sql_mode)").value(), "1234ANSI_QUOTES");
}

// The next command waits until the value is known: what it means may hang on it.
TEST_P(SessionSettings, WhatIsSentAheadIsReadUnderTheNewSetting) {
  share_one();
  RawClient client(port());
  log_in(client);
  client.send(
      pipelined({query("SET sql_mode = CONCAT('ANSI', '_QUOTES')"), query("SELECT \"a\" FROM (SELECT 2 AS a) x"),
                 query("SET sql_mode = CONCAT('')"), query("SELECT \"a\"")}));
  EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
  EXPECT_EQ(client.read_result().value(), "2");
  EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
  EXPECT_EQ(client.read_result().value(), "a");
  EXPECT_TRUE(await_ties(""));
}

TEST_P(SessionSettings, WhatIsRefusedSetsNothing) {
  share_one();
  RawClient client(port());
  log_in(client);
  EXPECT_EQ(client.run("SET group_concat_max_len = 2000 + 1, time_zone = CONCAT('no', 'where')").error, 1298U);
  EXPECT_EQ(client.run("SET no_such_variable = 1 + 1").error, 1193U);
  EXPECT_TRUE(await_ties(""));
  EXPECT_NE(client.run("SELECT @@group_concat_max_len").value(), "2001");
}

TEST_P(SessionSettings, WhatItWarnedOfCanBeAsked) {
  share_one();
  RawClient client(port());
  log_in(client);
  EXPECT_EQ(client.run("SET group_concat_max_len = 1 + 1").warnings, 1U);
  EXPECT_EQ(client.run("SELECT @@warning_count").value(), "1");
  EXPECT_EQ(client.run("SHOW WARNINGS").rows.size(), 1U);
  EXPECT_EQ(ties(), "unknown_setting");
}

TEST_P(SessionSettings, WhatCannotBeCarriedTies) {
  share_one();
  for (const char* set :
       {"SET character_set_client = CONCAT('lat', 'in1')", "SET collation_connection = CONCAT('utf8mb4', '_bin')",
        "SET autocommit = 2 - 1", "SET timestamp = 5 + 5", "SET sql_auto_is_null = 1 + 0",
        "SET sql_mode = CONCAT('ANSI'); SELECT 1"}) {
    RawClient client(port());
    log_in(client);
    EXPECT_NE(client.run(set).kind, Result::Kind::error) << set;
    EXPECT_TRUE(await([&] { return ties() != "" && ties() != "unread_setting"; }, 1ms)) << set;
    client.disconnect();
    EXPECT_TRUE(await([&] { return report().sessions.empty(); }));
  }
}

// Wherever the connection breaks: what the session says next is not run without the setting, as if nothing was lost.
TEST_P(SessionSettings, AreNotLostWithoutAWord) {
  for (const Direction direction : {Direction::to_server, Direction::to_client}) {
    at_each_step(direction, [&](RawClient& client, const CuttingRelay& relay) {
      const Result set = client.run("SET group_concat_max_len = 2000 + 22");
      const Result now = client.run("SELECT @@group_concat_max_len");
      if (set.kind != Result::Kind::ok) {
        EXPECT_TRUE(relay.has_cut());
        return;  // told already
      }
      if (now.kind == Result::Kind::rows) {
        EXPECT_EQ(now.value(), "2022");
      } else {
        EXPECT_TRUE(relay.has_cut());
      }
    });
  }
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionSettings);

}  // namespace
}  // namespace sluice::proxy
