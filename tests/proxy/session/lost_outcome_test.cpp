// What a client is told of a statement whose server was lost agrees with what the server did.
#include "proxy/session/cutting_fixture.hpp"

namespace sluice::proxy {
namespace {

class LostOutcome : public CuttingFixture {};

// CREATE TABLE ends the transaction before it fails: what comes after it commits by itself.
TEST_P(LostOutcome, AnErrorMayHaveEndedTheTransaction) {
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  at_each_step(Direction::to_client, [&](RawClient& client, const CuttingRelay&) {
    cluster.root(0).exec("TRUNCATE app.t");
    std::vector<std::string> rolled_back;
    for (const std::string& x : {std::string("1"), std::string("2"), std::string("3")}) {
      if (x == "1") client.run("BEGIN");
      if (x == "2") client.run("CREATE TABLE t (x INT)");
      const Result result = client.run("INSERT INTO t VALUES (" + x + ")");
      if (result.error == 1927) rolled_back.push_back(x);
    }
    for (const auto& x : rolled_back) {
      EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t WHERE x = " + x), "0") << x;
    }
  });
}

// Of a command too long to be kept only the head is there to send: never as if it were all.
TEST_P(LostOutcome, ALongReadIsNotRunAgainByItsHead) {
  at_each_step(Direction::to_client, [&](RawClient& client, const CuttingRelay& relay) {
    const std::uint32_t id = client.prepare("SELECT LENGTH(?)");
    if (id == 0) {  // half an answer to the preparation
      ASSERT_TRUE(relay.has_cut());
      return;
    }
    std::string body = number4(id) + std::string("\0\1\0\0\0\0\1\xfd\0", 9);
    body += std::string("\xfd\x80\x84\x1e", 4) + std::string(2'000'000, 'x');
    const std::uint64_t retries = counters().retries;
    client.send(packet(Command::stmt_execute, body));
    const Result result = client.read_result(true);
    EXPECT_TRUE(result.error == 0 || result.error == 1158) << result.text;
    EXPECT_EQ(counters().retries, retries);
    EXPECT_TRUE(relay.has_cut() || result.kind == Result::Kind::rows);
  });
}

SLUICE_PROXY_ON_BOTH_LOOPS(LostOutcome);

}  // namespace
}  // namespace sluice::proxy
