// SIGTERM drains: idle clients go, a transaction may finish, new ones are not let in, and the exit code is 0.
#include <csignal>

#include "admin/demo/ports.hpp"
#include "system/socket.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

class ShutdownTest : public SystemTest {
 protected:
  ShutdownTest() { cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY)"); }

  int await_end() {
    ended_ = true;
    return proxy_->await_end();
  }
  void await_draining() {
    await_that("it drains", [&] { return proxy_->log().find("draining") != std::string::npos; });
  }
};

TEST_P(ShutdownTest, IdleClientsGoAndItExitsWithZero) {
  start();
  Sql idle = client();
  Sql used = client();
  EXPECT_EQ(used.value("SELECT 1"), "1");
  const auto socket = folder_.path() / "mysql.sock";
  EXPECT_TRUE(std::filesystem::exists(socket));
  proxy_->signal(SIGTERM);
  EXPECT_EQ(await_end(), 0);
  EXPECT_NE(outcome_of(idle, "SELECT 1").code, 0U);
  EXPECT_FALSE(std::filesystem::exists(socket));
  EXPECT_TRUE(demo::port_is_free(config_.client_port));
  EXPECT_NE(proxy_->log().find("sluice ended"), std::string::npos);
}

TEST_P(ShutdownTest, AnOpenTransactionMayFinish) {
  start({.limits = "drain_max_ms = 60000"});
  Sql idle = client();
  Sql sql = client();
  sql.exec("BEGIN");
  sql.exec("INSERT INTO t VALUES (1)");
  proxy_->signal(SIGTERM);
  await_draining();
  await_that("the idle client is gone", [&] { return outcome_of(idle, "SELECT 1").code != 0; });
  sql.exec("INSERT INTO t VALUES (2)");
  sql.exec("COMMIT");
  EXPECT_EQ(await_end(), 0);
  EXPECT_EQ(cluster_.app(0).value("SELECT COUNT(*) FROM t"), "2");
}

TEST_P(ShutdownTest, ATransactionThatGoesOnTooLongIsEnded) {
  start({.limits = "drain_max_ms = 300"});
  Sql sql = client();
  sql.exec("BEGIN");
  sql.exec("INSERT INTO t VALUES (1)");
  proxy_->signal(SIGTERM);
  EXPECT_EQ(await_end(), 0);
  EXPECT_NE(outcome_of(sql, "COMMIT").code, 0U);
  Sql root = cluster_.root(0);
  await_that(
      "it was rolled back", [&] { return root.value("SELECT COUNT(*) FROM information_schema.innodb_trx") == "0"; },
      innodb_trx_step);
  EXPECT_EQ(root.value("SELECT COUNT(*) FROM app.t"), "0");
}

TEST_P(ShutdownTest, ARunningStatementIsAnswered) {
  start({.limits = "drain_max_ms = 60000"});
  Sql root = cluster_.root(0);
  Sql sql = client();
  const std::string statement = "INSERT INTO t SELECT 7 FROM (SELECT GET_LOCK('drain', 3600) AS got) AS l";
  root.exec("DO GET_LOCK('drain', 0)");
  ASSERT_EQ(mysql_send_query(sql.raw(), statement.data(), statement.size()), 0);
  await_that("it runs", [&] {
    return root.value("SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User lock'") == "1";
  });
  proxy_->signal(SIGTERM);
  await_draining();
  root.exec("DO RELEASE_LOCK('drain')");
  EXPECT_EQ(mysql_read_query_result(sql.raw()), 0) << mysql_error(sql.raw());
  EXPECT_EQ(await_end(), 0);
  EXPECT_EQ(root.value("SELECT COUNT(*) FROM app.t WHERE id = 7"), "1");
}

TEST_P(ShutdownTest, ASecondSignalEndsItAtOnce) {
  start();
  Sql sql = client();
  sql.exec("BEGIN");
  sql.exec("INSERT INTO t VALUES (1)");
  proxy_->signal(SIGTERM);
  await_draining();
  proxy_->signal(SIGTERM);
  EXPECT_EQ(await_end(), 0);
  EXPECT_NE(proxy_->log().find("a second signal"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "mysql.sock"));
}

TEST_P(ShutdownTest, NobodyIsLetInWhileItDrains) {
  start({.limits = "drain_max_ms = 60000"});
  Sql sql = client();
  sql.exec("BEGIN");
  sql.exec("INSERT INTO t VALUES (1)");
  proxy_->signal(SIGTERM);
  await_draining();
  await_that("a new client is refused", [&] {
    try {
      Sql late = client();
      return false;
    } catch (const SqlError&) {
      return true;
    }
  });
  sql.exec("ROLLBACK");
  EXPECT_EQ(await_end(), 0);
}

TEST_P(ShutdownTest, TheAdminPortCanEndItToo) {
  start({.limits = "drain_max_ms = 60000"});
  Sql sql = client();
  sql.exec("BEGIN");
  sql.exec("INSERT INTO t VALUES (1)");
  Sql door = admin();
  door.exec("SHUTDOWN");
  await_draining();
  EXPECT_EQ(admin_value("SELECT state FROM proxy"), "draining");
  sql.exec("COMMIT");
  EXPECT_EQ(await_end(), 0);
  EXPECT_EQ(cluster_.app(0).value("SELECT COUNT(*) FROM t"), "1");
}

INSTANTIATE_TEST_SUITE_P(Loops, ShutdownTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
