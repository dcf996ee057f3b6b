// Parameter types of prepared statements: a client says them once, and means its own; what a server remembers of them
// belongs to a statement that its connection shares between clients.
#include "protocol/writer.hpp"
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

constexpr std::string_view text("\xfd\x00", 2);  // MYSQL_TYPE_VAR_STRING
constexpr std::string_view no_nulls("\0", 1);

std::string types(std::initializer_list<std::string_view> all) {
  std::string out;
  for (const auto type : all) out += type;
  return out;
}

// A value of a text parameter.
std::string value(std::string_view bytes) {
  ByteBuffer out;
  protocol::Writer(out).lenenc_text(bytes);
  return std::string(protocol::as_text(out));
}

class SessionParameterTypes : public ProxyTest {
 protected:
  SessionParameterTypes() { options.workers = 1; }

  static Result run(RawClient& client, const ByteBuffer& command) {
    client.send(command);
    return client.read_result(true);
  }
};

TEST_P(SessionParameterTypes, AreSaidAgainInAStreamedExecute) {
  start();
  cluster.root(0).exec("CREATE TABLE app.t (id VARCHAR(9) PRIMARY KEY, x LONGTEXT)");
  RawClient client(port());
  log_in(client);
  const std::uint32_t id = client.prepare("INSERT INTO t VALUES (?, ?)");
  ASSERT_EQ(run(client, execute_as(id, no_nulls, types({text, text}), value("1") + value("a"))).affected, 1U);
  RawClient blocker(port());
  log_in(blocker);
  ASSERT_EQ(blocker.run("SET @x=1").error, 0U);  // takes the connection that knows statement and types
  const Result long_one = run(client, execute_as(id, no_nulls, {}, value("2") + value(std::string(2'000'000, 'b'))));
  EXPECT_EQ(long_one.affected, 1U) << long_one.text;
  EXPECT_EQ(cluster.root(0).value("SELECT CONCAT(LENGTH(x), MAX(x) = REPEAT('b', 2000000)) FROM app.t WHERE id = 2"),
            "20000001");
}

// With its types it would not fit into one packet any more.
TEST_P(SessionParameterTypes, AreSaidAgainWhereTheyFitIntoThePacket) {
  start();
  for (const std::size_t node : {0U, 1U, 2U}) cluster.root(node).exec("SET GLOBAL max_allowed_packet=67108864");
  cluster.root(0).exec("CREATE TABLE app.t (id VARCHAR(9) PRIMARY KEY, x LONGTEXT)");
  const std::size_t others = 10 + 1 + 1 + 2 + 4;  // header, nulls, flag, the first value, the second one's length
  for (const std::size_t too_long : {0U, 1U}) {
    RawClient client(port());
    log_in(client);
    const std::uint32_t id = client.prepare("INSERT INTO t VALUES (?, ?)");
    ASSERT_EQ(run(client, execute_as(id, no_nulls, types({text, text}), value("1") + value("a"))).affected, 1U);
    RawClient blocker(port());
    log_in(blocker);
    ASSERT_EQ(blocker.run("SET @x=1").error, 0U);
    const std::string filling(protocol::packet_payload_max - 1 - 4 + too_long - others, 'b');
    const Result result = run(client, execute_as(id, no_nulls, {}, value("2") + value(filling)));
    EXPECT_EQ(result.affected, too_long == 0 ? 1U : 0U) << result.text;
    EXPECT_EQ(result.error, too_long == 0 ? 0U : 1210U) << result.text;
    cluster.root(0).exec("DELETE FROM app.t");
  }
  for (const std::size_t node : {0U, 1U, 2U}) cluster.root(node).exec("SET GLOBAL max_allowed_packet=DEFAULT");
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionParameterTypes);

}  // namespace
}  // namespace sluice::proxy
