// A closed gate: what waits at it, what goes through, when it is drained, and what leaves when it opens.
#include "proxy/session/gate_fixture.hpp"

namespace sluice::proxy {
namespace {

class ClosedGate : public GateFixture {
 protected:
  void SetUp() override { cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x INT)"); }
  std::string rows() { return cluster.root(0).value("SELECT GROUP_CONCAT(x ORDER BY id) FROM app.t"); }
};

TEST_P(ClosedGate, WhatWouldStartOnTheLeaderWaitsAndSucceeds) {
  usable = {false, false, false};  // the leader must answer reads
  start();
  RawClient write(port()), begin(port()), read(port()), manual(port()), prepared(port()), keeper(port());
  for (RawClient* client : {&write, &begin, &read, &manual, &prepared, &keeper}) log_in(*client);
  ASSERT_EQ(manual.run("SET autocommit = 0").error, 0U);
  const std::uint32_t id = prepared.prepare("INSERT INTO t (x) VALUES (?)");
  ASSERT_NE(id, 0U);
  ASSERT_EQ(keeper.run("INSERT INTO t (x) VALUES (0)").last_insert_id, 1U);
  ASSERT_EQ(kept(), 1U);
  close_gate();
  write.send(query("INSERT INTO t (x) VALUES (1)"));
  begin.send(query("BEGIN"));
  read.send(query("SELECT COUNT(*) FROM t"));
  manual.send(query("SELECT COUNT(*) FROM t"));
  prepared.send(execute(id, {"2"}, true));
  keeper.send(query("INSERT INTO t (x) SELECT 10 + LAST_INSERT_ID()"));
  ASSERT_TRUE(await_waiting(6));
  EXPECT_EQ(gate().state, GateState::closed);
  EXPECT_TRUE(await_state("holding (its gate is closed for a change of leader)"));
  EXPECT_EQ(rows(), "0");
  release().get();
  EXPECT_EQ(write.read_result().affected, 1U);
  EXPECT_NE(begin.read_result().status & protocol::status::in_transaction, 0);
  EXPECT_EQ(read.read_result().kind, Result::Kind::rows);
  EXPECT_EQ(manual.read_result().kind, Result::Kind::rows);
  EXPECT_EQ(prepared.read_result().affected, 1U);
  EXPECT_EQ(keeper.read_result().affected, 1U);
  EXPECT_EQ(cluster.root(0).value("SELECT GROUP_CONCAT(x ORDER BY x) FROM app.t"), "0,1,2,11");
  const Report r = report();
  EXPECT_EQ(r.gates.at(0).state, GateState::open);
  EXPECT_EQ(r.gates.at(0).waiting, 0U);
  EXPECT_EQ(r.counters.gates_closed, 1U);
  EXPECT_EQ(r.counters.statements_held_by_gate, 6U);
  EXPECT_EQ(r.counters.statements_held, 6U);
}

// What was read when the connection was given up is not what there is after the text.
TEST_P(ClosedGate, WarningsReadAtItAreForgottenByATextThatAsksAndDoesMore) {
  usable = {false, false, false};
  start();
  RawClient client(port());
  log_in(client);
  ASSERT_NE(client.run("INSERT IGNORE INTO t (x) VALUES ('7x')").warnings, 0U);
  ASSERT_EQ(kept(), 1U);
  close_gate();
  client.send(query("SHOW WARNINGS; INSERT INTO t (x) VALUES (8)"));
  ASSERT_TRUE(await_waiting(1));
  ASSERT_TRUE(await([&] { return report().pools.at(0).idle == 1; }));
  release().get();
  EXPECT_EQ(client.read_results().size(), 2U);
  EXPECT_EQ(rows(), "7,8");
  EXPECT_TRUE(client.run("SHOW WARNINGS").rows.empty());
}

TEST_P(ClosedGate, ATransactionGoesOnAndTheNextOneWaits) {
  start();
  RawClient client(port()), other(port());
  log_in(client);
  log_in(other);
  ASSERT_EQ(client.run("BEGIN").error, 0U);
  ASSERT_EQ(client.run("INSERT INTO t (x) VALUES (1)").error, 0U);
  Answered drained = hold();
  other.send(query("INSERT INTO t (x) VALUES (9)"));
  ASSERT_TRUE(await_waiting(1));
  EXPECT_EQ(client.run("INSERT INTO t (x) VALUES (2)").error, 0U);
  EXPECT_EQ(client.run("SELECT COUNT(*) FROM t").value(), "2");
  EXPECT_TRUE(pending(drained));
  EXPECT_EQ(gate().open, 1U);
  client.send(pipelined({query("COMMIT"), query("INSERT INTO t (x) VALUES (3)")}));
  EXPECT_EQ(client.read_result().error, 0U);
  EXPECT_TRUE(drained.get().ok);
  ASSERT_TRUE(await_waiting(2));
  EXPECT_EQ(rows(), "1,2");
  release().get();
  EXPECT_EQ(client.read_result().error, 0U);
  EXPECT_EQ(other.read_result().error, 0U);
}

TEST_P(ClosedGate, WhileItSettlesSingleStatementsGoOn) {
  usable = {false, false, false};  // the leader must answer reads
  start();
  RawClient open(port()), single(port()), begin(port()), manual(port()), several(port()), ddl(port());
  for (RawClient* client : {&open, &single, &begin, &manual, &several, &ddl}) log_in(*client);
  ASSERT_EQ(manual.run("SET autocommit = 0").error, 0U);
  ASSERT_EQ(open.run("BEGIN").error, 0U);
  ASSERT_EQ(open.run("INSERT INTO t (x) VALUES (1)").error, 0U);
  Answered settled = settle();
  begin.send(query("BEGIN"));
  manual.send(query("SELECT COUNT(*) FROM t"));
  several.send(query("INSERT INTO t (x) VALUES (8); SELECT 1"));
  ddl.send(query("CREATE TABLE later (x INT)"));
  ASSERT_TRUE(await_waiting(4));
  EXPECT_EQ(gate().state, GateState::settling);
  EXPECT_EQ(gate().open, 1U);
  const std::uint32_t id = single.prepare("INSERT INTO t (x) VALUES (?)");
  ASSERT_NE(id, 0U);
  single.send(execute(id, {"2"}, true));
  EXPECT_EQ(single.read_result().affected, 1U);
  EXPECT_EQ(single.run("UPDATE t SET x = 3 WHERE id = 2").affected, 1U);
  EXPECT_EQ(single.run("SELECT COUNT(*) FROM t").value(), "1");
  EXPECT_TRUE(pending(settled));
  ASSERT_EQ(open.run("COMMIT").error, 0U);
  EXPECT_TRUE(settled.get().ok);
  EXPECT_EQ(single.run("INSERT INTO t (x) VALUES (4)").affected, 1U) << "it is not closed yet";
  close_gate();
  single.send(query("INSERT INTO t (x) VALUES (5)"));
  ASSERT_TRUE(await_waiting(5));
  EXPECT_EQ(gate().state, GateState::closed);
  EXPECT_EQ(rows(), "1,3,4");
  release().get();
  EXPECT_EQ(single.read_result().affected, 1U);
  EXPECT_EQ(begin.read_result().error, 0U);
  EXPECT_EQ(manual.read_result().error, 0U);
  EXPECT_EQ(several.read_result().error, 0U);
  EXPECT_EQ(ddl.read_result().error, 0U);
  EXPECT_EQ(report().counters.gates_closed, 1U);
}

TEST_P(ClosedGate, WhatDoesNotSettleIsToldAndTheGateOpensAgain) {
  start();
  RawClient open(port()), begin(port());
  log_in(open);
  log_in(begin);
  ASSERT_EQ(open.run("BEGIN").error, 0U);
  ASSERT_EQ(open.run("INSERT INTO t (x) VALUES (1)").error, 0U);
  Answered settled = settle(50);
  begin.send(query("BEGIN"));
  const Answer answer = settled.get();
  EXPECT_FALSE(answer.ok);
  EXPECT_TRUE(answer.what.starts_with("still open on db1: 1 transaction")) << answer.what;
  ASSERT_TRUE(await_waiting(1));
  release().get();
  EXPECT_EQ(begin.read_result().error, 0U);
  EXPECT_EQ(open.run("COMMIT").error, 0U);
  EXPECT_EQ(rows(), "1");
}

TEST_P(ClosedGate, TheBudgetEndsAndWhatIsOpenIsTold) {
  cluster.root(0).exec("CREATE TABLE app.u (x INT)");
  start();
  RawClient open(port()), locking(port()), running(port()), quiet(port());
  for (RawClient* client : {&open, &locking, &running, &quiet}) log_in(*client);
  const std::uint64_t began = now_ms();
  ASSERT_EQ(open.run("BEGIN").error, 0U);
  ASSERT_EQ(open.run("INSERT INTO t (x) VALUES (1)").error, 0U);
  const std::uint64_t written = now_ms();
  ASSERT_TRUE(await([&] { return now_ms() > written + 5; }));  // clearly the oldest
  ASSERT_EQ(locking.run("LOCK TABLES u READ").error, 0U);
  running.send(query("INSERT INTO t (x) SELECT SLEEP(600)"));
  ASSERT_TRUE(await([&] { return running_now() == 1; }));
  const Answer answer = hold(50).get();
  EXPECT_FALSE(answer.ok);
  const std::string expected =
      "still open on db1: 1 transaction, 1 session with table locks or XA, 1 statement in flight; the oldest is "
      "session " +
      std::to_string(open.greeting.connection_id) + ", a transaction for ";
  EXPECT_TRUE(answer.what.starts_with(expected)) << answer.what;
  EXPECT_LE(std::stoull(answer.what.substr(std::min(answer.what.size(), expected.size()))), now_ms() - began + 1);
  // It stays closed, and opens as ordered.
  quiet.send(query("INSERT INTO t (x) VALUES (2)"));
  ASSERT_TRUE(await_waiting(1));
  EXPECT_EQ(gate().open, 3U);
  release().get();
  EXPECT_EQ(quiet.read_result().error, 0U);
  EXPECT_EQ(locking.run("UNLOCK TABLES").error, 0U);
  running.disconnect();
  EXPECT_TRUE(await([&] { return ProxyTest::running(0, "INSERT INTO t (x) SELECT SLEEP%") == "0"; }));
}

TEST_P(ClosedGate, FirstComeFirstServed) {
  options.workers = 1;
  options.limits.backend_connections_max = 1;
  options.limits.release_batch_max = 1;  // each in a turn of its own: who comes meanwhile does not pass them
  start();
  RawClient holder(port());
  log_in(holder);
  ASSERT_EQ(holder.run("BEGIN").error, 0U);
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<RawClient>(port()));
    log_in(*clients.back(), "");
  }
  const auto send = [&](int i) {
    clients[static_cast<std::size_t>(i)]->send(
        pipelined({query("INSERT INTO app.t (x) VALUES (" + std::to_string(i) + ")"),
                   query("INSERT INTO app.t (x) VALUES (" + std::to_string(100 + i) + ")")}));
  };
  for (int i = 0; i < 4; ++i) {
    send(i);
    ASSERT_TRUE(await([&] { return report().pools.at(0).waiting == static_cast<std::uint32_t>(i) + 1; }));
  }
  Answered drained = hold();
  for (int i = 4; i < 12; ++i) {
    ASSERT_TRUE(await_waiting(static_cast<std::uint64_t>(i)));
    send(i);
  }
  ASSERT_TRUE(await_waiting(12));
  EXPECT_EQ(report().pools.at(0).waiting, 0U);
  ASSERT_EQ(holder.run("COMMIT").error, 0U);
  EXPECT_TRUE(drained.get().ok);
  release().get();
  for (auto& client : clients) {
    EXPECT_EQ(client->read_result().error, 0U);
    EXPECT_EQ(client->read_result().error, 0U);
  }
  EXPECT_EQ(rows(), "0,1,2,3,4,5,6,7,8,9,10,11,100,101,102,103,104,105,106,107,108,109,110,111");
}

