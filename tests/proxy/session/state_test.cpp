// Session state over shared server connections: many clients, few connections, and nobody sees another's state.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class SessionState : public ProxyTest {
 protected:
  void one_connection() {
    options.workers = 1;
    options.limits.backend_connections_max = 1;
    usable.assign(usable.size(), false);
  }
};

TEST_P(SessionState, ReadsGoToReplicasAndWritesToTheLeader) {
  start();
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
  replicas_have_all();
  Sql sql = connect();
  const std::uint64_t login = counters().statements_leader;
  EXPECT_EQ(sql.value("SELECT COUNT(*) FROM t"), "0");
  EXPECT_EQ(counters().statements_replica, 1U);
  sql.exec("INSERT INTO t VALUES (1)");
  // Its own write is not known to be on a replica: the leader answers.
  EXPECT_EQ(sql.value("SELECT id FROM t"), "1");
  EXPECT_EQ(counters().statements_replica, 1U);
  EXPECT_EQ(counters().statements_leader, login + 2);
  replicas_have_all();
  EXPECT_EQ(sql.value("SELECT id FROM t"), "1");
  EXPECT_EQ(counters().statements_replica, 2U);
}

TEST_P(SessionState, AutocommitOffReadsStayOnTheLeader) {
  start();
  replicas_have_all();
  Sql sql = connect();
  sql.exec("SET autocommit=0");
  sql.exec("SELECT 1");
  EXPECT_EQ(counters().statements_replica, 0U);
  sql.exec("SET autocommit=1");
  sql.exec("SELECT 1");
  EXPECT_EQ(counters().statements_replica, 1U);
}

TEST_P(SessionState, TwentyClientsOnTwoConnections) {
  options.limits.backend_connections_max = 2;  // one for each worker
  options.limits.pool_wait_max_ms = 60'000;
  start();
  Sql root = cluster.root(0);
  root.exec("CREATE DATABASE other");
  root.exec(std::string("GRANT ALL ON other.* TO ") + user());
  root.exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, who INT, txt VARCHAR(20))");
  root.exec("CREATE TABLE other.t (id INT PRIMARY KEY AUTO_INCREMENT, who INT, txt VARCHAR(20))");
  root.exec("ALTER TABLE other.t AUTO_INCREMENT=1000000");

  std::vector<Sql> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(connect(i % 2 == 0 ? "app" : "other"));
  for (int i = 0; i < 20; ++i) {
    clients[i].exec("SET SESSION max_statement_time=" + std::to_string(100 + i));
    if (i % 3 == 0) clients[i].exec("SET sql_mode='PIPES_AS_CONCAT'");
  }
  std::vector<std::string> ids(20);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 20; ++i) {
      clients[i].exec("INSERT INTO t (who, txt) VALUES (" + std::to_string(i) + ", 'x')");
      ids[i] = std::to_string(mysql_insert_id(clients[i].raw()));
    }
    for (int i = 0; i < 20; ++i) {
      SCOPED_TRACE("client " + std::to_string(i));
      EXPECT_EQ(clients[i].value("SELECT LAST_INSERT_ID()"), ids[i]);
      EXPECT_EQ(clients[i].value("SELECT DATABASE()"), i % 2 == 0 ? "app" : "other");
      EXPECT_EQ(clients[i].value("SELECT ROUND(@@SESSION.max_statement_time)"), std::to_string(100 + i));
      EXPECT_EQ(clients[i].value("SELECT 'a' || 'b'"), i % 3 == 0 ? "ab" : "0");
      EXPECT_EQ(clients[i].value("SELECT COUNT(*) FROM t WHERE who <> " + std::to_string(i) + " AND who % 2 <> " +
                                 std::to_string(i % 2)),
                "0");
    }
  }
  for (const auto& pool : report().pools) {
    EXPECT_LE(pool.idle + pool.busy + pool.connecting, 1U) << pool.server;
    EXPECT_EQ(pool.limit, 1U);
  }
  EXPECT_GT(counters().state_switches, 20U);
}

