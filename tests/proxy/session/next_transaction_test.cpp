// What waits on a server connection for the session's next transaction: SET TRANSACTION, and savepoints set before
// anything is read or written. It is for that session, and for nobody else.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class NextTransaction : public ProxyTest {
 protected:
  void SetUp() override {
    options.workers = 1;
    options.limits.backend_connections_max = 2;
    usable = {false, false, false};
    cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY)");
    start();
  }
  static constexpr unsigned read_only_transaction = 1792;

  [[nodiscard]] std::string tie_of(std::uint32_t id) {
    for (const auto& row : report().sessions)
      if (row.id == id) return row.pin;
    return "no such session";
  }
  // A read-only transaction is to come, set by `statements`: the other client's writes are its own business, and
  // nothing but a transaction of the first one's uses it up.
  void expect_read_only_next(std::initializer_list<const char*> statements) {
    RawClient a(port());
    log_in(a);
    for (const char* statement : statements) {
      Result result = a.run(statement);
      while ((result.status & protocol::status::more_results) != 0) result = a.read_result();
    }
    for (const char* statement : {"SELECT 1", "DO 1", "nonsense", "SET @@sql_mode=''", "USE app"}) {
      a.run(statement);
      Sql b = connect();
      b.exec("INSERT INTO t VALUES (" + std::to_string(++next_id_) + ")");
    }
    EXPECT_EQ(tie_of(a.greeting.connection_id), "SET TRANSACTION");
    EXPECT_EQ(a.run("BEGIN").error, 0U);
    EXPECT_EQ(a.run("INSERT INTO t VALUES (1)").error, read_only_transaction);
    EXPECT_EQ(a.run("COMMIT").error, 0U);
    EXPECT_EQ(tie_of(a.greeting.connection_id), "");
    EXPECT_EQ(a.run("INSERT INTO t VALUES (" + std::to_string(++next_id_) + ")").error, 0U);
  }

 private:
  int next_id_ = 1000;
};

TEST_P(NextTransaction, IsReadOnlyForTheSessionThatSaidSo) {
  expect_read_only_next({"SET TRANSACTION READ ONLY"});
  expect_read_only_next({"SET @@tx_read_only = 1"});
  expect_read_only_next({"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"});
}

TEST_P(NextTransaction, AlsoWhenALaterStatementOfTheTextFails) {
  expect_read_only_next({"SET TRANSACTION READ ONLY; SELECT * FROM no_such_table"});
  expect_read_only_next({"SET TRANSACTION READ ONLY; SELECT * FROM no_such_table; BEGIN"});
}

TEST_P(NextTransaction, CommitAndRollbackWithoutATransactionEndIt) {
  for (const char* end : {"ROLLBACK", "COMMIT"}) {
    RawClient a(port());
    log_in(a);
    a.run("SET TRANSACTION READ ONLY");
    EXPECT_EQ(a.run(end).error, 0U);
    EXPECT_EQ(tie_of(a.greeting.connection_id), "") << end;
    EXPECT_EQ(a.run("BEGIN").error, 0U);
    EXPECT_EQ(a.run("REPLACE INTO t VALUES (1)").error, 0U) << end;
    EXPECT_EQ(a.run("COMMIT").error, 0U);
  }
}

// The server keeps what the last one was for the one after it.
TEST_P(NextTransaction, IsAsTheLastOneWasThatAutocommitEnded) {
  RawClient a(port());
  log_in(a);
  for (const char* begin : {"SET TRANSACTION READ ONLY", "SET @@tx_read_only=1", "START TRANSACTION READ ONLY"}) {
    for (const char* text : {begin, "SET autocommit=0", "SELECT * FROM t", "SET autocommit=1"}) {
      EXPECT_NE(a.run(text).kind, Result::Kind::error) << text;
    }
    EXPECT_EQ(tie_of(a.greeting.connection_id), "SET TRANSACTION") << begin;
    Sql b = connect();
    EXPECT_EQ(error_of([&] { b.exec("REPLACE INTO t VALUES (1)"); }), 0U) << begin;
    EXPECT_EQ(a.run("REPLACE INTO t VALUES (1)").error, read_only_transaction) << begin;
    EXPECT_EQ(a.run("COMMIT").error, 0U);
  }
}

TEST_P(NextTransaction, HasTheSavepointThatWasSetBeforeIt) {
  RawClient a(port());
  log_in(a);
  a.run("SET autocommit=0");
  EXPECT_EQ(a.run("SAVEPOINT s").error, 0U);
  EXPECT_EQ(tie_of(a.greeting.connection_id), "savepoint");
  Sql b = connect();
  b.exec("SELECT 1");
  EXPECT_EQ(a.run("DO 1").error, 0U);
  EXPECT_EQ(tie_of(a.greeting.connection_id), "savepoint");
  b.exec("SELECT 1");
  EXPECT_EQ(a.run("INSERT INTO t VALUES (1)").error, 0U);
  EXPECT_EQ(a.run("ROLLBACK TO s").error, 0U);
  EXPECT_EQ(a.run("COMMIT").error, 0U);
  EXPECT_EQ(tie_of(a.greeting.connection_id), "");
  EXPECT_EQ(b.value("SELECT COUNT(*) FROM t"), "0");
  for (const char* end : {"ROLLBACK", "SET autocommit=1"}) {
    EXPECT_EQ(a.run("SAVEPOINT s").error, 0U);
    EXPECT_EQ(tie_of(a.greeting.connection_id), "savepoint");
    EXPECT_EQ(a.run(end).error, 0U);
    EXPECT_EQ(tie_of(a.greeting.connection_id), "") << end;
  }
  EXPECT_EQ(a.run("SAVEPOINT s").error, 0U);
  EXPECT_EQ(tie_of(a.greeting.connection_id), "") << "in autocommit mode it is nothing";
}

SLUICE_PROXY_ON_BOTH_LOOPS(NextTransaction);

}  // namespace
}  // namespace sluice::proxy