TEST_P(ClosedGate, ReadsOfReplicasFlow) {
  start();
  RawClient writer(port()), reader(port());
  log_in(writer);
  log_in(reader);
  ASSERT_EQ(writer.run("INSERT INTO t (x) VALUES (1)").error, 0U);
  cluster->await_replicated();
  close_gate();
  const std::uint64_t before = counters().statements_leader;
  const std::string where = reader.run("SELECT @@server_id").value();
  EXPECT_TRUE(where == server_id(1) || where == server_id(2)) << where;
  EXPECT_EQ(reader.run("SELECT COUNT(*) FROM t").value(), "1");
  // This one wrote: it needs a replica that is known to have it, and none is known to yet.
  writer.send(query("SELECT COUNT(*) FROM t"));
  ASSERT_TRUE(await_waiting(1));
  replicas_have_all();
  EXPECT_EQ(writer.read_result().value(), "1");
  EXPECT_EQ(gate().state, GateState::closed);
  // Clients may still come, and choose their schema.
  RawClient late(port());
  log_in(late);
  EXPECT_EQ(late.run("SELECT COUNT(*) FROM t").value(), "1");
  EXPECT_EQ(counters().statements_leader, before);
  release().get();
}

TEST_P(ClosedGate, AnIdleSessionThatIsTiedDoesNotKeepItFromDraining) {
  start();
  RawClient client(port());
  log_in(client);
  ASSERT_EQ(client.run("SET @x = 7").error, 0U);
  ASSERT_EQ(client.run("DO GET_LOCK('gate', 0)").error, 0U);
  ASSERT_EQ(client.run("CREATE TEMPORARY TABLE mine (x INT)").error, 0U);
  ASSERT_EQ(client.run("SELECT SQL_CALC_FOUND_ROWS 1 UNION SELECT 2 LIMIT 1").rows.size(), 1U);
  close_gate();
  EXPECT_EQ(client.run("SELECT FOUND_ROWS()").value(), "2");
  client.send(query("INSERT INTO mine VALUES (@x)"));
  ASSERT_TRUE(await_waiting(1));
  EXPECT_EQ(only_pinned().pin, "user_variable, temporary_table, user_lock");
  EXPECT_TRUE(only_pinned().state.starts_with("holding"));
  release().get();
  EXPECT_EQ(client.read_result().affected, 1U);
  EXPECT_EQ(client.run("SELECT x FROM mine").value(), "7");
}

