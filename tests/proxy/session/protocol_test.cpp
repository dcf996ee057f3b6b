// The protocol as drivers don't speak it, and as they rarely do.
#include <fcntl.h>
#include <sys/socket.h>

#include "proxy/session/proxy_test.hpp"
#include "support/sizes.hpp"

namespace sluice::proxy {
namespace {

class SessionProtocol : public ProxyTest {};

TEST_P(SessionProtocol, PipelinedCommandsAreAnsweredInOrder) {
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x INT)");
  start();
  RawClient client(port());
  log_in(client);
  ByteBuffer all;
  for (int i = 0; i < 300; ++i) {
    append(all, query("SELECT " + std::to_string(i)));
    if (i % 10 == 0) append(all, packet(Command::ping));
    if (i % 7 == 0) append(all, query("INSERT INTO t (x) VALUES (" + std::to_string(i) + ")"));
  }
  append(all, packet(Command::quit));
  client.send(all);
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(client.read_result().value(), std::to_string(i));
    if (i % 10 == 0) {
      ASSERT_EQ(client.read_result().kind, Result::Kind::ok);
    }
    if (i % 7 == 0) {
      ASSERT_EQ(client.read_result().affected, 1U);
    }
  }
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "43");
}

TEST_P(SessionProtocol, APipelineThatIsNeverReadStaysBounded) {
  options.workers = 1;
  options.limits.client_queue_max = 64 * 1024;
  start();
  RawClient client(port());
  log_in(client);
  const int flags = ::fcntl(client.fd(), F_GETFL);
  ::fcntl(client.fd(), F_SETFL, flags | O_NONBLOCK);
  const std::string padding = "/*" + std::string(3000, ' ') + "*/";
  ByteBuffer one;
  for (int i = 0; i < 200; ++i) append(one, query("SELECT REPEAT('x', 15000)" + padding));
  // Until neither side moves any more: the proxy stopped reading, and with it the statements.
  std::size_t sent = 0;
  std::uint64_t statements = 0;
  bool stuck = false;
  while (!stuck && sent < (64U << 20)) {
    const ssize_t n = ::send(client.fd(), one.data() + sent % one.size(), one.size() - sent % one.size(), MSG_NOSIGNAL);
    if (n > 0) {
      sent += static_cast<std::size_t>(n);
      continue;
    }
    const std::uint64_t now = only_session().statements;
    stuck = std::exchange(statements, now) == now;
  }
  EXPECT_TRUE(stuck);
  const Report r = report();
  ASSERT_EQ(r.sessions.size(), 1U);
  EXPECT_LT(r.sessions[0].queued_bytes, 512U * 1024);
  // Other clients are served as ever.
  RawClient other(port());
  log_in(other);
  EXPECT_EQ(other.run("SELECT 5").value(), "5");
  // Whoever reads again gets all of it.
  ::fcntl(client.fd(), F_SETFL, flags);
  const std::size_t whole = sent / (one.size() / 200);
  for (std::size_t i = 0; i < whole; ++i) ASSERT_EQ(client.read_result().value().size(), 15000U) << i;
}

TEST_P(SessionProtocol, OneByteAtATime) {
  start();
  RawClient client(port());
  log_in(client);
  const ByteBuffer both = pipelined({query("SELECT 'dribbled'"), query("SELECT 2")});
  for (const std::uint8_t byte : both) client.send(Bytes(&byte, 1));
  EXPECT_EQ(client.read_result().value(), "dribbled");
  EXPECT_EQ(client.read_result().value(), "2");
}

TEST_P(SessionProtocol, HalfAPacketThenTheEnd) {
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  start();
  {
    RawClient client(port());
    log_in(client);
    ByteBuffer half = query("INSERT INTO t VALUES (1)");
    half.pop_back();
    client.send(half);
    ASSERT_TRUE(await([&] { return report().sessions.at(0).state == "idle"; }));
  }
  EXPECT_TRUE(await([&] { return report().clients == 0; }));
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "0");
}

TEST_P(SessionProtocol, WrongSequenceNumbers) {
  start();
  RawClient client(port());
  log_in(client);
  client.send(packet(Command::query, "SELECT 1", 3));
  EXPECT_EQ(client.read_result().error, 1156U);
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(counters().protocol_errors, 1U);
}

