// Character sets and SQL modes: each client keeps its own over shared connections, and each prepared statement keeps
// those that it was prepared under.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class SessionCharset : public ProxyTest {
 protected:
  void one_connection() {
    options.workers = 1;
    options.limits.backend_connections_max = 1;
    usable.assign(usable.size(), false);
  }
};

TEST_P(SessionCharset, AStatementKeepsTheSettingsThatItWasPreparedUnder) {
  options.workers = 1;
  options.limits.backend_connections_max = 1;
  start();
  RawClient plain(port());
  log_in(plain);
  RawClient pipes(port());
  log_in(pipes);
  pipes.run("SET sql_mode='PIPES_AS_CONCAT'");
  const std::uint32_t a = plain.prepare("SELECT CONCAT('1' || '1')");
  const std::uint32_t b = pipes.prepare("SELECT CONCAT('1' || '1')");
  for (int i = 0; i < 2; ++i) {
    plain.send(execute(a, {}, false));
    EXPECT_EQ(plain.read_result(true).value().substr(2), std::string("\x01") + "1");
    pipes.send(execute(b, {}, false));
    EXPECT_EQ(pipes.read_result(true).value().substr(2), std::string("\x02") + "11");
  }
}

TEST_P(SessionCharset, AStatementIsPreparedInItsOwnCharacterSet) {
  options.workers = 1;
  options.limits.backend_connections_max = 1;
  start();
  RawClient latin(port());
  log_in(latin);
  RawClient utf(port());
  log_in(utf);
  ASSERT_EQ(utf.run("SET NAMES utf8mb4").kind, Result::Kind::ok);
  const std::uint32_t id = utf.prepare("SELECT CHAR_LENGTH('\xc3\xa9')");
  ASSERT_NE(id, 0U);
  // The connection that `latin` leaves behind is the one that `utf` goes on with; the statement isn't prepared on it.
  ASSERT_EQ(latin.run("SET NAMES latin1").kind, Result::Kind::ok);
  ASSERT_EQ(utf.run("DO 1").kind, Result::Kind::ok);
  ASSERT_EQ(latin.run("DO 1").kind, Result::Kind::ok);
  ASSERT_EQ(latin.run("DO GET_LOCK('x', 0)").kind, Result::Kind::ok);
  latin.send(packet(Command::reset_connection));  // closes the only connection
  ASSERT_EQ(latin.read_result().kind, Result::Kind::ok);
  ASSERT_EQ(latin.run("SET NAMES latin1").kind, Result::Kind::ok);
  utf.send(execute(id, {}, false));
  const std::string row = utf.read_result(true).value();
  ASSERT_GE(row.size(), 3U);
  EXPECT_EQ(row[2], 1);
}

constexpr const char* charset_variables =
    "SELECT @@character_set_client, @@character_set_connection, @@character_set_results, @@collation_connection";

// SET NAMES is taken back as well as said: nobody's character set costs anybody else a new connection.
TEST_P(SessionCharset, ClientsOfDifferentCharacterSetsShareAConnection) {
  one_connection();
  start();
  std::vector<Sql> clients;
  std::vector<Rows> own;  // what a client of its own server connection sees
  for (const char* set : {"DO 1", "SET NAMES latin1", "SET NAMES utf8 COLLATE utf8_bin", "SET NAMES binary",
                          "SET character_set_results=NULL", "SET character_set_connection=ucs2",
                          "SET character_set_client=latin1, collation_connection=latin1_bin"}) {
    Sql direct = cluster.app(0);
    direct.exec(set);
    own.push_back(direct.query(charset_variables));
    clients.push_back(connect());
    clients.back().exec(set);
  }
  for (std::size_t step = 0; step < clients.size(); ++step) {  // from each one to each other one
    for (std::size_t i = 0; i < clients.size(); ++i) {
      const std::size_t client = (i * (step + 1)) % clients.size();
      EXPECT_EQ(clients[client].query(charset_variables), own[client]) << client;
    }
  }
  EXPECT_EQ(counters().backends_opened, 1U);
}

// The literal is read as it was prepared, the parameter as it is sent.
TEST_P(SessionCharset, AStatementOutlivesItsCharacterSet) {
  one_connection();
  options.limits.statements_per_backend_max = 1;
  start();
  RawClient client(port());
  log_in(client);
  const std::uint32_t utf = client.prepare("SELECT CONCAT(CHAR_LENGTH('\xc3\xa9'), HEX(CONVERT(? USING utf8mb4)))");
  ASSERT_EQ(client.run("SET NAMES latin1").kind, Result::Kind::ok);
  const std::uint32_t latin = client.prepare("SELECT CHAR_LENGTH('\xc3\xa9'), ?");
  ASSERT_TRUE(utf != 0 && latin != 0);
  for (int i = 0; i < 2; ++i) {
    client.send(execute(utf, {"\xe9"}, true));
    EXPECT_EQ(client.read_result(true).value().substr(2), std::string("\x05") + "1C3A9");
    client.send(execute(latin, {"\xe9"}, true));
    EXPECT_EQ(client.read_result(true).value().at(2), 2);
    EXPECT_EQ(client.run("SELECT @@character_set_client").value(), "latin1");
  }
  // Also where the session keeps the connection.
  ASSERT_EQ(client.run("BEGIN").kind, Result::Kind::ok);
  client.send(execute(utf, {"\xe9"}, true));
  EXPECT_EQ(client.read_result(true).value().substr(2), std::string("\x05") + "1C3A9");
  EXPECT_EQ(counters().backends_opened, 1U);
  EXPECT_GE(counters().reprepares, 5U);
}