TEST_P(ClosedGate, WhatMustEndOnTheLeaderIsWaitedFor) {
  start();
  RawClient xa(port()), blob(port());
  log_in(xa);
  log_in(blob);
  const std::uint32_t id = blob.prepare("INSERT INTO t (x) VALUES (LENGTH(?))");
  ASSERT_NE(id, 0U);
  blob.send(packet(Command::stmt_send_long_data, number4(id) + std::string(2, '\0') + "abc"));
  ASSERT_EQ(xa.run("XA START 'gate'").error, 0U);
  ASSERT_TRUE(await([&] { return pinned() == 2; }));
  Answered drained = hold();
  ASSERT_TRUE(await([&] { return gate().open == 2; }));
  EXPECT_EQ(xa.run("INSERT INTO t (x) VALUES (1)").error, 0U);
  EXPECT_EQ(xa.run("XA END 'gate'").error, 0U);
  EXPECT_EQ(xa.run("XA COMMIT 'gate' ONE PHASE").error, 0U);
  EXPECT_EQ(gate().open, 1U);
  EXPECT_TRUE(pending(drained));
  blob.send(execute(id, {""}, true));
  EXPECT_EQ(blob.read_result().affected, 1U);
  EXPECT_TRUE(drained.get().ok);
  EXPECT_EQ(rows(), "1,3");
  release().get();
}

