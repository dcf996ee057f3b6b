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

  void begin() {
    start();
    for (auto* client : {&a, &b}) {
      *client = std::make_unique<RawClient>(port());
      log_in(**client);
    }
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

  std::unique_ptr<RawClient> a, b;
};

constexpr std::string_view three_warnings = "INSERT IGNORE INTO t VALUES (1000), ('7x'), (7)";

TEST_P(SessionWarnings, AreOnesOwnWhoeverHadTheConnection) {
  start();
  for (const Capabilities more : {Capabilities{0}, Capabilities{cap::deprecate_eof}}) {
    RawClient direct(cluster->node(0).port()), own(port()), other(port());
    for (RawClient* client : {&direct, &own, &other}) log_in(*client, "app", RawClient::ordinary | more);
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
        own.run(statement);
        ASSERT_EQ(other.run("DO 1").kind, Result::Kind::ok);
        EXPECT_EQ(packets(own, question), wanted) << statement << ": " << question;
        EXPECT_EQ(packets(own, question), wanted) << statement << ": " << question << ", again";
        EXPECT_TRUE(other.run("SHOW WARNINGS").rows.empty());
      }
    }
  }
}

// It is asked by whoever waits already, or comes while it is being read.
TEST_P(SessionWarnings, AreReadWhileOthersWait) {
  begin();
  for (const bool goes_on_at_once : {true, false}) {
    Sql root = cluster.root(0);
    root.exec("LOCK TABLES app.t WRITE");
    a->send(goes_on_at_once ? pipelined({query(three_warnings), query("SHOW WARNINGS")}) : query(three_warnings));
    ASSERT_TRUE(await_state("running"));
    b->send(query("DO 1"));
    ASSERT_TRUE(await_state("waiting"));
    root.exec("UNLOCK TABLES");
    EXPECT_NE(a->read_result().warnings, 0U);
    EXPECT_EQ(b->read_result().kind, Result::Kind::ok);
    if (!goes_on_at_once) a->send(query("SHOW WARNINGS"));
    EXPECT_GE(a->read_result().rows.size(), 2U);
  }
}

// An earlier one's stay over a statement without tables, and its last result doesn't tell.
TEST_P(SessionWarnings, OfAnEarlierStatementOfTheTextAreNotDenied) {
  begin();
  one_row();
  const std::string text = std::string(three_warnings) + "; SELECT 1";
  a->send(query(text));
  EXPECT_EQ(a->read_results().size(), 2U);
  EXPECT_GE(a->run("SHOW WARNINGS").rows.size(), 2U);
  a->send(query(text));
  EXPECT_EQ(a->read_results().size(), 2U);
  b->run("DO 1");
  EXPECT_GE(a->run("SHOW WARNINGS").rows.size(), 2U);
  EXPECT_TRUE(b->run("SHOW WARNINGS").rows.empty());
}

// Nor taken for another's where the text asks for them itself.
TEST_P(SessionWarnings, AskedForInTheSameTextAreStillThere) {
  begin();
  one_row();
  a->send(query(std::string(three_warnings) + "; SHOW WARNINGS LIMIT 1"));
  const auto results = a->read_results();
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[1].rows.size(), 1U);
  EXPECT_TRUE(b->run("SHOW WARNINGS").rows.empty());
  EXPECT_GE(a->run("SHOW WARNINGS").rows.size(), 2U);
}

TEST_P(SessionWarnings, AskedForByATextOfSeveralTheyStay) {
  begin();
  one_row();
  a->run(three_warnings);
  a->send(query("SHOW WARNINGS; SELECT 1"));
  EXPECT_EQ(a->read_results().size(), 2U);
  b->run("DO 1");
  EXPECT_GE(a->run("SHOW WARNINGS").rows.size(), 2U);
}

TEST_P(SessionWarnings, OfATextWhoseLastStatementClearedThemThereAreNone) {
  begin();
  one_row();
  a->send(query(std::string(three_warnings) + "; SELECT x FROM t"));
  EXPECT_EQ(a->read_results().size(), 2U);
  b->run("DO 1");
  const Result shown = a->run("SHOW WARNINGS");
  EXPECT_EQ(shown.kind, Result::Kind::rows);
  EXPECT_TRUE(shown.rows.empty());
}

