// What servers give whoever logs on, by their global settings and by init_connect: a session behind the proxy begins
// with it, whatever its connection was used for before.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class Logon : public ProxyTest {
 protected:
  void SetUp() override {
    options.workers = 1;
    options.limits.backend_connections_max = 1;
    cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
  }
  void TearDown() override {
    set_global({0, 1, 2}, "init_connect = ''");
    set_global({0, 1, 2}, "autocommit = 1");
    ProxyTest::TearDown();
  }
  void set_global(std::initializer_list<std::size_t> servers, const std::string& what) {
    for (const std::size_t server : servers) cluster.root(server).exec("SET GLOBAL " + what);
  }
  std::string rows() { return cluster.root(0).value("SELECT COUNT(*) FROM app.t"); }
  static bool autocommit(const Result& result) { return (result.status & protocol::status::autocommit) != 0; }

  [[nodiscard]] bool is_replica(const std::string& id) { return id == server_id(1) || id == server_id(2); }

  // A session that has autocommit off since it logged on, beside one that has switched it on.
  void expect_autocommit_off() {
    start();
    Sql other = connect();
    other.exec("SET autocommit = 1");
    other.exec("INSERT INTO t VALUES (1)");
    RawClient sql(port());
    const Result logged_on = sql.login(user(), password(), "app");
    EXPECT_EQ(logged_on.kind, Result::Kind::ok);
    EXPECT_FALSE(autocommit(logged_on));
    EXPECT_EQ(sql.run("SELECT @@autocommit").value(), "0");
    EXPECT_EQ(sql.run("INSERT INTO t VALUES (2)").kind, Result::Kind::ok);
    EXPECT_EQ(sql.run("ROLLBACK").kind, Result::Kind::ok);
    EXPECT_EQ(rows(), "1");
    EXPECT_EQ(sql.run("INSERT INTO t VALUES (2)").kind, Result::Kind::ok);
    EXPECT_EQ(sql.run("COMMIT").kind, Result::Kind::ok);
    EXPECT_EQ(rows(), "2");
    EXPECT_EQ(other.value("SELECT @@autocommit"), "1");
    EXPECT_EQ(sql.run("SELECT @@autocommit").value(), "0");
  }
};

TEST_P(Logon, AutocommitIsOffWhereItIsGlobally) {
  set_global({0, 1, 2}, "autocommit = 0");
  expect_autocommit_off();
}

TEST_P(Logon, AutocommitIsOffWhereInitConnectSaysSo) {
  set_global({0, 1, 2}, "init_connect = 'SET autocommit = 0'");
  expect_autocommit_off();
}

// The question after it must be answered nonetheless.
TEST_P(Logon, InitConnectMayLimitWhatIsSelected) {
  set_global({0, 1, 2}, "init_connect = 'SET autocommit = 0, sql_select_limit = 0'");
  start();
  Sql other = connect();
  Sql sql = connect();
  sql.exec("INSERT INTO t VALUES (2)");
  sql.exec("ROLLBACK");
  EXPECT_EQ(rows(), "0");
}

TEST_P(Logon, IsTheLeadersEvenForWhoBeginsWithAReadAndNoSchema) {
  set_global({0}, "autocommit = 0");
  start();
  replicas_have_all();
  RawClient sql(port());
  log_in(sql, "");
  EXPECT_EQ(sql.run("SELECT @@server_id").value(), server_id(0)) << "only the leader knows yet";
  EXPECT_EQ(sql.run("INSERT INTO app.t VALUES (1)").kind, Result::Kind::ok);
  EXPECT_EQ(sql.run("ROLLBACK").kind, Result::Kind::ok);
  EXPECT_EQ(rows(), "0");
  RawClient later(port());
  EXPECT_FALSE(autocommit(later.login(user(), password()))) << "by now it is known";
}

TEST_P(Logon, OnlyTheFirstReadOfAUserGoesToTheLeaderForIt) {
  start();
  replicas_have_all();
  RawClient first(port());
  log_in(first, "");
  EXPECT_EQ(first.run("SELECT @@server_id").value(), server_id(0));
  EXPECT_TRUE(is_replica(first.run("SELECT @@server_id").value()));
  RawClient second(port());
  log_in(second, "");
  EXPECT_TRUE(is_replica(second.run("SELECT @@server_id").value()));
}