TEST_P(ClosedGate, ASnapshotDoesNotOpenIt) {
  start();
  RawClient client(port()), pinned(port());
  log_in(client);
  log_in(pinned);
  ASSERT_EQ(pinned.run("SET @x = 7").error, 0U);
  close_gate();
  client.send(query("INSERT INTO t (x) VALUES (1)"));
  pinned.send(query("INSERT INTO t (x) VALUES (@x)"));
  ASSERT_TRUE(await_waiting(2));
  publish(std::nullopt);
  EXPECT_EQ(gate().waiting, 2U);
  publish(1);
  EXPECT_EQ(gate().waiting, 2U);
  publish(0);
  EXPECT_EQ(gate().waiting, 2U);
  EXPECT_EQ(counters().statements_held, 2U);
  release().get();
  EXPECT_EQ(client.read_result().error, 0U);
  EXPECT_EQ(pinned.read_result().error, 0U);
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "2");
}

// The routing table may know of the change before the gate opens.
TEST_P(ClosedGate, TheOldLeaderIsReadAsAReplica) {
  usable = {false, false, false};
  start();
  RawClient reader(port()), writer(port());
  log_in(reader);
  log_in(writer);
  close_gate();
  reader.send(query("SELECT @@server_id"));
  writer.send(query("INSERT INTO t (x) VALUES (1)"));
  ASSERT_TRUE(await_waiting(2));
  usable = {true, false, false};
  publish(1);
  EXPECT_EQ(reader.read_result().value(), server_id(0));
  EXPECT_EQ(gate().waiting, 1U);
  EXPECT_EQ(counters().statements_held_by_gate, 2U);
  publish(0);
  release().get();
  EXPECT_EQ(writer.read_result().error, 0U);
}