TEST_P(SessionCharset, AStatementOutlivesItsSqlMode) {
  one_connection();
  options.limits.statements_per_backend_max = 1;
  start();
  RawClient client(port());
  log_in(client);
  RawClient other(port());
  log_in(other);
  const std::string sql = "SELECT \"a\" FROM (SELECT 'column' AS a) t";
  const std::uint32_t before = client.prepare(sql);
  ASSERT_EQ(client.run("SET NAMES latin1").kind, Result::Kind::ok);
  ASSERT_EQ(client.run("SET sql_mode='ANSI_QUOTES'").kind, Result::Kind::ok);
  const std::uint32_t within = client.prepare(sql);
  ASSERT_EQ(client.run("SET sql_mode=DEFAULT").kind, Result::Kind::ok);
  const std::uint32_t after = client.prepare(sql);
  for (int i = 0; i < 2; ++i) {
    client.send(execute(before, {}, false));
    EXPECT_EQ(client.read_result(true).value().substr(3), "a");
    EXPECT_EQ(other.run("SELECT \"a\"").value(), "a");
    client.send(execute(within, {}, false));
    EXPECT_EQ(client.read_result(true).value().substr(3), "column");
    client.send(execute(after, {}, false));
    EXPECT_EQ(client.read_result(true).value().substr(3), "a");
    EXPECT_EQ(other.run("SELECT @@character_set_client").value(), "utf8mb4");
  }
  // Also where the connection can't be replaced.
  ASSERT_EQ(client.run("SET sql_mode='ANSI_QUOTES'").kind, Result::Kind::ok);
  ASSERT_EQ(client.run("BEGIN").kind, Result::Kind::ok);
  for (const std::uint32_t statement : {before, within, after}) {
    client.send(execute(statement, {}, false));
    EXPECT_EQ(client.read_result(true).value().substr(3), statement == within ? "column" : "a");
  }
  EXPECT_EQ(counters().backends_opened, 1U);
}

// While it lives, each new connection of an application to the leader is greeted with this statement.
class InitConnect {
 public:
  InitConnect(test::TestCluster& cluster, const std::string& statement) : root_(cluster.root(0)) { set(statement); }
  ~InitConnect() { set(""); }
  InitConnect(const InitConnect&) = delete;
  InitConnect& operator=(const InitConnect&) = delete;

 private:
  void set(const std::string& statement) { root_.exec("SET GLOBAL init_connect=\"" + statement + "\""); }
  Sql root_;
};

// Where a server's answer is in a form that can't be said again, a session still gets a connection that will do.
TEST_P(SessionCharset, ACharacterSetThatCannotBeTakenBackCostsAConnection) {
  one_connection();
  options.limits.statements_per_backend_max = 1;
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x INT)");
  start();
  const InitConnect greeting(cluster, "SET character_set_results=utf16");
  RawClient client(port());
  log_in(client);
  const std::uint32_t utf = client.prepare("SELECT CHAR_LENGTH('\xc3\xa9')");
  ASSERT_EQ(client.run("SET NAMES latin1").kind, Result::Kind::ok);
  const std::uint32_t latin = client.prepare("SELECT CHAR_LENGTH('\xc3\xa9'), 2");
  ASSERT_TRUE(utf != 0 && latin != 0);
  ASSERT_EQ(client.run("INSERT INTO t (x) VALUES (5)").last_insert_id, 1U);
  EXPECT_EQ(counters().backends_opened, 1U);
  client.send(execute(utf, {}, false));
  EXPECT_EQ(client.read_result(true).value().at(2), 1);
  EXPECT_EQ(counters().backends_opened, 2U);
  client.send(execute(latin, {}, false));
  EXPECT_EQ(client.read_result(true).value().at(2), 2);
  EXPECT_EQ(client.run("SELECT @@character_set_client").value(), "latin1");
  EXPECT_EQ(client.run("SELECT LAST_INSERT_ID()").value(), "1");
  EXPECT_EQ(counters().backends_opened, 2U);
  // With something open on the only connection that has it, it must be an error.
  ASSERT_EQ(client.run("BEGIN").kind, Result::Kind::ok);
  client.send(execute(utf, {}, false));
  EXPECT_EQ(client.read_result(true).error, 1105U);
  client.send(execute(latin, {}, false));
  EXPECT_EQ(client.read_result(true).value().at(2), 2);
}

TEST_P(SessionCharset, AServerStartedAnewMayGiveAnotherCharacterSet) {
  one_connection();
  start();
  RawClient plain(port());
  log_in(plain);
  RawClient latin(port());
  log_in(latin);
  ASSERT_EQ(latin.run("SET NAMES latin1").kind, Result::Kind::ok);
  EXPECT_EQ(plain.run("SELECT @@character_set_client").value(), "utf8mb4");
  const InitConnect greeting(cluster, "SET NAMES latin2");
  const std::string id = plain.run("SELECT CONNECTION_ID()").value();
  cluster.root(0).exec("KILL " + id);
  ASSERT_TRUE(await([&] { return saw_event("backend_lost"); }));
  EXPECT_EQ(latin.run("SELECT @@character_set_client").value(), "latin1");
  EXPECT_EQ(plain.run("SELECT @@character_set_client").value(), "latin2");
  EXPECT_EQ(counters().backends_opened, 2U);
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionCharset);

}  // namespace
}  // namespace sluice::proxy
