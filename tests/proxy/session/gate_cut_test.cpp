// After a planned change of leader: what sessions still have on the old one is ended, each told by the retry contract.
#include "proxy/session/gate_fixture.hpp"

namespace sluice::proxy {
namespace {

class Cut : public GateFixture {
 protected:
  void SetUp() override {
    cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x INT)");
    cluster->await_replicated();
  }
  // As the workflow does it, between `hold` and `cut`.
  void change_leader() {
    cluster->promote(1);
    usable = {false, false, true};
    publish(1);
    release().get();
  }
  std::string connections(std::size_t node) {
    return cluster.root(node).value("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '" + user() +
                                    "'");
  }
};

TEST_P(Cut, WhoWaitedSeesNoErrorAndWhoWasTiedIsTold) {
  options.limits.hold_max_ms = test::never_ms;
  start();
  RawClient plain(port()), pinned(port()), pinned_idle(port()), open(port()), keeper(port());
  for (RawClient* client : {&plain, &pinned, &pinned_idle, &open, &keeper}) log_in(*client);
  ASSERT_EQ(pinned.run("SET @x = 1").error, 0U);
  ASSERT_EQ(pinned_idle.run("SET @x = 1").error, 0U);
  ASSERT_EQ(keeper.run("INSERT INTO t (x) VALUES (1)").last_insert_id, 1U);
  ASSERT_EQ(kept(), 1U);
  ASSERT_EQ(open.run("BEGIN").error, 0U);
  ASSERT_EQ(open.run("INSERT INTO t (x) VALUES (2)").error, 0U);
  const Answer answer = hold(50).get();
  EXPECT_FALSE(answer.ok);
  EXPECT_TRUE(answer.what.starts_with("still open on db1: 1 transaction; the oldest is session")) << answer.what;
  plain.send(query("INSERT INTO t (x) VALUES (3)"));
  pinned.send(query("INSERT INTO t (x) VALUES (@x)"));
  ASSERT_TRUE(await_waiting(2));
  // An idle transaction does not keep the server from being made read-only; it can't commit any more.
  change_leader();
  EXPECT_EQ(plain.read_result().error, 0U);
  const Result lost = pinned.read_result();
  EXPECT_EQ(lost.error, 1927U);
  EXPECT_TRUE(contains(lost, "user_variable")) << lost.text;
  const Answer done = cut(0).get();
  EXPECT_TRUE(done.ok) << done.what;
  EXPECT_EQ(only_pinned().id, 0U);
  EXPECT_EQ(counters().transactions_lost, 1U);
  const Result told = open.run("INSERT INTO t (x) VALUES (4)");
  EXPECT_EQ(told.error, 1927U);
  EXPECT_TRUE(contains(told, "open transaction")) << told.text;
  const Result told_idle = pinned_idle.run("SELECT @x");
  EXPECT_EQ(told_idle.error, 1927U);
  EXPECT_TRUE(contains(told_idle, "user_variable")) << told_idle.text;
  // What was only kept there is still known.
  EXPECT_EQ(keeper.run("SELECT LAST_INSERT_ID()").value(), "1");
  for (RawClient* client : {&pinned, &pinned_idle, &open, &keeper}) {
    EXPECT_EQ(client->run("INSERT INTO t (x) VALUES (5)").error, 0U);
  }
  EXPECT_EQ(cluster.root(1).value("SELECT GROUP_CONCAT(x ORDER BY x) FROM app.t"), "1,3,5,5,5,5");
  EXPECT_EQ(counters().outcome_unknown, 0U);
}

TEST_P(Cut, AWriteInFlightIsEndedThereAndUnknown) {
  cluster.root(0).exec("CREATE TABLE app.blocked (x INT)");
  start();
  Sql lock = cluster.root(0);
  lock.exec("LOCK TABLES app.blocked WRITE");
  RawClient writing(port()), in_transaction(port()), reading(port()), idle(port());
  for (RawClient* client : {&writing, &in_transaction, &reading, &idle}) log_in(*client);
  ASSERT_EQ(idle.run("INSERT INTO t (x) VALUES (7)").error, 0U);
  ASSERT_EQ(in_transaction.run("BEGIN").error, 0U);
  writing.send(query("INSERT INTO t (x) SELECT SLEEP(600)"));
  in_transaction.send(query("UPDATE t SET x = SLEEP(600)"));
  usable = {false, false, false};
  publish(0);
  reading.send(query("SELECT COUNT(*) FROM blocked"));
  ASSERT_TRUE(await([&] { return running_now() == 3; }));
  publish(1);
  const Answer done = cut(0).get();
  EXPECT_TRUE(done.ok) << done.what;
  const Result unknown = writing.read_result();
  EXPECT_EQ(unknown.error, 1158U);
  EXPECT_TRUE(contains(unknown, "whether it took effect is unknown")) << unknown.text;
  EXPECT_EQ(in_transaction.read_result().error, 1927U);
  lock.exec("UNLOCK TABLES");
  EXPECT_EQ(reading.read_result().value(), "0");  // changes nothing: it may end there
  EXPECT_TRUE(await([&] { return running(0, "%SLEEP(600)%") == "0"; }));
  EXPECT_EQ(counters().server_kills, 2U);
}

TEST_P(Cut, IdleConnectionsAreClosed) {
  usable = {false, false, false};
  start();
  RawClient client(port());
  log_in(client);
  ASSERT_EQ(client.run("SELECT 1").error, 0U);
  ASSERT_EQ(connections(0), "1");
  EXPECT_TRUE(cut(0).get().ok);
  EXPECT_TRUE(await([&] { return connections(0) == "0"; }));
  EXPECT_EQ(client.run("SELECT 1").value(), "1");
}

TEST_P(Cut, WhatCanNotBeEndedIsTold) {
  options.workers = 1;
  options.limits.server_kills_max = 0;
  start();
  RawClient writing(port());
  log_in(writing);
  writing.send(query("INSERT INTO t (x) SELECT SLEEP(600)"));
  ASSERT_TRUE(await([&] { return running_now() == 1; }));
  const Answer done = cut(0).get();
  EXPECT_FALSE(done.ok);
  EXPECT_TRUE(done.what.starts_with("1 statement(s) may still run")) << done.what;
  EXPECT_EQ(writing.read_result().error, 1158U);
  cluster.root(0).exec(std::string("KILL USER ") + user());
}

// A connection that dies under a session which waits at the gate with it.
TEST_P(Cut, ATiedSessionAtTheGateIsToldAtOnce) {
  start();
  RawClient pinned(port());
  log_in(pinned);
  ASSERT_EQ(pinned.run("SET @x = 1").error, 0U);
  close_gate();
  pinned.send(query("INSERT INTO t (x) VALUES (@x)"));
  ASSERT_TRUE(await_waiting(1));
  EXPECT_TRUE(cut(0).get().ok);
  const Result lost = pinned.read_result();
  EXPECT_EQ(lost.error, 1927U);
  EXPECT_TRUE(contains(lost, "user_variable")) << lost.text;
  EXPECT_EQ(gate().waiting, 0U);
  pinned.send(query("INSERT INTO t (x) VALUES (2)"));
  ASSERT_TRUE(await_waiting(1));
  release().get();
  EXPECT_EQ(pinned.read_result().error, 0U);
  EXPECT_EQ(cluster.root(0).value("SELECT GROUP_CONCAT(x) FROM app.t"), "2");
}

SLUICE_PROXY_ON_BOTH_LOOPS(Cut);

}  // namespace
}  // namespace sluice::proxy
