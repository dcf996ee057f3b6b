// A session sees what it wrote, whatever state the replicas are in, and replicas get its reads again once they have it.
#include <set>

#include "system/prepared.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

class ReadYourWritesTest : public SystemTest {
 protected:
  ReadYourWritesTest() {
    cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY, v INT)");
    cluster_->await_replicated();
  }
  ~ReadYourWritesTest() override {
    for (const std::size_t node : {1U, 2U}) {
      if (cluster_->node(node).running()) cluster_.root(node).exec("START SLAVE");
    }
  }

  static void write_and_read(Sql& sql, int from, int pairs) {
    for (int i = from; i < from + pairs; ++i) {
      const std::string id = std::to_string(i);
      sql.exec("INSERT INTO t VALUES (" + id + ", " + id + ")");
      ASSERT_EQ(sql.value("SELECT v FROM t WHERE id = " + id), id);
      sql.exec("UPDATE t SET v = v + 1000 WHERE id = " + id);
      ASSERT_EQ(sql.value("SELECT v FROM t WHERE id = " + id), std::to_string(i + 1000));
    }
  }
};

TEST_P(ReadYourWritesTest, HundredsOfPairsWhileReplicasAreQuick) {
  start();
  Sql sql = client();
  write_and_read(sql, 0, 300);
}

TEST_P(ReadYourWritesTest, HundredsOfPairsWhileReplicasApplyNothing) {
  start();
  cluster_.root(1).exec("STOP SLAVE SQL_THREAD");
  Sql sql = client();
  write_and_read(sql, 0, 100);
  // Its thread is back, but it still has to catch up while others are written to.
  cluster_.root(1).exec("START SLAVE SQL_THREAD");
  cluster_.root(2).exec("STOP SLAVE SQL_THREAD");
  write_and_read(sql, 100, 100);
}

TEST_P(ReadYourWritesTest, PreparedAndInTransactions) {
  start();
  Sql sql = client();
  Prepared put(sql, "REPLACE INTO t VALUES (1, ?)");
  Prepared get(sql, "SELECT v FROM t WHERE id = 1");
  for (int i = 0; i < 200; ++i) {
    if (i % 2 == 1) sql.exec("BEGIN");
    put.run({std::to_string(i)});
    if (i % 2 == 1) sql.exec("COMMIT");
    ASSERT_EQ(get.run(), (Rows{{std::to_string(i)}}));
  }
}

// A replica that is late by an hour's worth of lock: what it applies waits for a table lock that we hold.
TEST_P(ReadYourWritesTest, AReplicaThatIsStuckApplyingGetsNoReadOfTheWriter) {
  start();
  Sql blocker = cluster_.root(1);
  blocker.exec("LOCK TABLES app.t READ");
  Sql sql = client();
  write_and_read(sql, 0, 50);
  std::set<std::string> readers;
  await_that("the other replica reads again", [&] {
    readers.insert(sql.value("SELECT @@server_id FROM t WHERE id = 1"));
    return readers.contains(server_id(2));
  });
  EXPECT_FALSE(readers.contains(server_id(1)));
  blocker.exec("UNLOCK TABLES");
  await_that("the stuck replica reads again", [&] { return sql.value("SELECT @@server_id") == server_id(1); });
  EXPECT_EQ(sql.value("SELECT v FROM t WHERE id = 49"), "1049");
}

TEST_P(ReadYourWritesTest, ReadsGoBackToEachReplica) {
  start();
  Sql sql = client();
  write_and_read(sql, 0, 3);
  for (const std::size_t node : {1U, 2U}) {
    await_that("replica " + std::to_string(node), [&] { return sql.value("SELECT @@server_id") == server_id(node); });
  }
}

// Another session has not seen the write, so the lagging replica may serve it; the writer's own reads may not.
TEST_P(ReadYourWritesTest, OnlyTheWriterIsBound) {
  start();
  Sql blocker = cluster_.root(1);
  blocker.exec("LOCK TABLES app.t READ");
  Sql writer = client();
  write_and_read(writer, 0, 1);
  Sql other = client();
  await_that("a replica serves the other session", [&] { return other.value("SELECT @@server_id") == server_id(1); });
  for (int i = 0; i < 20; ++i) ASSERT_EQ(writer.value("SELECT v FROM t WHERE id = 0"), "1000");
}

INSTANTIATE_TEST_SUITE_P(Loops, ReadYourWritesTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
