// Who executes what, by the servers' own logs.
#include "system/general_log.hpp"
#include "system/prepared.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

constexpr std::size_t leader = 0;

class RoutingTest : public SystemTest {
 protected:
  RoutingTest() { cluster_.app(leader).exec("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40))"); }

  void expect_only_leader(GeneralLogs& logs, const std::string& mark, unsigned times) {
    const auto seen = logs.servers_of(mark);
    EXPECT_EQ(seen, (std::map<std::size_t, unsigned>{{leader, times}})) << mark;
  }
  void expect_only_replicas(GeneralLogs& logs, const std::string& mark, unsigned times) {
    const auto seen = logs.servers_of(mark);
    EXPECT_FALSE(seen.contains(leader)) << mark;
    unsigned sum = 0;
    for (const auto& [node, n] : seen) sum += n;
    EXPECT_EQ(sum, times) << mark;
  }
};

TEST_P(RoutingTest, AutocommitWritesAreOnTheLeaderAndReadsOnBothReplicas) {
  start();
  GeneralLogs logs(cluster_);
  Sql writer = client();
  for (int i = 0; i < 20; ++i) writer.exec("INSERT /* wr */ INTO t VALUES (" + std::to_string(i) + ", 'x')");
  writer.exec("UPDATE /* up */ t SET v = 'y' WHERE id = 3");
  writer.exec("REPLACE /* re */ INTO t VALUES (4, 'z')");
  writer.exec("DELETE /* de */ FROM t WHERE id = 5");
  writer.exec("CREATE TABLE /* ddl */ t2 (id INT)");
  Sql reader = client();
  for (int i = 0; i < 20; ++i) reader.query("SELECT /* rd */ v FROM t WHERE id = 1");
  reader.query("SHOW /* sh */ TABLES");
  reader.query("(SELECT /* pa */ 1) UNION SELECT 2");
  reader.query("WITH c AS (SELECT /* cte */ id FROM t) SELECT COUNT(*) FROM c");
  expect_only_leader(logs, "/* wr */", 20);
  for (const char* mark : {"/* up */", "/* re */", "/* de */", "/* ddl */"}) expect_only_leader(logs, mark, 1);
  expect_only_replicas(logs, "/* rd */", 20);
  EXPECT_EQ(logs.servers_of("/* rd */").size(), 2U);
  for (const char* mark : {"/* sh */", "/* pa */", "/* cte */"}) expect_only_replicas(logs, mark, 1);
}

TEST_P(RoutingTest, ATransactionIsOnTheLeaderAsAWhole) {
  start();
  GeneralLogs logs(cluster_);
  const std::vector<std::vector<std::string>> transactions{
      {"BEGIN", "SELECT /* t1 */ 1", "SELECT /* t1 */ COUNT(*) FROM t", "COMMIT"},
      {"START TRANSACTION", "INSERT /* t2 */ INTO t VALUES (1, 'a')", "SELECT /* t2 */ v FROM t", "ROLLBACK"},
      {"SET autocommit = 0", "SELECT /* t3 */ 1", "SELECT /* t3 */ v FROM t", "COMMIT", "SELECT /* t3 */ 1", "ROLLBACK",
       "SET autocommit = 1"},
      {"BEGIN", "SAVEPOINT a", "SELECT /* t4 */ 1", "ROLLBACK TO a", "SELECT /* t4 */ 2", "COMMIT"},
      {"BEGIN", "COMMIT AND CHAIN", "SELECT /* t5 */ 1", "COMMIT"},
      {"XA START 'x'", "SELECT /* t6 */ 1", "XA END 'x'", "XA ROLLBACK 'x'"},
  };
  const unsigned expected[] = {2, 2, 3, 2, 1, 1};
  for (std::size_t i = 0; i < transactions.size(); ++i) {
    Sql sql = client();
    for (const auto& statement : transactions[i]) sql.query(statement);
    expect_only_leader(logs, "/* t" + std::to_string(i + 1) + " */", expected[i]);
  }
}

