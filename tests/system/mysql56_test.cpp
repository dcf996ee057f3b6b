// The same main path in front of Oracle's MySQL 5.6: no session trackers, no DEPRECATE_EOF, other GTIDs.
#include "proxy/raw_client.hpp"
#include "system/general_log.hpp"
#include "system/prepared.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

class Mysql56Test : public SystemTest {
 protected:
  Mysql56Test() : SystemTest(Flavour::mysql56, 2) {
    cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40))");
    cluster_->await_replicated();
  }
  using Seen = std::map<std::size_t, unsigned>;
};

TEST_P(Mysql56Test, WritesAreOnTheLeaderAndReadsOnTheReplica) {
  start();
  GeneralLogs logs(cluster_);
  Sql writer = client();
  for (int i = 0; i < 20; ++i) writer.exec("INSERT /* wr */ INTO t VALUES (" + std::to_string(i) + ", 'x')");
  Sql reader = client();
  cluster_->await_replicated();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(reader.value("SELECT /* rd */ v FROM t WHERE id = 1"), "x");
  Prepared put(reader, "REPLACE /* pw */ INTO t VALUES (?, ?)");
  put.run({"50", "p"});
  Sql other = client();
  Prepared get(other, "SELECT /* pr */ v FROM t WHERE id = ?");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(get.run({std::to_string(i)}), (Rows{{"x"}}));
  other.query("SELECT /* lk */ v FROM t FOR UPDATE");
  other.query("SELECT /* mu */ 1; INSERT INTO t VALUES (51, 'm')");
  other.query("SELECT /* gl */ GET_LOCK('l', 0)");
  other.exec("BEGIN");
  other.query("SELECT /* tx */ v FROM t");
  other.exec("COMMIT");
  EXPECT_EQ(logs.servers_of("/* wr */"), (Seen{{0, 20}}));
  EXPECT_EQ(logs.servers_of("/* rd */"), (Seen{{1, 20}}));
  EXPECT_EQ(logs.servers_of("/* pw */"), (Seen{{0, 1}}));
  EXPECT_EQ(logs.servers_of("/* pr */"), (Seen{{1, 10}}));
  for (const char* mark : {"/* lk */", "/* mu */", "/* gl */", "/* tx */"}) {
    EXPECT_EQ(logs.servers_of(mark), (Seen{{0, 1}})) << mark;
  }
}

TEST_P(Mysql56Test, ASessionReadsWhatItWroteAndReadsGoBack) {
  start();
  Sql sql = client();
  for (int i = 0; i < 200; ++i) {
    const std::string id = std::to_string(i);
    sql.exec("INSERT INTO t VALUES (" + id + ", 'v" + id + "')");
    ASSERT_EQ(sql.value("SELECT v FROM t WHERE id = " + id), "v" + id);
  }
  await_that("the replica reads", [&] { return sql.value("SELECT @@server_id") == server_id(1); });
  cluster_.root(1).exec("STOP SLAVE SQL_THREAD");
  for (int i = 200; i < 260; ++i) {
    const std::string id = std::to_string(i);
    sql.exec("INSERT INTO t VALUES (" + id + ", 'v" + id + "')");
    ASSERT_EQ(sql.value("SELECT v FROM t WHERE id = " + id), "v" + id);
  }
  cluster_.root(1).exec("START SLAVE SQL_THREAD");
  await_that("the replica reads again", [&] { return sql.value("SELECT @@server_id") == server_id(1); });
}

TEST_P(Mysql56Test, ErrorsAndVersionAreItsOwn) {
  start();
  Sql here = client();
  Sql there = cluster_.app(0);
  EXPECT_STREQ(mysql_get_server_info(here.raw()), mysql_get_server_info(there.raw()));
  for (const char* statement : {"SELEC 1", "SELECT * FROM missing", "USE no_such_schema", "SELECT * FROM mysql.user",
                                "SELECT @@version", "SHOW VARIABLES LIKE 'sql_mode'", "SHOW WARNINGS"}) {
    EXPECT_EQ(outcome_of(here, statement), outcome_of(there, statement)) << statement;
  }
  SqlAddress through = client_address();
  SqlAddress server = cluster_.app_address(0);
  through.password = server.password = "wrong";
  const auto refusal = [](const SqlAddress& address) {
    try {
      Sql sql(address);
    } catch (const SqlError& error) {
      return Outcome{.code = error.code(), .state = error.state(), .text = error.what()};
    }
    return Outcome{};
  };
  EXPECT_EQ(refusal(server).code, 1045U);
  EXPECT_EQ(refusal(through), refusal(server));
}

