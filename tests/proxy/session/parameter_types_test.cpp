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

  // Prepares an insert of two texts and binds their types: what `client` executes next may leave them out.
  std::uint32_t bound_insert(RawClient& client) {
    log_in(client);
    const std::uint32_t id = client.prepare("INSERT INTO t VALUES (?, ?)");
    const Result first = run(client, execute_as(id, no_nulls, types({text, text}), value("1") + value("a")));
    EXPECT_EQ(first.affected, 1U) << first.text;
    return id;
  }

  // Takes the connection that knows statement and types, for as long as it lives.
  void take_connection(RawClient& client) {
    log_in(client);
    ASSERT_EQ(client.run("SET @x=1").error, 0U);
  }
};

TEST_P(SessionParameterTypes, AreSaidAgainInAStreamedExecute) {
  start();
  cluster.root(0).exec("CREATE TABLE app.t (id VARCHAR(9) PRIMARY KEY, x LONGTEXT)");
  RawClient client(port());
  const std::uint32_t id = bound_insert(client);
  RawClient blocker(port());
  take_connection(blocker);
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
    const std::uint32_t id = bound_insert(client);
    RawClient blocker(port());
    take_connection(blocker);
    const std::string filling(protocol::packet_payload_max - 1 - 4 + too_long - others, 'b');
    const Result result = run(client, execute_as(id, no_nulls, {}, value("2") + value(filling)));
    EXPECT_EQ(result.affected, too_long == 0 ? 1U : 0U) << result.text;
    EXPECT_EQ(result.error, too_long == 0 ? 0U : 1210U) << result.text;
    cluster.root(0).exec("DELETE FROM app.t");
  }
  for (const std::size_t node : {0U, 1U, 2U}) cluster.root(node).exec("SET GLOBAL max_allowed_packet=DEFAULT");
}

// What a client is told that has bound no types to the statement of three parameters: rows as they are, or errors.
std::vector<std::string> without_types(RawClient& client, std::uint32_t id, bool long_data_first) {
  std::vector<std::string> told;
  const auto run = [&](std::string_view nulls, std::string_view values) {
    client.send(execute_as(id, nulls, {}, values));
    const Result result = client.read_result(true);
    told.push_back(result.kind == Result::Kind::rows ? result.value() : "error " + std::to_string(result.error));
  };
  if (long_data_first) client.send(packet(Command::stmt_send_long_data, number4(id) + std::string("\0\0", 2) + "a"));
  if (long_data_first) run("\x06", {});
  run("\x07", {});
  run("\x06", value("a"));
  run("\x07", {});
  return told;
}

TEST_P(SessionParameterTypes, OfAnotherClientAreNotUsed) {
  start();
  const std::string sql = "SELECT ?, ?, ?";
  const std::string nulls("\0\x1c", 2);
  RawClient other(port());
  log_in(other);
  const std::uint32_t others = other.prepare(sql);
  const ByteBuffer bound =
      execute_as(others, no_nulls, types({text, text, text}), value("a") + value("b") + value("c"));
  for (const bool long_data_first : {false, true}) {
    other.run("BEGIN");  // to the leader
    const Result abc = run(other, bound);
    ASSERT_EQ(abc.rows.size(), 1U) << abc.text;
    other.run("COMMIT");
    RawClient client(port());
    log_in(client);
    const std::uint32_t id = client.prepare(sql);  // on a replica
    client.run("BEGIN");
    const auto told = without_types(client, id, long_data_first);
    client.run("COMMIT");
    // Each has its own, on the connection that they share.
    other.run("BEGIN");
    const Result again = run(other, execute_as(others, no_nulls, {}, value("a") + value("b") + value("c")));
    EXPECT_EQ(again.rows, abc.rows) << again.text;
    other.run("COMMIT");
    RawClient direct(cluster->node(0).port());
    log_in(direct);
    EXPECT_EQ(told, without_types(direct, direct.prepare(sql), long_data_first));
    EXPECT_EQ(told.back(), nulls);
  }
}