// Held for want of a leader first: it keeps its place when the gate closes, and waits on if there is none when it
// opens.
TEST_P(ClosedGate, WithoutALeaderBeforeAndAfter) {
  options.workers = 1;
  options.limits.backend_connections_max = 1;
  start();
  RawClient first(port()), second(port());
  log_in(first);
  log_in(second);
  publish(std::nullopt);
  first.send(query("INSERT INTO t (x) VALUES (1)"));
  ASSERT_TRUE(await_waiting(1));
  close_gate();
  second.send(query("INSERT INTO t (x) VALUES (2)"));
  ASSERT_TRUE(await_waiting(2));
  publish(std::nullopt);  // the first one does not look again, and stand behind the second one then
  release().get();
  EXPECT_EQ(gate().state, GateState::open);
  EXPECT_EQ(gate().waiting, 2U);
  EXPECT_TRUE(await_state("holding (it has none)"));
  publish(0);
  EXPECT_EQ(first.read_result().error, 0U);
  EXPECT_EQ(second.read_result().error, 0U);
  EXPECT_EQ(rows(), "1,2");
}

TEST_P(ClosedGate, AClientThatLeavesWhileItWaitsLeavesNothing) {
  start();
  close_gate();
  {
    RawClient client(port());
    log_in(client, "");
    client.send(query("INSERT INTO app.t (x) VALUES (1)"));
    ASSERT_TRUE(await_waiting(1));
  }
  EXPECT_TRUE(await([&] { return report().clients == 0; }));
  EXPECT_EQ(gate().waiting, 0U);
  release().get();
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "0");
}

TEST_P(ClosedGate, WhatAClientLeftRunningIsEndedBeforeItIsDrained) {
  start();
  auto client = std::make_unique<RawClient>(port());
  log_in(*client);
  client->send(query("INSERT INTO t (x) SELECT SLEEP(600)"));
  ASSERT_TRUE(await([&] { return running_now() == 1; }));
  Answered drained = hold();
  ASSERT_TRUE(await([&] { return gate().open == 1; }));
  cluster->node(0).hang();  // the KILL stays under way
  client.reset();
  ASSERT_TRUE(await([&] { return counters().server_kills == 1; }));
  EXPECT_EQ(gate().open, 0U);
  EXPECT_TRUE(pending(drained));
  cluster->node(0).resume();
  EXPECT_TRUE(drained.get().ok);
  EXPECT_TRUE(await([&] { return running(0, "INSERT INTO t (x) SELECT SLEEP%") == "0"; }));
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "0");
  release().get();
}