// Each answer to a statement that is executed with types, prepared anew, and executed without: NULL, a value, NULL.
std::vector<std::string> executed_without_types(const SqlAddress& address) {
  std::vector<std::string> answers;
  proxy::RawClient client(address.port);
  EXPECT_EQ(client.login(address.user, address.password, address.schema).kind, proxy::Result::Kind::ok);
  const auto run = [&](std::uint32_t id, char nulls, std::string_view types, std::string_view values) {
    client.send(proxy::execute_as(id, std::string_view(&nulls, 1), types, values));
    const proxy::Result result = client.read_result(true);
    answers.push_back(result.rows.empty() ? "error " + std::to_string(result.error) : result.value());
  };
  client.run("BEGIN");  // through sluice: on the leader
  const std::uint32_t bound = client.prepare("SELECT ?");
  run(bound, 0, std::string_view("\xfd\0", 2), "\1x");
  client.run("COMMIT");
  client.send(proxy::packet(protocol::Command::stmt_close, proxy::number4(bound)));
  const std::uint32_t unbound = client.prepare("SELECT ?");  // on the replica
  client.run("BEGIN");
  run(unbound, 1, {}, {});
  run(unbound, 0, {}, "\1x");
  run(unbound, 1, {}, {});
  return answers;
}

// To MariaDB a value without a type is an error.
TEST_P(Mysql56Test, AValueWithoutATypeIsNull) {
  start();
  const std::string null("\0\4", 2);
  const std::vector<std::string> answers = executed_without_types(client_address());
  EXPECT_EQ(answers, (std::vector<std::string>{std::string("\0\0\1x", 4), null, null, null}));
  EXPECT_EQ(answers, executed_without_types(cluster_.app_address(0)));
}

// The results of a CALL whose procedure reads a cursor: as a text, prepared, and executed with a cursor asked for. Each
// as its kind and its rows.
std::vector<std::string> answers_to_call(const SqlAddress& address) {
  std::vector<std::string> answers;
  proxy::RawClient client(address.port);
  EXPECT_EQ(client.login(address.user, address.password, address.schema).kind, proxy::Result::Kind::ok);
  const auto note = [&](const std::vector<proxy::Result>& results) {
    for (const auto& result : results) {
      answers.push_back(std::to_string(static_cast<int>(result.kind)));
      for (const auto& row : result.rows) answers.back() += " " + row.front();
    }
  };
  client.send(proxy::query("CALL p()"));
  note(client.read_results());
  for (const std::uint8_t flags : {std::uint8_t{0}, std::uint8_t{1}}) {
    const std::uint32_t id = client.prepare("CALL p()");
    client.send(proxy::execute(id, {}, false, flags));
    note(client.read_results(true, flags != 0));
  }
  client.run("SELECT 1");
  EXPECT_EQ(client.run("SELECT 3").value(), "3");
  return answers;
}

TEST_P(Mysql56Test, TheCursorOfARoutineIsNotTheClients) {
  cluster_.root(0).exec(
      "CREATE PROCEDURE app.p() BEGIN DECLARE v INT; DECLARE c CURSOR FOR SELECT 1 UNION SELECT 2; OPEN c; "
      "FETCH c INTO v; SELECT v; FETCH c INTO v; SELECT v, 'two'; CLOSE c; END");
  start();
  const std::vector<std::string> answers = answers_to_call(client_address());
  EXPECT_EQ(answers.size(), 9U);
  EXPECT_EQ(answers, answers_to_call(cluster_.app_address(0)));
}

TEST_P(Mysql56Test, StateTravelsWithoutTrackers) {
  start({.limits = "backend_connections_max = 4"});
  std::vector<Sql> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(client());
  for (std::size_t i = 0; i < clients.size(); ++i) {
    clients[i].exec("SET time_zone = '+" + std::to_string(i % 10) + ":00', sql_mode = '" +
                    (i % 2 == 0 ? "ANSI_QUOTES" : "PIPES_AS_CONCAT") + "'");
    clients[i].exec(i % 3 == 0 ? "USE information_schema" : "USE app");
  }
  for (int round = 0; round < 5; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      EXPECT_EQ(clients[i].query("SELECT @@time_zone, @@sql_mode, DATABASE()"),
                (Rows{{"+0" + std::to_string(i % 10) + ":00", i % 2 == 0 ? "ANSI_QUOTES" : "PIPES_AS_CONCAT",
                       i % 3 == 0 ? "information_schema" : "app"}}));
    }
  }
  EXPECT_EQ(admin_value("SELECT COUNT(*) FROM sessions WHERE pin <> ''"), "0");
}

