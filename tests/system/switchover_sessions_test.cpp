// What sessions see of a planned change of leader that are in the middle of something: the rows of the table in
// docs/switchover.md.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "support/sizes.hpp"
#include "system/leader_change_test.hpp"
#include "system/prepared.hpp"

namespace sluice::test {
namespace {

class SwitchoverSessionsTest : public LeaderChangeTest {
 protected:
  // Long enough for what ends by itself, and over soon where nothing does.
  [[nodiscard]] Settings short_drain() const { return patient({}, "200ms"); }

  // `statement` as it runs on that server; ends it there.
  [[nodiscard]] bool runs(std::size_t node, const std::string& statement) {
    return cluster_.root(node).value("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '" +
                                     statement + "%'") == "1";
  }
  void end(std::size_t node, const std::string& statement) {
    Sql root = cluster_.root(node);
    root.exec("KILL QUERY " +
              root.value("SELECT id FROM information_schema.processlist WHERE info LIKE '" + statement + "%'"));
  }
  static constexpr unsigned ended_by_the_test = 1317;
  [[nodiscard]] Outcome outcome_of_own(const std::string& statement) const {
    Sql session = client();
    return outcome_of(session, statement);
  }
  void only_reads_from(std::size_t node) {
    Sql admin = this->admin();
    for (const std::size_t other : {1U, 2U}) {
      if (other != node) admin.exec("MAINTENANCE ON '" + server_name(other) + "'");
    }
    await_routing();
  }
  // The change was taken back, and told that this was in its way; all is as before.
  void expect_taken_back(const Outcome& outcome, const std::string& why) {
    EXPECT_EQ(outcome.code, 1105U) << outcome;
    EXPECT_NE(outcome.text.find(why), std::string::npos) << outcome;
    EXPECT_EQ(last_change("state"), "rolled back");
    EXPECT_EQ(writable(), (std::set<std::size_t>{0}));
    EXPECT_EQ(leader_name(), server_name(0));
    client().exec("INSERT INTO t VALUES (1000)");
  }
  // What `statement` tied the session to the leader with, which `tie` names, is lost; it is told so once, and works on.
  void expect_lost_and_told(Sql& session, const std::string& statement, const std::string& tie) {
    session.exec(statement);
    const Outcome outcome = switch_to(1);
    EXPECT_EQ(outcome.code, 0U) << outcome;
    const Outcome told = outcome_of(session, "INSERT INTO t VALUES (1)");
    EXPECT_EQ(told.code, 1927U) << told;
    EXPECT_NE(told.text.find(tie), std::string::npos) << told;
    session.exec("INSERT INTO t VALUES (2)");
    EXPECT_EQ(session.value("SELECT COUNT(*) FROM t WHERE id < 10"), "1");
  }
};

TEST_P(SwitchoverSessionsTest, ATemporaryTableIsLostAndTold) {
  start(patient());
  Sql session = client();
  expect_lost_and_told(session, "CREATE TEMPORARY TABLE own (x INT)", "temporary_table");
}

TEST_P(SwitchoverSessionsTest, AUserLockIsLostAndTold) {
  start(patient());
  Sql session = client();
  expect_lost_and_told(session, "SELECT GET_LOCK('mine', 0)", "user_lock");
  await_that("the old leader lets it go", [&] { return cluster_.root(0).value("SELECT IS_FREE_LOCK('mine')") == "1"; });
  EXPECT_EQ(session.value("SELECT GET_LOCK('mine', 0)"), "1") << "the new leader gives it anew";
}

TEST_P(SwitchoverSessionsTest, AUserVariableIsLostAndTold) {
  start(patient());
  Sql session = client();
  expect_lost_and_told(session, "SET @x = 7", "user_variable");
}

TEST_P(SwitchoverSessionsTest, WhatTravelsIsThere) {
  start(patient());
  Sql session = client();
  session.exec("SET SESSION sql_mode = 'ANSI_QUOTES'");
  session.exec("SET NAMES latin1");
  session.exec("INSERT INTO t VALUES (5)");
  Prepared insert(session, "INSERT INTO t VALUES (6)");
  EXPECT_EQ(switch_to(1).code, 0U);
  insert.run();
  EXPECT_EQ(session.value("SELECT CONCAT(@@sql_mode, ' ', @@character_set_client)"), "ANSI_QUOTES latin1");
  EXPECT_EQ(session.value("SELECT COUNT(*) FROM t"), "2");
}

TEST_P(SwitchoverSessionsTest, ALongReadOnTheLeaderGoesOnAndTheChangeIsTakenBack) {
  start(short_drain());
  const std::string statement = "SELECT SLEEP(3000) FOR UPDATE";  // for the leader
  auto reading = std::async(std::launch::async, [&] { return outcome_of_own(statement); });
  await_that("it runs", [&] { return runs(0, statement); });
  expect_taken_back(switch_to(1), "1 statement in flight");
  EXPECT_TRUE(runs(0, statement));
  end(0, statement);
  EXPECT_EQ(reading.get().code, ended_by_the_test);
}

TEST_P(SwitchoverSessionsTest, ALongReadOnTheCandidateGoesOn) {
  start(patient());
  only_reads_from(1);
  const std::string statement = "SELECT SLEEP(3000)";
  auto reading = std::async(std::launch::async, [&] { return outcome_of_own(statement); });
  await_that("it runs", [&] { return runs(1, statement); });
  const Outcome outcome = switch_to(1);
  EXPECT_EQ(outcome.code, 0U) << outcome;
  EXPECT_TRUE(runs(1, statement));
  end(1, statement);
  EXPECT_EQ(reading.get().code, ended_by_the_test);
}

// The server reads a pipe, and waits for what comes.
TEST_P(SwitchoverSessionsTest, ALoadOfDataGoesOnAndTheChangeIsTakenBack) {
  const std::string account = "'" + std::string(demo::app_user) + "'@'%'";
  const auto pipe = cluster_->node(0).folder() / "load";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0666), 0);
  ASSERT_EQ(::chmod(pipe.c_str(), 0666), 0);
  cluster_.root(0).exec("GRANT FILE ON *.* TO " + account);
  start(short_drain());
  auto loading = std::async(std::launch::async,
                            [&] { return outcome_of_own("LOAD DATA INFILE '" + pipe.string() + "' INTO TABLE t"); });
  await_that("it runs", [&] { return runs(0, "LOAD DATA"); });
  expect_taken_back(switch_to(1), "1 statement in flight");
  std::ofstream(pipe) << "7\n8\n";
  EXPECT_EQ(loading.get().code, 0U);
  EXPECT_EQ(client().value("SELECT COUNT(*) FROM t WHERE id IN (7, 8) FOR UPDATE"), "2");
  cluster_.root(0).exec("REVOKE FILE ON *.* FROM " + account);
  std::filesystem::remove(pipe);
}

