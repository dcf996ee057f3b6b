// Prepared statements of a session, on server connections that come and go.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class SessionStatements : public ProxyTest {
 protected:
  void start_few_connections() {
    options.workers = 1;
    options.limits.backend_connections_max = 4;
    start();
  }
  // It keeps the server connection that was used last, with all that was prepared there.
  void log_in_and_take_the_last_used(RawClient& client) {
    log_in(client);
    EXPECT_EQ(client.run("SET @x=1").error, 0U);
  }
};

TEST_P(SessionStatements, TypesAreSaidAgainWhereTheServerHasNotSeenThem) {
  cluster.root(0).exec("CREATE TABLE app.t (a VARCHAR(10), b VARCHAR(10))");
  start_few_connections();
  RawClient client(port());
  log_in(client);
  const std::uint32_t id = client.prepare("INSERT INTO t VALUES (?, ?)");
  client.send(execute(id, {"a0", "b0"}, true));
  ASSERT_EQ(client.read_result().affected, 1U);
  RawClient blocker(port());
  log_in_and_take_the_last_used(blocker);
  for (int i = 1; i < 4; ++i) {
    client.send(execute(id, {"a" + std::to_string(i), "b" + std::to_string(i)}, false));
    ASSERT_EQ(client.read_result().affected, 1U) << i;
  }
  EXPECT_EQ(cluster.root(0).value("SELECT GROUP_CONCAT(a, b ORDER BY a) FROM app.t"), "a0b0,a1b1,a2b2,a3b3");
  EXPECT_GE(counters().reprepares, 1U);
}

// The settings around it were accepted: what the connection is in is known, and nobody needs another one.
TEST_P(SessionStatements, AStatementThatCantBePreparedAgainCostsNoConnection) {
  cluster.root(0).exec("CREATE TABLE app.t (a VARCHAR(10)); CREATE TABLE app.seen (mode VARCHAR(1000))");
  start_few_connections();
  RawClient client(port());
  log_in(client);
  const std::uint32_t id = client.prepare("INSERT INTO t VALUES (?)");
  RawClient blocker(port());
  log_in_and_take_the_last_used(blocker);
  cluster.root(0).exec("DROP TABLE app.t");
  ASSERT_EQ(client.run("SET sql_mode='ANSI_QUOTES'").error, 0U);
  client.send(execute(id, {"a"}, true));
  EXPECT_EQ(client.read_result().error, 1146U);
  const auto opened = counters().backends_opened;
  ASSERT_EQ(client.run("INSERT INTO seen VALUES (@@sql_mode)").error, 0U);
  EXPECT_EQ(cluster.root(0).value("SELECT mode FROM app.seen"), "ANSI_QUOTES");
  EXPECT_EQ(counters().backends_opened, opened);
  RawClient other(port());
  log_in(other);
  ASSERT_EQ(other.run("REPLACE INTO seen VALUES (@@sql_mode)").error, 0U);
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.seen WHERE mode = 'ANSI_QUOTES'"), "1");
}

TEST_P(SessionStatements, LongDataOfTwoStatementsWithOneText) {
  options.workers = 1;
  cluster.root(0).exec("CREATE TABLE app.t (x TEXT)");
  start();
  RawClient client(port());
  log_in(client);
  const std::uint32_t a = client.prepare("INSERT INTO t VALUES (?)");
  const std::uint32_t b = client.prepare("INSERT INTO t VALUES (?)");
  ASSERT_NE(a, b);
  const auto part = [&](std::uint32_t id, const std::string& text) {
    client.send(packet(Command::stmt_send_long_data, number4(id) + std::string("\0\0", 2) + text));
  };
  part(a, "a1");
  part(b, "b1");
  part(a, "a2");
  part(b, "b2");
  const auto run = [&](std::uint32_t id) {
    std::string body = number4(id) + std::string("\0", 1) + number4(1) + std::string("\0\x01\xfc\x00", 4);
    client.send(packet(Command::stmt_execute, body));
    EXPECT_EQ(client.read_result().affected, 1U);
  };
  run(a);
  run(b);
  EXPECT_EQ(cluster.root(0).value("SELECT GROUP_CONCAT(x ORDER BY x) FROM app.t"), "a1a2,b1b2");
  EXPECT_EQ(only_session().pin, "");
}

TEST_P(SessionStatements, LongDataIsNotForgottenWhenTheStatementIsPushedOut) {
  options.workers = 1;
  options.limits.statements_per_backend_max = 2;
  cluster.root(0).exec("CREATE TABLE app.t (x TEXT)");
  start();
  RawClient client(port());
  log_in(client);
  const std::uint32_t id = client.prepare("INSERT INTO t VALUES (?)");
  client.send(packet(Command::stmt_send_long_data, number4(id) + std::string("\0\0", 2) + "precious"));
  for (int i = 0; i < 3; ++i) ASSERT_NE(client.prepare("SELECT " + std::to_string(i)), 0U);
  std::string body = number4(id) + std::string("\0", 1) + number4(1) + std::string("\0\x01\xfc\x00", 4);
  client.send(packet(Command::stmt_execute, body));
  const Result result = client.read_result();
  EXPECT_EQ(result.error, 1105U) << result.text;
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "0");
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionStatements);

}  // namespace
}  // namespace sluice::proxy