TEST_P(SessionState, LastInsertIdIsTheSessionsOwn) {
  options.workers = 1;
  options.limits.backend_connections_max = 1;
  start();
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x INT UNIQUE)");
  Sql a = connect();
  Sql b = connect();
  EXPECT_EQ(b.value("SELECT LAST_INSERT_ID()"), "0");
  a.exec("INSERT INTO t (x) VALUES (1), (2)");
  EXPECT_EQ(b.value("SELECT LAST_INSERT_ID()"), "0");
  EXPECT_EQ(a.value("SELECT LAST_INSERT_ID()"), "1");
  a.exec("INSERT INTO t (id, x) VALUES (77, 3)");  // an id of its own doesn't count
  EXPECT_EQ(a.value("SELECT LAST_INSERT_ID()"), "1");
  // RETURNING answers with rows, which tell no id.
  EXPECT_EQ(a.value("INSERT INTO t (x) VALUES (4) RETURNING id"), "78");
  EXPECT_EQ(b.value("SELECT LAST_INSERT_ID()"), "0");
  EXPECT_EQ(a.value("SELECT LAST_INSERT_ID()"), "78");
  // Fails in its second row, after the first took an id.
  EXPECT_EQ(error_of([&] { b.exec("INSERT INTO t (x) VALUES (5), (1)"); }), 1062U);
  EXPECT_EQ(a.value("SELECT LAST_INSERT_ID()"), "78");
  a.exec("UPDATE t SET x = LAST_INSERT_ID(x + 100) WHERE id = 1");
  EXPECT_EQ(a.value("SELECT LAST_INSERT_ID()"), "101");
  a.exec("INSERT INTO t (x) VALUES (LAST_INSERT_ID() + 1000)");
  EXPECT_EQ(b.value("SELECT COUNT(*) FROM t WHERE x = 1101"), "1");
}

TEST_P(SessionState, LastInsertIdSurvivesAConnectionThatIsNotGivenBack) {
  options.workers = 1;
  start();
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x BLOB)");
  cluster.root(0).exec("INSERT INTO app.t (x) VALUES (1), (2), (3)");
  RawClient client(port());
  log_in(client);
  const std::uint32_t id = client.prepare("SELECT ?");
  ASSERT_NE(id, 0U);
  client.send(packet(Command::stmt_send_long_data, number4(id) + std::string("\0\0", 2) + "part"));
  ASSERT_EQ(client.run("INSERT INTO t (x) VALUES (4)").last_insert_id, 4U);
  // The statement goes with its long data: this connection can't be used by others, it is closed.
  client.send(packet(Command::stmt_close, number4(id)));
  EXPECT_EQ(client.run("SELECT LAST_INSERT_ID()").value(), "4");
  EXPECT_EQ(client.run("INSERT INTO t (x) VALUES (5)").last_insert_id, 5U);
  EXPECT_EQ(client.run("SELECT LAST_INSERT_ID()").value(), "5");
}

TEST_P(SessionState, DiagnosticsOfTheLastStatement) {
  options.workers = 1;
  start();
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x TINYINT)");
  Sql sql = connect();
  sql.exec("SET sql_mode=''");
  sql.exec("INSERT INTO t (x) VALUES (1), (1000)");
  EXPECT_EQ(mysql_warning_count(sql.raw()), 1U);
  EXPECT_EQ(sql.value("SELECT ROW_COUNT()"), "2");
  sql.exec("INSERT INTO t (x) VALUES (1), (1000)");
  const Rows warnings = sql.query("SHOW WARNINGS");
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0][1], "1264");
  sql.query("SELECT SQL_CALC_FOUND_ROWS id FROM t LIMIT 1");
  EXPECT_EQ(sql.value("SELECT FOUND_ROWS()"), "4");
  sql.exec("UPDATE t SET x = 5");
  EXPECT_EQ(sql.value("SELECT ROW_COUNT()"), "4");
}

TEST_P(SessionState, DiagnosticsThatAnotherClientOverwroteAreAnErrorNotAWrongAnswer) {
  options.workers = 1;
  options.limits.backend_connections_max = 1;
  start();
  cluster.root(0).exec("CREATE TABLE app.t (x TINYINT)");
  Sql a = connect();
  Sql b = connect();
  a.exec("INSERT INTO t VALUES (1), (2), (3)");
  b.exec("INSERT INTO t VALUES (4)");
  std::string text;
  EXPECT_EQ(error_of([&] { a.value("SELECT ROW_COUNT()"); }, &text), 1105U);
  EXPECT_NE(text.find("served another client"), std::string::npos) << text;
}

