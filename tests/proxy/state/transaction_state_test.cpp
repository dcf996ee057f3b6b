// proxy/state/transaction_state: which statements, with which answers, keep a session on its connection.
#include "proxy/state/transaction_state.hpp"

#include <gtest/gtest.h>

#include "protocol/status.hpp"

namespace sluice::proxy {
namespace {

// A session's statements, each with what the server said to it.
class Session {
 public:
  Session& ok(std::string_view sql, bool in_transaction = false) {
    StatementOutcome outcome;
    outcome.status = static_cast<protocol::StatusFlags>(in_transaction ? protocol::status::in_transaction : 0);
    return apply(sql, outcome);
  }
  // Without a status, as it comes.
  Session& error(std::string_view sql, bool statement_only = true) {
    StatementOutcome outcome;
    outcome.error = true;
    outcome.statement_only = statement_only;
    return apply(sql, outcome);
  }
  Session& unparsed(std::string_view sql) {
    StatementOutcome outcome;
    outcome.error = outcome.nothing_ran = outcome.statement_only = true;
    return apply(sql, outcome);
  }
  Session& autocommit(bool on) {
    autocommit_ = on;
    return ok(on ? "SET autocommit=1" : "SET autocommit=0");
  }
  [[nodiscard]] std::string ties() const { return state_.reasons(); }
  [[nodiscard]] const TransactionState& state() const { return state_; }

 private:
  Session& apply(std::string_view sql, StatementOutcome outcome) {
    outcome.autocommit = autocommit_;
    const auto effect = router::classify(sql, {});
    state_.apply(&effect, outcome);
    EXPECT_EQ(state_.ties(), !state_.reasons().empty());
    return *this;
  }

