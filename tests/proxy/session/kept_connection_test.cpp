// A connection whose LAST_INSERT_ID() is not known yet is kept for the session that moved it, until another needs it.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class KeptConnection : public ProxyTest {
 protected:
  void SetUp() override {
    options.workers = 1;
    cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x TINYINT UNIQUE)");
  }
  std::uint32_t kept() {
    std::uint32_t sum = 0;
    for (const auto& pool : report().pools) sum += pool.kept;
    return sum;
  }
  std::uint64_t selects_on_leader() {
    return std::stoull(*cluster.root(0).query("SHOW GLOBAL STATUS LIKE 'Com_select'")[0][1]);
  }
};

TEST_P(KeptConnection, WhatTheInsertLeftCanBeAsked) {
  start();
  Sql sql = connect();
  sql.exec("SET sql_mode=''");
  sql.exec("INSERT INTO t (x) VALUES (1), (1000)");
  EXPECT_EQ(sql.value("SELECT ROW_COUNT()"), "2");
  sql.exec("INSERT IGNORE INTO t (x) VALUES (2), (1)");
  EXPECT_EQ(sql.query("SHOW WARNINGS").size(), 1U);
  EXPECT_EQ(sql.value("SELECT LAST_INSERT_ID()"), "3");
}

// The statement has to be prepared on the kept connection first: that tells nothing about the insert id there.
TEST_P(KeptConnection, IsNotTakenForReadWhenItIsPrepared) {
  usable = {false, false, false};
  start();
  RawClient client(port()), other(port());
  log_in(client);
  log_in(other);
  const std::uint32_t id = client.prepare("SELECT LAST_INSERT_ID() FROM (SELECT 1) one");
  ASSERT_NE(id, 0U);
  ASSERT_EQ(other.run("BEGIN").error, 0U);  // has the connection that knows the statement
  ASSERT_EQ(client.run("INSERT INTO t (x) VALUES (1)").last_insert_id, 1U);
  const auto ask = [&] {
    client.send(execute(id, {}, false));
    const Result result = client.read_result(true);
    return result.rows.empty() ? std::string() : result.value().substr(2, 1);
  };
  EXPECT_EQ(ask(), std::string(1, '\x01'));
  ASSERT_EQ(other.run("COMMIT").error, 0U);  // now it is the one that is given out first
  EXPECT_EQ(ask(), std::string(1, '\x01'));
}

TEST_P(KeptConnection, AsksTheServerNothing) {
  start();
  Sql sql = connect();
  const std::uint64_t before = selects_on_leader();
  for (int i = 0; i < 20; ++i) sql.exec("INSERT INTO t (x) VALUES (" + std::to_string(i) + ")");
  EXPECT_EQ(kept(), 1U);
  EXPECT_EQ(only_session().state, "idle (keeps a connection to db1 until another session needs it)");
  EXPECT_EQ(only_session().server, "");
  EXPECT_EQ(selects_on_leader(), before);
}

TEST_P(KeptConnection, GoesToWhoeverNeedsIt) {
  options.limits.backend_connections_max = 1;
  start();
  Sql a = connect();
  Sql b = connect();
  for (int i = 0; i < 5; ++i) {
    a.exec("INSERT INTO t (x) VALUES (" + std::to_string(10 + i) + ")");
    EXPECT_EQ(kept(), 1U);
    b.exec("INSERT INTO t (x) VALUES (" + std::to_string(20 + i) + ")");
    // What is known to be overwritten is refused, not told wrong.
    EXPECT_EQ(error_of([&] { a.value("SELECT ROW_COUNT()"); }), 1105U);
    EXPECT_EQ(a.value("SELECT LAST_INSERT_ID()"), std::to_string(2 * i + 1));
    EXPECT_EQ(b.value("SELECT LAST_INSERT_ID()"), std::to_string(2 * i + 2));
  }
  EXPECT_EQ(counters().pool_wait_timeouts, 0U);
}

