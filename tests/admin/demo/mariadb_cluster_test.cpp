// A cluster of three MariaDB servers, and all that can be done to it.
#include <gtest/gtest.h>

#include "admin/demo/error.hpp"
#include "admin/demo/wait.hpp"
#include "support/test_cluster.hpp"

namespace sluice::demo {
namespace {

std::string status(Sql& sql, const std::string& name) {
  const auto rows = sql.query("SHOW GLOBAL STATUS LIKE '" + name + "'");
  return rows.empty() ? "" : rows.front().at(1).value_or("");
}

TEST(MariadbCluster, FirstNodeLeadsAndRowsReachTheReplicas) {
  auto& cluster = test::shared_cluster();
  EXPECT_EQ(cluster->role(0), Role::leader);
  EXPECT_EQ(cluster->role(1), Role::replica);
  EXPECT_EQ(cluster->role(2), Role::replica);

  Sql leader = cluster.app(0);
  leader.exec("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(20))");
  leader.exec("INSERT INTO t VALUES (1, 'one'), (2, NULL)");
  cluster->await_replicated();
  for (const std::size_t replica : {1U, 2U}) {
    const Rows rows = cluster.app(replica).query("SELECT id, text, @@server_id FROM t ORDER BY id");
    const std::string id = std::to_string(cluster->node(replica).server_id());
    EXPECT_EQ(rows, (Rows{{"1", "one", id}, {"2", std::nullopt, id}}));
  }
}

TEST(MariadbCluster, ReplicasAcknowledgeSemiSynchronously) {
  auto& cluster = test::shared_cluster();
  Sql leader = cluster.root(0);
  EXPECT_EQ(status(leader, "Rpl_semi_sync_master_status"), "ON");
  EXPECT_EQ(status(leader, "Rpl_semi_sync_master_clients"), "2");
  EXPECT_EQ(leader.value("SELECT @@rpl_semi_sync_master_wait_point"), "AFTER_SYNC");
  EXPECT_EQ(leader.value("SELECT @@gtid_strict_mode"), "1");
  const auto before = std::stoul(status(leader, "Rpl_semi_sync_master_yes_tx"));
  leader.exec("CREATE TABLE app.t (id INT)");
  EXPECT_EQ(std::stoul(status(leader, "Rpl_semi_sync_master_yes_tx")), before + 1);
  for (const std::size_t replica : {1U, 2U}) {
    Sql sql = cluster.root(replica);
    EXPECT_EQ(status(sql, "Rpl_semi_sync_slave_status"), "ON");
  }
}

TEST(MariadbCluster, AccountsMayDoNoMoreThanTheyNeed) {
  auto& cluster = test::shared_cluster();
  Sql app = cluster.app(0);
  EXPECT_THROW(app.exec("CREATE DATABASE other"), SqlError);
  EXPECT_THROW(cluster.app(1).exec("CREATE TABLE refused (id INT)"), SqlError);  // replicas are read-only

  SqlAddress monitor = cluster->node(1).address();
  monitor.user = monitor_user;
  monitor.password = cluster->passwords().monitor;
  Sql watching(monitor);
  EXPECT_EQ(watching.records("SHOW SLAVE STATUS").size(), 1U);
  EXPECT_THROW(watching.exec("SELECT * FROM mysql.global_priv"), SqlError);

  SqlAddress nobody = cluster->node(0).address();
  for (const char* user : {"root", ""}) {
    nobody.user = user;
    nobody.password = "";
    EXPECT_THROW(Sql{nobody}, SqlError) << user;
    nobody.socket = cluster->node(0).socket().string();
    EXPECT_THROW(Sql{nobody}, SqlError) << user;
  }
}

TEST(MariadbCluster, AKilledReplicaCatchesUpAfterItsStart) {
  auto& cluster = test::shared_cluster();
  Node& replica = cluster->node(1);
  const pid_t before = replica.pid();
  replica.kill();
  EXPECT_FALSE(replica.running());
  EXPECT_EQ(cluster->role(1), Role::down);
  cluster.app(0).exec("CREATE TABLE t AS SELECT 7 AS id");
  replica.start();
  replica.await_ready();
  EXPECT_NE(replica.pid(), before);
  cluster->await_replicated();
  EXPECT_EQ(cluster.app(1).value("SELECT id FROM t"), "7");
}

TEST(MariadbCluster, ARestartedLeaderIsReadOnlyUntilTold) {
  auto& cluster = test::shared_cluster();
  cluster->node(0).restart();
  EXPECT_EQ(cluster->role(0), Role::unknown);
  EXPECT_THROW(cluster.app(0).exec("CREATE TABLE t (id INT)"), SqlError);
  cluster->set_read_only(0, false);
  EXPECT_EQ(cluster->role(0), Role::leader);
  cluster.app(0).exec("CREATE TABLE t (id INT)");
}

TEST(MariadbCluster, AHungServerAnswersAgainWhenResumed) {
  auto& cluster = test::shared_cluster();
  Node& replica = cluster->node(2);
  replica.hang();
  EXPECT_TRUE(replica.running());
  EXPECT_FALSE(replica.answers());
  replica.resume();
  EXPECT_TRUE(await([&] { return replica.answers(); }, test::hang_limit));
  replica.hang();
  replica.stop();  // also when hung
  EXPECT_FALSE(replica.running());
}

TEST(MariadbCluster, AWipedServerJoinsFromScratch) {
  auto& cluster = test::shared_cluster();
  cluster.app(0).exec("CREATE TABLE t AS SELECT 11 AS id");
  cluster->node(1).wipe();
  EXPECT_FALSE(cluster->node(1).running());
  cluster->rejoin_fresh(1);
  cluster->await_replicated();
  EXPECT_EQ(cluster.app(1).value("SELECT id FROM t"), "11");
  EXPECT_THROW(cluster->rejoin_fresh(0), DemoError);  // the leader's data is the only true one
}

TEST(MariadbCluster, AServerJoinsAlsoWhenTheOldestLogsAreGone) {
  auto& cluster = test::shared_cluster();
  Sql leader = cluster.root(0);
  leader.exec("CREATE TABLE app.t AS SELECT 13 AS id");
  cluster->await_replicated();
  leader.exec("FLUSH BINARY LOGS");
  const auto logs = leader.query("SHOW BINARY LOGS");
  leader.exec("PURGE BINARY LOGS TO '" + *logs.back().front() + "'");
  cluster->rejoin_fresh(2);
  cluster->await_replicated();
  EXPECT_EQ(cluster.app(2).value("SELECT id FROM t"), "13");
}

TEST(MariadbCluster, LeadershipMovesByHandAndTheOthersFollow) {
  auto& cluster = test::shared_cluster();
  cluster.app(0).exec("CREATE TABLE t AS SELECT 17 AS id");
  cluster->promote(2);
  EXPECT_EQ(cluster->leader_index(), 2U);
  EXPECT_EQ(cluster->role(0), Role::replica);
  EXPECT_EQ(cluster->role(1), Role::replica);
  cluster.app(2).exec("INSERT INTO t VALUES (18)");
  cluster->await_replicated();
  for (const std::size_t node : {0U, 1U}) EXPECT_EQ(cluster.app(node).value("SELECT COUNT(*) FROM t"), "2");
}

TEST(MariadbCluster, AReplicaIsPromotedWhenTheLeaderIsDead) {
  auto& cluster = test::shared_cluster();
  cluster.app(0).exec("CREATE TABLE t AS SELECT 19 AS id");
  cluster->await_replicated();  // one of the two has acknowledged it: not always the one that is promoted
  cluster->node(0).kill();
  cluster->promote(1);
  EXPECT_EQ(cluster->leader_index(), 1U);
  EXPECT_EQ(cluster.app(1).value("SELECT id FROM t"), "19");
  cluster->rejoin_fresh(0);
  cluster->await_replicated();
  EXPECT_EQ(cluster.app(0).value("SELECT id FROM t"), "19");
}

TEST(MariadbCluster, AnotherReplicaIsAdded) {
  test::TestCluster cluster(test::cluster_options(Flavour::mariadb, 1));
  cluster.app(0).exec("CREATE TABLE t AS SELECT 23 AS id");
  EXPECT_EQ(cluster->add_replica(), 1U);
  cluster->await_replicated();
  EXPECT_EQ(cluster->role(1), Role::replica);
  EXPECT_EQ(cluster.app(1).value("SELECT id FROM t"), "23");
}

}  // namespace
}  // namespace sluice::demo
