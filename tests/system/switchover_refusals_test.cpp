// Every reason of failover/precheck.hpp for which a change of leader is refused, brought about on real servers, and
// told by a dry run. What no server of these kinds can be brought to is left to the pure tests: a replica that runs and
// knows no lag, and a position that can't be compared.
#include "system/leader_change_test.hpp"

namespace sluice::test {
namespace {

class SwitchoverRefusalsTest : public LeaderChangeTest {
 protected:
  explicit SwitchoverRefusalsTest(Flavour flavour = Flavour::mariadb, unsigned nodes = 3)
      : LeaderChangeTest(flavour, nodes) {}

  [[nodiscard]] Settings strict() const {
    Settings settings = patient();
    settings.failover += "switchover_lag_max_ms = 1000\nswitchover_transaction_max_ms = 1000\n";
    return settings;
  }
  [[nodiscard]] Outcome dry_run(const std::string& to) const {
    Sql sql(admin_address(config_));
    return outcome_of(sql, "SWITCHOVER " + (to.empty() ? "" : "TO '" + to + "' ") + "DRY RUN");
  }
  // As soon as sluice has seen what is so: it says no, and why.
  void expect_refused(const std::string& to, const std::string& why) {
    Outcome last;
    const bool refused = await(
        [&] {
          last = dry_run(to);
          return last.code != 0 && last.text.find(why) != std::string::npos;
        },
        innodb_trx_step);
    EXPECT_TRUE(refused) << "not refused with '" << why << "' but: " << last;
  }
  void expect_refused(std::size_t to, const std::string& why) { expect_refused(server_name(to), why); }
  void expect_all_well() {
    Outcome last;
    const bool well = await(
        [&] {
          last = dry_run(server_name(1));
          return last.code == 0;
        },
        innodb_trx_step);
    EXPECT_TRUE(well) << last;
  }
  void run(std::size_t node, std::initializer_list<const char*> statements) {
    Sql root = cluster_.root(node);
    for (const char* statement : statements) root.exec(statement);
  }
  // That server runs with these lines in its configuration from now on, and follows or leads as before.
  void restart_with(std::size_t node, std::vector<std::string> lines) {
    cluster_->node(node).use_lines(std::move(lines));
    cluster_->node(node).restart();
    if (node == 0) {
      cluster_->set_read_only(0, false);
    } else {
      run(node, {"STOP SLAVE", "START SLAVE"});
    }
  }
  [[nodiscard]] std::string name(std::size_t node) const { return server_name(node); }

