// Errors through sluice are the server's own: number, SQLSTATE and text, compared with a direct connection.
#include <future>

#include "system/prepared.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

enum class Transport { plain, tls };

struct Closing {
  void operator()(MYSQL* connection) const { mysql_close(connection); }
};
using Connection = std::unique_ptr<MYSQL, Closing>;

Outcome connect(const SqlAddress& address, Transport transport, Connection& connection) {
  connection.reset(mysql_init(nullptr));
  if (transport == Transport::tls) {
    const my_bool on = 1;
    const my_bool off = 0;
    mysql_options(connection.get(), MYSQL_OPT_SSL_ENFORCE, &on);
    mysql_options(connection.get(), MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &off);
  }
  const char* schema = address.schema.empty() ? nullptr : address.schema.c_str();
  const bool local = !address.socket.empty();
  if (mysql_real_connect(connection.get(), local ? nullptr : address.host.c_str(), address.user.c_str(),
                         address.password.c_str(), schema, address.port, local ? address.socket.c_str() : nullptr,
                         0) != nullptr) {
    return {};
  }
  return {{}, mysql_errno(connection.get()), mysql_sqlstate(connection.get()), mysql_error(connection.get())};
}

Outcome connect(const SqlAddress& address, Transport transport = Transport::plain) {
  Connection connection;
  return connect(address, transport, connection);
}

class ErrorsTest : public SystemTest {
 protected:
  ErrorsTest() {
    cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY, v INT NOT NULL); INSERT INTO t VALUES (1, 1), (2, 2)");
    cluster_->await_replicated();
  }
  // The address of the leader itself, for the comparison.
  [[nodiscard]] SqlAddress direct() { return cluster_.app_address(0); }

  void expect_same_logon(SqlAddress through, SqlAddress server, unsigned code) {
    const Outcome wanted = connect(server);
    EXPECT_EQ(wanted.code, code) << wanted;
    EXPECT_EQ(connect(through), wanted);
    EXPECT_EQ(connect(through, Transport::tls), wanted);
  }
};

TEST_P(ErrorsTest, UnknownUser) {
  start();
  SqlAddress through = client_address();
  SqlAddress server = direct();
  through.user = server.user = "nobody";
  expect_same_logon(through, server, 1045);
  through.password = server.password = "";
  expect_same_logon(through, server, 1045);
  through.schema = server.schema = "";
  expect_same_logon(through, server, 1045);
  EXPECT_EQ(count("logins_failed"), 6U);
}

TEST_P(ErrorsTest, WrongPassword) {
  start();
  SqlAddress through = client_address();
  SqlAddress server = direct();
  through.password = server.password = "not-the-password";
  expect_same_logon(through, server, 1045);
  through.password = server.password = "";
  expect_same_logon(through, server, 1045);
}

TEST_P(ErrorsTest, WrongPasswordByTheUnixSocket) {
  start();
  SqlAddress through = client_address();
  SqlAddress server = direct();
  through.password = server.password = "not-the-password";
  through.socket = (folder_.path() / "mysql.sock").string();
  server.socket = cluster_->node(0).socket().string();
  const Outcome wanted = connect(server);
  EXPECT_EQ(wanted.code, 1045U);
  EXPECT_EQ(connect(through), wanted);
}

TEST_P(ErrorsTest, UnknownOrForbiddenSchemaAtLogonAndLater) {
  cluster_.root(0).exec("CREATE DATABASE forbidden");
  cluster_->await_replicated();
  start();
  for (const char* schema : {"no_such_schema", "forbidden", "mysql"}) {
    SqlAddress through = client_address();
    SqlAddress server = direct();
    through.schema = server.schema = schema;
    expect_same_logon(through, server, 1044);
    Sql here = client();
    Sql there = cluster_.app(0);
    const std::string use = "USE " + std::string(schema);
    EXPECT_EQ(outcome_of(here, use), outcome_of(there, use));
    const auto select = [&](Sql& sql) {
      const int failed = mysql_select_db(sql.raw(), schema);
      return Outcome{{}, failed == 0 ? 0 : mysql_errno(sql.raw()), mysql_sqlstate(sql.raw()), mysql_error(sql.raw())};
    };
    EXPECT_EQ(select(here), select(there));
    // It stays where it was.
    EXPECT_EQ(here.value("SELECT DATABASE()"), "app");
    EXPECT_EQ(here.value("SELECT COUNT(*) FROM t"), "2");
  }
}

