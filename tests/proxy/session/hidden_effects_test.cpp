// Statements that do more than they seem to: writes in front of a read only transaction, locks in one, what a
// connection knows and no answer tells. Stored code: stored_code_test.cpp.
#include "proxy/session/hidden_effects_fixture.hpp"

namespace sluice::proxy {
namespace {

class SessionHiddenEffects : public HiddenEffectsFixture {};

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