TEST_P(SessionProtocol, UnknownAndEmptyCommands) {
  start();
  RawClient client(port());
  log_in(client);
  for (const int command :
       {0x00, 0x05, 0x06, 0x07, 0x08, 0x0b, 0x0f, 0x10, 0x12, 0x13, 0x14, 0x15, 0x1d, 0x1e, 0x20, 0xfa, 0xff}) {
    client.send(packet(static_cast<Command>(command), "xxxx"));
    EXPECT_EQ(client.read_result().error, 1047U) << command;
  }
  client.send(ByteBuffer{0, 0, 0, 0});
  EXPECT_EQ(client.read_result().error, 1047U);
  for (const int command : {0x05, 0x08, 0x12, 0x15}) {
    client.send(packet(static_cast<Command>(command)));
    EXPECT_EQ(client.read_result().error, 1047U) << command;
  }
  EXPECT_EQ(client.run("SELECT 1").value(), "1");
}

TEST_P(SessionProtocol, CommandsCutShort) {
  start();
  RawClient client(port());
  log_in(client);
  for (const Command command :
       {Command::stmt_execute, Command::stmt_reset, Command::stmt_fetch, Command::process_kill, Command::set_option}) {
    for (std::size_t n = 0; n < 4; ++n) {
      if (command == Command::set_option && n == 2) continue;
      client.send(packet(command, std::string(n, '\0')));
      EXPECT_EQ(client.read_result().kind, Result::Kind::error) << static_cast<int>(command) << " " << n;
    }
  }
  for (const Command silent : {Command::stmt_close, Command::stmt_send_long_data}) {
    for (std::size_t n = 0; n < 4; ++n) client.send(packet(silent, std::string(n, '\1')));
  }
  EXPECT_EQ(client.run("SELECT 1").value(), "1");
}

TEST_P(SessionProtocol, StatementsWithUnknownIds) {
  start();
  RawClient client(port());
  log_in(client);
  for (const std::uint32_t id : {0U, 1U, 77U, 0xffffffffU}) {
    client.send(execute(id, {}, false));
    EXPECT_EQ(client.read_result().error, 1243U);
    client.send(packet(Command::stmt_fetch, number4(id) + number4(1)));
    EXPECT_EQ(client.read_result().error, 1243U);
    client.send(packet(Command::stmt_reset, number4(id)));
    EXPECT_EQ(client.read_result().error, 1243U);
    client.send(packet(Command::stmt_close, number4(id)));  // no answer
    client.send(packet(Command::stmt_send_long_data, number4(id) + "\1\1"
                                                                   "data"));  // no answer
    client.send(packet(Command::ping));
    EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
  }
}

TEST_P(SessionProtocol, LoginsShareAConnection) {
  options.workers = 1;
  start();
  for (int i = 0; i < 10; ++i) {
    RawClient client(port());
    log_in(client);
    EXPECT_EQ(client.run("SELECT DATABASE()").value(), "app");
  }
  EXPECT_LE(counters().backends_opened, 3U);  // one for each server
}

TEST_P(SessionProtocol, CloseRightAfterAnInsert) {
  options.workers = 1;
  cluster.root(0).exec("CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, x INT)");
  start();
  RawClient client(port());
  log_in(client);
  for (std::uint32_t i = 1; i <= 20; ++i) {
    const std::uint32_t id = client.prepare("INSERT INTO t (x) VALUES (5)");
    client.send(pipelined(
        {execute(id, {}, false), packet(Command::stmt_close, number4(id)), query("SELECT LAST_INSERT_ID()")}));
    ASSERT_EQ(client.read_result().last_insert_id, i);
    ASSERT_EQ(client.read_result().value(), std::to_string(i));
  }
}

TEST_P(SessionProtocol, ResetConnectionForgetsAllButTheSchema) {
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  start();
  RawClient client(port());
  log_in(client);
  client.run("SET @x = 1");
  client.run("SET SESSION max_statement_time=9");
  client.run("BEGIN");
  client.run("INSERT INTO t VALUES (1)");
  client.send(packet(Command::reset_connection));
  EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
  EXPECT_EQ(client.run("SELECT CONCAT(DATABASE(), IFNULL(@x, '-'), ROUND(@@SESSION.max_statement_time))").value(),
            "app-0");
  EXPECT_EQ(cluster.root(0).value("SELECT COUNT(*) FROM app.t"), "0");
}