// It has no flag for either of the two, and no tracker. Of the others one at least is on the same worker; whether it
// would be given the same connection is up to the pool, so what ties the session is looked at as well.
TEST_P(Mysql56Test, WhatWaitsForTheNextTransactionIsItsSessions) {
  start({.limits = "backend_connections_max = 4"});
  Sql session = client();
  std::vector<Sql> others;
  for (int i = 0; i < 3; ++i) others.push_back(client());
  session.exec("SET TRANSACTION READ ONLY");
  EXPECT_EQ(session.value("SELECT 1"), "1");
  const auto ties = [this] { return admin_value("SELECT GROUP_CONCAT(pin) FROM sessions WHERE pin <> ''"); };
  EXPECT_EQ(ties(), "SET TRANSACTION");
  for (std::size_t i = 0; i < others.size(); ++i)
    others[i].exec("INSERT INTO t VALUES (" + std::to_string(i) + ", 'other')");
  session.exec("BEGIN");
  EXPECT_EQ(outcome_of(session, "INSERT INTO t VALUES (7, 'own')").code, 1792U);
  session.exec("COMMIT");
  session.exec("INSERT INTO t VALUES (7, 'own')");
  session.exec("SET autocommit = 0");
  session.exec("SAVEPOINT s");
  session.exec("DO 1");
  EXPECT_EQ(ties(), "savepoint");
  for (auto& other : others) other.exec("DO 1");
  session.exec("INSERT INTO t VALUES (8, 'own')");
  session.exec("ROLLBACK TO s");
  session.exec("COMMIT");
  EXPECT_EQ(others.front().value("SELECT GROUP_CONCAT(id ORDER BY id) FROM t"), "0,1,2,7");
  EXPECT_EQ(admin_value("SELECT COUNT(*) FROM sessions WHERE pin <> ''"), "0");
}

TEST_P(Mysql56Test, WhatAFunctionLeftBehindIsItsSessionsOwn) {
  start({.limits = "backend_connections_max = 4"});
  cluster_.root(0).exec(
      "CREATE FUNCTION app.remember() RETURNS INT DETERMINISTIC NO SQL BEGIN SET @seen = 42; SET sql_mode = 'ANSI'; "
      "DO GET_LOCK('of a function', 3600); RETURN 1; END");
  Sql session = client();
  std::vector<Sql> others;
  for (int i = 0; i < 3; ++i) others.push_back(client());
  session.exec("REPLACE INTO t VALUES (remember(), 'x')");
  EXPECT_EQ(admin_value("SELECT GROUP_CONCAT(pin) FROM sessions WHERE pin <> ''"), "stored_code");
  for (auto& other : others) {
    EXPECT_EQ(other.query("SELECT @seen, @@sql_mode = 'ANSI', IS_FREE_LOCK('of a function')"),
              (Rows{{std::nullopt, "0", "0"}}));
  }
  EXPECT_EQ(session.value("SELECT @seen"), "42");
}

TEST_P(Mysql56Test, CharacterSetsAreTakenBack) {
  start({.limits = "backend_connections_max = 4"});
  constexpr const char* variables =
      "SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection";
  const std::vector<const char*> sets = {"DO 1",
                                         "SET NAMES latin1",
                                         "SET NAMES utf8 COLLATE utf8_bin",
                                         "SET character_set_results = NULL",
                                         "SET character_set_connection = ucs2",
                                         "SET NAMES binary"};
  std::vector<Sql> clients;
  std::vector<Rows> own;
  for (unsigned i = 0; i < 3; ++i) {
    for (const char* set : sets) {
      Sql direct = cluster_.app(0);
      direct.exec(set);
      own.push_back(direct.query(variables));
      clients.push_back(client());
      clients.back().exec(set);
    }
  }
  for (int round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      EXPECT_EQ(clients[i].query(variables), own[i]) << sets[i % sets.size()];
    }
  }
  EXPECT_LE(count("backends_opened"), 8U);  // the limit on each of the two servers
}