TEST_P(ErrorsTest, ASchemaThatIsMissingOnlyForAnAccountThatMaySeeAll) {
  start({.extra = "[[user]]\nname = \"demo_root\"\npassword = \"" + cluster_->passwords().root + "\"\n"});
  SqlAddress through = client_address();
  through.user = demo::root_user;
  through.password = cluster_->passwords().root;
  SqlAddress server = cluster_->node(0).address();
  through.schema = server.schema = "no_such_schema";
  expect_same_logon(through, server, 1049);
  through.schema = "";
  server.schema = "";
  Sql here(through);
  Sql there(server);
  EXPECT_EQ(outcome_of(here, "USE no_such_schema"), outcome_of(there, "USE no_such_schema"));
  EXPECT_EQ(outcome_of(here, "SELECT * FROM t"), outcome_of(there, "SELECT * FROM t"));  // 1046
}

TEST_P(ErrorsTest, OfStatements) {
  start();
  Sql here = client();
  Sql there = cluster_.app(0);
  for (const char* statement : {
           "INSERT INTO t VALUES (1, 1)",        // 1062
           "INSERT INTO t (id) VALUES (9)",      // 1364
           "INSERT INTO t VALUES (10, NULL)",    // 1048
           "SELEC 1",                            // 1064
           "",                                   // 1065
           "SELECT * FROM missing",              // 1146
           "SELECT no_column FROM t",            // 1054
           "SELECT id FROM t AS a JOIN t AS b",  // 1052
           "CREATE TABLE t (id INT)",            // 1050
           "DROP TABLE missing",                 // 1051
           "SELECT no_such_function(1)",         // 1305 or 1630
           "SELECT * FROM mysql.user",           // 1142
           "SELECT (SELECT id FROM t)",          // 1242
           "SELECT 18446744073709551615 + 1",    // 1690
           "CALL missing()",                     // 1305
           "SET no_such_variable = 1",           // 1193
           "SET GLOBAL max_connections = 5",     // 1227
           "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'of the application', MYSQL_ERRNO = 30001",
           "SELECT 1; SELEC 2",
           "KILL 4000000000",  // 1094
       }) {
    const Outcome wanted = outcome_of(there, statement);
    EXPECT_NE(wanted.code, 0U) << statement;
    EXPECT_EQ(outcome_of(here, statement), wanted) << statement;
  }
  const auto prepare_error = [](Sql& sql, const std::string& text) {
    try {
      Prepared prepared(sql, text);
      prepared.run();
    } catch (const SqlError& error) {
      return Outcome{{}, error.code(), error.state(), error.what()};
    }
    return Outcome{};
  };
  for (const char* text : {"SELEC 1", "SELECT * FROM missing", "INSERT INTO t VALUES (1, 1)"}) {
    const Outcome wanted = prepare_error(there, text);
    EXPECT_NE(wanted.code, 0U);
    EXPECT_EQ(prepare_error(here, text), wanted) << text;
  }
  EXPECT_EQ(here.value("SELECT COUNT(*) FROM t"), "2");
}

// Two connections that lock rows 1 and 2 the other way round: one of them is the victim.
Outcome deadlock(Sql& a, Sql& b, Sql& watcher) {
  a.exec("BEGIN");
  b.exec("BEGIN");
  a.exec("UPDATE t SET v = v + 1 WHERE id = 1");
  b.exec("UPDATE t SET v = v + 1 WHERE id = 2");
  auto first = std::async(std::launch::async, [&] { return outcome_of(a, "UPDATE t SET v = v + 1 WHERE id = 2"); });
  await_that(
      "the first one waits",
      [&] {
        return watcher.value("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'") == "1";
      },
      innodb_trx_step);
  const Outcome second = outcome_of(b, "UPDATE t SET v = v + 1 WHERE id = 1");
  if (second.code == 0) b.exec("ROLLBACK");
  const Outcome of_first = first.get();
  a.exec("ROLLBACK");
  b.exec("ROLLBACK");
  EXPECT_NE(second.code == 0, of_first.code == 0);
  return second.code != 0 ? second : of_first;
}