TEST_P(SessionProtocol, SetOptionSwitchesMultiStatements) {
  start();
  RawClient client(port());
  log_in(client, "app", RawClient::ordinary & ~cap::multi_statements);
  EXPECT_EQ(client.run("SELECT 1; SELECT 2").error, 1064U);
  EXPECT_EQ(only_session().pin, "");  // nothing of it ran
  for (const bool tied : {false, true}) {
    SCOPED_TRACE(tied);
    if (tied) client.run("BEGIN");
    client.send(packet(Command::set_option, std::string("\0\0", 2)));
    EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
    client.send(query("SELECT 1; SELECT 2"));
    EXPECT_EQ(client.read_result().value(), "1");
    EXPECT_EQ(client.read_result().value(), "2");
    client.send(packet(Command::set_option, std::string("\1\0", 2)));
    EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
    EXPECT_EQ(client.run("SELECT 1; SELECT 2").error, 1064U);
    EXPECT_EQ(client.run("ROLLBACK").error, 0U);
  }
  client.send(packet(Command::set_option, std::string("\2\0", 2)));
  EXPECT_EQ(client.read_result().error, 1047U);
}

TEST_P(SessionProtocol, FieldListStatisticsAndDebug) {
  cluster.root(0).exec("CREATE TABLE app.t (a INT, b INT)");
  start();
  for (const Capabilities more : {Capabilities{0}, cap::deprecate_eof}) {
    RawClient client(port());
    log_in(client, "app", RawClient::ordinary | more);
    client.send(packet(Command::field_list, std::string("t\0", 2)));
    EXPECT_EQ(client.read_rows({}, 0, true).rows.size(), 2U);
    client.send(packet(Command::field_list, std::string("nothing\0", 8)));
    EXPECT_EQ(client.read_result().error, 1146U);
    EXPECT_EQ(only_session().pin, "");  // it opens no transaction
    client.send(packet(Command::statistics));
    const auto text = client.read_packet();
    ASSERT_TRUE(text.has_value());
    EXPECT_TRUE(protocol::as_text(*text).starts_with("Uptime:"));
    EXPECT_EQ(client.run("SELECT 1").value(), "1");
    client.disconnect();
    ASSERT_TRUE(await([&] { return report().clients == 0; }));
  }
}

TEST_P(SessionProtocol, Kill) {
  start();
  RawClient killer(port()), victim(port()), by_command(port());
  for (RawClient* client : {&killer, &victim, &by_command}) log_in(*client);
  victim.run("BEGIN");
  EXPECT_EQ(killer.run("KILL " + std::to_string(victim.greeting.connection_id)).kind, Result::Kind::ok);
  EXPECT_TRUE(victim.at_end()) << "it waits for no answer";
  killer.send(packet(Command::process_kill, number4(by_command.greeting.connection_id)));
  EXPECT_EQ(killer.read_result().kind, Result::Kind::ok);
  EXPECT_TRUE(by_command.at_end());
  EXPECT_EQ(killer.run("KILL 999999").error, 1094U);
  EXPECT_EQ(killer.run("KILL 0").error, 1094U);
  EXPECT_EQ(killer.run("KILL 99999999999999999999999").error, 1094U);
  const std::string own = std::to_string(killer.greeting.connection_id);
  EXPECT_EQ(killer.run("SELECT 1").value(), "1");
  killer.run("KILL " + own);
  EXPECT_TRUE(await([&] { return report().clients == 0; }));
}

TEST_P(SessionProtocol, ProceduresAnswerWithSeveralResults) {
  Sql root = cluster.root(0);
  root.exec("CREATE PROCEDURE app.p() BEGIN SELECT 1; SELECT 2; END");
  start();
  for (const Capabilities more : {Capabilities{0}, cap::deprecate_eof, cap::session_track | cap::deprecate_eof}) {
    RawClient client(port());
    log_in(client, "app", RawClient::ordinary | more);
    client.send(query("CALL p()"));
    EXPECT_EQ(client.read_result().value(), "1");
    EXPECT_EQ(client.read_result().value(), "2");
    EXPECT_EQ(client.read_result().kind, Result::Kind::ok);
    const std::uint32_t id = client.prepare("CALL p()");
    client.send(execute(id, {}, false));
    EXPECT_EQ(client.read_result(true).rows.size(), 1U);
    EXPECT_EQ(client.read_result(true).rows.size(), 1U);
    Result last = client.read_result(true);
    if (last.kind == Result::Kind::rows) last = client.read_result(true);
    EXPECT_EQ(last.kind, Result::Kind::ok);
    EXPECT_EQ(client.run("SELECT 3").value(), "3");
  }
}