  TransactionState state_;
  bool autocommit_ = true;
};

const std::string pending = "SET TRANSACTION";

TEST(TransactionState, ATransactionTiesUntilAServerSaysThatItIsOver) {
  Session session;
  EXPECT_EQ(session.ok("SELECT 1").ties(), "");
  EXPECT_EQ(session.ok("BEGIN", true).ties(), "transaction");
  EXPECT_EQ(session.error("INSERT INTO t VALUES (1)").ties(), "transaction");
  EXPECT_FALSE(session.state().may_have_committed());
  EXPECT_EQ(session.error("INSERT INTO t VALUES (1)", false).ties(), "transaction");
  EXPECT_TRUE(session.state().may_have_committed());
  EXPECT_EQ(session.ok("COMMIT").ties(), "");
  EXPECT_FALSE(session.state().may_have_committed());
}

TEST(TransactionState, ReadOnlyOnesAreKnown) {
  Session session;
  session.ok("START TRANSACTION READ ONLY", true);
  EXPECT_TRUE(session.state().read_only());
  EXPECT_FALSE(session.ok("BEGIN", true).state().read_only());
  session.ok("START TRANSACTION READ ONLY", true);
  EXPECT_FALSE(session.ok("COMMIT").state().read_only());
  EXPECT_FALSE(session.error("START TRANSACTION READ ONLY").state().read_only());
}

TEST(TransactionState, AnErrorMayHideOne) {
  const std::string unsure = "transaction state unknown after an error";
  EXPECT_EQ(Session().error("CALL p()").ties(), unsure);
  EXPECT_EQ(Session().error("INSERT INTO t VALUES (1)").ties(), "");
  EXPECT_EQ(Session().autocommit(false).error("INSERT INTO t VALUES (1)").ties(), unsure);
  EXPECT_EQ(Session().unparsed("CALL p(").ties(), "");
  EXPECT_EQ(Session().error("CALL p()").ok("SELECT 1").ties(), "");
}

TEST(TransactionState, WhatTheNextOneShallBeWaitsForIt) {
  for (const char* set : {"SET TRANSACTION READ ONLY", "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED",
                          "SET @@tx_isolation='SERIALIZABLE'", "SET @@transaction_read_only=1"}) {
    EXPECT_EQ(Session().ok(set).ties(), pending) << set;
    EXPECT_EQ(Session().ok(set).ok("SELECT 1").error("nonsense").ok("DO 1").ok("USE app").ties(), pending) << set;
    EXPECT_EQ(Session().ok(set).ok("BEGIN", true).ties(), "transaction, " + pending) << set;
    EXPECT_EQ(Session().ok(set).ok("BEGIN", true).ok("COMMIT").ties(), "") << set;
    EXPECT_EQ(Session().ok(set).ok("ROLLBACK").ties(), "") << set;
    EXPECT_EQ(Session().ok(set).ok("CREATE TABLE t (x INT)").ties(), "") << set;
    EXPECT_EQ(Session().unparsed(set).ties(), "") << set;
  }
  for (const char* set : {"SET SESSION TRANSACTION READ ONLY", "SET tx_isolation='SERIALIZABLE'",
                          "SET @@session.tx_read_only=1", "SET GLOBAL TRANSACTION READ ONLY"})
    EXPECT_EQ(Session().ok(set).ties(), "") << set;
}

TEST(TransactionState, WhatOneWasTheNextIsWhenItEndedWithoutCommitOrRollback) {
  Session session;
  session.ok("SET TRANSACTION READ ONLY").autocommit(false).ok("SELECT * FROM t", true);
  EXPECT_EQ(session.autocommit(true).ties(), pending);
  EXPECT_EQ(session.ok("BEGIN", true).ok("COMMIT").ties(), "");
  session.ok("START TRANSACTION READ ONLY", true);
  EXPECT_EQ(session.ok("SET autocommit=1").ties(), pending);
  EXPECT_EQ(session.ok("ROLLBACK").ties(), "");
  session.autocommit(false).ok("SELECT * FROM t", true);
  EXPECT_EQ(session.autocommit(true).ties(), "") << "an ordinary one leaves nothing";
  EXPECT_EQ(Session().ok("START TRANSACTION READ ONLY; SELECT * FROM t; SET autocommit=1").ties(), pending);
  EXPECT_EQ(Session().ok("START TRANSACTION READ ONLY; SELECT * FROM t", true).ok("COMMIT").ties(), "");
  EXPECT_EQ(Session().ok("SET TRANSACTION READ ONLY").ok("XA START 'x'", true).ok("XA COMMIT 'x' ONE PHASE").ties(),
            "");
}

TEST(TransactionState, SoItDoesWhateverElseIsInTheText) {
  EXPECT_EQ(Session().error("SET TRANSACTION READ ONLY; SELECT * FROM nowhere").ties(),
            "transaction state unknown after an error, " + pending);
  EXPECT_EQ(Session().ok("SET TRANSACTION READ ONLY; BEGIN", true).ok("COMMIT").ties(), "");
  // In which order they were, isn't looked at.
  EXPECT_EQ(Session().ok("SET TRANSACTION READ ONLY; BEGIN; COMMIT").ties(), pending);
}

TEST(TransactionState, ASavepointBeforeTheTransaction) {
  Session session;
  EXPECT_EQ(session.ok("SAVEPOINT s").ties(), "");
  EXPECT_EQ(session.autocommit(false).ok("SAVEPOINT s").ties(), "savepoint");
  EXPECT_TRUE(session.state().open());
  EXPECT_EQ(session.ok("DO 1").ok("ROLLBACK TO s").ok("RELEASE SAVEPOINT s").ties(), "savepoint");
  EXPECT_EQ(session.ok("INSERT INTO t VALUES (1)", true).ties(), "transaction, savepoint");
  EXPECT_EQ(session.ok("COMMIT").ties(), "");
  EXPECT_EQ(session.ok("SAVEPOINT s").ok("ROLLBACK").ties(), "");
  EXPECT_EQ(session.ok("SAVEPOINT s").ok("CREATE TABLE t (x INT)").ties(), "");
  EXPECT_EQ(session.ok("SAVEPOINT s").autocommit(true).ties(), "");
  EXPECT_EQ(Session().autocommit(false).ok("INSERT INTO t VALUES (1)", true).ok("SAVEPOINT s", true).ties(),
            "transaction");
}

TEST(TransactionState, ForgottenIsForgotten) {
  TransactionState state;
  const auto effect = router::classify("SET TRANSACTION READ ONLY", {});
  state.apply(&effect, {.status = protocol::StatusFlags{0}});
  EXPECT_TRUE(state.ties());
  state.forget();
  EXPECT_FALSE(state.ties());
}

}  // namespace
}  // namespace sluice::proxy
