// A leader that is made read-only before the routing table says so.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class ReadOnlyLeader : public ProxyTest {
 protected:
  void SetUp() override {
    options.on_suspect = [this](std::uint32_t /*cluster*/, std::uint32_t server) {
      suspects_ |= 1U << server;
      if (on_refusal_) on_refusal_();
    };
    cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x INT UNIQUE)");
    cluster->await_replicated();
  }
  void refuse_writes(bool on) { cluster->set_read_only(0, on); }
  [[nodiscard]] bool await_holding(std::size_t n) {
    return await([&] {
      std::size_t holding = 0;
      for (const auto& row : report().sessions) holding += row.state.starts_with("holding") ? 1 : 0;
      return holding == n;
    });
  }
  std::atomic<std::uint32_t> suspects_{0};
  // Called on a worker's thread, which goes on when it returns: a refused statement is asked again a few times within a
  // second, and what is to end that must not come too late. To be set before `start`.
  std::function<void()> on_refusal_;
};

TEST_P(ReadOnlyLeader, AWriteWaitsForTheNewOne) {
  options.limits.hold_max_ms = test::never_ms;  // longer than the promotion may take
  std::atomic<bool> published{false};
  on_refusal_ = [&] { published.wait(false); };
  start();
  RawClient text(port()), modern(port()), binary(port()), keeper(port()), beginner(port());
  for (RawClient* client : {&text, &binary, &keeper, &beginner}) log_in(*client);
  log_in(modern, "app", RawClient::ordinary | cap::deprecate_eof);  // its answers pass as they are
  const std::uint32_t id = binary.prepare("INSERT INTO t (x) VALUES (?)");
  ASSERT_NE(id, 0U);
  ASSERT_EQ(keeper.run("INSERT INTO t (x) VALUES (1)").last_insert_id, 1U);
  refuse_writes(true);
  text.send(query("INSERT INTO t (x) VALUES (2)"));
  modern.send(query("INSERT INTO t (x) VALUES (3)"));
  binary.send(execute(id, {"4"}, true));
  keeper.send(query("INSERT INTO t (x) SELECT 10 + LAST_INSERT_ID()"));
  beginner.send(query("START TRANSACTION READ WRITE"));
  EXPECT_TRUE(await([&] { return suspects_ != 0; }));
  proxy->publish(snapshot(std::nullopt));  // as the monitor does when it has looked; the worker stands still
  published = true;
  published.notify_all();
  ASSERT_TRUE(await_holding(5));
  EXPECT_EQ(suspects_, 1U);
  cluster->promote(1);
  usable = {false, false, true};
  publish(1);
  EXPECT_EQ(text.read_result().affected, 1U);
  EXPECT_EQ(modern.read_result().affected, 1U);
  EXPECT_EQ(binary.read_result().affected, 1U);
  EXPECT_EQ(keeper.read_result().affected, 1U);
  EXPECT_NE(beginner.read_result().status & protocol::status::in_transaction, 0);
  EXPECT_EQ(beginner.run("INSERT INTO t (x) VALUES (5)").affected, 1U);
  EXPECT_EQ(beginner.run("COMMIT").error, 0U);
  EXPECT_EQ(cluster.root(1).value("SELECT GROUP_CONCAT(x ORDER BY x) FROM app.t"), "1,2,3,4,5,11");
}