TEST_P(KeptConnection, WhoBeginsAgainAtOnceDoesNotPassThoseWhoWait) {
  options.limits.backend_connections_max = 1;
  start();
  RawClient greedy(port());
  log_in(greedy);
  RawClient waiting(port());
  log_in(waiting);
  greedy.run("BEGIN");
  greedy.run("INSERT INTO t (x) VALUES (1)");
  waiting.send(query("INSERT INTO t (x) VALUES (2)"));
  ASSERT_TRUE(await_state("waiting"));
  greedy.send(pipelined({query("COMMIT"), query("BEGIN")}));
  EXPECT_EQ(greedy.read_result().kind, Result::Kind::ok);
  EXPECT_EQ(waiting.read_result().last_insert_id, 2U);  // would come after a COMMIT that nobody sends
  EXPECT_EQ(greedy.read_result().kind, Result::Kind::ok);
}

TEST_P(KeptConnection, IsLeftForAReadOnAReplica) {
  start();
  Sql sql = connect();
  sql.exec("INSERT INTO t (x) VALUES (1)");
  replicas_have_all();
  const std::uint64_t before = counters().statements_replica;
  EXPECT_EQ(sql.value("SELECT x FROM t"), "1");
  EXPECT_EQ(counters().statements_replica, before + 1);
  EXPECT_EQ(kept(), 0U);
  EXPECT_EQ(sql.value("SELECT LAST_INSERT_ID()"), "1");
}

TEST_P(KeptConnection, IsGivenUpAfterATime) {
  options.limits.backend_idle_max_ms = 50;
  start();
  Sql sql = connect();
  sql.exec("INSERT INTO t (x) VALUES (1)");
  EXPECT_TRUE(await([&] { return kept() == 0; }));
  EXPECT_EQ(only_session().state, "idle");
  EXPECT_EQ(sql.value("SELECT LAST_INSERT_ID()"), "1");
}

TEST_P(KeptConnection, IsUsedOnByOthersWhenItsClientLeaves) {
  options.limits.backend_connections_max = 1;
  start();
  const std::uint64_t opened = counters().backends_opened;
  {
    Sql sql = connect();
    sql.exec("INSERT INTO t (x) VALUES (1)");
  }
  ASSERT_TRUE(await([&] { return report().sessions.empty(); }));
  EXPECT_EQ(kept(), 0U);
  Sql next = connect();
  EXPECT_EQ(next.value("SELECT LAST_INSERT_ID()"), "0");
  EXPECT_EQ(counters().backends_opened, opened + 1);
}

TEST_P(KeptConnection, LostWithItAnIdIsNotMadeUp) {
  start();
  Sql sql = connect();
  sql.exec("INSERT INTO t (x) VALUES (1)");
  Sql root = cluster.root(0);
  const auto theirs = root.query("SELECT id FROM information_schema.processlist WHERE user = '" + user() + "'");
  ASSERT_FALSE(theirs.empty());
  for (const auto& row : theirs) root.exec("KILL " + *row[0]);
  ASSERT_TRUE(await([&] { return kept() == 0; }));
  EXPECT_EQ(error_of([&] { sql.value("SELECT LAST_INSERT_ID()"); }), 1105U);
  EXPECT_EQ(sql.value("SELECT x FROM t"), "1");
  sql.exec("INSERT INTO t (x) VALUES (2)");
  EXPECT_EQ(sql.value("SELECT LAST_INSERT_ID()"), "2");
}

TEST_P(KeptConnection, AResetForgetsIt) {
  start();
  RawClient client(port());
  log_in(client);
  EXPECT_EQ(client.run("INSERT INTO t (x) VALUES (1)").last_insert_id, 1U);
  client.send(packet(Command::reset_connection));
  EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
  EXPECT_EQ(kept(), 0U);
  EXPECT_EQ(client.run("SELECT LAST_INSERT_ID()").value(), "0");
}

SLUICE_PROXY_ON_BOTH_LOOPS(KeptConnection);

}  // namespace
}  // namespace sluice::proxy