TEST_P(SessionState, AWriteThatAsksForDiagnosticsGoesToTheLeaderOrNowhere) {
  start();
  replicas_have_all();
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  cluster->await_replicated();
  for (const std::size_t replica : {1U, 2U}) cluster->set_read_only(replica, false);
  Sql sql = connect();
  sql.exec("SELECT 1");
  ASSERT_EQ(counters().statements_replica, 1U);
  EXPECT_EQ(sql.value("SELECT FOUND_ROWS()"), "1");  // that one may go back there
  const unsigned error = error_of([&] { sql.exec("INSERT INTO t VALUES (ROW_COUNT())"); });
  for (const std::size_t replica : {1U, 2U}) {
    EXPECT_EQ(cluster.root(replica).value("SELECT COUNT(*) FROM app.t WHERE x = -1"), "0") << replica;
    cluster->set_read_only(replica, true);
  }
  EXPECT_EQ(error, 1105U);
}

struct PinCase {
  const char* statement;
  const char* pin;
  const char* release;
};

TEST_P(SessionState, WhatCannotBeCarriedPinsAndSaysWhy) {
  options.workers = 1;
  start();
  for (const PinCase& c :
       {PinCase{"SET @x = 5", "user_variable", nullptr},
        PinCase{"CREATE TEMPORARY TABLE tmp (x INT)", "temporary_table", nullptr},
        PinCase{"DO GET_LOCK('a', 1)", "user_lock", nullptr},
        PinCase{"LOCK TABLES t WRITE", "table_lock", "UNLOCK TABLES"},
        PinCase{"PREPARE s FROM 'SELECT 1'", "text_prepare", nullptr}, PinCase{"BEGIN", "transaction", "ROLLBACK"},
        PinCase{"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION", nullptr},
        PinCase{"SET autocommit=0; SELECT * FROM t", nullptr, nullptr}}) {
    if (c.pin == nullptr) continue;
    SCOPED_TRACE(c.statement);
    cluster.root(0).exec("CREATE TABLE IF NOT EXISTS app.t (x INT)");
    Sql sql = connect();
    sql.exec(c.statement);
    SessionRow row = only_session();
    EXPECT_NE(row.pin.find(c.pin), std::string::npos) << row.pin;
    EXPECT_EQ(row.server, server_name(0));
    if (c.release != nullptr) {
      sql.exec(c.release);
      EXPECT_EQ(only_session().pin, "");
      EXPECT_EQ(only_session().server, "");
    }
    // RESET_CONNECTION forgets everything.
    EXPECT_EQ(mysql_reset_connection(sql.raw()), 0);
    EXPECT_EQ(only_session().server, "");
    EXPECT_EQ(sql.value("SELECT @x"), "");
    EXPECT_EQ(sql.value("SELECT DATABASE()"), "app");
    {
      Sql last = std::move(sql);
    }
    EXPECT_TRUE(await([&] { return report().clients == 0; }));
  }
}

TEST_P(SessionState, ASchemaChosenBeforeAnErrorIsKept) {
  start();
  Sql root = cluster.root(0);
  root.exec("CREATE DATABASE other");
  root.exec(std::string("GRANT ALL ON other.* TO ") + user());
  RawClient client(port());
  log_in(client);
  client.send(query("USE other; SELECT nonsense"));
  EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
  EXPECT_EQ(client.read_result().error, 1054U);
  EXPECT_EQ(client.run("SELECT DATABASE()").value(), "other");
}

TEST_P(SessionState, ADroppedSchemaIsNoSchema) {
  start();
  Sql root = cluster.root(0);
  root.exec("CREATE DATABASE other");
  root.exec(std::string("GRANT ALL ON other.* TO ") + user());
  Sql sql = connect("other");
  sql.exec("DROP DATABASE other");
  EXPECT_EQ(sql.value("SELECT DATABASE()"), "");
  EXPECT_EQ(sql.value("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE()"), "0");
}

TEST_P(SessionState, AnUnknownSchemaAtLogin) {
  start();
  RawClient client(port());
  const Result result = client.login(user(), password(), "no_such_schema");
  EXPECT_EQ(result.kind, Result::Kind::error);
  EXPECT_TRUE(result.error == 1044U || result.error == 1049U) << result.error;
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(await([&] { return report().clients == 0; }));
}

TEST_P(SessionState, AStatementKeepsTheSettingsThatItWasPreparedUnder) {
  options.workers = 1;
  options.limits.backend_connections_max = 1;
  start();
  RawClient plain(port());
  log_in(plain);
  RawClient pipes(port());
  log_in(pipes);
  pipes.run("SET sql_mode='PIPES_AS_CONCAT'");
  const std::uint32_t a = plain.prepare("SELECT CONCAT('1' || '1')");
  const std::uint32_t b = pipes.prepare("SELECT CONCAT('1' || '1')");
  for (int i = 0; i < 2; ++i) {
    plain.send(execute(a, {}, false));
    EXPECT_EQ(plain.read_result(true).value().substr(2), std::string("\x01") + "1");
    pipes.send(execute(b, {}, false));
    EXPECT_EQ(pipes.read_result(true).value().substr(2), std::string("\x02") + "11");
  }
}

