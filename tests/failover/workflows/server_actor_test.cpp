// failover/workflows/server_actor against real servers, MariaDB and MySQL 5.6: each act alone.
#include <gtest/gtest.h>

#include <thread>

#include "failover/workflows/actor_test.hpp"

namespace sluice::failover {
namespace {

using namespace std::chrono_literals;
using testing::ActorTest;
using testing::contains;
using testing::error_of;
using testing::WorkflowRun;

constexpr unsigned lock_wait_timeout = 1205;
constexpr unsigned read_only_error = 1290;
constexpr unsigned connection_lost_first = 2006;
constexpr unsigned connection_lost_last = 2013;

class ServerActorTest : public ActorTest {};

TEST_P(ServerActorTest, FreezeStopsEveryWriterAndTellsTheLastPosition) {
  WorkflowRun run(cluster());
  auto super = cluster().root(0);
  super.exec("SET SESSION lock_wait_timeout = 1");
  auto app = cluster().app(0);
  const auto outcome = run.must(run.make(Act::freeze, 0));
  EXPECT_EQ(outcome.position, run.position(0));
  EXPECT_FALSE(outcome.position.empty());
  EXPECT_TRUE(run.read_only(0));
  EXPECT_EQ(error_of(super, "INSERT INTO app.t (v) VALUES (2)"), lock_wait_timeout);
  EXPECT_EQ(error_of(app, "INSERT INTO t (v) VALUES (2)"), read_only_error);
  EXPECT_EQ(rows(0), "1") << "reads go on";
  EXPECT_EQ(run.position(0), outcome.position);

  run.must(run.make(Act::thaw, 0));
  EXPECT_FALSE(run.read_only(0));
  EXPECT_EQ(error_of(super, "INSERT INTO app.t (v) VALUES (2)"), 0U);
  EXPECT_EQ(error_of(app, "INSERT INTO t (v) VALUES (3)"), 0U);
  EXPECT_TRUE(run.await_connections(0, 0)) << "the lock's connection is closed";
}

TEST_P(ServerActorTest, FreezeEndsTransactionsThatHaveWritten) {
  WorkflowRun run(cluster());
  auto writer = cluster().root(0);
  writer.exec("BEGIN");
  writer.exec("INSERT INTO app.t (v) VALUES (2)");
  auto reader = cluster().root(0);
  reader.exec("BEGIN");
  reader.exec("SELECT * FROM app.t");
  run.must(run.make(Act::freeze, 0));
  const auto code = error_of(writer, "COMMIT");
  EXPECT_TRUE(code >= connection_lost_first && code <= connection_lost_last) << code;
  EXPECT_EQ(error_of(reader, "COMMIT"), 0U) << "who has only read goes on";
  run.must(run.make(Act::thaw, 0));
  EXPECT_EQ(rows(0), "1");
}

TEST_P(ServerActorTest, FreezeEndsAStatementThatKeepsItWaiting) {
  WorkflowRun run(cluster());
  unsigned code = 0;
  std::thread writer([&] {
    auto sql = cluster().root(0);
    code = error_of(sql, "UPDATE app.t SET v = v + 1 WHERE SLEEP(3600) = 0");
  });
  auto look = cluster().root(0);
  EXPECT_TRUE(test::await([&] {
    return look.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'") == "1";
  }));
  run.must(run.make(Act::freeze, 0));
  writer.join();
  EXPECT_TRUE(code >= connection_lost_first && code <= connection_lost_last) << code;
  run.must(run.make(Act::thaw, 0));
  EXPECT_EQ(cluster().root(0).value("SELECT v FROM app.t"), "1");
}

TEST_P(ServerActorTest, AFreezeThatFailsLeavesNothingBehind) {
  WorkflowRun run(cluster());
  auto other = cluster().root(0);
  other.exec("LOCK TABLES app.t WRITE");
  const auto outcome = run.perform(run.make(Act::freeze, 0, 700ms));
  EXPECT_FALSE(outcome.ok);
  EXPECT_FALSE(outcome.error.empty());
  other.exec("UNLOCK TABLES");
  run.must(run.make(Act::thaw, 0));
  EXPECT_FALSE(run.read_only(0));
  auto app = cluster().app(0);
  EXPECT_EQ(error_of(app, "INSERT INTO t (v) VALUES (2)"), 0U);
  EXPECT_TRUE(run.await_connections(0, 0));
}

TEST_P(ServerActorTest, AwaitsAPosition) {
  WorkflowRun run(cluster());
  const auto position = run.position(0);
  run.must(run.make_await(1, position));
  cluster().root(1).exec("STOP SLAVE");
  cluster().root(0).exec("INSERT INTO app.t (v) VALUES (2)");
  const auto outcome = run.perform(run.make_await(1, run.position(0), 300ms));
  EXPECT_FALSE(outcome.ok);
  EXPECT_FALSE(outcome.error.empty());
  cluster().root(1).exec("START SLAVE");
  run.must(run.make_await(1, run.position(0)));
  EXPECT_EQ(rows(1), "2");
}

TEST_P(ServerActorTest, LeadershipMovesAndTheOldLeaderFollows) {
  WorkflowRun run(cluster());
  const auto frozen = run.must(run.make(Act::freeze, 0));
  run.must(run.make_await(1, frozen.position));
  const auto promoted = run.must(run.make(Act::promote, 1));
  EXPECT_EQ(promoted.position, frozen.position);
  EXPECT_FALSE(run.read_only(1));
  EXPECT_TRUE(cluster().root(1).query("SHOW SLAVE STATUS").empty());
  run.must(run.make_follow(2, 1));
  run.must(run.make_follow(0, 1));
  for (const std::size_t replica : {0U, 2U}) {
    EXPECT_TRUE(run.read_only(replica));
    const auto status = cluster().root(replica).records("SHOW SLAVE STATUS").at(0);
    EXPECT_EQ(status.at("Master_Port"), std::to_string(cluster()->node(1).port()));
    EXPECT_EQ(mariadb() ? status.at("Using_Gtid") : status.at("Auto_Position"), mariadb() ? "Slave_Pos" : "1");
  }
  cluster().app(1).exec("INSERT INTO t (v) VALUES (7)");
  cluster()->await_replicated();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(rows(i), "2");
    EXPECT_EQ(run.position(i), run.position(1)) << "nothing of its own";
    EXPECT_TRUE(run.await_connections(i, 0));
    if (!mariadb()) continue;
    EXPECT_EQ(variable(i, "rpl_semi_sync_master_enabled"), i == 1 ? "1" : "0");
    EXPECT_EQ(variable(i, "rpl_semi_sync_slave_enabled"), i == 1 ? "0" : "1");
  }
}

// It has all that the new leader has thrown away, and says so.
TEST_P(ServerActorTest, AFormerLeaderFollowsWithoutTheHistory) {
  WorkflowRun run(cluster());
  const auto frozen = run.must(run.make(Act::freeze, 0));
  run.must(run.make_await(1, frozen.position));
  run.must(run.make(Act::promote, 1));
  run.must(run.make_follow(2, 1));  // MariaDB purges nothing while no replica is there
  auto leader = cluster().root(1);
  leader.exec("FLUSH BINARY LOGS");
  const auto purged = [&] {
    leader.exec("PURGE BINARY LOGS TO '" + leader.query("SHOW MASTER STATUS").at(0).at(0).value_or("") + "'");
    return leader.query("SHOW BINARY LOGS").size() == 1;
  };
  ASSERT_TRUE(test::await(purged));
  run.must(run.make_follow(0, 1));
  leader.exec("INSERT INTO app.t (v) VALUES (2)");
  cluster()->await_replicated();
  EXPECT_EQ(rows(0), "2");
}

TEST_P(ServerActorTest, AReplicaKeepsTheAccountOfItsChannel) {
  WorkflowRun run(cluster(), false);
  EXPECT_EQ(run.check(2).why_not, "");
  const auto frozen = run.must(run.make(Act::freeze, 0));
  run.must(run.make_await(1, frozen.position));
  run.must(run.make(Act::promote, 1));
  run.must(run.make_follow(2, 1));
  EXPECT_EQ(cluster().root(2).records("SHOW SLAVE STATUS").at(0).at("Master_User"), demo::replication_user);
}

TEST_P(ServerActorTest, ALeaderWithoutAnAccountToFollowWithIsLeftAsItIs) {
  WorkflowRun run(cluster(), false);
  EXPECT_TRUE(contains(run.check(0).why_not, "replication_user")) << run.check(0).why_not;
  const auto outcome = run.perform(run.make_follow(0, 1));
  EXPECT_FALSE(outcome.ok);
  EXPECT_TRUE(contains(outcome.error, "replication_user")) << outcome.error;
  EXPECT_FALSE(run.read_only(0)) << "nothing was touched";
}

TEST_P(ServerActorTest, AnOpenTransactionIsSeen) {
  WorkflowRun run(cluster());
  EXPECT_EQ(run.check(0).oldest_transaction_ms, std::nullopt);
  auto session = cluster().root(0);
  session.exec("BEGIN");
  session.exec("INSERT INTO app.t (v) VALUES (2)");
  EXPECT_TRUE(
      test::await([&] { return run.check(0).oldest_transaction_ms.value_or(0) >= 1'000; }, test::innodb_trx_step));
  session.exec("ROLLBACK");
  EXPECT_TRUE(test::await([&] { return !run.check(0).oldest_transaction_ms; }, test::innodb_trx_step));
}

TEST_P(ServerActorTest, ChecksDoNotDisturbAnAction) {
  WorkflowRun run(cluster());
  std::optional<Outcome> outcome;
  run.actors()[0]->perform(run.make(Act::freeze, 0), [&](const Outcome& told) { outcome = told; });
  EXPECT_TRUE(contains(run.check(0).why_not, "under way"));
  run.run_until("the freeze", [&] { return outcome.has_value(); });
  EXPECT_TRUE(outcome->ok) << outcome->error;
  EXPECT_EQ(run.check(0).why_not, "");
  EXPECT_TRUE(run.read_only(0));
  run.must(run.make(Act::thaw, 0));
}

TEST_P(ServerActorTest, WhoWaitsForTheLockOfADemotedServerDoesNotGetThrough) {
  WorkflowRun run(cluster());
  const auto frozen = run.must(run.make(Act::freeze, 0));
  run.must(run.make_await(1, frozen.position));
  unsigned code = 0;
  std::thread writer([&] {
    auto sql = cluster().root(0);
    code = error_of(sql, "INSERT INTO app.t (v) VALUES (2)");
  });
  auto look = cluster().root(0);
  EXPECT_TRUE(test::await([&] {
    return look.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for % lock'") ==
           "1";
  }));
  run.must(run.make(Act::promote, 1));
  run.must(run.make_follow(0, 1));
  writer.join();
  EXPECT_TRUE(code >= connection_lost_first && code <= connection_lost_last) << code;
  cluster()->await_replicated();
  EXPECT_EQ(run.position(0), frozen.position);
  EXPECT_EQ(rows(0), "1");
}

TEST_P(ServerActorTest, AServerThatWasWrittenToAfterItsFreezeIsNotMadeAReplica) {
  WorkflowRun run(cluster());
  const auto frozen = run.must(run.make(Act::freeze, 0));
  auto root = cluster().root(0);
  const auto id = root.value("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '" +
                             std::string(demo::manager_user) + "'");
  root.exec("KILL " + id);
  root.exec("INSERT INTO app.t (v) VALUES (2)");  // waits until the lock has gone with its connection
  const auto outcome = run.perform(run.make_follow(0, 1));
  EXPECT_FALSE(outcome.ok);
  EXPECT_TRUE(contains(outcome.error, "written to it after it was frozen at " + frozen.position)) << outcome.error;
  EXPECT_TRUE(run.read_only(0));
  EXPECT_TRUE(root.query("SHOW SLAVE STATUS").empty());
}

TEST_P(ServerActorTest, NothingBeginsBeforeAGivenUpActionIsOver) {
  WorkflowRun run(cluster());
  {
    const auto lock = block_replication(1);
    const auto promoted = run.perform(run.make(Act::promote, 1, test::scaled(700ms)));
    EXPECT_FALSE(promoted.ok);
    // What it has begun can't be interrupted, and would go on to its end later.
    const auto frozen = run.perform(run.make(Act::freeze, 1, test::scaled(700ms)));
    EXPECT_FALSE(frozen.ok);
    EXPECT_TRUE(contains(frozen.error, "earlier action could not be ended")) << frozen.error;
    EXPECT_EQ(
        cluster().root(1).value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'STOP SLAVE%'"),
        "1");
  }
  run.must(run.make(Act::freeze, 1));
  EXPECT_TRUE(run.read_only(1));
  EXPECT_EQ(
      cluster().root(1).value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'STOP SLAVE%'"),
      "0");
  EXPECT_TRUE(run.await_connections(1, 1)) << "only that of the lock";
  run.must(run.make_follow(1, 0));
  cluster()->await_replicated();
  EXPECT_EQ(run.position(1), run.position(0));
}

TEST_P(ServerActorTest, AHungServerIsGivenUpAndActedOnAgain) {
  WorkflowRun run(cluster());
  run.must(run.make(Act::freeze, 0));
  cluster()->node(0).hang();
  for (const auto act : {Act::freeze, Act::thaw, Act::promote, Act::await_position}) {
    const auto outcome = run.perform(run.make(act, 0, 200ms));
    EXPECT_FALSE(outcome.ok);
    EXPECT_FALSE(outcome.error.empty());
  }
  cluster()->node(0).resume();
  run.must(run.make(Act::freeze, 0));
  auto super = cluster().root(0);
  super.exec("SET SESSION lock_wait_timeout = 1");
  EXPECT_EQ(error_of(super, "INSERT INTO app.t (v) VALUES (2)"), lock_wait_timeout);
  EXPECT_TRUE(run.await_connections(0, 1)) << "only that of the lock";
  run.must(run.make(Act::thaw, 0));
}

TEST_P(ServerActorTest, AnotherActionEndsTheOneUnderWay) {
  WorkflowRun run(cluster());
  auto other = cluster().root(0);
  other.exec("LOCK TABLES app.t WRITE");
  std::optional<Outcome> first;
  run.actors()[0]->perform(run.make(Act::freeze, 0), [&](const Outcome& outcome) { first = outcome; });
  auto look = cluster().root(0);
  run.run_until("the freeze waits", [&] {
    return look.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'FLUSH TABLES%'") == "1";
  });
  const auto thawed = run.must(run.make(Act::thaw, 0));
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->ok);
  EXPECT_EQ(look.value("SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'FLUSH TABLES%'"), "0");
  other.exec("UNLOCK TABLES");
  EXPECT_FALSE(run.read_only(0));
}

// MySQL 5.6 has one channel only.
class MultiSourceActorTest : public ServerActorTest {};

TEST_P(MultiSourceActorTest, ChannelsFromElsewhereAreKept) {
  WorkflowRun run(cluster());
  cluster().root(1).exec("CHANGE MASTER 'elsewhere' TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'x'");
  const auto frozen = run.must(run.make(Act::freeze, 0));
  run.must(run.make_await(1, frozen.position));
  run.must(run.make(Act::promote, 1));
  auto channels = cluster().root(1).records("SHOW ALL SLAVES STATUS");
  ASSERT_EQ(channels.size(), 1U);
  EXPECT_EQ(channels[0].at("Connection_name"), "elsewhere");
  cluster().root(1).exec("SET GLOBAL read_only = 1");
  run.must(run.make_follow(1, 0));
  channels = cluster().root(1).records("SHOW ALL SLAVES STATUS");
  EXPECT_EQ(channels.size(), 2U);
  cluster().root(1).exec("RESET SLAVE 'elsewhere' ALL");
}

TEST_P(ServerActorTest, AWrongAccountIsToldWithoutItsPassword) {
  WorkflowRun run(cluster());
  auto options = ReplicationAccount{std::string(demo::replication_user), "not-the-password", false};
  ServerActorOptions actor_options;
  for (const auto& node : cluster()->nodes())
    actor_options.members.push_back({{"", "127.0.0.1", node.port(), ""}, node.server_id()});
  actor_options.own = 2;
  actor_options.user = demo::manager_user;
  actor_options.password = cluster()->passwords().manager;
  actor_options.replication = options;
  const auto actor = std::make_shared<ServerActor>(run.io(), actor_options);
  std::optional<Outcome> outcome;
  actor->perform(run.make_follow(2, 0, test::scaled(1000ms)), [&](const Outcome& told) { outcome = told; });
  run.run_until("an outcome", [&] { return outcome.has_value(); });
  EXPECT_FALSE(outcome->ok);
  EXPECT_TRUE(contains(outcome->error, "1045")) << outcome->error;
  EXPECT_FALSE(contains(outcome->error, "not-the-password")) << outcome->error;
  run.must(run.make_follow(2, 0));
}

INSTANTIATE_TEST_SUITE_P(Servers, MultiSourceActorTest, ::testing::Values(test::Flavour::mariadb),
                         [](const auto& flavour) { return std::string(demo::to_string(flavour.param)); });
INSTANTIATE_TEST_SUITE_P(Servers, ServerActorTest, ::testing::Values(test::Flavour::mariadb, test::Flavour::mysql56),
                         [](const auto& flavour) { return std::string(demo::to_string(flavour.param)); });

}  // namespace
}  // namespace sluice::failover