// The client does not take several statements any more; the connection still does.
TEST_P(SessionWarnings, AndCountsAreNotAskedOnAConnectionWithOtherFlags) {
  begin();
  one_row();
  a->run("UPDATE t SET x = 8");
  a->send(packet(Command::set_option, std::string_view("\1\0", 2)));
  EXPECT_NE(a->read_result().kind, Result::Kind::error);
  EXPECT_EQ(a->run("SELECT ROW_COUNT(); DELETE FROM t").error, 1105U);
  EXPECT_EQ(b->run("SELECT x FROM t").value(), "8");
}

TEST_P(SessionWarnings, AreGoneAfterTheNextStatement) {
  begin();
  a->run(three_warnings);
  b->run("DO 1");
  ASSERT_FALSE(a->run("SHOW WARNINGS").rows.empty());
  EXPECT_EQ(a->run("DELETE FROM t").error, 0U);
  EXPECT_TRUE(a->run("SHOW WARNINGS").rows.empty());
  a->run(three_warnings);
  b->run("DO 1");
  a->send(packet(Command::reset_connection));
  EXPECT_EQ(a->read_result().kind, Result::Kind::ok);
  EXPECT_TRUE(a->run("SHOW WARNINGS").rows.empty());
}

// Most often there are none, and any connection can say so.
TEST_P(SessionWarnings, ThatAreNoneAreToldByAnyConnection) {
  begin();
  for (const char* statement : {"DELETE FROM t", "SELECT x FROM t", "SELECT 1", "SET @@sql_mode = ''"}) {
    EXPECT_EQ(a->run(statement).error, 0U);
    EXPECT_NE(b->run(three_warnings).warnings, 0U);
    for (const char* question : {"SHOW WARNINGS", "SHOW ERRORS"}) {
      const Result result = a->run(question);
      EXPECT_EQ(result.kind, Result::Kind::rows) << statement << result.text;
      EXPECT_TRUE(result.rows.empty()) << statement;
    }
    EXPECT_EQ(a->run("SHOW COUNT(*) WARNINGS").value(), "0");
  }
  // A statement without tables leaves those before it, on this server, so that it isn't known.
  a->run(three_warnings);
  a->run("SELECT 1");
  b->run("DO 1");
  EXPECT_EQ(a->run("SHOW WARNINGS").error, 1105U);
  a->run(three_warnings);
  a->run("SELECT x FROM t");
  b->run(three_warnings);
  EXPECT_TRUE(a->run("SHOW WARNINGS").rows.empty());
}

TEST_P(SessionWarnings, CostNothingWhileNobodyNeedsTheConnection) {
  start();
  Sql sql = connect();
  const auto questions = [&] {
    return std::stoull(*cluster.root(0).query("SHOW GLOBAL STATUS LIKE 'Com_show_warnings'")[0][1]);
  };
  const auto before = questions();
  for (int i = 0; i < 5; ++i) sql.exec("INSERT IGNORE INTO t VALUES (1000)");
  EXPECT_EQ(sql.query("SHOW WARNINGS").size(), 2U);
  EXPECT_EQ(questions(), before + 1);
}

// With more text than is kept it is refused, not told in part.
TEST_P(SessionWarnings, OverTheBoundAreRefused) {
  options.limits.diagnostics_per_client_max = 400;
  begin();
  for (const bool fits : {true, false}) {
    a->run(fits ? "INSERT IGNORE INTO t VALUES (1)" : three_warnings);
    a->run(fits ? "INSERT INTO t VALUES (1)" : three_warnings);
    b->run("DO 1");
    const Result result = a->run("SHOW WARNINGS");
    EXPECT_EQ(result.rows.size(), fits ? 1U : 0U);
    EXPECT_EQ(result.error, fits ? 0U : 1105U);
  }
}

TEST_P(SessionWarnings, LostWithTheirConnectionAreNotMadeUp) {
  begin();
  a->run(three_warnings);
  Sql root = cluster.root(0);
  const auto theirs = root.query("SELECT id FROM information_schema.processlist WHERE user = '" + user() + "'");
  ASSERT_EQ(theirs.size(), 1U);
  root.exec("KILL " + *theirs[0][0]);
  ASSERT_TRUE(await([&] { return report().pools.at(0).kept == 0; }));
  EXPECT_EQ(a->run("SHOW WARNINGS").error, 1105U);
  EXPECT_EQ(a->run("SELECT 1").value(), "1");
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionWarnings);

}  // namespace
}  // namespace sluice::proxy
