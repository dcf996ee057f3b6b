// What a client left running on a server is ended there, and KILL QUERY ends a statement but not its session.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class ServerKills : public ProxyTest {
 protected:
  void SetUp() override {
    options.workers = 1;
    cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
    cluster.root(0).exec("INSERT INTO app.t VALUES (1)");
  }
  bool runs(const std::string& like) {
    return await([&] { return running(0, like) == "1"; });
  }
  bool nothing_runs(const std::string& like) {
    return await([&] { return running(0, like) == "0"; });
  }
  bool no_transaction() {
    return await([&] { return transactions(0) == "0"; }, transactions_step);
  }
  static std::string id_of(const RawClient& client) { return std::to_string(client.greeting.connection_id); }
};

TEST_P(ServerKills, AClientThatVanishesWhileItsStatementRuns) {
  start();
  RawClient client(port());
  log_in(client);
  client.run("BEGIN");
  client.run("INSERT INTO t VALUES (2)");
  client.send(query("SELECT SLEEP(600)"));
  ASSERT_TRUE(runs("SELECT SLEEP(600)"));
  client.disconnect();
  EXPECT_TRUE(nothing_runs("SELECT SLEEP(600)"));
  EXPECT_TRUE(no_transaction());
  EXPECT_EQ(counters().server_kills, 1U);
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "1");
}

TEST_P(ServerKills, AClientThatVanishesWhileItWaitsForALock) {
  options.limits.backend_connections_max = 1;  // its own connection must make room for the KILL
  start();
  Sql holder = cluster.root(0);
  holder.exec("BEGIN");
  holder.exec("DELETE FROM app.t WHERE id = 1");
  RawClient client(port());
  log_in(client);
  client.send(query("DELETE FROM t WHERE id = 1"));
  ASSERT_TRUE(runs("DELETE FROM t WHERE id = 1"));
  RawClient waiting(port());
  log_in(waiting, "");
  waiting.send(query("DELETE FROM app.t WHERE id = 3"));
  ASSERT_TRUE(await_state("waiting"));
  client.disconnect();
  EXPECT_TRUE(nothing_runs("DELETE FROM t WHERE id = 1"));
  EXPECT_EQ(waiting.read_result().kind, Result::Kind::ok);
  holder.exec("ROLLBACK");
}

TEST_P(ServerKills, AreBounded) {
  options.limits.server_kills_max = 0;
  options.limits.half_closed_max_ms = 100;  // before the server looks after its client itself
  start();
  // It waits for a row: a server that sleeps looks now and then whether its client is still there.
  Sql holder = cluster.root(0);
  holder.exec("BEGIN");
  holder.exec("DELETE FROM app.t WHERE id = 1");
  RawClient client(port());
  log_in(client);
  client.send(query("DELETE FROM t WHERE id = 1"));
  ASSERT_TRUE(runs("DELETE FROM t WHERE id = 1"));
  client.disconnect();
  EXPECT_TRUE(await([&] { return counters().server_kills_skipped == 1; }));
  EXPECT_EQ(counters().server_kills, 0U);
  EXPECT_EQ(running(0, "DELETE FROM t WHERE id = 1"), "1");
  holder.exec("ROLLBACK");
}

TEST_P(ServerKills, DrainingEndsWhatStillRunsAtItsDeadline) {
  options.limits.drain_max_ms = 50;
  start();
  RawClient client(port());
  log_in(client);
  client.send(query("DO SLEEP(600)"));
  ASSERT_TRUE(runs("DO SLEEP(600)"));
  std::promise<void> drained;
  proxy->drain([&] { drained.set_value(); });
  ASSERT_EQ(drained.get_future().wait_for(test::hang_limit), std::future_status::ready);
  EXPECT_TRUE(nothing_runs("DO SLEEP(600)"));
}