// A client that has read the beginning of a long result, and reads on after the change.
class ResultInProgress {
 public:
  static constexpr std::uint64_t rows = sized(4096U, 512U);

  ResultInProgress(Sql session, const std::string& end) : session_(std::move(session)) {
    const std::string query = "SELECT REPEAT('x', 65536) FROM seq_1_to_" + std::to_string(rows) + end;
    EXPECT_EQ(mysql_real_query(session_.raw(), query.data(), query.size()), 0) << mysql_error(session_.raw());
    result_ = mysql_use_result(session_.raw());
    EXPECT_NE(mysql_fetch_row(result_), nullptr);
  }
  ~ResultInProgress() { mysql_free_result(result_); }
  ResultInProgress(const ResultInProgress&) = delete;
  ResultInProgress& operator=(const ResultInProgress&) = delete;

  std::uint64_t read_rest() {
    std::uint64_t read = 1;
    while (MYSQL_ROW row = mysql_fetch_row(result_))
      read += mysql_fetch_lengths(result_)[0] == 65536 && row[0][0] == 'x';
    EXPECT_EQ(mysql_errno(session_.raw()), 0U) << mysql_error(session_.raw());
    return read;
  }

 private:
  Sql session_;
  MYSQL_RES* result_ = nullptr;
};

TEST_P(SwitchoverSessionsTest, AResultFromTheLeaderIsReadToItsEndAndTheChangeIsTakenBack) {
  start(short_drain());
  ResultInProgress result(client(), " FOR UPDATE");
  expect_taken_back(switch_to(1), "1 statement in flight");
  EXPECT_EQ(result.read_rest(), ResultInProgress::rows);
}

TEST_P(SwitchoverSessionsTest, AResultFromTheCandidateIsReadToItsEnd) {
  start(patient());
  only_reads_from(1);
  ResultInProgress result(client(), "");
  const Outcome outcome = switch_to(1);
  EXPECT_EQ(outcome.code, 0U) << outcome;
  EXPECT_EQ(result.read_rest(), ResultInProgress::rows);
}

TEST_P(SwitchoverSessionsTest, APreparedXaTransactionIsWaitedForAndTheChangeTakenBack) {
  start(short_drain());
  Sql session = client();
  for (const char* statement : {"XA START 'a'", "INSERT INTO t VALUES (1)", "XA END 'a'", "XA PREPARE 'a'"})
    session.exec(statement);
  expect_taken_back(switch_to(1), "1 transaction");
  session.exec("XA COMMIT 'a'");
  EXPECT_EQ(switch_to(1).code, 0U);
  EXPECT_EQ(client().value("SELECT COUNT(*) FROM t WHERE id = 1"), "1");
}

TEST_P(SwitchoverSessionsTest, AnOpenTransactionThatEndsInTimeSeesNothing) {
  start(patient());
  Sql session = client();
  session.exec("BEGIN");
  session.exec("INSERT INTO t VALUES (1)");
  auto change = std::async(std::launch::async, [&] { return switch_to(1); });
  await_that("it is waited for", [&] { return admin_value("SELECT state FROM gates") == "settling"; });
  session.exec("INSERT INTO t VALUES (2)");
  session.exec("COMMIT");
  const Outcome outcome = change.get();
  EXPECT_EQ(outcome.code, 0U) << outcome;
  EXPECT_EQ(session.value("SELECT COUNT(*) FROM t"), "2");
}

INSTANTIATE_TEST_SUITE_P(Loops, SwitchoverSessionsTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