// We ask the servers for more than clients do.
TEST_P(SessionProtocol, SessionTrackingTellsWhatItTellsWithoutUs) {
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  cluster.root(0).exec("CREATE TRIGGER app.tr BEFORE INSERT ON app.t FOR EACH ROW SET @seen = 42");
  start();
  for (const Capabilities more : {cap::session_track, cap::session_track | cap::deprecate_eof}) {
    RawClient direct(cluster->node(0).port()), through(port());
    direct.login(user(), password(), "app", RawClient::ordinary | more);
    log_in(through, "app", RawClient::ordinary | more);
    for (const char* text :
         {"USE app", "SET time_zone = '+01:00'", "SET sql_mode = 'ANSI'", "SET character_set_results = latin1",
          "SET @x = 1", "INSERT INTO t VALUES (1)", "CREATE TEMPORARY TABLE own (x INT)", "DROP TEMPORARY TABLE own",
          "SET autocommit = 0, @y = 2", "PREPARE p FROM 'SELECT 1'", "DEALLOCATE PREPARE p"}) {
      const Result seen = through.run(text), wanted = direct.run(text);
      EXPECT_EQ(protocol::as_text(seen.session_state), protocol::as_text(wanted.session_state)) << text;
      EXPECT_EQ(seen.status, wanted.status) << text;
    }
    direct.run("ROLLBACK");
  }
}

TEST_P(SessionProtocol, SessionTrackingOnlyForWhoAskedForIt) {
  start();
  RawClient with(port()), without(port());
  log_in(with, "app", RawClient::ordinary | cap::session_track);
  log_in(without, "app");
  const Result tracked = with.run("USE app");
  EXPECT_FALSE(tracked.session_state.empty());
  EXPECT_NE(tracked.status & protocol::status::session_state_changed, 0);
  const Result plain = without.run("USE app");
  EXPECT_TRUE(plain.session_state.empty());
  EXPECT_EQ(plain.status & protocol::status::session_state_changed, 0);
  cluster.root(0).exec("CREATE TABLE app.t (x INT)");
  for (RawClient* client : {&with, &without}) {
    EXPECT_EQ(client->run("INSERT INTO t VALUES (1), (2)").text, "Records: 2  Duplicates: 0  Warnings: 0");
  }
}

// The packets of an answer of one resultset, up to its end.
std::vector<std::string> packets_of(RawClient& client, const ByteBuffer& command, int ends) {
  client.send(command);
  std::vector<std::string> packets;
  while (ends > 0) {
    const auto packet = client.read_packet();
    if (!packet) break;
    packets.emplace_back(protocol::as_text(*packet));
    if (packet->at(0) == 0xff) break;
    if (packet->at(0) == 0xfe) --ends;
  }
  return packets;
}

// Connectors make an object of a JSON column, which to the protocol is text: by what the definition says beyond it.
TEST_P(SessionProtocol, ColumnsSayWhatTheyHold) {
  cluster.root(0).exec("CREATE TABLE app.t (id INT, j JSON, u UUID, a INET6, p POINT)");
  cluster.root(0).exec("INSERT INTO app.t VALUES (1, '{\"a\": 1}', UUID(), '::1', POINT(1, 2))");
  start();
  replicas_have_all();
  const Capabilities extended = (RawClient::ordinary & ~cap::client_mysql) | cap::mariadb_extended_metadata;
  for (const Capabilities asked : {extended, RawClient::ordinary}) {
    RawClient direct(cluster->node(0).port()), through(port());
    direct.login(user(), password(), "app", asked);
    log_in(through, "app", asked);
    std::vector<std::string> all;
    for (const auto& command : {query("SELECT * FROM t"), packet(Command::field_list, std::string("t\0", 2)),
                                packet(Command::stmt_prepare, "SELECT * FROM t WHERE id = ?")}) {
      const int ends = command == query("SELECT * FROM t") || command.at(4) == 0x16 ? 2 : 1;
      auto seen = packets_of(through, command, ends);
      auto wanted = packets_of(direct, command, ends);
      // The id of a statement is its client's own.
      if (command.at(4) == 0x16) seen.at(0) = wanted.at(0) = "prepared";
      EXPECT_EQ(seen, wanted);
      for (const auto& packet : seen) all.push_back(packet);
    }
    const auto says = [&](std::string_view what) {
      return std::ranges::any_of(all, [&](const auto& packet) { return packet.find(what) != std::string::npos; });
    };
    for (const std::string_view what : {"json", "uuid", "inet6", "point"}) EXPECT_EQ(says(what), asked == extended);
  }
}

// Whose client it is, is not known when that is offered.
TEST_P(SessionProtocol, OnlyWhatAllClustersHaveIsOffered) {
  for (const bool all_have_it : {true, false}) {
    ClusterEntry other;
    other.name = "other";
    other.capabilities = cap::protocol_41 | (all_have_it ? cap::mariadb_extended_metadata : 0);
    other_clusters = {other};
    start();
    RawClient client(port());
    ASSERT_TRUE(client.greet());
    EXPECT_EQ(protocol::has(client.greeting.capabilities, cap::mariadb_extended_metadata), all_have_it);
    EXPECT_EQ(protocol::has(client.greeting.capabilities, cap::client_mysql), !all_have_it);
    client.disconnect();
    proxy.reset();
  }
}