TEST_P(Mysql56Test, WhatWasSetToAnExpressionIsCarried) {
  start({.limits = "backend_connections_max = 2"});  // one for each worker
  constexpr const char* question = "SELECT @@sql_mode, @@group_concat_max_len, @@tx_isolation";
  constexpr const char* set =
      "SET @@SESSION.sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES'), group_concat_max_len = 1000 * 2, SESSION "
      "tx_isolation = IF(1, 'SERIALIZABLE', 'READ-COMMITTED')";
  Sql direct = cluster_.app(0);
  const Rows untouched = direct.query(question);
  direct.exec(set);
  const Rows wanted = direct.query(question);
  std::vector<Sql> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(client());
    clients.back().exec(set);
  }
  for (auto& one : clients) {
    Sql other = client();
    EXPECT_EQ(other.query(question), untouched);
    EXPECT_EQ(one.query(question), wanted);
    EXPECT_EQ(one.value("SELECT \"v\" FROM (SELECT 'read as a name' AS v) AS x"), "read as a name");
  }
  await_that("nobody is tied", [&] { return admin_value("SELECT COUNT(*) FROM sessions WHERE pin <> ''") == "0"; });
}

// While it lives, on both servers.
class GlobalSetting {
 public:
  GlobalSetting(TestCluster& cluster, std::string name, const std::string& value, std::string back)
      : cluster_(cluster), name_(std::move(name)), back_(std::move(back)) {
    set(value);
  }
  ~GlobalSetting() { set(back_); }
  GlobalSetting(const GlobalSetting&) = delete;
  GlobalSetting& operator=(const GlobalSetting&) = delete;

 private:
  void set(const std::string& value) {
    for (const std::size_t node : {0U, 1U}) cluster_.root(node).exec("SET GLOBAL " + name_ + " = " + value);
  }
  TestCluster& cluster_;
  std::string name_;
  std::string back_;
};

// This server tells every client that autocommit is on until it has set it itself.
TEST_P(Mysql56Test, AutocommitIsOffWhereItIsGlobally) {
  const GlobalSetting off(cluster_, "autocommit", "0", "1");
  start({.limits = "backend_connections_max = 2"});  // one for each worker
  for (int i = 0; i < 3; ++i) {
    Sql on = client();
    on.exec("SET autocommit = 1");
    on.exec("REPLACE INTO t VALUES (1, 'kept')");
    Sql session = client();
    EXPECT_EQ(session.value("SELECT @@autocommit"), "0");
    session.exec("INSERT INTO t VALUES (2, 'taken back')");
    session.exec("ROLLBACK");
    EXPECT_EQ(session.value("SELECT GROUP_CONCAT(v) FROM t"), "kept");
    session.exec("COMMIT");
    EXPECT_EQ(on.value("SELECT @@autocommit"), "1");
  }
}

TEST_P(Mysql56Test, WhatAnotherSetIsTakenBackToWhatALogonGives) {
  const GlobalSetting logon(cluster_, "init_connect", "'SET time_zone = ''+03:00'', div_precision_increment = 7'",
                            "''");
  start({.limits = "backend_connections_max = 2"});  // one for each worker
  constexpr const char* question = "SELECT @@time_zone, @@div_precision_increment, @@sql_mode";
  const Rows given = cluster_.app(0).query(question);
  EXPECT_EQ(given[0][0], "+03:00");
  for (int i = 0; i < 4; ++i) {
    Sql other = client();
    other.exec("SET time_zone = DEFAULT, div_precision_increment = 9, sql_mode = 'ANSI'");
    EXPECT_EQ(other.value("SELECT @@time_zone"), "SYSTEM");
    EXPECT_EQ(client().query(question), given);
    EXPECT_EQ(other.value("SELECT @@time_zone"), "SYSTEM");
  }
  // One for each worker on each of the two servers; those that were not asked for these variables were replaced, once.
  EXPECT_LE(count("backends_opened"), 8U);
}

TEST_P(Mysql56Test, WarningsAreOnesOwnWhoeverHadTheConnection) {
  start({.limits = "backend_connections_max = 2"});  // one for each worker
  Sql direct = cluster_.app(0);
  std::vector<Sql> others;
  for (int i = 0; i < 8; ++i) others.push_back(client());
  Sql session = client();
  for (const char* statement :
       {"INSERT IGNORE INTO t VALUES (1, 'a'), (1, 'b'), ('2x', 'c')", "SELECT nobody FROM t"}) {
    for (const char* question :
         {"SHOW WARNINGS", "SHOW ERRORS", "SHOW WARNINGS LIMIT 1, 1", "SHOW COUNT(*) WARNINGS"}) {
      const auto warn = [&](Sql& sql) {
        cluster_.root(0).exec("DELETE FROM app.t");
        mysql_query(sql.raw(), statement);
        mysql_free_result(mysql_store_result(sql.raw()));
      };
      warn(direct);
      const Rows wanted = direct.query(question);
      EXPECT_FALSE(wanted.empty() && std::string_view(question) == "SHOW WARNINGS") << statement;
      warn(session);
      for (Sql& other : others) other.exec("DO 1");
      EXPECT_EQ(session.query(question), wanted) << statement << ": " << question;
    }
  }
}

