// What SHOW WARNINGS and its kin give is about the session's own last statement, whoever had its connection since.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class SessionWarnings : public ProxyTest {
 protected:
  void SetUp() override {
    options.workers = 1;
    options.limits.backend_connections_max = 1;
    usable = {false, false, false};
    cluster.root(0).exec("CREATE TABLE app.t (x TINYINT UNIQUE)");
  }

  void one_row() { cluster.root(0).exec("DELETE FROM app.t; INSERT INTO app.t VALUES (7)"); }

  // The answer, packet by packet, with their numbers.
  static std::vector<std::string> packets(RawClient& client, std::string_view sql) {
    client.send(pipelined({query(sql), packet(Command::ping)}));
    std::vector<std::string> all;
    for (auto next = client.read_packet(); next && (all.empty() || client.sequence() != 1);
         next = client.read_packet()) {
      all.push_back(std::to_string(client.sequence()) + ":" + std::string(protocol::as_text(*next)));
    }
    return all;
  }
};

constexpr std::string_view three_warnings = "INSERT IGNORE INTO t VALUES (1000), ('7x'), (7)";

TEST_P(SessionWarnings, AreOnesOwnWhoeverHadTheConnection) {
  start();
  for (const Capabilities more : {Capabilities{0}, Capabilities{cap::deprecate_eof}}) {
    RawClient direct(cluster->node(0).port()), a(port()), b(port());
    for (RawClient* client : {&direct, &a, &b}) log_in(*client, "app", RawClient::ordinary | more);
    for (const std::string_view statement :
         {three_warnings, std::string_view("INSERT INTO t VALUES (7)"),
          std::string_view("SELECT CAST('7x' AS INT), 1/0"), std::string_view("SELECT nobody FROM t")}) {
      for (const char* question : {"SHOW WARNINGS", "show  warnings limit 1;", "SHOW WARNINGS LIMIT 1, 5",
                                   "SHOW WARNINGS LIMIT 1 OFFSET 1", "SHOW WARNINGS LIMIT 0", "SHOW ERRORS",
                                   "SHOW ERRORS LIMIT 1", "SHOW COUNT(*) WARNINGS", "SHOW COUNT( * ) ERRORS"}) {
        one_row();
        direct.run(statement);
        const auto wanted = packets(direct, question);
        one_row();
        a.run(statement);
        ASSERT_EQ(b.run("DO 1").kind, Result::Kind::ok);
        EXPECT_EQ(packets(a, question), wanted) << statement << ": " << question;
        EXPECT_EQ(packets(a, question), wanted) << statement << ": " << question << ", again";
        EXPECT_TRUE(b.run("SHOW WARNINGS").rows.empty());
      }
    }
  }
}

// It is asked by whoever waits already, or comes while it is being read.
TEST_P(SessionWarnings, AreReadWhileOthersWait) {
  start();
  RawClient a(port()), b(port());
  log_in(a);
  log_in(b);
  for (int i = 0; i < 20; ++i) {
    a.send(query(three_warnings));
    b.send(query("DO SLEEP(0.001)"));
    EXPECT_NE(a.read_result().warnings, 0U);
    a.send(query("SHOW WARNINGS"));
    EXPECT_EQ(b.read_result().kind, Result::Kind::ok);
    EXPECT_GE(a.read_result().rows.size(), 2U) << i;
  }
}

TEST_P(SessionWarnings, AreGoneAfterTheNextStatement) {
  start();
  RawClient a(port()), b(port());
  log_in(a);
  log_in(b);
  a.run(three_warnings);
  b.run("DO 1");
  ASSERT_FALSE(a.run("SHOW WARNINGS").rows.empty());
  EXPECT_EQ(a.run("DELETE FROM t").error, 0U);
  EXPECT_TRUE(a.run("SHOW WARNINGS").rows.empty());
  a.run(three_warnings);
  b.run("DO 1");
  a.send(packet(Command::reset_connection));
  EXPECT_EQ(a.read_result().kind, Result::Kind::ok);
  EXPECT_TRUE(a.run("SHOW WARNINGS").rows.empty());
}

// Most often there are none, and any connection can say so.
TEST_P(SessionWarnings, ThatAreNoneAreToldByAnyConnection) {
  start();
  RawClient a(port()), b(port());
  log_in(a);
  log_in(b);
  for (const char* statement : {"DELETE FROM t", "SELECT x FROM t", "SELECT 1", "SET @@sql_mode = ''"}) {
    EXPECT_EQ(a.run(statement).error, 0U);
    EXPECT_NE(b.run(three_warnings).warnings, 0U);
    for (const char* question : {"SHOW WARNINGS", "SHOW ERRORS"}) {
      const Result result = a.run(question);
      EXPECT_EQ(result.kind, Result::Kind::rows) << statement << result.text;
      EXPECT_TRUE(result.rows.empty()) << statement;
    }
    EXPECT_EQ(a.run("SHOW COUNT(*) WARNINGS").value(), "0");
  }
  // A statement without tables leaves those before it, on this server, so that it isn't known.
  a.run(three_warnings);
  a.run("SELECT 1");
  b.run("DO 1");
  EXPECT_EQ(a.run("SHOW WARNINGS").error, 1105U);
  a.run(three_warnings);
  a.run("SELECT x FROM t");
  b.run(three_warnings);
  EXPECT_TRUE(a.run("SHOW WARNINGS").rows.empty());
}

TEST_P(SessionWarnings, CostNothingWhileNobodyNeedsTheConnection) {
  start();
  Sql a = connect();
  const auto questions = [&] {
    return std::stoull(*cluster.root(0).query("SHOW GLOBAL STATUS LIKE 'Com_show_warnings'")[0][1]);
  };
  const auto before = questions();
  for (int i = 0; i < 5; ++i) a.exec("INSERT IGNORE INTO t VALUES (1000)");
  EXPECT_EQ(a.query("SHOW WARNINGS").size(), 2U);
  EXPECT_EQ(questions(), before + 1);
}

// With more text than is kept it is refused, not told in part.
TEST_P(SessionWarnings, OverTheBoundAreRefused) {
  options.limits.diagnostics_per_client_max = 400;
  start();
  RawClient a(port()), b(port());
  log_in(a);
  log_in(b);
  for (const bool fits : {true, false}) {
    a.run(fits ? "INSERT IGNORE INTO t VALUES (1)" : three_warnings);
    a.run(fits ? "INSERT INTO t VALUES (1)" : three_warnings);
    b.run("DO 1");
    const Result result = a.run("SHOW WARNINGS");
    EXPECT_EQ(result.rows.size(), fits ? 1U : 0U);
    EXPECT_EQ(result.error, fits ? 0U : 1105U);
  }
}

TEST_P(SessionWarnings, LostWithTheirConnectionAreNotMadeUp) {
  start();
  RawClient a(port());
  log_in(a);
  a.run(three_warnings);
  Sql root = cluster.root(0);
  const auto theirs = root.query("SELECT id FROM information_schema.processlist WHERE user = '" + user() + "'");
  ASSERT_EQ(theirs.size(), 1U);
  root.exec("KILL " + *theirs[0][0]);
  ASSERT_TRUE(await([&] { return report().pools.at(0).kept == 0; }));
  EXPECT_EQ(a.run("SHOW WARNINGS").error, 1105U);
  EXPECT_EQ(a.run("SELECT 1").value(), "1");
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionWarnings);

}  // namespace
}  // namespace sluice::proxy
