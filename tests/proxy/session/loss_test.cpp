// Servers that die, and leadership that moves, at each stage of a statement: the retry contract, word for word.
#include <future>

#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class SessionLoss : public ProxyTest {
 protected:
  // What `client` answers to `sql`, awaited elsewhere.
  static std::future<Result> later(RawClient& client, std::string sql) {
    return std::async(std::launch::async, [&client, sql = std::move(sql)] { return client.run(sql); });
  }
  [[nodiscard]] bool await_running(std::size_t node, const std::string& like) {
    return await([&] { return running(node, like) != "0"; });
  }
};

TEST_P(SessionLoss, TheLeaderIsKilled) {
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  start();
  RawClient untied(port()), in_transaction(port()), pinned(port()), writing(port()), writing_in_transaction(port()),
      reading(port()), reading_in_transaction(port()), committing(port()), beginning(port());
  for (RawClient* client : {&untied, &in_transaction, &pinned, &writing, &writing_in_transaction, &reading,
                            &reading_in_transaction, &committing, &beginning}) {
    log_in(*client);
    ASSERT_EQ(client->run("BEGIN").error, 0U);  // all at once: each has a server connection, and leaves one behind
    ASSERT_EQ(client->run("INSERT INTO t VALUES (1)").error, 0U);
  }
  for (RawClient* client : {&untied, &pinned, &writing, &reading, &beginning}) {
    ASSERT_EQ(client->run("ROLLBACK").error, 0U);
  }
  ASSERT_EQ(pinned.run("SET @x = 1").error, 0U);
  // It takes what is sent, and does nothing with it: every statement is in flight.
  cluster->node(0).hang();
  auto written = later(writing, "INSERT INTO t VALUES (10)");
  auto in_it = later(writing_in_transaction, "UPDATE t SET x = 20");
  auto read_in_it = later(reading_in_transaction, "SELECT COUNT(*) FROM t");
  auto committed = later(committing, "COMMIT");
  auto read = later(reading, "SELECT COUNT(*) FROM t");
  auto began = later(beginning, "BEGIN");
  ASSERT_TRUE(await([&] {
    std::size_t in_flight = 0;
    for (const auto& row : report().sessions) in_flight += row.state == "running" ? 1 : 0;
    return in_flight == 6;
  }));
  for (auto& fresh : freshness) fresh->store(now_ms() + 2);  // the read may go to a replica, the second time
  cluster->node(0).kill();

  const Result lost_write = written.get();
  EXPECT_EQ(lost_write.error, 1158U);
  EXPECT_TRUE(contains(lost_write, "whether it took effect is unknown")) << lost_write.text;
  const Result lost_commit = committed.get();
  EXPECT_EQ(lost_commit.error, 1158U);
  EXPECT_TRUE(contains(lost_commit, "whether it took effect is unknown")) << lost_commit.text;
  for (auto* statement : {&in_it, &read_in_it}) {
    const Result lost = statement->get();
    EXPECT_EQ(lost.error, 1927U);
    EXPECT_TRUE(contains(lost, "open transaction")) << lost.text;
  }
  EXPECT_EQ(read.get().value(), "0");

  const Result told = in_transaction.run("INSERT INTO t VALUES (2)");
  EXPECT_EQ(told.error, 1927U);
  EXPECT_TRUE(contains(told, "open transaction")) << told.text;
  const Result told_pin = pinned.run("SELECT @x");
  EXPECT_EQ(told_pin.error, 1927U);
  EXPECT_TRUE(contains(told_pin, "user_variable")) << told_pin.text;
  const Counters c = counters();
  EXPECT_EQ(c.retries, 2U);  // the read, and BEGIN, which has no effect without its connection
  EXPECT_EQ(c.outcome_unknown, 2U);
  EXPECT_EQ(c.transactions_lost, 3U);

  // Whoever lost something goes on; what starts now is held, and goes to the new leader without an error.
  auto held = later(untied, "INSERT INTO t VALUES (7)");
  auto held_too = later(in_transaction, "INSERT INTO t VALUES (8)");
  ASSERT_TRUE(await([&] {
    std::size_t holding = 0;
    for (const auto& row : report().sessions) holding += row.state.starts_with("holding") ? 1 : 0;
    return holding == 3;
  }));
  cluster->promote(1);
  usable = {false, false, true};
  publish(1);
  EXPECT_EQ(held.get().error, 0U);
  EXPECT_EQ(held_too.get().error, 0U);
  EXPECT_EQ(began.get().error, 0U);
  EXPECT_NE(beginning.run("INSERT INTO t VALUES (9)").status & protocol::status::in_transaction, 0);
  EXPECT_EQ(cluster.root(1).value("SELECT GROUP_CONCAT(x ORDER BY x) FROM app.t"), "7,8");
  EXPECT_TRUE(saw_event("outcome_unknown"));
  EXPECT_TRUE(saw_event("backend_lost"));
}