TEST_P(SessionProtocol, StatementsOfManyMegabytes) {
  options.workers = 1;
  start();
  for (const std::size_t node : {0U, 1U, 2U}) cluster.root(node).exec("SET GLOBAL max_allowed_packet=67108864");
  constexpr std::size_t max = protocol::packet_payload_max;
  std::vector<std::size_t> sizes{std::size_t{1} << 20, (std::size_t{1} << 20) + 1, max - 1, max};
  if (!test::sanitized) sizes.insert(sizes.end(), {max + 1, 2 * max});
  for (const std::size_t size : sizes) {
    SCOPED_TRACE(size);
    RawClient client(port());
    log_in(client);
    const std::string begin = "SELECT LENGTH('";
    const std::string end = "')";
    // The payload is the command byte and the text.
    const std::string filling(size - 1 - begin.size() - end.size(), 'x');
    client.send(pipelined({query(begin + filling + end), query("SELECT 'next'")}));
    EXPECT_EQ(client.read_result().value(), std::to_string(filling.size()));
    EXPECT_EQ(client.read_result().value(), "next");
  }
  RawClient client(port());
  log_in(client);
  constexpr std::size_t answer = test::sized(40'000'000U, 17'000'000U);
  const Result big = client.run("SELECT REPEAT('y', " + std::to_string(answer) + ")");
  EXPECT_EQ(big.value().size(), answer);
  EXPECT_EQ(client.run("SELECT 1").value(), "1");
  const std::uint32_t id = client.prepare("SELECT LENGTH(?)");
  client.send(packet(Command::stmt_send_long_data,
                     number4(id) + std::string("\0\0", 2) + std::string(test::sized(20'000'000U, 17'000'000U), 'z')));
  client.send(packet(Command::stmt_execute,
                     number4(id) + std::string("\0", 1) + number4(1) + std::string("\0\x01\xfc\x00", 4)));
  const Result length = client.read_result(true);
  ASSERT_EQ(length.rows.size(), 1U) << length.text;
  for (const std::size_t node : {0U, 1U, 2U}) cluster.root(node).exec("SET GLOBAL max_allowed_packet=DEFAULT");
}

TEST_P(SessionProtocol, AStatementTooLongForTheServer) {
  options.workers = 1;
  start();
  for (const std::size_t node : {0U, 1U, 2U}) cluster.root(node).exec("SET GLOBAL max_allowed_packet=2097152");
  RawClient client(port());
  log_in(client);
  const Result result = client.run("SELECT LENGTH('" + std::string(20'000'000, 'x') + "')");
  EXPECT_NE(result.kind, Result::Kind::rows);
  EXPECT_TRUE(result.kind == Result::Kind::none || result.error == 1153U || result.error == 2013U) << result.text;
  EXPECT_TRUE(await([&] { return report().clients <= 1; }));
  for (const std::size_t node : {0U, 1U, 2U}) cluster.root(node).exec("SET GLOBAL max_allowed_packet=DEFAULT");
}

TEST_P(SessionProtocol, AResultThatIsNotReadWaitsAtTheServer) {
  options.workers = 1;
  start();
  RawClient client(port());
  log_in(client);
  client.send(query("SELECT REPEAT('x', 60000) FROM seq_1_to_1100"));
  ASSERT_TRUE(await([&] { return only_session().queued_bytes > options.limits.client_queue_max / 4; }));
  EXPECT_LT(report().buffer_bytes, 16U << 20);
  const Result result = client.read_result();
  EXPECT_EQ(result.rows.size(), 1100U);
  EXPECT_EQ(client.run("SELECT 1").value(), "1");
}

TEST_P(SessionProtocol, TextPassesUntouched) {
  start();
  Sql sql = connect();
  EXPECT_EQ(sql.query("SELECT NULL, '', 'ä', 1.50, DATE'2020-01-02'"),
            (Rows{{std::nullopt, "", "ä", "1.50", "2020-01-02"}}));
  EXPECT_EQ(error_of([&] { sql.exec("SELECT * FROM nothing_here"); }), 1146U);
  EXPECT_EQ(error_of([&] { sql.exec("SELEC"); }), 1064U);
}

SLUICE_PROXY_ON_BOTH_LOOPS(SessionProtocol);

}  // namespace
}  // namespace sluice::proxy