TEST_P(Mysql56Test, WhatWasSetGloballyIsForAllWhoLogOnLater) {
  const std::string user = cluster_.app_address(0).user;
  cluster_.root(0).exec("GRANT SUPER ON *.* TO '" + user + "'@'%'");
  start();
  const GlobalSetting restored(cluster_, "group_concat_max_len", "1024", "1024");
  const std::string question = "SELECT @@group_concat_max_len FROM (SELECT GET_LOCK('of the leader', 0)) AS l";
  Sql admin = client();
  for (const char* value : {"2001", "2002", "2003"}) {
    admin.exec(std::string("SET GLOBAL group_concat_max_len = ") + value);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(client().value(question), value);
  }
  cluster_.root(0).exec("REVOKE SUPER ON *.* FROM '" + user + "'@'%'");
}

TEST_P(Mysql56Test, WhatWasShownCanBeKilled) {
  start();
  const SqlAddress address = client_address();
  const auto log_in = [&](proxy::RawClient& raw) {
    EXPECT_EQ(raw.login(address.user, address.password, "app").kind, proxy::Result::Kind::ok);
  };
  proxy::RawClient killer(address.port);
  log_in(killer);
  for (const std::string how : {"KILL ", "KILL CONNECTION 0 + "}) {
    proxy::RawClient victim(address.port);
    log_in(victim);
    EXPECT_EQ(killer.run(how + victim.run("SELECT CONNECTION_ID()").value()).kind, proxy::Result::Kind::ok) << how;
    EXPECT_TRUE(victim.at_end()) << how;
  }
  proxy::RawClient victim(address.port);
  log_in(victim);
  victim.send(proxy::query("SELECT SLEEP(600), CONNECTION_ID()"));
  std::string shown;
  await_that("it is shown", [&] {
    for (const auto& row : killer.run("SHOW PROCESSLIST").rows) {
      if (row[7] == "SELECT SLEEP(600), CONNECTION_ID()") shown = row[0];
    }
    return !shown.empty();
  });
  EXPECT_EQ(killer.run("KILL QUERY " + shown).kind, proxy::Result::Kind::ok);
  EXPECT_EQ(victim.read_result().value(), "1");  // as SLEEP() tells it
  EXPECT_EQ(victim.run("SELECT 1").value(), "1");
  Sql root = cluster_.root(0);
  EXPECT_EQ(killer.run("KILL " + root.value("SELECT CONNECTION_ID()")).error, 1095U);
  EXPECT_EQ(killer.run("KILL USER 'nobody'").error, 1064U);
}

TEST_P(Mysql56Test, AChangeOfUserThatIsRefusedEndsTheSession) {
  start();
  const auto seen_at = [](const SqlAddress& address, const std::string& password, const std::string& schema) {
    proxy::RawClient client(address.port);
    EXPECT_EQ(client.login(address.user, address.password, "app").kind, proxy::Result::Kind::ok);
    const auto refused = client.change_user(address.user, password, schema);
    return std::make_pair(refused.error, client.run("SELECT 1").value());
  };
  const SqlAddress through = client_address();
  const SqlAddress direct = cluster_.app_address(0);
  EXPECT_EQ(seen_at(through, "wrong", "app"), seen_at(direct, "wrong", "app"));
  EXPECT_EQ(seen_at(through, through.password, "no_such_schema"), seen_at(direct, direct.password, "no_such_schema"));
}

TEST_P(Mysql56Test, TheLeadershipMoves) {
  start();
  Sql sql = client();
  sql.exec("INSERT INTO t VALUES (1, 'a')");
  cluster_->promote(1);
  await_leader(1);
  sql.exec("INSERT INTO t VALUES (2, @@server_id)");
  EXPECT_EQ(sql.value("SELECT v FROM t WHERE id = 2"), server_id(1));
}

INSTANTIATE_TEST_SUITE_P(Loops, Mysql56Test, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
