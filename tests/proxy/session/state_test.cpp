// Session state over shared server connections: many clients, few connections, and nobody sees another's state.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class SessionState : public ProxyTest {};

TEST_P(SessionState, ReadsGoToReplicasAndWritesToTheLeader) {
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
  start();
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
  Sql root = cluster.root(0);
  root.exec("CREATE DATABASE other");
  root.exec(std::string("GRANT ALL ON other.* TO ") + user());
  root.exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, who INT, txt VARCHAR(20))");
  root.exec("CREATE TABLE other.t (id INT PRIMARY KEY AUTO_INCREMENT, who INT, txt VARCHAR(20))");
  root.exec("ALTER TABLE other.t AUTO_INCREMENT=1000000");
  start();

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
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x INT UNIQUE)");
  start();
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
  cluster->await_replicated();  // b has written nothing: any replica may answer it
  EXPECT_EQ(b.value("SELECT COUNT(*) FROM t WHERE x = 1101"), "1");
}

TEST_P(SessionState, LastInsertIdSurvivesAConnectionThatIsNotGivenBack) {
  options.workers = 1;
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x BLOB)");
  cluster.root(0).exec("INSERT INTO app.t (x) VALUES (1), (2), (3)");
  start();
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
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x TINYINT)");
  start();
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
  cluster.root(0).exec("CREATE TABLE app.t (x TINYINT)");
  start();
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
  Sql root = cluster.root(0);
  root.exec("CREATE DATABASE other");
  root.exec(std::string("GRANT ALL ON other.* TO ") + user());
  start();
  RawClient client(port());
  log_in(client);
  client.send(query("USE other; SELECT nonsense"));
  EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
  EXPECT_EQ(client.read_result().error, 1054U);
  EXPECT_EQ(client.run("SELECT DATABASE()").value(), "other");
}

TEST_P(SessionState, ADroppedSchemaIsNoSchema) {
  Sql root = cluster.root(0);
  root.exec("CREATE DATABASE other");
  root.exec(std::string("GRANT ALL ON other.* TO ") + user());
  start();
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

// Drivers take a server's own "running with --read-only" for a change of leader.
TEST_P(SessionState, AWriteInAReadOnlyTransactionIsRefusedAsTheLeaderDoes) {
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  for (const bool on_replicas : {false, true}) {
    read_only_transactions_on_replicas = on_replicas;
    start();
    replicas_have_all();
    RawClient sql(port());
    log_in(sql);
    sql.run("START TRANSACTION READ ONLY");
    EXPECT_EQ(sql.run("SELECT @@server_id").value() != server_id(0), on_replicas);
    for (const char* write : {"INSERT INTO t VALUES (1)", "DELETE FROM t", "UPDATE t SET x = 2"}) {
      const Result refused = sql.run(write);
      EXPECT_EQ(refused.error, 1792U) << write << refused.text;
      EXPECT_TRUE(only_session().in_transaction) << write;
    }
    EXPECT_EQ(sql.run("COMMIT").error, 0U);
    EXPECT_EQ(sql.run("INSERT INTO t VALUES (3)").error, 0U);
    proxy.reset();
  }
  EXPECT_EQ(cluster.root(0).value("SELECT GROUP_CONCAT(x) FROM app.t"), "3,3");
}

// Where an operator wants such transactions on replicas, what they leave there goes with the next write.
TEST_P(SessionState, WhatAReplicaKeptIsLostWithATrueReason) {
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  read_only_transactions_on_replicas = true;
  start();
  replicas_have_all();
  RawClient sql(port());
  log_in(sql);
  sql.run("START TRANSACTION READ ONLY");
  EXPECT_EQ(sql.run("SELECT 1 INTO @x").error, 0U);
  sql.run("COMMIT");
  const Result lost = sql.run("INSERT INTO t VALUES (1)");
  EXPECT_EQ(lost.error, 1927U);
  EXPECT_TRUE(contains(lost, "(it is a replica, and this statement is for the leader)")) << lost.text;
  EXPECT_EQ(sql.run("INSERT INTO t VALUES (1)").error, 0U);
}

// Each is followed by what only the leader can do.
TEST_P(SessionState, AReadOnlyTransactionMayDoAllThatASessionMay) {
  Sql root = cluster.root(0);
  root.exec("CREATE TABLE app.t (x INT)");
  root.exec("CREATE PROCEDURE app.p() SELECT 7");
  start();
  int inserted = 0;
  for (const char* text : {"DO GET_LOCK('mine', 0)", "SET @x = 1", "SELECT 1 INTO @x", "PREPARE s FROM 'SELECT 1'",
                           "CALL p()", "EXECUTE IMMEDIATE 'SELECT 1'", "SELECT 1; SELECT 2", "SAVEPOINT a"}) {
    replicas_have_all();
    RawClient sql(port());
    log_in(sql);
    EXPECT_EQ(sql.run("START TRANSACTION READ ONLY").error, 0U);
    EXPECT_EQ(sql.run("SELECT x FROM t LIMIT 0").error, 0U);
    sql.send(query(text));
    for (const Result& result : sql.read_results()) EXPECT_EQ(result.error, 0U) << text << ": " << result.text;
    if (std::string_view(text).find("GET_LOCK") != std::string_view::npos) {
      EXPECT_EQ(root.value("SELECT IS_FREE_LOCK('mine')"), "0") << "it is the leader that gave it";
    }
    EXPECT_EQ(sql.run("INSERT INTO t VALUES (0)").error, 1792U) << text;
    EXPECT_EQ(sql.run("COMMIT").error, 0U) << text;
    const Result written = sql.run("INSERT INTO t VALUES (1)");
    EXPECT_EQ(written.error, 0U) << text << ": " << written.text;
    EXPECT_EQ(sql.run("SELECT COUNT(*) FROM t").value(), std::to_string(++inserted)) << text;
  }
}

TEST_P(SessionState, AWriteInAReadOnlyTransactionOnAReplicaIsRefused) {
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  read_only_transactions_on_replicas = true;
  start();
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