TEST_P(SessionState, AStatementIsPreparedInItsOwnCharacterSet) {
  options.workers = 1;
  options.limits.backend_connections_max = 1;
  start();
  RawClient latin(port());
  log_in(latin);
  RawClient utf(port());
  log_in(utf);
  ASSERT_EQ(utf.run("SET NAMES utf8mb4").kind, Result::Kind::ok);
  const std::uint32_t id = utf.prepare("SELECT CHAR_LENGTH('\xc3\xa9')");
  ASSERT_NE(id, 0U);
  // The connection that `latin` leaves behind is the one that `utf` goes on with; the statement isn't prepared on it.
  ASSERT_EQ(latin.run("SET NAMES latin1").kind, Result::Kind::ok);
  ASSERT_EQ(utf.run("DO 1").kind, Result::Kind::ok);
  ASSERT_EQ(latin.run("DO 1").kind, Result::Kind::ok);
  ASSERT_EQ(latin.run("DO GET_LOCK('x', 0)").kind, Result::Kind::ok);
  latin.send(packet(Command::reset_connection));  // closes the only connection
  ASSERT_EQ(latin.read_result().kind, Result::Kind::ok);
  ASSERT_EQ(latin.run("SET NAMES latin1").kind, Result::Kind::ok);
  utf.send(execute(id, {}, false));
  const std::string row = utf.read_result(true).value();
  ASSERT_GE(row.size(), 3U);
  EXPECT_EQ(row[2], 1);
}

constexpr const char* charset_variables =
    "SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection";

// SET NAMES is taken back as well as said: nobody's character set costs anybody else a new connection.
TEST_P(SessionState, ClientsOfDifferentCharacterSetsShareAConnection) {
  one_connection();
  start();
  std::vector<Sql> clients;
  std::vector<Rows> own;  // what a client of its own server connection sees
  for (const char* set : {"DO 1", "SET NAMES latin1", "SET NAMES utf8 COLLATE utf8_bin", "SET NAMES binary",
                          "SET character_set_results=NULL", "SET character_set_connection=ucs2",
                          "SET character_set_client=latin1, collation_connection=latin1_bin"}) {
    Sql direct = cluster.app(0);
    direct.exec(set);
    own.push_back(direct.query(charset_variables));
    clients.push_back(connect());
    clients.back().exec(set);
  }
  for (std::size_t step = 0; step < clients.size(); ++step) {  // from each one to each other one
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const std::size_t client = (i * (step + 1)) % clients.size();
      EXPECT_EQ(clients[client].query(charset_variables), own[client]) << client;
    }
  }
  EXPECT_EQ(counters().backends_opened, 1U);
}

// The literal is read as it was prepared, the parameter as it is sent.
TEST_P(SessionState, AStatementOutlivesItsCharacterSet) {
  one_connection();
  options.limits.statements_per_backend_max = 1;
  start();
  RawClient client(port());
  log_in(client);
  const std::uint32_t utf = client.prepare("SELECT CONCAT(CHAR_LENGTH('\xc3\xa9'), HEX(CONVERT(? USING utf8mb4)))");
  ASSERT_EQ(client.run("SET NAMES latin1").kind, Result::Kind::ok);
  const std::uint32_t latin = client.prepare("SELECT CHAR_LENGTH('\xc3\xa9'), ?");
  ASSERT_TRUE(utf != 0 && latin != 0);
  for (int i = 0; i < 2; ++i) {
    client.send(execute(utf, {"\xe9"}, true));
    EXPECT_EQ(client.read_result(true).value().substr(2), std::string("\x05") + "1C3A9");
    client.send(execute(latin, {"\xe9"}, true));
    EXPECT_EQ(client.read_result(true).value().at(2), 2);
    EXPECT_EQ(client.run("SELECT @@character_set_client").value(), "latin1");
  }
  // Also where the session keeps the connection.
  ASSERT_EQ(client.run("BEGIN").kind, Result::Kind::ok);
  client.send(execute(utf, {"\xe9"}, true));
  EXPECT_EQ(client.read_result(true).value().substr(2), std::string("\x05") + "1C3A9");
  EXPECT_EQ(counters().backends_opened, 1U);
  EXPECT_GE(counters().reprepares, 5U);
}