// A server that refuses an execute has stored all of its types by then, or some, or none; here the first of three.
TEST_P(SessionParameterTypes, ThatWereRefusedAreNotTakenForKnown) {
  start();
  const std::string_view number("\x03\x00", 2);  // MYSQL_TYPE_LONG
  const std::string_view unknown("\x77\x00", 2);
  const std::string numbers("\x01\0\0\0\x02\0\0\0\x03\0\0\0", 12);
  RawClient client(port());
  log_in(client);
  client.run("BEGIN");
  const std::uint32_t id = client.prepare("SELECT ?, ?, ?");
  const ByteBuffer good = execute_as(id, no_nulls, types({number, number, number}), numbers);
  const Result accepted = run(client, good);
  ASSERT_EQ(accepted.rows.size(), 1U) << accepted.text;
  EXPECT_EQ(
      run(client, execute_as(id, no_nulls, types({text, unknown, text}), value("a") + value("b") + value("c"))).error,
      1210U);
  // By what the server remembers now it would be a row, of a text and two numbers.
  const Result mixed = run(client, execute_as(id, no_nulls, {}, value("a") + numbers.substr(0, 8)));
  EXPECT_EQ(mixed.error, 1210U) << mixed.value();
  EXPECT_EQ(run(client, good).rows, accepted.rows);
  EXPECT_EQ(run(client, execute_as(id, no_nulls, {}, numbers)).rows, accepted.rows);
}

// Clients don't say them again after an error: the server has seen them, and failed later.
TEST_P(SessionParameterTypes, OfAnExecuteThatFailedAreKeptForTheNext) {
  start();
  cluster.root(0).exec("CREATE TABLE app.t (id VARCHAR(9) PRIMARY KEY, x LONGTEXT)");
  cluster.root(0).exec("INSERT INTO app.t VALUES ('1', '')");
  RawClient client(port());
  log_in(client);
  const std::uint32_t id = client.prepare("INSERT INTO t VALUES (?, ?)");
  EXPECT_EQ(run(client, execute_as(id, no_nulls, types({text, text}), value("1") + value("a"))).error, 1062U);
  const Result long_one = run(client, execute_as(id, no_nulls, {}, value("2") + value(std::string(2'000'000, 'b'))));
  EXPECT_EQ(long_one.affected, 1U) << long_one.text;
  EXPECT_EQ(run(client, execute_as(id, no_nulls, {}, value("2") + value("c"))).error, 1062U);
  EXPECT_EQ(run(client, execute_as(id, no_nulls, {}, value("3") + value("c"))).affected, 1U);
  EXPECT_EQ(cluster.root(0).value("SELECT GROUP_CONCAT(id, LENGTH(x) ORDER BY id) FROM app.t"), "10,22000000,31");
}

// For a parameter that there is none of; servers tell it when the statement is executed, again and again until a reset.
TEST_P(SessionParameterTypes, LongDataThatWasRefusedIsNobodyElses) {
  options.limits.backend_connections_max = 1;  // they share it
  start();
  cluster.root(0).exec("CREATE TABLE app.t (x LONGTEXT)");
  const std::string sql = "INSERT INTO t VALUES (?)";
  RawClient client(port());
  RawClient other(port());
  log_in(client);
  log_in(other);
  const std::uint32_t id = client.prepare(sql);
  const std::uint32_t others = other.prepare(sql);
  const auto bound = [](std::uint32_t statement, std::string_view x) {
    return execute_as(statement, no_nulls, types({text}), value(x));
  };
  client.send(packet(Command::stmt_send_long_data, number4(id) + std::string("\x09\0", 2) + "lost"));
  EXPECT_EQ(run(client, bound(id, "a")).error, 1210U);
  const Result warnings = client.run("SHOW WARNINGS");
  ASSERT_EQ(warnings.rows.size(), 1U);
  EXPECT_EQ(warnings.rows[0].at(1), "1210");
  const Result of_other = run(other, bound(others, "b"));
  EXPECT_EQ(of_other.affected, 1U) << of_other.text;
  client.send(packet(Command::stmt_reset, number4(id)));
  EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
  const Result after_reset = run(client, bound(id, "c"));
  EXPECT_EQ(after_reset.affected, 1U) << after_reset.text;
  EXPECT_EQ(cluster.root(0).value("SELECT GROUP_CONCAT(x ORDER BY x) FROM app.t"), "b,c");
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionParameterTypes);

}  // namespace
}  // namespace sluice::proxy