TEST_P(Logon, WithoutALeaderReadsGoOn) {
  start();
  replicas_have_all();
  publish(std::nullopt);
  RawClient sql(port());
  log_in(sql, "");
  EXPECT_TRUE(is_replica(sql.run("SELECT @@server_id").value()));
}

TEST_P(Logon, IsNotTakenForWhatTheClientHasSet) {
  read_only_transactions_on_replicas = true;
  start();
  replicas_have_all();
  publish(std::nullopt);
  RawClient sql(port());
  log_in(sql, "");
  EXPECT_EQ(sql.run("START TRANSACTION READ ONLY").kind, Result::Kind::ok);
  EXPECT_EQ(sql.run("SET autocommit = 0").kind, Result::Kind::ok);
  EXPECT_EQ(sql.run("SELECT @@autocommit").value(), "0");
  EXPECT_EQ(sql.run("COMMIT").kind, Result::Kind::ok);
  publish(0);
  EXPECT_EQ(sql.run("INSERT INTO app.t VALUES (1)").kind, Result::Kind::ok);
  EXPECT_EQ(sql.run("ROLLBACK").kind, Result::Kind::ok);
  EXPECT_EQ(rows(), "0");
}

TEST_P(Logon, AResetSessionAndAChangedUserHaveItAgain) {
  set_global({0, 1, 2}, "autocommit = 0");
  start();
  RawClient sql(port());
  log_in(sql);
  sql.run("SET autocommit = 1");
  sql.send(packet(Command::reset_connection));
  EXPECT_FALSE(autocommit(sql.read_result()));
  EXPECT_EQ(sql.run("SELECT @@autocommit").value(), "0");
  sql.run("SET autocommit = 1");
  EXPECT_FALSE(autocommit(sql.change_user(user(), password(), "app")));
  EXPECT_EQ(sql.run("SELECT @@autocommit").value(), "0");
}

// Not the global values: what a connection was before somebody set it.
TEST_P(Logon, WhatAnotherSetIsTakenBackToWhatALogonGives) {
  usable = {false, false, false};
  set_global({0, 1, 2}, "init_connect = 'SET time_zone = ''+03:00'', sql_select_limit = 77'");
  cluster.root(0).exec("ALTER USER '" + user() + "'@'%' WITH MAX_STATEMENT_TIME 600");
  start();
  const std::string asked = "SELECT CONCAT_WS(' ', @@time_zone, @@sql_select_limit, @@max_statement_time, @@sql_mode)";
  constexpr Capabilities ignore_space = RawClient::ordinary | cap::ignore_space;
  RawClient direct(cluster->node(0).port());
  log_in(direct, "app", ignore_space);
  const std::string given = direct.run(asked).value();
  EXPECT_TRUE(given.starts_with("+03:00 77 600.0")) << given;
  EXPECT_NE(given.find("IGNORE_SPACE"), std::string::npos) << given;
  RawClient b(port());
  log_in(b, "app", ignore_space);
  {
    RawClient a(port());
    log_in(a, "app", ignore_space);
    a.run("SET time_zone = '+05:00', sql_select_limit = 5");
    a.run("SET max_statement_time = 5, sql_mode = CONCAT('AN', 'SI')");
    EXPECT_TRUE(a.run(asked).value().starts_with("+05:00 5 5.0"));
    EXPECT_EQ(b.run(asked).value(), given);
    EXPECT_TRUE(a.run(asked).value().starts_with("+05:00 5 5.0"));
  }
  EXPECT_EQ(b.run(asked).value(), given);
  RawClient c(port());
  log_in(c, "app", ignore_space);
  EXPECT_EQ(c.run(asked).value(), given);
  // What the first one had been before, nobody had asked; the next one was asked when it logged on.
  EXPECT_EQ(counters().backends_opened, 2U);
  cluster.root(0).exec("ALTER USER '" + user() + "'@'%' WITH MAX_STATEMENT_TIME 0");
}

