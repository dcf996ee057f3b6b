// Statements that do more than they seem to: writes in front of a read only transaction, locks in one, what a
// connection knows and no answer tells.
#include "proxy/backend.hpp"
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class SessionHiddenEffects : public ProxyTest {
 protected:
  void SetUp() override {
    for (std::size_t server = 0; server < 3; ++server) {
      Sql root = cluster.root(server);
      trust_.push_back(root.value("SELECT @@GLOBAL.log_bin_trust_function_creators"));
      root.exec("SET GLOBAL log_bin_trust_function_creators = 1");
    }
    cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x INT)");
    cluster.root(0).exec(
        "CREATE FUNCTION app.write_one() RETURNS INT BEGIN INSERT INTO app.t (x) VALUES (1); RETURN @@server_id; END");
  }
  void TearDown() override {
    ProxyTest::TearDown();
    cluster->await_replicated();  // an applier asks for the setting when it comes to CREATE FUNCTION, not before
    for (std::size_t server = 0; server < 3; ++server) {
      cluster.root(server).exec("SET GLOBAL log_bin_trust_function_creators = " + trust_[server]);
    }
  }

  // One worker, one connection to each server.
  void one_connection() {
    options.workers = 1;
    options.limits.backend_connections_max = 1;
  }
  std::string rows(std::size_t server) { return cluster.root(server).value("SELECT COUNT(*) FROM app.t"); }

 private:
  std::vector<std::string> trust_;
};

TEST_P(SessionHiddenEffects, AWriteInFrontOfAReadOnlyTransactionIsNotForAReplica) {
  read_only_transactions_on_replicas = true;
  start();
  replicas_have_all();
  for (const std::size_t replica : {1U, 2U}) cluster->set_read_only(replica, false);
  for (const char* text : {"INSERT INTO t (x) VALUES (1); START TRANSACTION READ ONLY",
                           "SELECT write_one(); START TRANSACTION READ ONLY"}) {
    RawClient sql(port());
    log_in(sql);
    EXPECT_NE(sql.run(text).kind, Result::Kind::error) << text;
    static_cast<void>(sql.read_result());
    // It is no way past the leader for a transaction that runs on a replica either.
    RawClient reader(port());
    log_in(reader);
    replicas_have_all();
    ASSERT_EQ(reader.run("START TRANSACTION READ ONLY").kind, Result::Kind::ok);
    ASSERT_NE(reader.run("SELECT @@server_id").value(), server_id(0));
    EXPECT_EQ(reader.run("COMMIT; INSERT INTO t (x) VALUES (2); START TRANSACTION READ ONLY").kind,
              Result::Kind::error);
  }
  for (const std::size_t replica : {1U, 2U}) cluster->set_read_only(replica, true);
  cluster->await_replicated();
  for (const std::size_t server : {0U, 1U, 2U}) EXPECT_EQ(rows(server), "2") << server;
}

TEST_P(SessionHiddenEffects, AUserLockIsGivenByOneServerOnly) {
  read_only_transactions_on_replicas = true;
  start();
  replicas_have_all();
  Sql holder = connect();
  EXPECT_EQ(holder.value("SELECT GET_LOCK('only one', 0)"), "1");
  Sql reader = connect();
  reader.exec("START TRANSACTION READ ONLY");
  ASSERT_NE(reader.value("SELECT @@server_id"), server_id(0));
  std::string text;
  EXPECT_EQ(error_of([&] { reader.query("SELECT GET_LOCK('only one', 0)"); }, &text), 1105U);
  EXPECT_NE(text.find("GET_LOCK() there would exclude nobody"), std::string::npos) << text;
  // The transaction is as it was.
  EXPECT_NE(reader.value("SELECT @@server_id"), server_id(0));
  reader.exec("COMMIT");
  EXPECT_EQ(reader.value("SELECT GET_LOCK('only one', 0)"), "0");
}

TEST_P(SessionHiddenEffects, DiagnosticsInUserVariablesStay) {
  start();
  cluster.root(0).exec("INSERT INTO app.t (id) VALUES (1)");
  replicas_have_all();
  Sql sql = connect();
  EXPECT_EQ(error_of([&] { sql.exec("INSERT INTO t (id) VALUES (1)"); }), 1062U);
  sql.exec("GET DIAGNOSTICS CONDITION 1 @number = MYSQL_ERRNO");
  replicas_have_all();
  EXPECT_EQ(sql.value("SELECT @number"), "1062");
  EXPECT_EQ(only_session().pin, "user_variable");
}