TEST_P(SessionLoss, AReplicaIsKilledWhileItReads) {
  usable = {false, true, false};
  cluster.root(0).exec("CREATE TABLE app.blocked (x INT)");
  cluster.root(0).exec("INSERT INTO app.blocked VALUES (5)");
  start();
  replicas_have_all();
  RawClient text(port()), binary(port());
  log_in(text);
  log_in(binary);
  const std::uint32_t id = binary.prepare("SELECT x FROM blocked WHERE x > ?");
  ASSERT_NE(id, 0U);
  Sql lock = cluster.root(1);
  lock.exec("LOCK TABLES app.blocked WRITE");
  // First, so that it gets the connection that knows the statement: else it may be lost while it is prepared anew.
  auto by_id = std::async(std::launch::async, [&] {
    binary.send(execute(id, {"1"}, true));
    return binary.read_result(true);
  });
  ASSERT_TRUE(await([&] { return running(1, "SELECT x FROM blocked%") == "1"; }));
  auto by_text = later(text, "SELECT x FROM blocked");
  ASSERT_TRUE(await([&] { return running(1, "SELECT x FROM blocked%") == "2"; }));
  cluster->node(1).kill();
  EXPECT_EQ(by_text.get().value(), "5");
  const Result rows = by_id.get();
  ASSERT_EQ(rows.rows.size(), 1U);
  EXPECT_EQ(rows.value()[2], 5);
  EXPECT_EQ(counters().retries, 2U);
  EXPECT_EQ(counters().outcome_unknown, 0U);
}

TEST_P(SessionLoss, AServerIsKilledInTheMiddleOfAResult) {
  usable = {false, false, false};
  start();
  RawClient client(port());
  log_in(client);
  client.send(query("SELECT REPEAT('x', 60000) FROM information_schema.collations a, information_schema.collations b"));
  ASSERT_TRUE(await([&] { return only_session().queued_bytes > options.limits.client_queue_max / 4; }));
  cluster->node(0).kill();
  EXPECT_EQ(client.read_result().kind, Result::Kind::none);  // cut off, not a short result
}

TEST_P(SessionLoss, AServerDiesWhileAConnectionIsPrepared) {
  options.workers = 1;
  options.limits.backend_connections_max = 1;
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  start();
  RawClient other(port()), client(port());
  log_in(other);
  log_in(client);
  ASSERT_EQ(client.run("SET SESSION max_statement_time=7").error, 0U);
  ASSERT_EQ(other.run("DO 1").error, 0U);  // the connection is in this one's state
  cluster->node(0).hang();
  auto written = later(client, "INSERT INTO t VALUES (1)");
  ASSERT_TRUE(await_state("preparing"));
  cluster->node(0).kill();
  ASSERT_TRUE(await_state("holding"));
  cluster->promote(1);
  usable = {false, false, true};
  publish(1);
  EXPECT_EQ(written.get().error, 0U);  // it was never sent: no error, and once
  EXPECT_EQ(client.run("SELECT ROUND(@@SESSION.max_statement_time)").value(), "7");
  EXPECT_EQ(cluster.root(1).value("SELECT COUNT(*) FROM app.t"), "1");
  EXPECT_EQ(counters().outcome_unknown, 0U);
}

TEST_P(SessionLoss, AWriteThatWaitedForTheOldLeadersConnectionGoesToTheNewOne) {
  options.workers = 1;
  options.limits.backend_connections_max = 1;
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  start();
  RawClient holder(port()), waiter(port());
  log_in(holder);
  log_in(waiter);
  ASSERT_EQ(holder.run("BEGIN").error, 0U);
  ASSERT_EQ(holder.run("INSERT INTO t VALUES (1)").error, 0U);
  auto waiting = later(waiter, "INSERT INTO t VALUES (2)");
  ASSERT_TRUE(await_state("waiting for a server connection"));
  const auto old_leader_writes = [&] { return cluster.root(0).value("SELECT @@gtid_binlog_pos"); };
  const std::string before = old_leader_writes();
  publish(1);  // the old one is still writable: only the routing table keeps writes off it
  const Result lost = holder.run("INSERT INTO t VALUES (3)");
  EXPECT_EQ(lost.error, 1927U);
  EXPECT_TRUE(contains(lost, "does not lead")) << lost.text;
  EXPECT_EQ(waiting.get().error, 1290U);  // asked of the new one, which isn't writable here
  EXPECT_EQ(old_leader_writes(), before);
}

