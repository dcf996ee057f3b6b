// What functions, triggers and views do behind a statement's text: whose it is, where it runs, what a session keeps.
#include "proxy/backend.hpp"
#include "proxy/session/hidden_effects_fixture.hpp"

namespace sluice::proxy {
namespace {

class SessionStoredCode : public HiddenEffectsFixture {};

// To the parser a view is a table.
TEST_P(SessionStoredCode, AReadThatWritesBehindAViewRunsOnTheLeader) {
  options.workers = 1;
  start();
  Sql root = cluster.root(0);
  create_views();
  root.exec("CREATE SEQUENCE app.q");
  root.exec("CREATE VIEW app.n AS SELECT NEXTVAL(app.q) AS s");
  replicas_have_all();
  int written = 0;
  for (const Capabilities more : {Capabilities{0}, cap::deprecate_eof | cap::session_track}) {
    RawClient sql(port());
    log_in(sql, "app", RawClient::ordinary | more);
    for (int i = 0; i < 2; ++i) {
      replicas_have_all();
      EXPECT_EQ(sql.run("SELECT s FROM w").value(), server_id(0));
      EXPECT_EQ(sql.run("SELECT COUNT(*) FROM t").value(), std::to_string(++written)) << "what it wrote is known";
      replicas_have_all();
      EXPECT_EQ(sql.run("SELECT s FROM n").value(), std::to_string(written));
      replicas_have_all();
      EXPECT_NE(sql.run("SELECT @@server_id").value(), server_id(0)) << "other reads go on as before";
    }
  }
  EXPECT_EQ(counters().reads_redone, 2U) << "once each";
  Sql a = connect();
  const std::uint64_t redone = counters().reads_redone;
  RawClient prepared(port());
  log_in(prepared);
  replicas_have_all();
  const std::uint32_t id = prepared.prepare("SELECT s FROM w WHERE 1 = 1");
  for (int i = 0; i < 2; ++i) {
    replicas_have_all();
    prepared.send(execute(id, {}, false));
    EXPECT_EQ(prepared.read_result(true).rows.size(), 1U);
  }
  EXPECT_EQ(counters().reads_redone, redone + 1);
  EXPECT_EQ(rows(0), std::to_string(written + 2));
  EXPECT_EQ(counters().read_only_refusals, 0U) << "the leader is not suspected";
}

TEST_P(SessionStoredCode, AStoredFunctionSeesTheSessionsOwnInsertId) {
  options.workers = 1;
  options.limits.backend_connections_max = 2;  // the first one stays with whoever calls it
  start();
  cluster.root(0).exec("CREATE FUNCTION app.mine() RETURNS INT RETURN LAST_INSERT_ID()");
  Sql a = connect();
  Sql b = connect();
  a.exec("INSERT INTO t (x) VALUES (1)");
  b.exec("INSERT INTO t (x) VALUES (2)");
  EXPECT_EQ(a.value("SELECT mine()"), "1");
  EXPECT_EQ(b.value("SELECT mine()"), "2");
}

// Whatever calls it, and whether or not it ends well.
TEST_P(SessionStoredCode, WhatAFunctionLeftBehindIsItsSessionsOwn) {
  options.workers = 1;
  options.limits.backend_connections_max = 2;
  start();
  Sql root = cluster.root(0);
  root.exec("INSERT INTO app.t (x) VALUES (1)");
  root.exec(
      "CREATE FUNCTION app.remember(fails INT) RETURNS INT BEGIN SET @seen = 42; DO GET_LOCK('of a function', 3600); "
      "IF fails THEN SIGNAL SQLSTATE '45000'; END IF; RETURN 1; END");
  for (const char* text :
       {"SELECT remember(0)", "SELECT * FROM (SELECT remember(0)) AS d", "DO remember(0)", "DO remember(1)",
        "INSERT INTO t (x) VALUES (remember(0))", "INSERT t SET x = remember(0)", "UPDATE t SET x = remember(0)",
        "REPLACE INTO t (id, x) SELECT 1, remember(0)", "DELETE FROM t WHERE x = remember(0) + 1",
        "SELECT x FROM t WHERE x = remember(1)", "CREATE OR REPLACE TABLE app.u AS SELECT remember(0) AS x"}) {
    RawClient a(port());
    log_in(a);
    a.run(text);
    EXPECT_EQ(only_session().pin, "stored_code") << text;
    RawClient b(port());
    log_in(b);
    EXPECT_EQ(b.run("SELECT @seen IS NULL").value(), "1") << text;
    EXPECT_EQ(b.run("SELECT IS_FREE_LOCK('of a function')").value(), "0") << text;
    EXPECT_EQ(a.run("SELECT @seen").value(), "42") << text;
    a.disconnect();
    EXPECT_TRUE(await([&] { return root.value("SELECT IS_FREE_LOCK('of a function')") == "1"; }));
    b.disconnect();
    EXPECT_TRUE(await([&] { return report().clients == 0; }));
  }
}

// No text tells; the server does.
TEST_P(SessionStoredCode, WhatATriggerOrAViewLeftBehindIsItsSessionsOwn) {
  options.workers = 1;
  options.limits.backend_connections_max = 2;
  start();
  Sql root = cluster.root(0);
  create_views();
  for (const char* action : {"variable", "setting", "temporary"}) {
    root.exec(std::string("CREATE TABLE app.") + action + " (x INT)");
  }
  root.exec("CREATE TRIGGER app.tr1 BEFORE INSERT ON app.variable FOR EACH ROW SET @seen = 42");
  root.exec("CREATE TRIGGER app.tr2 BEFORE INSERT ON app.setting FOR EACH ROW SET time_zone = '+05:00'");
  root.exec(
      "CREATE TRIGGER app.tr3 BEFORE INSERT ON app.temporary FOR EACH ROW CREATE TEMPORARY TABLE app.own (x INT)");
  usable.assign(usable.size(), false);
  publish(0);
  struct Case {
    std::string text, look, own, others;
  };
  const std::string zone = root.value("SELECT @@GLOBAL.time_zone");
  for (const Capabilities more : {Capabilities{0}, cap::deprecate_eof | cap::session_track}) {
    for (const Case& c : {Case{"INSERT INTO variable VALUES (1)", "SELECT IFNULL(@seen, 'none')", "42", "none"},
                          Case{"SELECT x FROM seen", "SELECT IFNULL(@seen, 'none')", "42", "none"},
                          Case{"INSERT INTO setting VALUES (1)", "SELECT @@time_zone", "+05:00", zone},
                          Case{"DROP TEMPORARY TABLE IF EXISTS nothing; INSERT INTO variable VALUES (1)",
                               "SELECT IFNULL(@seen, 'none')", "42", "none"},
                          Case{"INSERT INTO temporary VALUES (1)", "SELECT COUNT(*) FROM own", "0", ""}}) {
      RawClient a(port());
      log_in(a, "app", RawClient::ordinary | more);
      a.send(query(c.text));
      for (const Result& result : a.read_results()) EXPECT_EQ(result.error, 0U) << c.text << ": " << result.text;
      EXPECT_EQ(only_session().pin, "hidden_change") << c.text;
      RawClient b(port());
      log_in(b, "app", RawClient::ordinary | more);
      EXPECT_EQ(b.run(c.look).value(), c.others) << c.text;
      EXPECT_EQ(a.run(c.look).value(), c.own) << c.text;
      a.disconnect();
      b.disconnect();
      EXPECT_TRUE(await([&] { return report().clients == 0; }));
    }
  }
}

// There a write can't follow, and no client knows that it left anything there.
TEST_P(SessionStoredCode, AReadThatChangesSomethingGoesToTheLeaderFromThenOn) {
  options.workers = 1;
  start();
  Sql root = cluster.root(0);
  create_views();
  replicas_have_all();
  RawClient a(port());
  log_in(a);
  EXPECT_NE(a.run("SELECT x FROM seen").value(), server_id(0));
  EXPECT_EQ(only_session().pin, "hidden_change");
  EXPECT_EQ(a.run("SELECT @seen").value(), "42");
  const Result written = a.run("INSERT INTO t (x) VALUES (1)");
  EXPECT_EQ(written.error, 0U) << written.text;
  EXPECT_EQ(only_session().pin, "");
  replicas_have_all();
  EXPECT_EQ(a.run("SELECT x FROM seen").value(), server_id(0));
  EXPECT_EQ(a.run("INSERT INTO t (x) VALUES (1)").error, 0U);
  EXPECT_EQ(a.run("SELECT @seen").value(), "42");
  // A tie that does not last hides none that does.
  RawClient b(port());
  log_in(b);
  b.run("SELECT SQL_CALC_FOUND_ROWS x FROM seen WHERE 1 = 1");
  b.run("DO 1");
  a.disconnect();
  EXPECT_TRUE(await([&] { return report().clients == 1; }));
  EXPECT_EQ(only_session().pin, "hidden_change");
}

// That tie is no reason to let on a replica what is not for one.
TEST_P(SessionStoredCode, WhatAReadLeftOnAReplicaHoldsNoWriteThere) {
  options.workers = 1;
  start();
  create_views();
  RawClient held(port());
  log_in(held);
  replicas_have_all();
  ASSERT_NE(held.run("SELECT x FROM seen").value(), server_id(0));
  publish(std::nullopt, "db1 is down");
  held.send(query("INSERT INTO t (x) VALUES (7)"));
  EXPECT_TRUE(await_state("holding"));
  publish(0);
  EXPECT_EQ(held.read_result().error, 0U);
  EXPECT_EQ(cluster.root(0).value("SELECT GROUP_CONCAT(x) FROM app.t"), "7");

  RawClient begins(port());
  log_in(begins);
  replicas_have_all();
  ASSERT_NE(begins.run("SELECT x, 1 FROM seen").rows.at(0).at(0), server_id(0));
  EXPECT_EQ(begins.run("START TRANSACTION READ ONLY").error, 0U);
  EXPECT_EQ(begins.run("SELECT @@server_id").value(), server_id(0));
  EXPECT_EQ(begins.run("COMMIT").error, 0U);

  RawClient off(port());
  log_in(off);
  replicas_have_all();
  ASSERT_NE(off.run("SELECT x AS z FROM seen").rows.at(0).at(0), server_id(0));
  off.run("SET autocommit = 0");
  EXPECT_EQ(off.run("SELECT @@server_id").value(), server_id(0));
  EXPECT_EQ(off.run("INSERT INTO t (x) VALUES (8)").error, 0U);
  EXPECT_EQ(off.run("COMMIT").error, 0U);

  RawClient writes(port());
  log_in(writes);
  replicas_have_all();
  ASSERT_NE(writes.run("SELECT x AS y FROM seen").rows.at(0).at(0), server_id(0));
  EXPECT_EQ(writes.run("SELECT s FROM w").value(), server_id(0));
}

TEST_P(SessionStoredCode, WhatComesBeforeARefusedReadIsNobodyElses) {
  one_connection();
  start();
  create_views();
  replicas_have_all();
  RawClient a(port());
  log_in(a);
  a.send(query("SELECT x FROM seen; SELECT s FROM w"));
  EXPECT_NE(a.read_results().front().value(), "");  // the second is refused, if the first was on its way already
  a.disconnect();
  EXPECT_TRUE(await([&] { return report().clients == 0; }));
  for (int i = 0; i < 4; ++i) {
    replicas_have_all();
    RawClient b(port());
    log_in(b);
    EXPECT_EQ(b.run("SELECT IFNULL(@seen, 'none')").value(), "none");
  }
}

TEST_P(SessionStoredCode, AKnownViewThatWritesIsAWriteWithACursorToo) {
  options.workers = 1;
  start();
  create_views();
  replicas_have_all();
  RawClient sql(port());
  log_in(sql);
  EXPECT_EQ(sql.run("SELECT s FROM w").value(), server_id(0));
  replicas_have_all();
  const std::uint32_t id = sql.prepare("SELECT s FROM w");
  sql.send(execute(id, {}, false, 1));
  EXPECT_EQ(sql.read_result(true, true).error, 0U);
  sql.send(packet(Command::stmt_close, number4(id)));
  EXPECT_EQ(sql.run("SELECT COUNT(*) FROM t").value(), "2");
}

// Of two proxies one behind the other the inner one does not tie what the outer one asks of it.
TEST_P(SessionStoredCode, AnotherSluiceMayAskForWhatChanges) {
  cluster.root(0).exec("CREATE TRIGGER app.tr1 BEFORE INSERT ON app.t FOR EACH ROW SET @seen = 42");
  start();
  RawClient outer(port());
  log_in(outer, "app", RawClient::ordinary | cap::session_track);
  EXPECT_EQ(outer.run(track_state_changes).kind, Result::Kind::ok);
  EXPECT_EQ(only_session().pin, "");
  const Result told = outer.run("INSERT INTO t (x) VALUES (1)");
  EXPECT_TRUE(protocol::parse_session_state(told.session_state)->state_changed);
}

TEST_P(SessionStoredCode, WhatATextTellsNeedsNoTie) {
  start();
  for (const Capabilities more : {Capabilities{0}, cap::deprecate_eof | cap::session_track}) {
    RawClient sql(port());
    log_in(sql, "app", RawClient::ordinary | more);
    for (const char* text :
         {"SET time_zone = '+03:00', sql_mode = 'ANSI'", "SET NAMES latin1", "USE app", "SELECT 1",
          "INSERT INTO t (x) VALUES (1)", "SET TRANSACTION READ WRITE", "BEGIN", "COMMIT",
          "DROP TEMPORARY TABLE IF EXISTS nothing", "SET STATEMENT max_statement_time = 10 FOR SELECT 1"}) {
      EXPECT_NE(sql.run(text).kind, Result::Kind::error) << text;
      EXPECT_EQ(only_session().pin.find("hidden_change"), std::string::npos) << text;
    }
    sql.disconnect();
    EXPECT_TRUE(await([&] { return report().clients == 0; }));
  }
}

// The server goes there and back to run it, and tells of that as of any other change: in doubt the session is tied.
TEST_P(SessionStoredCode, ATriggerOfAnotherSchemaTies) {
  start();
  Sql root = cluster.root(0);
  root.exec("CREATE DATABASE audit");
  root.exec("GRANT ALL ON audit.* TO " + user());
  root.exec("CREATE TABLE audit.t (x INT)");
  root.exec("CREATE TABLE audit.log (x INT)");
  root.exec("CREATE TRIGGER audit.tr1 BEFORE INSERT ON audit.t FOR EACH ROW INSERT INTO log VALUES (NEW.x)");
  Sql here = connect("audit");
  here.exec("INSERT INTO t VALUES (1)");
  EXPECT_EQ(only_session().pin, "");
  here.exec("USE app");
  here.exec("INSERT INTO audit.t VALUES (1)");
  EXPECT_EQ(only_session().pin, "hidden_change");
  EXPECT_EQ(here.value("SELECT DATABASE()"), "app");
}

TEST_P(SessionStoredCode, ColumnsInParenthesesAreNoCall) {
  start();
  Sql sql = connect();
  for (const char* text :
       {"INSERT INTO t (x) VALUES (1)", "REPLACE t (id, x) SELECT 5, 6", "INSERT t (x) SELECT COUNT(*) FROM t",
        "CREATE OR REPLACE TABLE app.u (id INT, KEY k (id))"}) {
    sql.exec(text);
    EXPECT_EQ(only_session().pin, "") << text;
  }
}

TEST_P(SessionStoredCode, WhatAFunctionWroteIsReadWhateverCalledIt) {
  start();  // no replica is known to have anything
  int written = 0;
  for (const char* text : {"ANALYZE SELECT write_one()", "DO write_one()", "SELECT 1 FROM (SELECT write_one()) AS d"}) {
    Sql sql = connect();
    sql.query(text);
    EXPECT_EQ(sql.value("SELECT COUNT(*) FROM t"), std::to_string(++written)) << text;
    EXPECT_EQ(sql.value("SELECT @@server_id"), server_id(0)) << text;
  }
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionStoredCode);

}  // namespace
}  // namespace sluice::proxy