TEST_P(ServerKills, KillQueryEndsTheStatementOnly) {
  start();
  RawClient victim(port());
  log_in(victim);
  victim.run("SET @x = 7");
  victim.run("BEGIN");
  RawClient killer(port());
  log_in(killer);
  victim.send(query("SELECT SLEEP(600)"));
  ASSERT_TRUE(runs("SELECT SLEEP(600)"));
  EXPECT_EQ(killer.run("KILL QUERY " + id_of(victim)).kind, Result::Kind::ok);
  EXPECT_EQ(victim.read_result().error, 1317U);
  EXPECT_EQ(victim.run("SELECT @x").value(), "7");
  // Nothing runs: nothing is ended.
  EXPECT_EQ(killer.run("KILL QUERY " + id_of(victim)).kind, Result::Kind::ok);
  EXPECT_EQ(victim.run("SELECT @x").value(), "7");
}

TEST_P(ServerKills, KillQueryWhenEveryConnectionIsBusy) {
  usable = {false, false, false};
  options.limits.backend_connections_max = 1;
  start();
  RawClient victim(port());
  log_in(victim);
  RawClient killer(port());
  log_in(killer);
  victim.send(query("SELECT SLEEP(600)"));
  ASSERT_TRUE(runs("SELECT SLEEP(600)"));
  RawClient waiting(port());
  log_in(waiting, "");
  waiting.send(query("INSERT INTO app.t VALUES (4)"));
  ASSERT_TRUE(await_state("waiting"));
  EXPECT_EQ(killer.run("KILL QUERY " + id_of(victim)).kind, Result::Kind::ok);
  EXPECT_EQ(victim.read_result().error, 1317U);
  EXPECT_EQ(waiting.read_result().kind, Result::Kind::ok);
  ASSERT_TRUE(await([&] {
    std::uint32_t total = 0;
    for (const auto& pool : report().pools) total += pool.server == server_name(0) ? pool.idle + pool.busy : 0;
    return total <= 1;
  }));
}

// A KILL may come when its statement is over: the connection that it names must not be another session's by then.
TEST_P(ServerKills, AConnectionThatWasKilledServesNobodyElse) {
  usable = {false, false, false};
  start();
  RawClient victim(port());
  log_in(victim);
  RawClient killer(port());
  log_in(killer);
  // It goes on at once: what its error left on the connection is still being read.
  victim.send(pipelined({query("SELECT SLEEP(600), 'it'"), query("BEGIN"), query("SELECT CONNECTION_ID()")}));
  ASSERT_TRUE(runs("SELECT SLEEP(600)%"));
  const std::string named =
      cluster.root(0).value("SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(600), %'");
  ASSERT_EQ(killer.run("KILL QUERY " + id_of(victim)).kind, Result::Kind::ok);
  ASSERT_EQ(victim.read_result().error, 1317U);
  EXPECT_EQ(victim.read_result().kind, Result::Kind::ok);
  EXPECT_NE(victim.read_result().value(), named);
  killer.run("BEGIN");
  EXPECT_NE(killer.run("SELECT CONNECTION_ID()").value(), named);
}

TEST_P(ServerKills, KillQueryEndsAStatementThatWaits) {
  options.limits.backend_connections_max = 1;
  start();
  RawClient busy(port());
  log_in(busy);
  RawClient victim(port());
  log_in(victim);
  RawClient killer(port());
  log_in(killer);
  busy.run("BEGIN");
  victim.send(query("INSERT INTO t VALUES (3)"));
  ASSERT_TRUE(await_state("waiting"));
  EXPECT_EQ(killer.run("KILL QUERY " + id_of(victim)).kind, Result::Kind::ok);
  EXPECT_EQ(victim.read_result().error, 1317U);
  busy.run("COMMIT");
  EXPECT_EQ(victim.run("SELECT COUNT(*) FROM t").value(), "1");
  publish(std::nullopt);
  victim.send(query("INSERT INTO t VALUES (3)"));
  ASSERT_TRUE(await_state("holding"));
  EXPECT_EQ(killer.run("KILL QUERY " + id_of(victim)).kind, Result::Kind::ok);
  EXPECT_EQ(victim.read_result().error, 1317U);
}

SLUICE_PROXY_ON_BOTH_LOOPS(ServerKills);

}  // namespace
}  // namespace sluice::proxy