TEST_P(ErrorsTest, DeadlockAndLockWait) {
  start();
  Sql watcher = cluster_.root(0);
  Sql here = client();
  Sql here2 = client();
  Sql there = cluster_.app(0);
  Sql there2 = cluster_.app(0);
  const Outcome wanted = deadlock(there, there2, watcher);
  EXPECT_EQ(wanted.code, 1213U);
  EXPECT_EQ(deadlock(here, here2, watcher), wanted);
  // The victim's transaction is over, and its session works.
  EXPECT_EQ(here.value("SELECT COUNT(*) FROM t"), "2");
  EXPECT_EQ(here2.value("SELECT COUNT(*) FROM t"), "2");

  there.exec("BEGIN");
  there.exec("UPDATE t SET v = 5 WHERE id = 1");
  for (Sql* sql : {&here, &there2}) sql->exec("SET innodb_lock_wait_timeout = 0");
  const Outcome wait = outcome_of(there2, "UPDATE t SET v = 6 WHERE id = 1");
  EXPECT_EQ(wait.code, 1205U);
  EXPECT_EQ(outcome_of(here, "UPDATE t SET v = 6 WHERE id = 1"), wait);
  there.exec("ROLLBACK");
  EXPECT_EQ(outcome_of(here, "UPDATE t SET v = 6 WHERE id = 1"), Outcome{});
}

TEST_P(ErrorsTest, ChangeUserIsRefusedAsTheServerRefusesIt) {
  start();
  const auto change = [](Sql& sql, const std::string& user, const std::string& password, const char* schema) {
    const bool failed = mysql_change_user(sql.raw(), user.c_str(), password.c_str(), schema) != 0;
    return Outcome{{}, !failed ? 0 : mysql_errno(sql.raw()), mysql_sqlstate(sql.raw()), mysql_error(sql.raw())};
  };
  const std::string password = cluster_->passwords().app;
  struct Attempt {
    std::string user;
    std::string password;
    const char* schema;
    unsigned code;
  };
  for (const Attempt& attempt :
       {Attempt{"app", password, "app", 0}, Attempt{"app", password, nullptr, 0}, Attempt{"app", "wrong", "app", 1045},
        Attempt{"nobody", "wrong", nullptr, 1045}, Attempt{"app", password, "no_such_schema", 1044}}) {
    Sql here = client();
    Sql there = cluster_.app(0);
    const Outcome wanted = change(there, attempt.user, attempt.password, attempt.schema);
    EXPECT_EQ(wanted.code, attempt.code);
    EXPECT_EQ(change(here, attempt.user, attempt.password, attempt.schema), wanted);
    if (attempt.code != 0) continue;
    EXPECT_EQ(outcome_of(here, "SELECT DATABASE()"), outcome_of(there, "SELECT DATABASE()"));
  }
}

// The warnings of a statement belong to it, and are those of the server.
TEST_P(ErrorsTest, Warnings) {
  start();
  Sql here = client();
  Sql there = cluster_.app(0);
  for (Sql* sql : {&here, &there}) sql->exec("SET sql_mode = ''");
  for (const char* statement :
       {"SELECT 1/0, CAST('x' AS SIGNED)", "INSERT IGNORE INTO t VALUES (1, 1)", "DROP TABLE IF EXISTS missing"}) {
    EXPECT_EQ(outcome_of(here, statement), outcome_of(there, statement));
    EXPECT_EQ(mysql_warning_count(here.raw()), mysql_warning_count(there.raw())) << statement;
    const Outcome wanted = outcome_of(there, "SHOW WARNINGS");
    EXPECT_EQ(outcome_of(here, "SHOW WARNINGS"), wanted) << statement;
  }
}

INSTANTIATE_TEST_SUITE_P(Loops, ErrorsTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