TEST_P(ClosedGate, OnlySoManyWaitAndOnlySoLong) {
  options.workers = 1;
  options.limits.hold_clients_max = 1;
  options.limits.hold_max_ms = test::scaled_ms(1000);  // two come to the gate meanwhile
  start();
  RawClient first(port()), second(port());
  log_in(first);
  log_in(second);
  close_gate();
  first.send(query("INSERT INTO t (x) VALUES (1)"));
  ASSERT_TRUE(await_waiting(1));
  const Result refused = second.run("INSERT INTO t (x) VALUES (2)");
  EXPECT_EQ(refused.error, 1105U);
  EXPECT_TRUE(contains(refused, "gate is closed")) << refused.text;
  EXPECT_TRUE(contains(refused, "hold_clients_max")) << refused.text;
  const Result late = first.read_result();
  EXPECT_EQ(late.error, 1105U);
  EXPECT_TRUE(contains(late, "gate is closed")) << late.text;
  EXPECT_TRUE(contains(late, "held for " + std::to_string(options.limits.hold_max_ms) + " ms")) << late.text;
  EXPECT_EQ(gate().waiting, 0U);
  release().get();
  EXPECT_EQ(first.run("INSERT INTO t (x) VALUES (3)").error, 0U);
  EXPECT_EQ(rows(), "3");
  EXPECT_GE(report().hold_longest_ms, options.limits.hold_max_ms);
}

TEST_P(ClosedGate, OrdersThatComeTwice) {
  start();
  release().get();  // it is open
  RawClient open(port()), client(port());
  log_in(open);
  log_in(client);
  ASSERT_EQ(open.run("BEGIN").error, 0U);
  ASSERT_EQ(open.run("INSERT INTO t (x) VALUES (1)").error, 0U);
  Answered first = hold();
  ASSERT_TRUE(await([&] { return gate().open == 1; }));
  Answered second = hold();
  const Answer superseded = first.get();
  EXPECT_FALSE(superseded.ok);
  EXPECT_EQ(superseded.what, "a newer order to close the gate took its place");
  EXPECT_TRUE(pending(second));
  client.send(query("INSERT INTO t (x) VALUES (2)"));
  ASSERT_TRUE(await_waiting(1));
  release().get();
  EXPECT_EQ(second.get().what, "the gate was opened");
  EXPECT_EQ(client.read_result().error, 0U);
  release().get();
  EXPECT_EQ(open.run("COMMIT").error, 0U);
  close_gate();
  close_gate();
  EXPECT_EQ(counters().gates_closed, 2U);
  release().get();
}

TEST_P(ClosedGate, TheProcessDrainsWhileItIsClosed) {
  options.limits.drain_max_ms = 300;
  start();
  RawClient idle(port()), waiting(port());
  log_in(idle);
  log_in(waiting);
  close_gate();
  waiting.send(query("INSERT INTO t (x) VALUES (1)"));
  ASSERT_TRUE(await_waiting(1));
  std::promise<void> drained;
  proxy->drain([&] { drained.set_value(); });
  EXPECT_TRUE(idle.at_end());
  EXPECT_EQ(waiting.read_result().error, 1053U);
  EXPECT_EQ(drained.get_future().wait_for(test::hang_limit), std::future_status::ready);
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "0");
}

TEST_P(ClosedGate, TheProxyEndsWithSessionsAtTheGate) {
  start();
  RawClient open(port()), waiting(port()), pinned(port());
  for (RawClient* client : {&open, &waiting, &pinned}) log_in(*client);
  ASSERT_EQ(open.run("BEGIN").error, 0U);
  ASSERT_EQ(open.run("INSERT INTO t (x) VALUES (1)").error, 0U);
  ASSERT_EQ(pinned.run("SET @x = 1").error, 0U);
  bool answered = false;
  proxy->hold(0, test::never_ms, [&](bool, const std::string&) { answered = true; });
  waiting.send(query("INSERT INTO t (x) VALUES (2)"));
  pinned.send(query("INSERT INTO t (x) VALUES (@x)"));
  ASSERT_TRUE(await_waiting(2));
  proxy.reset();
  EXPECT_FALSE(answered);
  for (RawClient* client : {&open, &waiting, &pinned}) EXPECT_TRUE(client->at_end());
}

SLUICE_PROXY_ON_BOTH_LOOPS(ClosedGate);

}  // namespace
}  // namespace sluice::proxy
