// Servers that are not there: at the start, killed, hung; and a leader that an operator changes.
#include <algorithm>
#include <array>
#include <atomic>
#include <future>

#include "system/system_test.hpp"

namespace sluice::test {
namespace {

class OutageTest : public SystemTest {
 protected:
  OutageTest() {
    cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1)");
    cluster_->await_replicated();
  }
  ~OutageTest() override { cluster_->up(); }  // whatever a failure has left

  [[nodiscard]] std::string role(std::size_t node) {
    return admin_value("SELECT role || healthy FROM servers WHERE server = '" + server_name(node) + "'");
  }
  [[nodiscard]] std::string leader_name() { return admin_value("SELECT leader FROM clusters"); }
  void await_unhealthy(std::size_t node) {
    await_that("it is seen", [&] { return role(node).ends_with("0"); });
    await_routing();
  }
  void await_no_leader() {
    await_that("there is no leader", [&] { return admin_value("SELECT leader IS NULL FROM clusters") == "1"; });
    await_routing();
  }
};

// A server that says nothing for so long counts as hung. One that is well, and slow, may too, for a while.
std::string silence() {
  const std::string ms = std::to_string(scaled_ms(200));
  return "monitor_probe_timeout_ms = " + ms + "\nmonitor_connect_timeout_ms = " + ms;
}

TEST_P(OutageTest, NoServerAtTheStart) {
  cluster_->kill();
  launch({.limits = "hold_max_ms = 1000"});
  SqlAddress without_schema = client_address();
  without_schema.schema = "";
  Sql sql(without_schema);
  const Outcome refused = outcome_of(sql, "SELECT 1");
  EXPECT_EQ(refused.code, 1105U);
  EXPECT_NE(refused.text.find("limits.hold_max_ms"), std::string::npos) << refused;
  EXPECT_NE(refused.text.find("not executed"), std::string::npos) << refused;
  EXPECT_EQ(outcome_of(sql, "INSERT INTO app.t VALUES (2, 2)").code, 1105U);
  EXPECT_EQ(count("hold_timeouts"), 2U);
  // A logon that names a schema needs a server, and says the same.
  try {
    Sql with_schema(client_address());
    ADD_FAILURE() << "a schema was accepted without a server";
  } catch (const SqlError& error) {
    EXPECT_EQ(error.code(), 1105U) << error.what();
  }
  cluster_->up();
  await_healthy();
  EXPECT_EQ(sql.value("SELECT v FROM app.t WHERE id = 1"), "1");
  sql.exec("INSERT INTO app.t VALUES (2, 2)");
  EXPECT_EQ(sql.value("SELECT v FROM app.t WHERE id = 2"), "2");
}

TEST_P(OutageTest, AStatementIsHeldUntilTheServersAreThere) {
  cluster_->kill();
  launch();
  auto session = std::async(std::launch::async, [&] {
    Sql sql = client();
    sql.exec("INSERT INTO t VALUES (2, 2)");
    return sql.value("SELECT v FROM t WHERE id = 2");
  });
  await_that("it is held",
             [&] { return admin_value("SELECT COUNT(*) FROM sessions WHERE state LIKE 'holding%'") == "1"; });
  cluster_->up();
  EXPECT_EQ(session.get(), "2");
}

TEST_P(OutageTest, TheLeaderIsKilled) {
  start();
  Sql writer = client();
  Sql reader = client();
  Sql in_transaction = client();
  writer.exec("INSERT INTO t VALUES (2, 2)");
  in_transaction.exec("BEGIN");
  in_transaction.exec("INSERT INTO t VALUES (3, 3)");
  cluster_->node(0).kill();
  await_no_leader();
  const Outcome lost = outcome_of(in_transaction, "INSERT INTO t VALUES (4, 4)");
  EXPECT_EQ(lost.code, 1927U) << lost;
  EXPECT_NE(lost.text.find("rolled back"), std::string::npos) << lost;
  auto held = std::async(std::launch::async, [&] { return outcome_of(writer, "INSERT INTO t VALUES (5, 5)"); });
  await_that("the write is held", [&] { return count("statements_held") == 1; });
  for (int i = 0; i < 100; ++i) {
    const std::string id = reader.value("SELECT @@server_id FROM t WHERE id = 1");
    EXPECT_TRUE(id == server_id(1) || id == server_id(2)) << id;
  }
  EXPECT_NE(admin_value("SELECT text FROM events WHERE kind = 'leader_lost'"), "");
  cluster_->up();
  EXPECT_EQ(held.get(), Outcome{});
  EXPECT_EQ(writer.value("SELECT COUNT(*) FROM t"), "3");  // 1, 2 and 5: neither 3 nor 4
  EXPECT_EQ(in_transaction.value("SELECT COUNT(*) FROM t WHERE id IN (3, 4)"), "0");
  EXPECT_EQ(count("transactions_lost"), 1U);
}

// What a killed leader was executing: nobody knows whether it took effect, and it is not run again.
TEST_P(OutageTest, AWriteInFlightWhenTheLeaderDiesIsUnknown) {
  start();
  Sql root = cluster_.root(0);
  root.exec("DO GET_LOCK('crash', 0)");
  Sql sql = client();
  auto running = std::async(std::launch::async, [&] {
    return outcome_of(sql, "INSERT INTO t SELECT 9, 9 FROM (SELECT GET_LOCK('crash', 3600) AS got) AS l");
  });
  await_that("it runs", [&] {
    return root.value("SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User lock'") == "1";
  });
  cluster_->node(0).kill();
  const Outcome outcome = running.get();
  EXPECT_EQ(outcome.code, 1158U) << outcome;
  EXPECT_EQ(outcome.state, "08007");
  EXPECT_NE(outcome.text.find("unknown"), std::string::npos) << outcome;
  EXPECT_EQ(count("outcome_unknown"), 1U);
  cluster_->up();
  await_healthy();
  EXPECT_EQ(sql.value("SELECT COUNT(*) FROM t WHERE id = 9"), "0");
}

TEST_P(OutageTest, AReplicaIsKilledWhileItReads) {
  start();
  Sql lock1 = cluster_.root(1);
  Sql lock2 = cluster_.root(2);
  for (Sql* root : {&lock1, &lock2}) root->exec("LOCK TABLES app.t WRITE");
  Sql sql = client();
  auto running =
      std::async(std::launch::async, [&] { return outcome_of(sql, "SELECT v FROM t /* waits */ WHERE id = 1"); });
  std::size_t node = 0;
  await_that("a replica has it", [&] {
    for (const std::size_t i : {1U, 2U}) {
      Sql root = cluster_.root(i);
      if (root.value(
              "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%/* waits */%' AND user = 'app'") ==
          "1")
        node = i;
    }
    return node != 0;
  });
  (node == 1 ? lock2 : lock1).exec("UNLOCK TABLES");
  cluster_->node(node).kill();
  EXPECT_EQ(running.get(), (Outcome{.rows = {{"1"}}}));
  EXPECT_EQ(count("retries"), 1U);
  await_unhealthy(node);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(sql.value("SELECT v FROM t WHERE id = 1"), "1");
  cluster_->up();
  await_healthy();
}

TEST_P(OutageTest, ReplicasAreKilledUnderALoadOfReads) {
  start();
  std::atomic<bool> stop{false};
  std::array<std::atomic<unsigned>, 4> answers{};
  std::vector<std::future<void>> readers;
  for (std::atomic<unsigned>& answered : answers) {
    readers.push_back(std::async(std::launch::async, [&] {
      Sql sql = client();
      while (!stop) {
        const Outcome outcome = outcome_of(sql, "SELECT v FROM t WHERE id = 1");
        EXPECT_EQ(outcome, (Outcome{.rows = {{"1"}}}));
        ++answered;
      }
    }));
  }
  await_that("all read",
             [&] { return std::ranges::all_of(answers, [](const auto& answered) { return answered > 0; }); });
  for (const std::size_t node : {1U, 2U}) {
    cluster_->node(node).kill();
    await_unhealthy(node);
  }
  const std::string before = admin_value("SELECT value FROM counters WHERE name = 'statements_leader'");
  await_that("the leader answers reads when no replica does",
             [&] { return admin_value("SELECT value FROM counters WHERE name = 'statements_leader'") != before; });
  stop = true;
  for (auto& reader : readers) reader.get();
  cluster_->up();
  await_healthy();
}

TEST_P(OutageTest, AHungReplicaIsLeftAlone) {
  start({.cluster = silence()});
  Sql sql = client();
  cluster_->node(1).hang();
  await_unhealthy(1);
  // What it was asked before may wait for it; what comes now does not.
  for (int i = 0; i < 50; ++i) {
    Sql fresh = client();
    EXPECT_NE(fresh.value("SELECT @@server_id FROM t WHERE id = 1"), server_id(1));
  }
  EXPECT_NE(admin_value("SELECT why FROM servers WHERE server = '" + server_name(1) + "'"), "");
  cluster_->node(1).resume();
  await_healthy();
  await_that("it reads again", [&] { return sql.value("SELECT @@server_id") == server_id(1); });
}

TEST_P(OutageTest, AReadOnAReplicaThatHangsIsAnsweredByAnother) {
  start({.cluster = silence()});
  std::vector<Sql> clients;
  for (int i = 0; i < 4; ++i) clients.push_back(client());
  for (auto& sql : clients) sql.query("SELECT v FROM t");
  cluster_->node(1).hang();
  std::vector<std::future<Outcome>> answers;
  for (auto& sql : clients) {
    answers.push_back(
        std::async(std::launch::async, [&sql] { return outcome_of(sql, "SELECT v FROM t WHERE id = 1"); }));
  }
  for (auto& answer : answers) {
    EXPECT_EQ(answer.get(), (Outcome{.rows = {{"1"}}}));
  }
  cluster_->node(1).resume();
  await_healthy();
}

TEST_P(OutageTest, AHungLeaderIsNoLeader) {
  start({.cluster = silence()});
  Sql reader = client();
  cluster_->node(0).hang();
  await_no_leader();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(reader.value("SELECT v FROM t WHERE id = 1"), "1");
  Sql writer = client();
  auto held = std::async(std::launch::async, [&] { return outcome_of(writer, "INSERT INTO t VALUES (5, 5)"); });
  await_that("the write is held", [&] { return count("statements_held") >= 1; });
  cluster_->node(0).resume();
  EXPECT_EQ(held.get(), Outcome{});
  EXPECT_EQ(cluster_.app(0).value("SELECT COUNT(*) FROM t WHERE id = 5"), "1");
}

// --- an operator moves the leadership

TEST_P(OutageTest, NewWritesFollowTheLeadership) {
  start();
  Sql sql = client();
  sql.exec("INSERT INTO t VALUES (2, 2)");
  EXPECT_EQ(leader_name(), server_name(0));
  cluster_->promote(1);
  await_leader(1);
  sql.exec("INSERT INTO t VALUES (3, @@server_id)");
  EXPECT_EQ(sql.value("SELECT v FROM t WHERE id = 3"), server_id(1));
  await_that("it is told",
             [&] { return leader_name() == server_name(1) && role(0) == "replica1" && role(1) == "leader1"; });
  EXPECT_EQ(admin_value("SELECT read_only FROM servers WHERE server = '" + server_name(0) + "'"), "1");
  EXPECT_NE(admin_value("SELECT text FROM events WHERE kind = 'leader_changed' AND text LIKE '%" + server_name(1) +
                        " leads%'"),
            "");
  // The old leader is a replica like any other.
  Sql reader = client();
  await_that("the old leader reads", [&] { return reader.value("SELECT @@server_id") == server_id(0); });
  EXPECT_EQ(cluster_.root(0).value("SELECT @@read_only"), "1");
}

TEST_P(OutageTest, WritersSeeNoErrorWhileTheLeadershipMoves) {
  start();
  std::atomic<bool> stop{false};
  std::atomic<int> acknowledged{0};
  std::vector<std::future<void>> writers;
  for (int w = 0; w < 4; ++w) {
    writers.push_back(std::async(std::launch::async, [&, w] {
      Sql sql = client();
      for (int i = 0; !stop; ++i) {
        const std::string id = std::to_string(1000 * 1000 * (w + 1) + i);
        const Outcome outcome = outcome_of(sql, "INSERT INTO t VALUES (" + id + ", 0)");
        // The old leader may have refused it as read-only before sluice knew: an error that says that nothing was done.
        EXPECT_TRUE(outcome.code == 0 || outcome.code == 1290) << outcome;
        if (outcome.code == 0) ++acknowledged;
      }
    }));
  }
  for (const std::size_t next : {1U, 2U, 0U}) {
    const int before = acknowledged;
    await_that("writes flow", [&] { return acknowledged > before + 50; });
    cluster_->promote(next);
    await_leader(next);
  }
  stop = true;
  for (auto& writer : writers) writer.get();
  EXPECT_EQ(cluster_.app(0).value("SELECT COUNT(*) FROM t WHERE id > 1000"), std::to_string(acknowledged));
}

TEST_P(OutageTest, AnOpenTransactionDoesNotWriteOnTheOldLeader) {
  start();
  Sql sql = client();
  sql.exec("BEGIN");
  sql.exec("SELECT v FROM t WHERE id = 1");
  cluster_->promote(2);
  await_leader(2);
  const Outcome outcome = outcome_of(sql, "INSERT INTO t VALUES (7, 7)");
  EXPECT_EQ(outcome.code, 1927U) << outcome;
  sql.exec("INSERT INTO t VALUES (8, @@server_id)");
  EXPECT_EQ(sql.value("SELECT v FROM t WHERE id = 8"), server_id(2));
  EXPECT_EQ(sql.value("SELECT COUNT(*) FROM t WHERE id = 7"), "0");
}

INSTANTIATE_TEST_SUITE_P(Loops, OutageTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
