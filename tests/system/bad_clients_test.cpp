// Peers that are no clients are dropped in time and counted; clients that vanish leave nothing behind.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <random>

#include "system/socket.hpp"
#include "system/system_test.hpp"

namespace sluice::test {
namespace {

using namespace std::string_literals;

std::string packet(std::uint8_t sequence, const std::string& payload) {
  const std::size_t size = payload.size();
  std::string out{static_cast<char>(size), static_cast<char>(size >> 8U), static_cast<char>(size >> 16U),
                  static_cast<char>(sequence)};
  return out + payload;
}

// A request for TLS: capabilities PROTOCOL_41 | SSL | SECURE_CONNECTION | PLUGIN_AUTH, as in "SSLRequest".
std::string tls_request() { return packet(1, "\x00\x8a\x08\x00\x00\x00\x00\x01\x2d"s + std::string(23, '\0')); }
// How a TLS client begins: record header, then a ClientHello that never gets whole.
std::string client_hello() { return "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s + std::string(64, 'r'); }

class BadClientsTest : public SystemTest {
 protected:
  struct Peer {
    std::string what;
    std::function<void(Socket&)> misbehave;
  };
  // Each one is dropped, counted, and nobody else notices.
  void expect_dropped(const std::string& what, const std::function<void(Socket&)>& misbehave) {
    expect_dropped({{what, misbehave}});
  }
  // All at the same time.
  void expect_dropped(const std::vector<Peer>& peers) {
    std::optional<Sql> bystander;  // logs on within the same time: if that is not enough, again
    await_that("somebody is logged on", [&] {
      bystander.emplace(client_address());
      return true;
    });
    const std::uint64_t before = count("handshakes_dropped");
    std::vector<std::unique_ptr<Socket>> sockets;
    for (const auto& peer : peers) {
      sockets.push_back(std::make_unique<Socket>(config_.client_port));
      EXPECT_NE(sockets.back()->read_packet(), "") << peer.what;
      peer.misbehave(*sockets.back());
    }
    for (std::size_t i = 0; i < peers.size(); ++i) EXPECT_TRUE(sockets[i]->ended()) << peers[i].what;
    const std::string& what = peers.front().what;
    await_that(what + " is counted", [&] { return count("handshakes_dropped") == before + peers.size(); });
    EXPECT_EQ(bystander->value("SELECT 1"), "1") << what;
    await_that(what + " is gone",
               [&] { return admin_value("SELECT COUNT(*) FROM sessions WHERE state = 'login'") == "0"; });
  }
};

// At once: the time for the login does not pass.
TEST_P(BadClientsTest, GarbageInsteadOfAHandshake) {
  start();
  expect_dropped("an HTTP request", [](Socket& peer) { peer.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); });
  expect_dropped("an empty packet", [](Socket& peer) { peer.send(packet(1, "")); });
  expect_dropped("zeros", [](Socket& peer) { peer.send(std::string(4096, '\0')); });
  expect_dropped("ones", [](Socket& peer) { peer.send(std::string(4096, '\xff')); });
  expect_dropped("a truncated response",
                 [](Socket& peer) { peer.send(packet(1, std::string("\x05\xa2\x3a\x00\x00\x00", 6))); });
  expect_dropped("garbage after the request for TLS", [](Socket& peer) {
    peer.send(tls_request());
    peer.send(std::string(512, 'g'));
  });
  expect_dropped("a plain response after the request for TLS", [](Socket& peer) {
    peer.send(tls_request());
    peer.send(packet(2, "\x05\xa2\x3a\x00"s + std::string(28, '\0') + "app\0"s));
  });
  std::mt19937 random(20260131);
  for (int i = 0; i < 20; ++i) {
    std::string noise(1 + random() % 2000, '\0');
    for (auto& byte : noise) byte = static_cast<char>(random());
    expect_dropped("noise " + std::to_string(i), [&](Socket& peer) { peer.send(noise); });
  }
}

TEST_P(BadClientsTest, HalfAHandshakeOrNone) {
  start({.limits = "login_timeout_ms = 3000"});
  expect_dropped({{"silence", [](Socket& /*peer*/) {}},
                  {"half a header", [](Socket& peer) { peer.send("\x20\x00"s); }},
                  {"a ClientHello to the plain port", [](Socket& peer) { peer.send(client_hello()); }},
                  {"half a response", [](Socket& peer) { peer.send("\x60\x00\x00\x01\x05\xa2\x3a\x00"s); }},
                  {"silence after the request for TLS", [](Socket& peer) { peer.send(tls_request()); }},
                  {"half a ClientHello", [](Socket& peer) {
                     peer.send(tls_request());
                     peer.send(client_hello());
                   }}});
  expect_dropped("an end at once", [](Socket& peer) { peer.close(); });
  expect_dropped("a reset at once", [](Socket& peer) { peer.reset(); });
  EXPECT_NE(admin_value("SELECT text FROM events WHERE kind = 'handshake_dropped' AND text LIKE '%login_timeout_ms%'"),
            "");
}

// A byte now and then does not move the deadline.
TEST_P(BadClientsTest, ADribbleOfBytesIsNoLogon) {
  start({.limits = "login_timeout_ms = 300"});
  expect_dropped("a dribble", [&](Socket& peer) {
    const std::string response = packet(1, std::string(60'000, 'a'));  // lasts for longer than we wait
    std::size_t sent = 0;
    await_that("the dribble is cut off", [&] { return !peer.send(response.substr(sent++, 1)); });
  });
}

TEST_P(BadClientsTest, ManyAtOnceDoNotKeepClientsOut) {
  start();
  std::vector<std::unique_ptr<Socket>> silent;
  for (int i = 0; i < 300; ++i) silent.push_back(std::make_unique<Socket>(config_.client_port));
  Sql sql = client();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(sql.value("SELECT " + std::to_string(i)), std::to_string(i));
  EXPECT_EQ(admin_value("SELECT COUNT(*) FROM sessions WHERE state = 'login'"), "300");
}

TEST_P(BadClientsTest, ManyAtOnceAreAllDropped) {
  start({.limits = "login_timeout_ms = 300"});
  std::vector<std::unique_ptr<Socket>> silent;
  for (int i = 0; i < 300; ++i) silent.push_back(std::make_unique<Socket>(config_.client_port));
  for (auto& peer : silent) {
    EXPECT_NE(peer->read_packet(), "");
    EXPECT_TRUE(peer->ended());
  }
  await_that("all are counted", [&] { return count("handshakes_dropped") == 300; });
}

TEST_P(BadClientsTest, NothingRunsAfterALogonWithAWrongPassword) {
  start();
  cluster_.app(0).exec("CREATE TABLE t (id INT)");
  SqlAddress wrong = client_address();
  wrong.password = "no";
  EXPECT_THROW(Sql{wrong}, SqlError);
  // A command instead of an answer to the authentication.
  Socket peer(config_.client_port);
  EXPECT_NE(peer.read_packet(), "");
  peer.send(packet(0, "\x03INSERT INTO app.t VALUES (1)"));
  EXPECT_TRUE(peer.ended());
  EXPECT_EQ(cluster_.app(0).value("SELECT COUNT(*) FROM t"), "0");
}

// --- clients that vanish

class VanishingClientTest : public SystemTest {
 protected:
  VanishingClientTest() { cluster_.app(0).exec("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)"); }

  void await_no_transaction() {
    Sql root = cluster_.root(0);
    await_that(
        "no transaction is left on the leader",
        [&] { return root.value("SELECT COUNT(*) FROM information_schema.innodb_trx") == "0"; }, innodb_trx_step);
    await_that("the session is gone", [&] { return admin_value("SELECT COUNT(*) FROM sessions") == "0"; });
    EXPECT_EQ(root.value("SELECT COUNT(*) FROM app.t"), "1");
    // Its lock is free, and the next client is not in its transaction.
    Sql next = client();
    next.exec("SELECT id FROM t WHERE id = 1 FOR UPDATE");
    EXPECT_EQ(next.value("SELECT @@in_transaction"), "0");
  }
  static void begin(Sql& sql) {
    sql.exec("BEGIN");
    sql.exec("INSERT INTO t VALUES (2)");
    sql.exec("SELECT id FROM t WHERE id = 1 FOR UPDATE");
  }
  static int descriptor(Sql& sql) { return static_cast<int>(mysql_get_socket(sql.raw())); }
};

TEST_P(VanishingClientTest, ClosedSocket) {
  start();
  {
    Sql sql = client();
    begin(sql);
    Sql root = cluster_.root(0);
    await_that(
        "its transaction is open",
        [&] { return root.value("SELECT COUNT(*) FROM information_schema.innodb_trx") == "1"; }, innodb_trx_step);
    ::shutdown(descriptor(sql), SHUT_RDWR);
  }
  await_no_transaction();
}

TEST_P(VanishingClientTest, Reset) {
  start();
  {
    Sql sql = client();
    begin(sql);
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor(sql), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, descriptor(sql));  // the last reference is gone: a reset; what the library says goes nowhere
    ::close(null);
  }
  await_no_transaction();
}

TEST_P(VanishingClientTest, Quit) {
  start();
  {
    Sql sql = client();
    begin(sql);
  }
  await_no_transaction();
}

TEST_P(VanishingClientTest, WhileItsStatementRuns) {
  start();
  Sql root = cluster_.root(0);
  Sql sql = client();
  begin(sql);
  const std::string statement = "SELECT SLEEP(600) /* long */ FROM t FOR UPDATE";
  ASSERT_EQ(mysql_send_query(sql.raw(), statement.data(), statement.size()), 0);
  await_that("the statement runs", [&] {
    return root.value(
               "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%/* long */%' AND user = 'app'") ==
           "1";
  });
  ::shutdown(descriptor(sql), SHUT_RDWR);
  await_no_transaction();
}

TEST_P(VanishingClientTest, WhileItWaitsForALock) {
  start();
  Sql root = cluster_.root(0);
  Sql blocker = cluster_.app(0);
  blocker.exec("BEGIN");
  blocker.exec("SELECT id FROM t WHERE id = 1 FOR UPDATE");
  Sql sql = client();
  sql.exec("BEGIN");
  const std::string statement = "UPDATE t SET id = 5 WHERE id = 1";
  ASSERT_EQ(mysql_send_query(sql.raw(), statement.data(), statement.size()), 0);
  await_that(
      "it waits",
      [&] {
        return root.value("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'") == "1";
      },
      innodb_trx_step);
  ::shutdown(descriptor(sql), SHUT_RDWR);
  await_that("the session is gone", [&] { return admin_value("SELECT COUNT(*) FROM sessions") == "0"; });
  // A server looks at its connection again when the lock is its own: as for a client without sluice.
  blocker.exec("ROLLBACK");
  await_no_transaction();
}

INSTANTIATE_TEST_SUITE_P(Loops, BadClientsTest, on_loops(), loop_name);
INSTANTIATE_TEST_SUITE_P(Loops, VanishingClientTest, on_loops(), loop_name);

}  // namespace
}  // namespace sluice::test
