// Commands sent ahead: long ones behind running ones, and clients that shut their side when they have said all.
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class SessionPipeline : public ProxyTest {
 protected:
  void SetUp() override {
    options.workers = 1;
    cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  }
  static ByteBuffer length_of(std::size_t n) { return query("SELECT LENGTH('" + std::string(n, 'x') + "')"); }
};

// Longer than `pipeline_max`, so that reading pauses while the first command runs; shorter and longer than
// `inspect_max`.
TEST_P(SessionPipeline, ALongCommandBehindARunningOne) {
  start();
  for (const std::size_t size : {300'000U, 900'000U, 3'000'000U}) {
    SCOPED_TRACE(size);
    RawClient client(port());
    log_in(client);
    client.send(pipelined({query("SELECT SLEEP(0.3)"), length_of(size), query("SELECT 7")}));
    EXPECT_EQ(client.read_result().value(), "0");
    EXPECT_EQ(client.read_result().value(), std::to_string(size));
    EXPECT_EQ(client.read_result().value(), "7");
  }
}

TEST_P(SessionPipeline, AClientThatShutsItsSideGetsItsAnswers) {
  options.limits.half_closed_max_ms = test::never_ms;  // what ends it is its last answer
  start();
  RawClient client(port());
  log_in(client);
  client.send(pipelined({query("SELECT SLEEP(0.2)"), query("INSERT INTO t VALUES (1)"), query("SELECT x FROM t")}));
  client.half_close();
  EXPECT_EQ(client.read_result().value(), "0");
  EXPECT_EQ(client.read_result().affected, 1U);
  EXPECT_EQ(client.read_result().value(), "1");
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(await([&] { return report().clients == 0; }));
}

// Nobody can tell it from one that is gone: what it left running, or waiting, is ended after a time.
TEST_P(SessionPipeline, AClientThatShutsItsSideIsNotServedForEver) {
  options.limits.half_closed_max_ms = 300;
  options.limits.backend_connections_max = 1;
  start();
  RawClient client(port());
  RawClient waiting(port());
  log_in(client);
  log_in(waiting);
  client.send(query("DO SLEEP(600)"));
  ASSERT_TRUE(await_state("running"));
  waiting.send(query("INSERT INTO t VALUES (1)"));
  ASSERT_TRUE(await_state("waiting"));
  waiting.half_close();
  EXPECT_TRUE(waiting.at_end());
  client.half_close();
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(await([&] { return running(0, "DO SLEEP(600)") == "0"; }));
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "0");
}

TEST_P(SessionPipeline, AnOpenTransactionEndsWithTheLastAnswer) {
  options.limits.half_closed_max_ms = test::never_ms;  // what ends it is its last answer
  start();
  RawClient client(port());
  log_in(client);
  client.send(pipelined({query("BEGIN"), query("INSERT INTO t SELECT SLEEP(0.2)")}));
  client.half_close();
  EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
  EXPECT_EQ(client.read_result().affected, 1U);
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "0");
}

TEST_P(SessionPipeline, ACommandOverItsLimit) {
  options.limits.packet_max = 20'000'000;
  start();
  for (const std::size_t size : {19'000'000U, 20'000'100U}) {
    SCOPED_TRACE(size);
    RawClient client(port());
    log_in(client);
    client.send(length_of(size));
    const Result result = client.read_result();
    if (size < options.limits.packet_max) {
      EXPECT_TRUE(result.value() == std::to_string(size) || result.error == 1153U) << result.text;
      continue;
    }
    EXPECT_EQ(result.error, 1153U);
    EXPECT_NE(result.text.find("limits.packet_max"), std::string::npos) << result.text;
    EXPECT_TRUE(client.at_end());
    EXPECT_TRUE(await([&] { return running(0, "SELECT LENGTH%") == "0"; }));
  }
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionPipeline);

}  // namespace
}  // namespace sluice::proxy