TEST_P(SessionState, AStatementOutlivesItsSqlMode) {
  one_connection();
  options.limits.statements_per_backend_max = 1;
  start();
  RawClient client(port());
  log_in(client);
  RawClient other(port());
  log_in(other);
  const std::string sql = "SELECT \"a\" FROM (SELECT 'column' AS a) t";
  const std::uint32_t before = client.prepare(sql);
  ASSERT_EQ(client.run("SET NAMES latin1").kind, Result::Kind::ok);
  ASSERT_EQ(client.run("SET sql_mode='ANSI_QUOTES'").kind, Result::Kind::ok);
  const std::uint32_t within = client.prepare(sql);
  ASSERT_EQ(client.run("SET sql_mode=DEFAULT").kind, Result::Kind::ok);
  const std::uint32_t after = client.prepare(sql);
  for (int i = 0; i < 2; ++i) {
    client.send(execute(before, {}, false));
    EXPECT_EQ(client.read_result(true).value().substr(3), "a");
    EXPECT_EQ(other.run("SELECT \"a\"").value(), "a");
    client.send(execute(within, {}, false));
    EXPECT_EQ(client.read_result(true).value().substr(3), "column");
    client.send(execute(after, {}, false));
    EXPECT_EQ(client.read_result(true).value().substr(3), "a");
    EXPECT_EQ(other.run("SELECT @@character_set_client").value(), "utf8mb4");
  }
  EXPECT_EQ(counters().backends_opened, 1U);
}

// While it lives, each new connection of an application to the leader is greeted with this statement.
class InitConnect {
 public:
  InitConnect(test::TestCluster& cluster, const std::string& statement) : root_(cluster.root(0)) { set(statement); }
  ~InitConnect() { set(""); }
  InitConnect(const InitConnect&) = delete;
  InitConnect& operator=(const InitConnect&) = delete;

 private:
  void set(const std::string& statement) { root_.exec("SET GLOBAL init_connect=\"" + statement + "\""); }
  Sql root_;
};

// Where a server's answer is in a form that can't be said again, a session still gets a connection that will do.
TEST_P(SessionState, ACharacterSetThatCannotBeTakenBackCostsAConnection) {
  one_connection();
  options.limits.statements_per_backend_max = 1;
  start();
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x INT)");
  const InitConnect greeting(cluster, "SET character_set_results=utf16");
  RawClient client(port());
  log_in(client);
  const std::uint32_t utf = client.prepare("SELECT CHAR_LENGTH('\xc3\xa9')");
  ASSERT_EQ(client.run("SET NAMES latin1").kind, Result::Kind::ok);
  const std::uint32_t latin = client.prepare("SELECT CHAR_LENGTH('\xc3\xa9'), 2");
  ASSERT_TRUE(utf != 0 && latin != 0);
  ASSERT_EQ(client.run("INSERT INTO t (x) VALUES (5)").last_insert_id, 1U);
  EXPECT_EQ(counters().backends_opened, 1U);
  client.send(execute(utf, {}, false));
  EXPECT_EQ(client.read_result(true).value().at(2), 1);
  EXPECT_EQ(counters().backends_opened, 2U);
  client.send(execute(latin, {}, false));
  EXPECT_EQ(client.read_result(true).value().at(2), 2);
  EXPECT_EQ(client.run("SELECT @@character_set_client").value(), "latin1");
  EXPECT_EQ(client.run("SELECT LAST_INSERT_ID()").value(), "1");
  EXPECT_EQ(counters().backends_opened, 2U);
  // With something open on the only connection that has it, it must be an error.
  ASSERT_EQ(client.run("BEGIN").kind, Result::Kind::ok);
  client.send(execute(utf, {}, false));
  EXPECT_EQ(client.read_result(true).error, 1105U);
  client.send(execute(latin, {}, false));
  EXPECT_EQ(client.read_result(true).value().at(2), 2);
}

TEST_P(SessionState, AServerStartedAnewMayGiveAnotherCharacterSet) {
  one_connection();
  start();
  RawClient plain(port());
  log_in(plain);
  RawClient latin(port());
  log_in(latin);
  ASSERT_EQ(latin.run("SET NAMES latin1").kind, Result::Kind::ok);
  EXPECT_EQ(plain.run("SELECT @@character_set_client").value(), "utf8mb4");
  const InitConnect greeting(cluster, "SET NAMES latin2");
  const std::string id = plain.run("SELECT CONNECTION_ID()").value();
  cluster.root(0).exec("KILL " + id);
  ASSERT_TRUE(await([&] { return saw_event("backend_lost"); }));
  EXPECT_EQ(latin.run("SELECT @@character_set_client").value(), "latin1");
  EXPECT_EQ(plain.run("SELECT @@character_set_client").value(), "latin2");
  EXPECT_EQ(counters().backends_opened, 2U);
}