TEST_P(Logon, WhatWasSetGloballyIsForAllWhoLogOnLater) {
  usable = {false, false, false};
  cluster.root(0).exec("GRANT SUPER ON *.* TO '" + user() + "'@'%'");
  start();
  Sql a = connect();
  EXPECT_EQ(a.value("SELECT @@time_zone"), "SYSTEM");
  for (const char* text : {"SET GLOBAL time_zone = '+02:00'", "SET @@global.time_zone = '+03:00', @@sql_mode = ''"}) {
    a.exec(text);
    Sql b = connect();
    EXPECT_EQ(b.value("SELECT @@time_zone"), b.value("SELECT @@global.time_zone")) << text;
    EXPECT_NE(b.value("SELECT @@time_zone"), "SYSTEM") << text;
  }
  a.exec("SET GLOBAL autocommit = 0");
  EXPECT_EQ(connect().value("SELECT @@autocommit"), "0");
  set_global({0}, "time_zone = SYSTEM");
  cluster.root(0).exec("REVOKE SUPER ON *.* FROM '" + user() + "'@'%'");
}

TEST_P(Logon, AConnectionIsNotUsedForEver) {
  options.limits.backend_age_max_ms = 1;
  start();
  Sql sql = connect();
  EXPECT_TRUE(await([&] {
    sql.exec("DO 1");
    return counters().backends_opened >= 3;
  }));
}

TEST_P(Logon, DefaultIsTheGlobalValueAndStaysWithWhoSaidIt) {
  set_global({0, 1, 2}, "init_connect = 'SET time_zone = ''+03:00'''");
  start();
  Sql a = connect();
  Sql b = connect();
  a.exec("SET time_zone = DEFAULT");
  EXPECT_EQ(a.value("SELECT @@time_zone"), "SYSTEM");
  EXPECT_EQ(b.value("SELECT @@time_zone"), "+03:00");
  EXPECT_EQ(a.value("SELECT @@time_zone"), "SYSTEM");
  a.exec("SET time_zone = '+04:00'");
  b.exec("DO 1");
  EXPECT_EQ(a.value("SELECT @@time_zone"), "+04:00");
  EXPECT_EQ(b.value("SELECT @@time_zone"), "+03:00");
}

TEST_P(Logon, AResetDoesNotRunInitConnect) {
  set_global({0, 1, 2}, "init_connect = 'SET autocommit = 0'");
  Sql direct = cluster.app(0);
  ASSERT_EQ(mysql_reset_connection(direct.raw()), 0);
  ASSERT_EQ(direct.value("SELECT @@autocommit"), "1") << "as the server does it";
  start();
  Sql sql = connect();
  EXPECT_EQ(sql.value("SELECT @@autocommit"), "0");
  ASSERT_EQ(mysql_reset_connection(sql.raw()), 0);
  EXPECT_EQ(sql.value("SELECT @@autocommit"), "1");
}

// The pool has connections from before, and what they were told is not so any more.
TEST_P(Logon, IsWhatTheServerGivesNow) {
  options.limits.backend_connections_max = 2;
  start();
  Sql before = connect();
  before.exec("INSERT INTO t VALUES (1)");
  before.exec("SET @tied = 1");
  set_global({0, 1, 2}, "autocommit = 0");
  Sql after = connect();  // on a new connection, begun with what the old one was told: as it is told, so it is
  const bool commits = after.value("SELECT @@autocommit") == "1";
  after.exec("INSERT INTO t VALUES (2)");
  after.exec("ROLLBACK");
  EXPECT_EQ(rows(), commits ? "2" : "1");
  before.exec("INSERT INTO t VALUES (3)");
  EXPECT_EQ(rows(), commits ? "3" : "2");
  Sql later = connect();
  EXPECT_EQ(later.value("SELECT @@autocommit"), "0");
}

TEST_P(Logon, AReplicasIsTakenOnlyUntilThereIsALeader) {
  set_global({0}, "autocommit = 0");
  start();
  replicas_have_all();
  publish(std::nullopt);
  RawClient sql(port());
  log_in(sql, "");
  EXPECT_TRUE(is_replica(sql.run("SELECT @@server_id").value()));
  publish(0);
  EXPECT_EQ(sql.run("INSERT INTO app.t VALUES (1)").kind, Result::Kind::ok);
  EXPECT_EQ(sql.run("ROLLBACK").kind, Result::Kind::ok);
  EXPECT_EQ(rows(), "0");
}

SLUICE_PROXY_ON_BOTH_LOOPS(Logon);

}  // namespace
}  // namespace sluice::proxy