TEST_P(SessionLoss, WithoutALeaderOpenTransactionsEndAndNothingStarts) {
  options.workers = 1;
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  start();
  RawClient open(port()), fresh(port());
  log_in(open);
  log_in(fresh);
  ASSERT_EQ(open.run("BEGIN").error, 0U);
  ASSERT_EQ(open.run("INSERT INTO t VALUES (1)").error, 0U);
  publish(std::nullopt, "switchover in progress");
  auto held = later(fresh, "INSERT INTO t VALUES (2)");
  ASSERT_TRUE(await_state("holding (switchover in progress)"));
  EXPECT_EQ(open.run("INSERT INTO t VALUES (3)").error, 0U);
  EXPECT_EQ(open.run("COMMIT").error, 0U);
  EXPECT_EQ(cluster.root(0).value("SELECT GROUP_CONCAT(x) FROM app.t"), "1,3");
  cluster->promote(1);
  usable = {true, false, true};
  publish(1);
  EXPECT_EQ(held.get().error, 0U);
  EXPECT_EQ(open.run("INSERT INTO t VALUES (4)").error, 0U);
  EXPECT_EQ(cluster.root(1).value("SELECT GROUP_CONCAT(x ORDER BY x) FROM app.t"), "1,2,3,4");
  EXPECT_EQ(counters().transactions_lost, 0U);
}

TEST_P(SessionLoss, TheLeaderMovesWhileAnInsertIdIsRead) {
  options.workers = 1;
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x INT)");
  start();
  RawClient client(port());
  log_in(client);
  // Both in one write: the second is routed while the first one's connection is being given back.
  for (int i = 0; i < 6; ++i) {
    client.send(pipelined({query("INSERT INTO t (x) VALUES (1)"), query("INSERT INTO t (x) VALUES (2)")}));
    publish(i % 2 == 0 ? 1 : 0);
    const Result one = client.read_result();
    const Result two = client.read_result();
    for (const Result& result : {one, two}) {
      EXPECT_TRUE(result.kind == Result::Kind::ok || result.error == 1290U) << result.error << " " << result.text;
    }
  }
}

TEST_P(SessionLoss, AServersOwnKillIsAnErrorAndNotAWrongAnswer) {
  options.workers = 1;
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  start();
  RawClient client(port());
  log_in(client);
  ASSERT_EQ(client.run("BEGIN").error, 0U);
  ASSERT_EQ(client.run("INSERT INTO t VALUES (1)").error, 0U);
  Sql root = cluster.root(0);
  root.exec(std::string("KILL USER ") + user());
  const Result result = client.run("INSERT INTO t VALUES (2)");
  EXPECT_TRUE(result.error == 1927U || result.error == 1158U) << result.error << result.text;
  EXPECT_EQ(client.run("INSERT INTO t VALUES (3)").error, 0U);
  EXPECT_EQ(root.value("SELECT GROUP_CONCAT(x) FROM app.t"), "3");
  EXPECT_TRUE(await([&] { return transactions(0) == "0"; }, transactions_step));  // the thread ends in its own time
}

TEST_P(SessionLoss, LongDataThatWasLostIsNotExecutedWithout) {
  options.workers = 1;
  cluster.root(0).exec("CREATE TABLE app.t (x TEXT)");
  start();
  RawClient client(port());
  log_in(client);
  const std::uint32_t id = client.prepare("INSERT INTO t VALUES (?)");
  ASSERT_NE(id, 0U);
  client.send(packet(Command::stmt_send_long_data, number4(id) + std::string("\0\0", 2) + "precious"));
  ASSERT_TRUE(await([&] { return only_session().pin.find("long data") != std::string::npos; }));
  cluster.root(0).exec(std::string("KILL USER ") + user());
  ASSERT_TRUE(await([&] { return counters().backends_lost > 0; }));
  client.send(execute(id, {}, false));
  EXPECT_EQ(client.read_result().kind, Result::Kind::error);
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "0");
}

TEST_P(SessionLoss, AVanishedClientLeavesNoTransaction) {
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  start();
  {
    RawClient client(port());
    log_in(client);
    client.run("BEGIN");
    client.run("INSERT INTO t VALUES (1)");
    ASSERT_TRUE(await([&] { return transactions(0) != "0"; }, transactions_step));
  }
  EXPECT_TRUE(await([&] { return transactions(0) == "0"; }, transactions_step));
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "0");
  {
    RawClient client(port());
    log_in(client);
    client.send(query("INSERT INTO t SELECT SLEEP(600)"));
    ASSERT_TRUE(await_running(0, "INSERT INTO t SELECT SLEEP%"));
  }
  EXPECT_TRUE(await([&] { return report().clients == 0; }));
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionLoss);

}  // namespace
}  // namespace sluice::proxy