TEST_P(RoutingTest, AReadOnlyTransactionIsOnOneReplica) {
  start({.cluster = "read_only_transactions = \"replica\""});
  GeneralLogs logs(cluster_);
  Sql sql = client();
  sql.exec("START TRANSACTION READ ONLY");
  const std::string first = sql.value("SELECT /* ro */ @@server_id");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(sql.value("SELECT /* ro */ @@server_id"), first);
  sql.exec("COMMIT");
  EXPECT_NE(first, server_id(leader));
  expect_only_replicas(logs, "/* ro */", 6);
  EXPECT_EQ(logs.servers_of("/* ro */").size(), 1U);
}

TEST_P(RoutingTest, PreparedStatementsAreRoutedByWhatTheyDo) {
  start();
  GeneralLogs logs(cluster_);
  Sql writer = client();
  Prepared insert(writer, "INSERT /* pw */ INTO t VALUES (?, ?)");
  for (int i = 0; i < 10; ++i) insert.run({std::to_string(i), "v" + std::to_string(i)});
  Sql reader = client();
  cluster_->await_replicated();
  Prepared find(reader, "SELECT /* pr */ v FROM t WHERE id = ?");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(find.run({std::to_string(i)}), (Rows{{"v" + std::to_string(i)}}));
  Prepared lock(reader, "SELECT /* pl */ v FROM t WHERE id = ? FOR UPDATE");
  EXPECT_EQ(lock.run({"3"}), (Rows{{"v3"}}));
  expect_only_leader(logs, "/* pw */", 10);
  expect_only_leader(logs, "/* pl */", 1);
  expect_only_replicas(logs, "/* pr */", 10);
  EXPECT_EQ(logs.servers_of("/* pr */").size(), 2U);
  // The same statement within a transaction is on the leader.
  reader.exec("BEGIN");
  Prepared inside(reader, "SELECT /* pt */ v FROM t WHERE id = ?");
  inside.run({"1"});
  reader.exec("COMMIT");
  expect_only_leader(logs, "/* pt */", 1);
}

TEST_P(RoutingTest, WhatLocksOrHasEffectsIsOnTheLeader) {
  {
    Sql root = cluster_.root(leader);
    root.exec("CREATE PROCEDURE app.put(n INT) INSERT INTO app.t VALUES (n, 'p')");
    root.exec(
        "CREATE FUNCTION app.f() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN INSERT INTO app.t VALUES (99, 'f'); "
        "RETURN 1; END");
    root.exec("CREATE SEQUENCE app.seq");
    cluster_->await_replicated();
  }
  start();
  GeneralLogs logs(cluster_);
  const std::vector<std::string> statements{
      "SELECT /* e00 */ v FROM t FOR UPDATE",
      "SELECT /* e01 */ v FROM t LOCK IN SHARE MODE",
      "SELECT /* e02 */ GET_LOCK('l', 0)",
      "SELECT /* e03 */ RELEASE_LOCK('l')",
      "SELECT /* e04 */ f()",
      "SELECT /* e05 */ NEXTVAL(seq)",
      "CALL /* e06 */ put(50)",
      "SELECT /* e07 */ 1; INSERT INTO t VALUES (51, 'm')",
      "SELECT /* e08 */ LAST_INSERT_ID(7)",
      "DO /* e09 */ 1",
      "SELECT /* e10 */ 1 INTO @x",
      "EXPLAIN /* e12 */ UPDATE t SET v = 'n'",
      "ANALYZE /* e13 */ TABLE t",
      "SELECT /* e14 */ @y := 5",
      "SELECT /* e15 */ v FROM t WHERE id = 1 FOR UPDATE SKIP LOCKED",
  };
  for (const auto& statement : statements) {
    Sql sql = client();
    sql.query(statement);
    expect_only_leader(logs, statement.substr(statement.find("/* e"), 9), 1);
  }
}

TEST_P(RoutingTest, ExecutableCommentsAreReadAsTheServerReadsThem) {
  start();
  GeneralLogs logs(cluster_);
  Sql sql = client();
  sql.exec("/*!50000 INSERT */ INTO t VALUES (1, 'xc1')");
  sql.exec("/*M!100100 INSERT INTO t VALUES (2, 'xc2') */");
  expect_only_leader(logs, "xc1", 1);
  expect_only_leader(logs, "xc2", 1);
  Sql reader = client();
  reader.query("SELECT 'xc3' /*!99999 FOR UPDATE */");
  expect_only_replicas(logs, "xc3", 1);
}

INSTANTIATE_TEST_SUITE_P(Loops, RoutingTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
