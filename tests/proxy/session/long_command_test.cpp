// Commands too long to be kept, and those that don't wait for the answer to the one before.
#include "protocol/statement.hpp"
#include "proxy/session/proxy_test.hpp"

namespace sluice::proxy {
namespace {

class SessionLongCommands : public ProxyTest {
 protected:
  static constexpr std::uint32_t last_prepared = protocol::last_prepared_statement;

  // EXECUTE of one parameter of that length.
  static ByteBuffer long_execute(std::uint32_t id, std::size_t length) {
    std::string body = number4(id) + std::string(1, '\0') + number4(1) + std::string("\0\1\xfd\0\xfd", 5);
    for (int i = 0; i < 8; ++i) body.push_back(static_cast<char>(i < 4 ? length >> (8 * i) : 0));
    body.append(length, 'x').at(14) = '\xfe';
    return packet(Command::stmt_execute, body);
  }

  // What a client sees of its own statements that it calls "the last one", without waiting for their ids.
  std::vector<std::string> seen_without_ids(RawClient& client) {
    std::vector<std::string> all;
    const auto note = [&](const Result& result) {
      all.push_back(std::to_string(result.error) + " " + result.text + " " + result.value());
    };
    const auto prepare_and_execute = [&](std::string_view sql, const std::vector<std::string>& values) {
      client.last = {};
      client.send(pipelined({packet(Command::stmt_prepare, sql), execute(last_prepared, values, true)}));
      all.push_back(client.read_prepared() != 0 ? "prepared" : client.last.text);
      note(client.read_result(true));
    };
    prepare_and_execute("SELECT ? + 1", {"1"});
    client.send(packet(Command::stmt_reset, number4(last_prepared)));
    note(client.read_result());
    client.send(execute(last_prepared, {"2"}, true));
    note(client.read_result(true));
    prepare_and_execute("SELECT CONCAT(?, '!')", {"3"});
    client.send(pipelined({packet(Command::stmt_send_long_data, number4(last_prepared) + std::string("\0\0ab", 4)),
                           execute(last_prepared, {""}, true)}));
    note(client.read_result(true));
    prepare_and_execute("SELECT nothing FROM nowhere", {});
    prepare_and_execute("SELECT ?", {"4"});
    client.send(packet(Command::stmt_close, number4(last_prepared)));
    client.send(execute(last_prepared, {"5"}, true));
    note(client.read_result(true));
    return all;
  }
};

TEST_P(SessionLongCommands, ErrorsAreNumberedAfterAllPacketsOfTheCommand) {
  options.workers = 1;
  start();
  RawClient client(port());
  log_in(client);
  for (const std::size_t length : {std::size_t{2} << 20, (std::size_t{16} << 20) + 5}) {
    client.send(long_execute(77, length));
    const Result result = client.read_result();
    EXPECT_EQ(result.error, 1243U) << length;
    EXPECT_EQ(client.sequence(), length < protocol::packet_payload_max ? 1 : 2) << length;
    EXPECT_EQ(client.run("SELECT 1").value(), "1") << length;
    client.send(packet(Command::stmt_send_long_data, number4(77) + std::string(2, '\0') + std::string(length, 'x')));
    EXPECT_EQ(client.run("SELECT 2").value(), "2") << "nothing answers long data: " << length;
  }
}

TEST_P(SessionLongCommands, AnErrorWaitsForTheRest) {
  options.workers = 1;
  cluster.root(0).exec("CREATE TABLE app.t (x LONGTEXT)");
  start();
  RawClient client(port()), killer(port());
  log_in(client);
  log_in(killer);
  publish(std::nullopt, "db1 is down");
  const ByteBuffer insert = query("INSERT INTO t VALUES ('" + std::string(std::size_t{2} << 20, 'x') + "')");
  constexpr std::size_t cut = (std::size_t{1} << 20) + 4096;
  client.send(Bytes(insert).first(cut));
  ASSERT_TRUE(await_state("holding"));
  killer.run("KILL QUERY " + std::to_string(client.greeting.connection_id));
  ASSERT_TRUE(await_state("dropping"));
  publish(0);
  client.send(Bytes(insert).subspan(cut));
  EXPECT_EQ(client.read_result().error, 1317U);
  EXPECT_EQ(client.run("INSERT INTO t VALUES ('y')").kind, Result::Kind::ok);
  EXPECT_EQ(cluster.root(0).value("SELECT GROUP_CONCAT(x) FROM app.t"), "y");
}

TEST_P(SessionLongCommands, TheRestIsNotAwaitedForEver) {
  options.workers = 1;
  options.limits.client_idle_max_ms = 200;
  start();
  RawClient client(port());
  log_in(client);
  client.send(Bytes(long_execute(77, std::size_t{2} << 20)).first((std::size_t{1} << 20) + 4096));
  EXPECT_TRUE(client.at_end());
  EXPECT_TRUE(saw_event("client_idle"));
}

TEST_P(SessionLongCommands, TheRestMayNotBeTooMuch) {
  options.workers = 1;
  options.limits.packet_max = std::size_t{20} << 20;
  start();
  RawClient client(port());
  log_in(client);
  const std::future<void> sending =
      std::async(std::launch::async, [&] { client.send(long_execute(77, std::size_t{40} << 20)); });
  const Result result = client.read_result();
  EXPECT_EQ(result.error, 1153U);
  EXPECT_TRUE(contains(result, "limits.packet_max")) << result.text;
  EXPECT_EQ(client.sequence(), 2);
  EXPECT_TRUE(client.at_end());
}

TEST_P(SessionLongCommands, LongTextsArePreparedLikeShortOnes) {
  options.workers = 1;
  start();
  RawClient client(port());
  log_in(client);
  const auto text = [](int number, std::size_t length) {
    return "SELECT " + std::to_string(number) + " /* " + std::string(length, 'x') + " */";
  };
  const std::uint32_t id = client.prepare(text(7, std::size_t{3} << 20));
  ASSERT_NE(id, 0U) << client.last.text;
  client.send(execute(id, {}, false));
  EXPECT_EQ(client.read_result(true).rows.size(), 1U);
  EXPECT_EQ(only_session().pin, "");
  for (const std::size_t length : {std::size_t{3} << 20, std::size_t{5} << 20, std::size_t{17} << 20}) {
    EXPECT_EQ(client.prepare(text(8, length)), 0U);
    EXPECT_EQ(client.last.error, 1153U) << length;
    EXPECT_TRUE(contains(client.last, "limits.statement_text_per_client_max")) << client.last.text;
    EXPECT_EQ(client.run("SELECT 1").value(), "1");
  }
  client.send(packet(Command::stmt_close, number4(id)));
  EXPECT_NE(client.prepare(text(9, std::size_t{3} << 20)), 0U) << client.last.text;
}

TEST_P(SessionLongCommands, TheLastPreparedStatementNeedsNoId) {
  start();
  RawClient direct(cluster->node(0).port()), through(port());
  direct.login(user(), password(), "app");
  log_in(through);
  EXPECT_EQ(seen_without_ids(through), seen_without_ids(direct));
}

// It was not prepared, and the one before must not be executed in its place.
TEST_P(SessionLongCommands, AFailedPrepareIsTheLastOneToo) {
  options.workers = 1;
  start();
  RawClient client(port());
  log_in(client);
  ASSERT_NE(client.prepare("SELECT 'the one before', ?"), 0U);
  client.run("BEGIN");
  client.run("SELECT 1");
  cluster.root(0).exec(
      "KILL " + cluster.root(0).value("SELECT id FROM information_schema.processlist WHERE user = '" + user() + "'"));
  EXPECT_TRUE(await([&] { return counters().backends_lost == 1; }));
  client.send(pipelined({packet(Command::stmt_prepare, "SELECT ?"), execute(last_prepared, {"x"}, true)}));
  EXPECT_EQ(client.read_result().error, 1927U);
  EXPECT_EQ(client.read_result(true).error, 1243U);
}

// Its text lies in the connection, which is another's by the time it is told.
TEST_P(SessionLongCommands, WhatLongDataWasRefusedForIsToldAsTheServerSaidIt) {
  options.workers = 1;
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  start();
  RawClient client(port()), other(port());
  log_in(client);
  log_in(other);
  const std::uint32_t id = client.prepare("INSERT INTO t VALUES (?)");
  ASSERT_NE(id, 0U);
  other.run("BEGIN");  // on the only connection that has it
  cluster.root(0).exec("DROP TABLE app.t");
  client.send(packet(Command::stmt_send_long_data, number4(id) + std::string("\0\0ab", 4)));
  client.send(execute(id, {""}, true));
  const auto told = client.read_packet();
  ASSERT_TRUE(told.has_value());
  const auto error = protocol::parse_err(*told);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, 1146);
  EXPECT_EQ(error->sqlstate, "42S02");
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionLongCommands);

}  // namespace
}  // namespace sluice::proxy