TEST_P(ReadOnlyLeader, TheSameOneIsAskedAgainWithoutASnapshot) {
  on_refusal_ = [&] { cluster.root(0).exec("SET GLOBAL read_only = 0"); };  // either worker, each by its own connection
  start();
  RawClient client(port()), modern(port());
  log_in(client);
  log_in(modern, "app", RawClient::ordinary | cap::deprecate_eof);
  const std::uint32_t id = client.prepare("INSERT INTO t (x) VALUES (?)");
  ASSERT_NE(id, 0U);
  std::uint64_t refusals = 0;
  const auto run_refused = [&](RawClient& who, const ByteBuffer& command) {
    refuse_writes(true);
    who.send(command);
    const Result result = who.read_result();
    EXPECT_EQ(counters().read_only_refusals, ++refusals);
    return result;
  };
  EXPECT_EQ(run_refused(client, query("INSERT INTO t (x) VALUES (1)")).affected, 1U);
  EXPECT_EQ(run_refused(modern, query("REPLACE INTO t (x) VALUES (2)")).affected, 1U);
  EXPECT_EQ(run_refused(client, execute(id, {"3"}, true)).affected, 1U);
  EXPECT_EQ(run_refused(client, query("UPDATE t SET x = 10 + LAST_INSERT_ID() WHERE x = 3")).affected, 1U);
  EXPECT_EQ(run_refused(client, query("DELETE FROM t WHERE x = 1")).affected, 1U);
  EXPECT_EQ(run_refused(client, query("CREATE TABLE u (x INT)")).error, 0U);
  EXPECT_NE(run_refused(client, query("START TRANSACTION READ WRITE")).status & protocol::status::in_transaction, 0);
  EXPECT_EQ(client.run("ROLLBACK").error, 0U);
  EXPECT_EQ(cluster.root(0).value("SELECT GROUP_CONCAT(x ORDER BY x) FROM app.t"), "2,13");
}

TEST_P(ReadOnlyLeader, TheErrorIsPassedOnAfterSomeTries) {
  start();
  RawClient client(port());
  log_in(client);
  refuse_writes(true);
  const Result refused = client.run("INSERT INTO t (x) VALUES (1)");
  EXPECT_EQ(refused.error, 1290U) << refused.text;
  EXPECT_EQ(client.sequence(), 1U);
  EXPECT_EQ(counters().read_only_refusals, 3U);
  refuse_writes(false);
  EXPECT_EQ(client.run("INSERT INTO t (x) VALUES (2)").error, 0U);
}

// Something may have been done before it was refused, or can't be done elsewhere.
TEST_P(ReadOnlyLeader, WhatMayHaveHadAnEffectFails) {
  cluster.root(0).exec(
      "CREATE PROCEDURE app.p() SQL SECURITY INVOKER BEGIN INSERT INTO t (x) VALUES (7); INSERT INTO t (x) VALUES (8); "
      "END");
  start();
  RawClient call(port()), multi(port()), open(port()), pinned(port()), manual(port());
  for (RawClient* client : {&call, &multi, &open, &pinned, &manual}) log_in(*client);
  ASSERT_EQ(open.run("BEGIN").error, 0U);
  ASSERT_EQ(pinned.run("SET @x = 1").error, 0U);
  ASSERT_EQ(manual.run("SET autocommit = 0").error, 0U);
  refuse_writes(true);
  EXPECT_EQ(call.run("CALL p()").error, 1290U);
  multi.send(query("DO 1; INSERT INTO t (x) VALUES (1)"));
  EXPECT_EQ(multi.read_result().error, 0U);
  EXPECT_EQ(multi.read_result().error, 1290U);
  EXPECT_EQ(multi.run("INSERT INTO t (x) VALUES (1); INSERT INTO t (x) VALUES (2)").error, 1290U);
  EXPECT_EQ(open.run("INSERT INTO t (x) VALUES (2)").error, 1290U);
  EXPECT_EQ(pinned.run("INSERT INTO t (x) VALUES (@x)").error, 1290U);
  EXPECT_EQ(manual.run("INSERT INTO t (x) VALUES (3)").error, 1290U);
  EXPECT_EQ(counters().read_only_refusals, 0U);
  refuse_writes(false);
}

// The same number for another option, and other errors: they are the statement's own.
TEST_P(ReadOnlyLeader, OtherErrorsPass) {
  start();
  RawClient client(port());
  log_in(client);
  ASSERT_EQ(client.run("INSERT INTO t (x) VALUES (1)").error, 0U);
  EXPECT_EQ(client.run("INSERT INTO t (x) VALUES (1)").error, 1062U);
  EXPECT_EQ(client.run("INSERT INTO nowhere VALUES (1)").error, 1146U);
  EXPECT_EQ(counters().read_only_refusals, 0U);
}

SLUICE_PROXY_ON_BOTH_LOOPS(ReadOnlyLeader);

}  // namespace
}  // namespace sluice::proxy