TEST_P(SessionState, ACursorOnOneServerDoesNotForbidWrites) {
  options.workers = 1;
  start();
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  cluster.root(0).exec("INSERT INTO app.t VALUES (1), (2), (3)");
  replicas_have_all();
  RawClient client(port());
  log_in(client);
  const std::uint32_t id = client.prepare("SELECT x FROM t");
  client.send(execute(id, {}, false, 1));
  const Result opened = client.read_result(true);
  ASSERT_NE(opened.status & protocol::status::cursor_exists, 0);
  EXPECT_NE(only_session().pin.find("cursor"), std::string::npos);
  EXPECT_EQ(client.run("INSERT INTO t VALUES (4)").kind, Result::Kind::ok);
  client.send(packet(Command::stmt_fetch, number4(id) + number4(2)));
  EXPECT_EQ(client.read_rows({}, 1, true).rows.size(), 2U);
  client.send(packet(Command::stmt_fetch, number4(id) + number4(10)));
  const Result rest = client.read_rows({}, 1, true);
  EXPECT_NE(rest.status & protocol::status::last_row_sent, 0);
  EXPECT_EQ(only_session().pin, "");
  client.send(packet(Command::stmt_fetch, number4(id) + number4(1)));
  EXPECT_EQ(client.read_result().error, 1421U);
}

TEST_P(SessionState, AWriteInAReadOnlyTransactionOnAReplicaIsRefused) {
  start();
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  replicas_have_all();
  for (const std::size_t replica : {1U, 2U}) cluster->set_read_only(replica, false);
  RawClient sql(port());
  log_in(sql);
  sql.run("START TRANSACTION READ ONLY");
  ASSERT_NE(sql.run("SELECT @@server_id").value(), server_id(0));
  EXPECT_EQ(sql.run("INSERT INTO t VALUES (1)").error, 1792U);
  // BEGIN ends the read only transaction; what follows may write and belongs to the leader.
  EXPECT_EQ(sql.run("BEGIN").error, 0U);
  EXPECT_EQ(sql.run("INSERT INTO t VALUES (2)").error, 0U);
  EXPECT_EQ(sql.run("COMMIT").error, 0U);
  EXPECT_EQ(cluster.root(0).value("SELECT GROUP_CONCAT(x) FROM app.t"), "2");
  // What can't be seen through is not let near a replica.
  replicas_have_all();
  sql.run("START TRANSACTION READ ONLY");
  EXPECT_EQ(sql.run("COMMIT; INSERT INTO t VALUES (3)").kind, Result::Kind::error);
  EXPECT_EQ(sql.run("COMMIT").error, 0U);
  for (const std::size_t replica : {1U, 2U}) cluster->set_read_only(replica, true);
  cluster->await_replicated();
  for (const std::size_t server : {0U, 1U, 2U}) {
    EXPECT_EQ(cluster.root(server).value("SELECT GROUP_CONCAT(x) FROM app.t"), "2") << server;
  }
}

// A server counts who leaves without a word as aborted, and warns in its log.
TEST_P(SessionState, ConnectionsAreEndedWithAGoodbye) {
  const auto gone = [&] {
    return await([&] {
      return cluster.root(0).value("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '" + user() +
                                   "'") == "0";
    });
  };
  const auto aborted = [&] {
    return cluster.root(0).value(
        "SELECT VARIABLE_VALUE FROM information_schema.global_status "
        "WHERE VARIABLE_NAME = 'ABORTED_CLIENTS'");
  };
  ASSERT_TRUE(gone()) << "connections of earlier tests";
  const std::string before = aborted();
  options.limits.backend_idle_max_ms = 50;
  start();
  {
    RawClient client(port());
    log_in(client);
    client.run("CREATE TABLE t (x INT)");
    client.run("BEGIN");
    client.run("INSERT INTO t VALUES (1)");
  }
  ASSERT_TRUE(gone()) << "both the one that was in a transaction and the idle ones";
  EXPECT_EQ(aborted(), before);
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "0");
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionState);

}  // namespace
}  // namespace sluice::proxy