// To the parser a view is a table.
TEST_P(SessionHiddenEffects, AReadThatWritesBehindAViewRunsOnTheLeader) {
  options.workers = 1;
  start();
  Sql root = cluster.root(0);
  root.exec("CREATE VIEW app.w AS SELECT app.write_one() AS s");
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

// In gbk the backslash in 0x88 0x5C is half of a character: it hides no quote.
TEST_P(SessionHiddenEffects, ACharacterSetIsKnownUnderEachOfItsNames) {
  start();
  replicas_have_all();
  for (const char* set : {"SET character_set_client = 28", "SET NAMES GBK", "SET NAMES 'Gbk'",
                          "SET character_set_client = GBK", "SET CHARACTER SET GBK"}) {
    Sql sql = connect();
    sql.exec(set);
    replicas_have_all();
    const Rows row = sql.query("SELECT '\x88\\', app.write_one() -- '");
    ASSERT_EQ(row.size(), 1U) << set;
    EXPECT_EQ(row[0].at(1), server_id(0)) << set;
  }
}

TEST_P(SessionHiddenEffects, TheFirstStatementIsReadInTheServersSqlMode) {
  std::vector<std::string> modes;
  for (std::size_t server = 0; server < 3; ++server) {
    modes.push_back(cluster.root(server).value("SELECT @@GLOBAL.sql_mode"));
    cluster.root(server).exec("SET GLOBAL sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'");
  }
  options.workers = 1;  // what the leader gives a logon is known after the first one
  start();
  replicas_have_all();
  for (const char* text : {R"(SELECT '\', app.write_one() -- ')", R"(SELECT 1 AS "\", app.write_one() -- ")"}) {
    Sql fresh = connect("");
    EXPECT_EQ(fresh.query(text).at(0).at(1), server_id(0)) << text;
    EXPECT_EQ(mysql_reset_connection(fresh.raw()), 0);
    replicas_have_all();
    EXPECT_EQ(fresh.query(text).at(0).at(1), server_id(0)) << text;
  }
  // What reads alike in all of them is a read like others.
  Sql plain = connect("");
  EXPECT_NE(plain.value(R"(SELECT @@server_id AS "a")"), server_id(0));
  for (std::size_t server = 0; server < 3; ++server) {
    cluster.root(server).exec("SET GLOBAL sql_mode = '" + modes[server] + "'");
  }
}

TEST_P(SessionHiddenEffects, TheLastValueOfASequenceIsTheSessionsOwnOrAnError) {
  one_connection();
  start();
  cluster.root(0).exec("CREATE SEQUENCE app.s");
  cluster.root(0).exec("CREATE TABLE app.u (id INT DEFAULT NEXTVAL(app.s), x INT)");
  replicas_have_all();
  Sql a = connect();
  Sql b = connect();
  const auto last = [](Sql& sql) { return error_of([&] { sql.query("SELECT LASTVAL(s)"); }); };
  EXPECT_EQ(a.value("SELECT NEXTVAL(s)"), "1");
  EXPECT_EQ(a.value("SELECT LASTVAL(s)"), "1");
  EXPECT_EQ(a.value("SELECT PREVIOUS VALUE FOR s"), "1");
  EXPECT_EQ(last(b), 1105U);  // it would be told a's
  EXPECT_EQ(b.value("SELECT NEXTVAL(s)"), "2");
  EXPECT_EQ(last(a), 1105U);
  EXPECT_EQ(b.value("SELECT LASTVAL(s)"), "2");
  // Nor by way of a transaction on the connection that was its own once.
  a.exec("BEGIN");
  EXPECT_EQ(last(a), 1105U);
  EXPECT_EQ(a.value("SELECT NEXTVAL(s)"), "3");
  EXPECT_EQ(a.value("SELECT LASTVAL(s)"), "3");
  a.exec("COMMIT");
  // Behind a read on a replica there is no way back, but no wrong answer.
  EXPECT_EQ(b.value("SELECT NEXTVAL(s)"), "4");
  replicas_have_all();
  ASSERT_NE(b.value("SELECT @@server_id"), server_id(0));
  EXPECT_EQ(last(b), 1105U);
  a.exec("INSERT INTO u (x) VALUES (1)");
  EXPECT_EQ(mysql_reset_connection(a.raw()), 0);
  EXPECT_EQ(last(a), 1105U);
  a.exec("INSERT INTO u (x) VALUES (1)");
  EXPECT_EQ(a.value("SELECT LASTVAL(s)"), "6");
}

TEST_P(SessionHiddenEffects, AStoredFunctionSeesTheSessionsOwnInsertId) {
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
TEST_P(SessionHiddenEffects, WhatAFunctionLeftBehindIsItsSessionsOwn) {
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
TEST_P(SessionHiddenEffects, WhatATriggerOrAViewLeftBehindIsItsSessionsOwn) {
  options.workers = 1;
  options.limits.backend_connections_max = 2;
  start();
  Sql root = cluster.root(0);
  root.exec("CREATE FUNCTION app.remember() RETURNS INT BEGIN SET @seen = 42; RETURN 1; END");
  root.exec("CREATE VIEW app.seen AS SELECT app.remember() AS x");
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
TEST_P(SessionHiddenEffects, AReadThatChangesSomethingGoesToTheLeaderFromThenOn) {
  options.workers = 1;
  start();
  Sql root = cluster.root(0);
  root.exec("CREATE FUNCTION app.remember() RETURNS INT BEGIN SET @seen = 42; RETURN @@server_id; END");
  root.exec("CREATE VIEW app.seen AS SELECT app.remember() AS x");
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
TEST_P(SessionHiddenEffects, WhatAReadLeftOnAReplicaHoldsNoWriteThere) {
  options.workers = 1;
  start();
  Sql root = cluster.root(0);
  root.exec("CREATE FUNCTION app.remember() RETURNS INT BEGIN SET @seen = 42; RETURN @@server_id; END");
  root.exec("CREATE VIEW app.seen AS SELECT app.remember() AS x");
  root.exec("CREATE VIEW app.w AS SELECT app.write_one() AS s");
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

TEST_P(SessionHiddenEffects, WhatComesBeforeARefusedReadIsNobodyElses) {
  one_connection();
  start();
  Sql root = cluster.root(0);
  root.exec("CREATE FUNCTION app.remember() RETURNS INT BEGIN SET @seen = 42; RETURN 1; END");
  root.exec("CREATE VIEW app.seen AS SELECT app.remember() AS x");
  root.exec("CREATE VIEW app.w AS SELECT app.write_one() AS s");
  replicas_have_all();
  RawClient a(port());
  log_in(a);
  a.send(query("SELECT x FROM seen; SELECT s FROM w"));
  EXPECT_EQ(a.read_results().front().value(), "1");  // the second is refused, if the first was on its way already
  a.disconnect();
  EXPECT_TRUE(await([&] { return report().clients == 0; }));
  for (int i = 0; i < 4; ++i) {
    replicas_have_all();
    RawClient b(port());
    log_in(b);
    EXPECT_EQ(b.run("SELECT IFNULL(@seen, 'none')").value(), "none");
  }
}

TEST_P(SessionHiddenEffects, AKnownViewThatWritesIsAWriteWithACursorToo) {
  options.workers = 1;
  start();
  cluster.root(0).exec("CREATE VIEW app.w AS SELECT app.write_one() AS s");
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
TEST_P(SessionHiddenEffects, AnotherSluiceMayAskForWhatChanges) {
  cluster.root(0).exec("CREATE TRIGGER app.tr1 BEFORE INSERT ON app.t FOR EACH ROW SET @seen = 42");
  start();
  RawClient outer(port());
  log_in(outer, "app", RawClient::ordinary | cap::session_track);
  EXPECT_EQ(outer.run(track_state_changes).kind, Result::Kind::ok);
  EXPECT_EQ(only_session().pin, "");
  const Result told = outer.run("INSERT INTO t (x) VALUES (1)");
  EXPECT_TRUE(protocol::parse_session_state(told.session_state)->state_changed);
}

TEST_P(SessionHiddenEffects, WhatATextTellsNeedsNoTie) {
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
TEST_P(SessionHiddenEffects, ATriggerOfAnotherSchemaTies) {
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

TEST_P(SessionHiddenEffects, ColumnsInParenthesesAreNoCall) {
  start();
  Sql sql = connect();
  for (const char* text :
       {"INSERT INTO t (x) VALUES (1)", "REPLACE t (id, x) SELECT 5, 6", "INSERT t (x) SELECT COUNT(*) FROM t",
        "CREATE OR REPLACE TABLE app.u (id INT, KEY k (id))"}) {
    sql.exec(text);
    EXPECT_EQ(only_session().pin, "") << text;
  }
}

TEST_P(SessionHiddenEffects, LocksThatWereNotReleasedAreNotForgotten) {
  options.workers = 1;
  options.limits.backend_connections_max = 2;
  start();
  Sql a = connect();
  EXPECT_EQ(a.value("SELECT GET_LOCK('mine', 0)"), "1");
  a.query("SELECT RELEASE_ALL_LOCKS() FROM t WHERE 0");
  EXPECT_EQ(only_session().pin, "user_lock");
  Sql b = connect();
  EXPECT_EQ(b.value("SELECT GET_LOCK('mine', 0)"), "0");
  a.exec("DO RELEASE_ALL_LOCKS()");
  EXPECT_EQ(b.value("SELECT GET_LOCK('mine', 0)"), "1");
}

TEST_P(SessionHiddenEffects, NullThatMeansTheInsertIdTies) {
  one_connection();
  start();
  for (const char* off : {"0", "OFF", "DEFAULT"}) {
    Sql sql = connect();
    sql.exec(std::string("SET sql_auto_is_null = ") + off);
    EXPECT_EQ(only_session().pin, "") << off;
  }
  EXPECT_TRUE(await([&] { return report().clients == 0; }));
  Sql sql = connect();
  sql.exec("SET sql_auto_is_null = 1");
  EXPECT_EQ(only_session().pin, "unknown_setting");
  sql.exec("INSERT INTO t (x) VALUES (1)");
  replicas_have_all();
  EXPECT_EQ(sql.value("SELECT id FROM t WHERE id IS NULL"), "1");
}

TEST_P(SessionHiddenEffects, AnInsertIdThatCannotBeReadIsNotTakenForNone) {
  one_connection();
  start();
  Sql a = connect();
  Sql b = connect();
  a.exec("SET sql_select_limit = 0");
  a.exec("INSERT INTO t (x) VALUES (1)");
  b.exec("INSERT INTO t (x) VALUES (2)");  // takes the connection, for which the id is read
  a.exec("SET sql_select_limit = DEFAULT");
  EXPECT_EQ(error_of([&] { a.query("SELECT LAST_INSERT_ID()"); }), 1105U);
}

TEST_P(SessionHiddenEffects, ACollationThatCameFromTheSchemaIsKept) {
  one_connection();
  start();
  Sql root = cluster.root(0);
  root.exec("CREATE DATABASE swedish CHARACTER SET latin1");
  root.exec("CREATE DATABASE binary_one CHARACTER SET utf8mb4 COLLATE utf8mb4_bin");
  for (const char* schema : {"swedish", "binary_one"})
    root.exec(std::string("GRANT ALL ON ") + schema + ".* TO " + user());
  replicas_have_all();
  Sql a = connect("swedish");
  Sql b = connect("binary_one");
  a.exec("SET CHARACTER SET utf8mb4");
  b.exec("SET CHARACTER SET utf8mb4");
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(a.value("SELECT @@collation_connection"), "latin1_swedish_ci");
    EXPECT_EQ(b.value("SELECT @@collation_connection"), "utf8mb4_bin");
  }
  a.exec("USE binary_one");
  EXPECT_EQ(a.value("SELECT @@collation_connection"), "latin1_swedish_ci");
  a.exec("INSERT INTO app.t (x) VALUES (1)");
  EXPECT_EQ(a.value("SELECT @@collation_connection"), "latin1_swedish_ci");
}

TEST_P(SessionHiddenEffects, WhatAFunctionWroteIsReadWhateverCalledIt) {
  start();  // no replica is known to have anything
  int written = 0;
  for (const char* text : {"ANALYZE SELECT write_one()", "DO write_one()", "SELECT 1 FROM (SELECT write_one()) AS d"}) {
    Sql sql = connect();
    sql.query(text);
    EXPECT_EQ(sql.value("SELECT COUNT(*) FROM t"), std::to_string(++written)) << text;
    EXPECT_EQ(sql.value("SELECT @@server_id"), server_id(0)) << text;
  }
}

// Servers keep an error over statements that use no table, whoever sends them.
TEST_P(SessionHiddenEffects, NobodySeesAnothersWarnings) {
  one_connection();
  usable.assign(usable.size(), false);
  start();
  Sql a = connect();
  Sql fresh = connect();
  const auto fail = [&] { EXPECT_EQ(error_of([&] { a.exec("INSERT INTO t (x) VALUES ('secret')"); }), 1366U); };
  fail();
  EXPECT_TRUE(fresh.query("SHOW WARNINGS").empty());
  fail();
  EXPECT_EQ(fresh.value("SELECT 1"), "1");
  EXPECT_TRUE(fresh.query("SHOW ERRORS").empty());
  fail();
  fresh.exec("BEGIN");
  EXPECT_TRUE(fresh.query("SHOW WARNINGS").empty());
  fresh.exec("GET DIAGNOSTICS @n = NUMBER");
  EXPECT_EQ(fresh.value("SELECT @n"), "0");
  EXPECT_EQ(error_of([&] { fresh.exec("SELECT * FROM app.nope"); }), 1146U);
  EXPECT_EQ(fresh.query("SHOW WARNINGS").size(), 1U);
  // Nor what the proxy's own SET was warned of.
  fresh.exec("ROLLBACK");
  EXPECT_EQ(mysql_reset_connection(fresh.raw()), 0);
  a.exec("SET big_tables = 1");
  EXPECT_TRUE(fresh.query("SHOW WARNINGS").empty());
  a.exec("DO 1");
  fresh.exec("DO 1");
  EXPECT_TRUE(fresh.query("SHOW WARNINGS").empty());
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionHiddenEffects);

}  // namespace
}  // namespace sluice::proxy