  void threads_and_delays() {
    run(1, {"STOP SLAVE IO_THREAD"});
    expect_refused(1, name(1) + " does not replicate: its IO thread does not run");
    run(1, {"START SLAVE", "STOP SLAVE SQL_THREAD"});
    expect_refused(1, name(1) + " does not replicate: its SQL thread does not run");
    run(1, {"STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY = 3000", "START SLAVE"});
    expect_refused(1, name(1) + " is delayed by 3000 s on purpose");
    run(1, {"STOP SLAVE", "CHANGE MASTER TO MASTER_DELAY = 0", "START SLAVE"});
    expect_all_well();
  }
  void a_replica_far_behind() {
    Sql blocking = cluster_.root(1);
    blocking.exec("LOCK TABLES app.t READ");
    run(0, {"INSERT INTO app.t VALUES (77)"});
    expect_refused(1, "behind (failover.switchover_lag_max_ms is 1000)");
    blocking.exec("UNLOCK TABLES");
    expect_all_well();
  }
  void a_long_transaction() {
    Sql session = client();
    session.exec("BEGIN");
    session.exec("INSERT INTO t VALUES (78)");
    expect_refused("", name(0) + " has had a transaction open for ");
    session.exec("ROLLBACK");
    expect_all_well();
  }
  void orders_that_make_no_sense() {
    expect_refused("127.0.0.1:1", "there is no server 127.0.0.1:1 in this cluster");
    expect_refused(0, name(0) + " leads already");
    admin().exec("MAINTENANCE ON '" + name(1) + "'");
    expect_refused(1, name(1) + " is in maintenance");
    admin().exec("MAINTENANCE OFF '" + name(1) + "'");
    expect_all_well();
  }
  void servers_that_are_gone() {
    cluster_->node(1).kill();
    expect_refused(1, name(1) + " is unreachable");
    cluster_->node(1).start();
    cluster_->node(1).await_ready();
    run(1, {"STOP SLAVE", "START SLAVE"});
    expect_all_well();
    run(0, {"SET GLOBAL read_only = 1"});
    expect_refused("", "no server leads");
    run(0, {"SET GLOBAL read_only = 0"});
    expect_all_well();
    cluster_->node(0).kill();
    expect_refused("", "no server leads: the leader " + name(0) + " is unreachable since ");
  }
};

TEST_P(SwitchoverRefusalsTest, OrdersThatMakeNoSense) {
  start(strict());
  orders_that_make_no_sense();
}
TEST_P(SwitchoverRefusalsTest, ThreadsAndDelays) {
  start(strict());
  threads_and_delays();
}
TEST_P(SwitchoverRefusalsTest, AReplicaFarBehind) {
  start(strict());
  a_replica_far_behind();
}
TEST_P(SwitchoverRefusalsTest, ALongTransaction) {
  start(strict());
  a_long_transaction();
}
TEST_P(SwitchoverRefusalsTest, ServersThatAreGone) {
  start(strict());
  servers_that_are_gone();
}

TEST_P(SwitchoverRefusalsTest, Filters) {
  start(strict());
  run(1, {"STOP SLAVE", "SET GLOBAL replicate_wild_ignore_table = 'nothing.%'", "START SLAVE"});
  expect_refused(1, name(1) + " filters what it replicates: ");
  run(1, {"STOP SLAVE", "SET GLOBAL replicate_wild_ignore_table = ''", "START SLAVE"});
  expect_all_well();
}

// Semi-synchronous replication and a second channel don't go together: MariaDB may end the first one with error 1595.
TEST_P(SwitchoverRefusalsTest, SourcesOutsideOfTheCluster) {
  start(strict());
  run(1, {"STOP SLAVE", "SET GLOBAL rpl_semi_sync_slave_enabled = 0", "START SLAVE"});
  for (const std::size_t node : {1U, 0U}) {
    run(node, {"CHANGE MASTER 'outside' TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_CONNECT_RETRY = 3600",
               "START SLAVE 'outside'"});
    const std::string verb = node == 0 ? " replicates" : " also replicates";
    expect_refused(1, name(node) + verb + " from 127.0.0.1:1, outside of this cluster, which would end");
    run(node, {"STOP SLAVE 'outside'", "RESET SLAVE 'outside' ALL"});
    expect_all_well();
  }
  run(1, {"STOP SLAVE", "SET GLOBAL rpl_semi_sync_slave_enabled = 1", "START SLAVE"});
}

TEST_P(SwitchoverRefusalsTest, ChainsThatDoNotReachTheLeader) {
  start(strict());
  cluster_->follow(2, 1);
  run(1, {"STOP SLAVE IO_THREAD"});
  expect_refused(2, name(2) + " replicates from " + name(1) + ", which does not replicate: its IO thread does not run");
  run(1, {"STOP SLAVE", "RESET SLAVE ALL"});
  expect_refused(1, name(1) + " does not replicate from " + name(0));
  expect_refused(2, name(2) + " does not follow " + name(0));
}

TEST_P(SwitchoverRefusalsTest, TransactionsOfItsOwn) {
  start(strict());
  run(1, {"INSERT INTO app.t VALUES (79)"});
  expect_refused(1, name(1) + " has transactions that " + name(0) + " lacks: ");
  cluster_->rejoin_fresh(1);
}

TEST_P(SwitchoverRefusalsTest, BinaryLogsAndVersions) {
  start(strict());
  restart_with(1, {"skip-log-bin"});
  expect_refused(1, name(1) + " has no binary log");
  restart_with(1, {"log_slave_updates = 0"});
  expect_refused(1, name(1) + " leaves out of its binary log what it replicates (log_slave_updates)");
  restart_with(1, {"version = 10.6.0-MariaDB-log"});
  expect_refused(1, name(1) + " runs MariaDB 10.6, older than " + name(0) + " with MariaDB 10.11");
  restart_with(1, {});
  expect_all_well();
  restart_with(0, {"skip-log-bin"});
  run(0, {"SET GLOBAL gtid_slave_pos = ''"});
  expect_refused(1, name(0) + " has no binary log");
  expect_refused(1, name(0) + " tells no GTID position");
  restart_with(0, {});
}

// One server of the configuration is a stranger.
TEST_P(SwitchoverRefusalsTest, AServerOfAnotherKind) {
  TestCluster other(cluster_options(Flavour::mysql56, 1));
  Sql root = other.root(0);
  for (const auto& [user, password] : {std::pair{demo::monitor_user, cluster_->passwords().monitor},
                                       std::pair{demo::manager_user, cluster_->passwords().manager}})
    root.exec("SET PASSWORD FOR '" + std::string(user) + "'@'%' = PASSWORD('" + password + "')");
  other->set_read_only(0, true);
  config_.server_ports = {cluster_->node(0).port(), cluster_->node(1).port(), other->node(0).port()};
  launch(strict());
  expect_refused("127.0.0.1:" + std::to_string(other->node(0).port()),
                 " is MySQL 5.6, " + name(0) + " is MariaDB 10.11");
  expect_all_well();
}

class Mysql56SwitchoverRefusalsTest : public SwitchoverRefusalsTest {
 protected:
  Mysql56SwitchoverRefusalsTest() : SwitchoverRefusalsTest(Flavour::mysql56, 2) {}
};

TEST_P(Mysql56SwitchoverRefusalsTest, AllThatMayBe) {
  start(strict());
  orders_that_make_no_sense();
  threads_and_delays();
  a_replica_far_behind();
  a_long_transaction();
  run(0, {"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_CONNECT_RETRY = 3600", "START SLAVE"});
  expect_refused(1, name(0) + " replicates from 127.0.0.1:1, outside of this cluster, which would end");
  run(0, {"STOP SLAVE", "RESET SLAVE ALL"});
  restart_with(1, {"replicate-wild-ignore-table = nothing.%"});
  expect_refused(1, name(1) + " filters what it replicates: ");
  restart_with(1, {});
  expect_all_well();
  run(1, {"INSERT INTO app.t VALUES (79)"});
  expect_refused(1, name(1) + " has transactions that " + name(0) + " lacks: ");
  run(1, {"STOP SLAVE", "RESET SLAVE ALL"});
  expect_refused(1, name(1) + " does not replicate from " + name(0));
  cluster_->rejoin_fresh(1);
  expect_all_well();
  servers_that_are_gone();
}

TEST_P(Mysql56SwitchoverRefusalsTest, WithoutABinaryLogOrGtids) {
  start(strict());
  restart_with(1, {"gtid_mode = OFF", "enforce_gtid_consistency = OFF", "skip-log-bin"});
  expect_refused(1, name(1) + " has no binary log");
  restart_with(1, {});
  expect_all_well();
  restart_with(0, {"gtid_mode = OFF", "enforce_gtid_consistency = OFF", "skip-log-bin"});
  expect_refused(1, name(0) + " has no binary log");
  expect_refused(1, name(0) + " tells no GTID position");
  restart_with(0, {});
}

INSTANTIATE_TEST_SUITE_P(Loops, SwitchoverRefusalsTest, on_one_loop(), loop_name);
INSTANTIATE_TEST_SUITE_P(Loops, Mysql56SwitchoverRefusalsTest, on_one_loop(), loop_name);

}  // namespace
}  // namespace sluice::test
