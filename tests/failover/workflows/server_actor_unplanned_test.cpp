// failover/workflows/server_actor against real servers, MariaDB and MySQL 5.6: the acts of an unplanned change, and
// what every act tells of the server.
#include <gtest/gtest.h>

#include "failover/workflows/actor_test.hpp"
#include "protocol/gtid_set.hpp"

namespace sluice::failover {
namespace {

using namespace std::chrono_literals;
using protocol::GtidSet;
using testing::ActorTest;
using testing::contains;
using testing::error_of;
using testing::WorkflowRun;

constexpr unsigned read_only_error = 1290;
// Of a stop_io on MySQL 5.6 that can't tell what was received whole: half of it passes.
constexpr auto in_doubt = test::scaled(1000ms);

// Fails the test if it can't be read.
GtidSet set(const std::string& text) {
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
  const auto parsed = GtidSet::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(GtidSet());
}

class ActorUnplannedTest : public ActorTest {
 protected:
  std::string thread(std::size_t server, const std::string& column) {
    return cluster().root(server).records("SHOW SLAVE STATUS").at(0).at(column);
  }
  std::string io_thread(std::size_t server) { return thread(server, "Slave_IO_Running"); }
  std::string sql_thread(std::size_t server) { return thread(server, "Slave_SQL_Running"); }
  // All that the first server has written.
  void await_received(std::size_t server) {
    auto leader = cluster().root(0);
    const auto wanted = mariadb() ? set(leader.value("SELECT @@GLOBAL.gtid_current_pos"))
                                  : executed(0).written_by(0, leader.value("SELECT @@GLOBAL.server_uuid"));
    EXPECT_TRUE(test::await([&] {
      auto received = thread(server, mariadb() ? "Gtid_IO_Pos" : "Retrieved_Gtid_Set");
      std::erase(received, '\n');
      return set(received).contains(wanted.last_of_each_source());
    }));
  }
  GtidSet executed(std::size_t server) {
    auto text = cluster().root(server).value(
        mariadb() ? "SELECT CONCAT(@@GLOBAL.gtid_binlog_state, IF(@@GLOBAL.gtid_slave_pos = '', '', ','), "
                    "@@GLOBAL.gtid_slave_pos)"
                  : "SELECT @@GLOBAL.gtid_executed");
    std::erase(text, '\n');
    return set(text);
  }
  // `server`, blocked, has received these and executed none.
  demo::Sql fall_behind(std::size_t server) {
    auto lock = block_replication(server);
    for (int i = 0; i < 3; ++i) cluster().root(0).exec("INSERT INTO app.t (v) VALUES (2)");
    await_received(server);
    return lock;
  }
};

TEST_P(ActorUnplannedTest, StopIoLeavesWhatAppliesAlone) {
  WorkflowRun run(cluster());
  const auto stopped = run.must(run.make(Act::stop_io, 1));
  EXPECT_EQ(io_thread(1), "No");
  EXPECT_EQ(sql_thread(1), "Yes");
  EXPECT_FALSE(stopped.writable);
  EXPECT_EQ(set(stopped.executed), executed(1));
  EXPECT_FALSE(stopped.received.empty());
  EXPECT_TRUE(executed(1).contains(set(stopped.received)));
  cluster().root(0).exec("INSERT INTO app.t (v) VALUES (2)");
  run.must(run.make(Act::stop_io, 1));
  EXPECT_EQ(rows(1), "1");

  run.must(run.make(Act::start_io, 1));
  cluster()->await_replicated();
  EXPECT_EQ(io_thread(1), "Yes");
  EXPECT_EQ(rows(1), "2");
}

TEST_P(ActorUnplannedTest, AServerWithoutChannelsTellsItsState) {
  WorkflowRun run(cluster());
  for (const auto act : {Act::stop_io, Act::read_state, Act::apply_relay_log, Act::start_io}) {
    const auto outcome = run.must(run.make(act, 0));
    EXPECT_EQ(set(outcome.executed), executed(0));
    EXPECT_EQ(outcome.received, "");
    EXPECT_TRUE(outcome.writable);
    EXPECT_EQ(outcome.position, run.position(0));
  }
}

TEST_P(ActorUnplannedTest, ReadStateChangesNothing) {
  WorkflowRun run(cluster());
  const auto replica = run.must(run.make(Act::read_state, 1));
  EXPECT_EQ(set(replica.executed), executed(1));
  EXPECT_FALSE(replica.received.empty());
  EXPECT_FALSE(replica.writable);
  EXPECT_EQ(io_thread(1), "Yes");
  EXPECT_EQ(sql_thread(1), "Yes");
}

TEST_P(ActorUnplannedTest, AServerUnderOurLockIsNotWritable) {
  WorkflowRun run(cluster());
  const auto frozen = run.must(run.make(Act::freeze, 0));
  EXPECT_EQ(set(frozen.executed), executed(0));
  EXPECT_FALSE(frozen.executed.empty());
  cluster().root(0).exec("SET GLOBAL read_only = 0");
  EXPECT_FALSE(run.must(run.make(Act::read_state, 0)).writable);
  EXPECT_TRUE(run.must(run.make(Act::thaw, 0)).writable);
}

TEST_P(ActorUnplannedTest, AnAwaitedPositionIsInWhatIsExecuted) {
  WorkflowRun run(cluster());
  cluster().root(0).exec("INSERT INTO app.t (v) VALUES (2)");
  const auto reached = run.must(run.make_await(1, run.position(0)));
  EXPECT_TRUE(set(reached.executed).contains(set(run.position(0))));
}

TEST_P(ActorUnplannedTest, WhatWasReceivedIsAppliedAfterTheLeaderIsLost) {
  WorkflowRun run(cluster());
  auto last = run.position(0);
  {
    const auto lock = fall_behind(1);
    last = run.position(0);
    cluster()->node(0).kill();
    const auto stopped = run.must(run.make(Act::stop_io, 1, in_doubt));
    EXPECT_FALSE(set(stopped.executed).contains(set(stopped.received))) << stopped.executed;
    EXPECT_FALSE(set(stopped.executed).contains(set(last)));
    EXPECT_EQ(rows(1), "1");
    const auto late = run.perform(run.make(Act::apply_relay_log, 1, 300ms));
    EXPECT_FALSE(late.ok);
    EXPECT_TRUE(contains(late.error, "within 300 ms")) << late.error;
  }
  const auto applied = run.must(run.make(Act::apply_relay_log, 1));
  EXPECT_EQ(io_thread(1), "No");
  EXPECT_EQ(applied.position, last);
  EXPECT_TRUE(set(applied.executed).contains(set(last)));
  EXPECT_TRUE(set(applied.executed).contains(set(applied.received)));
  EXPECT_EQ(set(applied.received).minus(set(last)), GtidSet());
  EXPECT_EQ(rows(1), "4");
  EXPECT_EQ(run.must(run.make(Act::promote, 1)).position, last);
}

TEST_P(ActorUnplannedTest, WhoDoesNotApplySaysWhy) {
  WorkflowRun run(cluster());
  auto replica = cluster().root(1);
  replica.exec("SET SESSION sql_log_bin = 0");
  replica.exec("RENAME TABLE app.t TO app.gone");
  cluster().root(0).exec("INSERT INTO app.t (v) VALUES (2)");
  EXPECT_TRUE(test::await([&] { return sql_thread(1) == "No"; }));
  const auto stopped = run.must(run.make(Act::stop_io, 1));
  EXPECT_EQ(set(stopped.executed).contains(set(stopped.received)), !mariadb()) << "in doubt on MySQL 5.6";
  const auto outcome = run.perform(run.make(Act::apply_relay_log, 1));
  EXPECT_FALSE(outcome.ok);
  EXPECT_TRUE(contains(outcome.error, "SQL thread does not run")) << outcome.error;
  EXPECT_TRUE(contains(outcome.error, "1146")) << outcome.error;
  const auto started = run.perform(run.make(Act::start_io, 1));
  EXPECT_EQ(started.ok, !mariadb());
  EXPECT_EQ(contains(started.error, "throw away what it has received"), mariadb()) << started.error;
  replica.exec("RENAME TABLE app.gone TO app.t");
  replica.exec("START SLAVE");
  cluster()->await_replicated();
  EXPECT_EQ(rows(1), "2");
}

TEST_P(ActorUnplannedTest, AnInstanceIsOneRunOfTheServer) {
  WorkflowRun run(cluster());
  const auto first = run.must(run.make(Act::read_state, 2)).instance;
  EXPECT_NE(first, 0U);
  EXPECT_EQ(run.must(run.make(Act::stop_io, 2)).instance, first);
  EXPECT_EQ(run.must(run.make(Act::freeze, 2)).instance, first);
  run.actors()[2]->unlock();
  EXPECT_EQ(run.must(run.make(Act::apply_relay_log, 2)).instance, first);
  cluster()->node(2).restart();
  EXPECT_NE(run.must(run.make(Act::read_state, 2)).instance, first);
}

// As a server that comes back is taken in again: frozen first.
TEST_P(ActorUnplannedTest, AFrozenReplicaIsStoppedAndFollowsAgain) {
  WorkflowRun run(cluster());
  const auto frozen = run.must(run.make(Act::freeze, 1));
  cluster().root(0).exec("INSERT INTO app.t (v) VALUES (2)");
  cluster().root(0).exec("INSERT INTO app.t (v) VALUES (3)");
  await_received(1);
  const auto stopped = run.must(run.make(Act::stop_io, 1));
  EXPECT_EQ(io_thread(1), "No");
  EXPECT_EQ(set(stopped.executed), set(frozen.executed));
  EXPECT_FALSE(set(stopped.executed).contains(set(stopped.received)));
  const auto applied = run.perform(run.make(Act::apply_relay_log, 1));
  EXPECT_TRUE(contains(applied.error, "frozen")) << applied.error;
  run.must(run.make(Act::start_io, 1));
  EXPECT_TRUE(test::await([&] { return io_thread(1) == "Yes"; }));
  EXPECT_TRUE(run.await_connections(1, 1)) << "only that of the lock";
  run.must(run.make_follow(1, 0));
  cluster()->await_replicated();
  EXPECT_EQ(rows(1), "3");
  EXPECT_TRUE(run.await_connections(1, 0));
}

TEST_P(ActorUnplannedTest, UnlockLeavesReadOnly) {
  WorkflowRun run(cluster());
  const auto frozen = run.must(run.make(Act::freeze, 0));
  run.actors()[0]->unlock();
  EXPECT_TRUE(run.await_connections(0, 0));
  auto app = cluster().app(0);
  EXPECT_EQ(error_of(app, "INSERT INTO t (v) VALUES (2)"), read_only_error);
  auto super = cluster().root(0);
  EXPECT_EQ(error_of(super, "INSERT INTO app.t (v) VALUES (2)"), 0U) << "nobody has the lock any more";
  const auto followed = run.perform(run.make_follow(0, 1));
  EXPECT_TRUE(contains(followed.error, "written to it after it was frozen at " + frozen.position)) << followed.error;
  run.actors()[0]->unlock();
  run.must(run.make(Act::thaw, 0));
  EXPECT_EQ(error_of(app, "INSERT INTO t (v) VALUES (3)"), 0U);
}

TEST_P(ActorUnplannedTest, ASourceTellsThatItIsThereEverySecond) {
  WorkflowRun run(cluster());
  run.must(run.make_follow(2, 0));
  EXPECT_EQ(cluster().root(2).query("SHOW GLOBAL STATUS LIKE 'Slave_heartbeat_period'").at(0).at(1), "1.000");
}

// The leader sends a part of a transaction and is gone: the replica does not read, until the leader's buffers are full.
TEST_P(ActorUnplannedTest, ATornTransactionIsNeitherReceivedNorAwaited) {
  test::TestCluster two(test::cluster_options(GetParam(), 2));
  WorkflowRun run(two);
  auto leader = two.root(0);
  if (mariadb()) leader.exec("SET GLOBAL rpl_semi_sync_master_enabled = 0");
  leader.exec("CREATE TABLE app.t (id INT AUTO_INCREMENT PRIMARY KEY, v MEDIUMBLOB) ENGINE=InnoDB");
  leader.exec("INSERT INTO app.t (v) VALUES ('a'), ('b'), ('c'), ('d'), ('e'), ('f'), ('g'), ('h')");
  two->await_replicated();
  const auto whole = run.position(0);
  const auto sent = [&] {
    return std::stoull(leader.query("SHOW GLOBAL STATUS LIKE 'Bytes_sent'").at(0).at(1).value());
  };
  auto replica = two.root(1);
  const auto status = [&](const char* column) { return replica.records("SHOW SLAVE STATUS").at(0).at(column); };
  const auto read_before = std::stoull(status("Read_Master_Log_Pos"));
  two->node(1).hang();
  const auto sent_before = sent();
  leader.exec("INSERT INTO app.t (v) SELECT REPEAT('x', 500000) FROM app.t a, app.t b");
  EXPECT_TRUE(test::await([&] { return sent() > sent_before + 600'000; }));
  two->node(0).kill();
  two->node(1).resume();
  EXPECT_TRUE(test::await([&] { return status("Slave_IO_Running") == "Connecting"; }));
  EXPECT_GT(std::stoull(status("Read_Master_Log_Pos")), read_before + 100'000) << "a part of it is here";
  const auto told = mariadb() ? "Gtid_IO_Pos" : "Retrieved_Gtid_Set";
  EXPECT_EQ(set(whole).contains(set(status(told))), mariadb()) << "MySQL 5.6 counts it as received";

  const auto stopped = run.must(run.make(Act::stop_io, 1, in_doubt));
  EXPECT_EQ(stopped.position, whole);
  EXPECT_TRUE(set(whole).contains(set(stopped.received))) << stopped.received;
  const auto applied = run.must(run.make(Act::apply_relay_log, 1));
  EXPECT_EQ(applied.position, whole);
  EXPECT_TRUE(set(whole).contains(set(applied.received))) << applied.received;
  EXPECT_EQ(run.must(run.make(Act::promote, 1)).position, whole);
  EXPECT_EQ(replica.value("SELECT COUNT(*) FROM app.t"), "8");
  EXPECT_EQ(error_of(replica, "INSERT INTO app.t (v) VALUES ('z')"), 0U);
}

// MySQL 5.6 has one channel only.
class MultiSourceUnplannedTest : public ActorUnplannedTest {};

TEST_P(MultiSourceUnplannedTest, ChannelsFromElsewhereGoOn) {
  WorkflowRun run(cluster());
  auto root = cluster().root(1);
  root.exec("CHANGE MASTER 'elsewhere' TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'x'");
  root.exec("START SLAVE 'elsewhere'");
  run.must(run.make(Act::stop_io, 1));
  EXPECT_EQ(io_thread(1), "No");
  EXPECT_NE(root.records("SHOW SLAVE 'elsewhere' STATUS").at(0).at("Slave_IO_Running"), "No");
  run.must(run.make(Act::apply_relay_log, 1));
  root.exec("STOP SLAVE 'elsewhere'");
  root.exec("RESET SLAVE 'elsewhere' ALL");
}

INSTANTIATE_TEST_SUITE_P(Servers, MultiSourceUnplannedTest, ::testing::Values(test::Flavour::mariadb),
                         [](const auto& flavour) { return std::string(demo::to_string(flavour.param)); });
INSTANTIATE_TEST_SUITE_P(Servers, ActorUnplannedTest, ::testing::Values(test::Flavour::mariadb, test::Flavour::mysql56),
                         [](const auto& flavour) { return std::string(demo::to_string(flavour.param)); });

}  // namespace
}  // namespace sluice::failover
