// failover/monitor against peers that are no database servers: whatever they say or don't say, the monitor calls them
// unreachable, tries again, and keeps neither memory nor descriptors.
#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "failover/monitor/monitor_run.hpp"

namespace sluice::failover {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::string_literals;
using testing::open_descriptors;

std::string packet(unsigned char sequence, const std::string& payload) {
  const auto size = payload.size();
  return std::string{static_cast<char>(size & 0xff), static_cast<char>(size >> 8 & 0xff),
                     static_cast<char>(size >> 16 & 0xff), static_cast<char>(sequence)} +
         payload;
}

// Protocol::HandshakeV10 of a MySQL 5.6 with PROTOCOL_41, SECURE_CONNECTION, MULTI_STATEMENTS, MULTI_RESULTS,
// PLUGIN_AUTH, and SSL if it offers TLS.
std::string greeting(bool tls = false) {
  const auto capabilities = tls ? "\x01\x8a"s : "\x01\x82"s;
  return packet(0, "\x0a" + "5.6.24\0"s + "\x01\0\0\0"s + "12345678\0"s + capabilities + "\x21\x02\0"s + "\x0b\0"s +
                       "\x15"s + std::string(10, '\0') + "123456789012\0"s + "mysql_native_password\0"s);
}
std::string ok(unsigned char sequence) { return packet(sequence, "\0\0\0\x02\0\0\0"s); }
constexpr char tls_request_size = 32;  // Protocol::SSLRequest, without its header; a login is longer

// What a peer does on each connection: it says `first`; then, each time it has read something, the next of `answers`;
// then it hangs up or goes on listening. `flood`: it repeats the last answer as long as it is read. To a request for
// TLS it says nothing.
struct Script {
  const char* what;
  std::string first;
  std::vector<std::string> answers;
  bool hangs_up = false;
  bool flood = false;
  const char* error = "";  // part of what the monitor must say
  friend void PrintTo(const Script& script, std::ostream* out) { *out << script.what; }
};

class BadPeer {
 public:
  BadPeer(asio::io_context& io, const Script& script)
      : script_(script), acceptor_(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    accept();
  }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] int accepted() const { return accepted_; }
  [[nodiscard]] int tls_requests() const { return tls_requests_; }
  void stop() {
    acceptor_.close();
    for (const auto& weak : sessions_) {
      if (const auto session = weak.lock()) session->socket.close();
    }
  }

 private:
  struct Session {
    explicit Session(tcp::socket s) : socket(std::move(s)) {}
    tcp::socket socket;
    std::string out;
    std::array<char, 4096> in{};
    std::size_t answered = 0;
  };
  using SessionPtr = std::shared_ptr<Session>;

  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
      if (error) return;
      ++accepted_;
      const auto session = std::make_shared<Session>(std::move(socket));
      sessions_.push_back(session);
      say(session, script_.first);
      accept();
    });
  }
  void say(const SessionPtr& session, const std::string& text) {
    session->out = text;
    asio::async_write(session->socket, asio::buffer(session->out),
                      [this, session](const boost::system::error_code& error, std::size_t) {
                        if (!error) listen(session);
                      });
  }
  void listen(const SessionPtr& session) {
    const bool said_all = session->answered == script_.answers.size();
    if (said_all && script_.flood) return say(session, std::string(session->out));
    if (said_all && script_.hangs_up) return;
    session->socket.async_read_some(asio::buffer(session->in),
                                    [this, session](const boost::system::error_code& error, std::size_t size) {
                                      if (error) return;
                                      received_.append(session->in.data(), size);
                                      if (session->in[0] == tls_request_size) {
                                        ++tls_requests_;
                                        session->answered = script_.answers.size();
                                      }
                                      if (session->answered == script_.answers.size()) return listen(session);
                                      say(session, script_.answers[session->answered++]);
                                    });
  }

  const Script& script_;
  tcp::acceptor acceptor_;
  std::vector<std::weak_ptr<Session>> sessions_;
  int accepted_ = 0;
  int tls_requests_ = 0;
  std::string received_;
};

const std::string column_count_huge = packet(1, "\xfe\xff\xff\xff\xff\xff\xff\xff\x7f");
const std::string column_definition =
    packet(2, "\x03" + "def"s + "\0\0\0"s + "\x09" + "server_id"s + "\0"s + "\x0c\x21\0\x10\0\0\0\xfd\0\0\0\0\0"s);
const std::string eof_packet = packet(3, "\xfe\0\0\x02\0"s);

std::string rows_of_a_megabyte(int count) {
  std::string rows;
  for (int i = 0; i < count; ++i)
    rows += packet(static_cast<unsigned char>(4 + i), "\xfd\0\0\x10"s + std::string(1 << 20, 'x'));
  return rows;
}

const Script scripts[] = {
    {"nothing", "", {}, false, false, "no connection within"},
    {"hangs up at once", "", {}, true, false, "(2013)"},
    {"half a packet header", "\x05", {}, false, false, "no connection within"},
    {"half a greeting, then nothing", greeting().substr(0, 20), {}, false, false, "no connection within"},
    {"half a greeting, then hangs up", greeting().substr(0, 20), {}, true, false, "(2013)"},
    {"an HTTP server", "HTTP/1.1 400 Bad Request\r\n\r\n", {}, true, false, "("},
    {"zeros", std::string(64, '\0'), {}, false, false, "("},
    {"a greeting of one byte", packet(0, "\x0a"), {}, false, false, "("},
    {"a greeting without end of version", packet(0, "\x0a" + std::string(300, 'v')), {}, false, false, "("},
    {"a packet that claims 16 MiB", "\xff\xff\xff\0"s, {}, false, true, "("},
    {"an error for a greeting",
     packet(0, "\xff\x10\x04Too many\nconnections"),
     {},
     true,
     false,
     "Too many connections (1040): the server runs"},
    {"a greeting, then nothing", greeting(), {}, false, false, "no connection within"},
    {"a greeting, then zeros without end", greeting(), {std::string(1024, '\0')}, false, true, "(2013)"},
    {"a plugin that asks for the password in clear",
     greeting(),
     {packet(2, "\xfemysql_clear_password\0"s)},
     false,
     false,
     "("},
    {"a plugin that would ask on the terminal",
     greeting(),
     {packet(2, "\xfe" + "dialog\0\x02Password:"s)},
     false,
     false,
     "("},
    {"no answer to the query", greeting(), {ok(2)}, false, false, "no answer within"},
    {"hangs up at the query", greeting(), {ok(2), ""}, true, false, "(2013)"},
    {"an OK that is no table", greeting(), {ok(2), ok(1)}, false, false, "not those of a MySQL"},
    {"asks for a local file", greeting(), {ok(2), packet(1, "\xfb/etc/passwd")}, false, false, "no answer within"},
    {"claims very many columns", greeting(), {ok(2), column_count_huge}, false, false, "no answer within"},
    {"a table without end",
     greeting(),
     {ok(2), packet(1, "\x01") + column_definition + eof_packet + rows_of_a_megabyte(12)},
     false,
     true,
     "the server's answer is too large"},
};

class BadPeerTest : public ::testing::TestWithParam<Script> {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }
};

TEST_P(BadPeerTest, IsUnreachableAndTriedAgain) {
  const auto before = open_descriptors();
  {
    asio::io_context io;
    BadPeer peer(io, GetParam());
    MonitorOptions options;
    options.cluster = "bad";
    options.user = "sluice";
    options.password = "very-secret";
    options.interval_ms = 50;
    // Silence is known by the time that passes; everything else must be seen however long it takes.
    const std::string expected = GetParam().error;
    const auto budget_of = [&](const char* late) {
      return expected.find(late) != std::string::npos ? 200 : test::never_ms;
    };
    options.connect_timeout_ms = budget_of("no connection within");
    options.probe_timeout_ms = budget_of("no answer within");
    options.servers = {testing::tcp_server(peer.port())};
    Monitor monitor(io, options, [](const ClusterState&) {});
    monitor.start();
    const auto end = std::chrono::steady_clock::now() + test::hang_limit;
    const auto tried_again = [&] { return peer.accepted() >= 4; };
    while (!tried_again() && io.run_one_until(end) != 0) {
    }
    EXPECT_TRUE(tried_again());
    const auto state = monitor.state();
    EXPECT_FALSE(state.leader);
    ASSERT_EQ(state.servers.size(), 1U);
    EXPECT_FALSE(state.servers[0].seen.reachable);
    EXPECT_NE(state.servers[0].why.find("unreachable: "), std::string::npos) << state.servers[0].why;
    EXPECT_NE(state.servers[0].why.find(GetParam().error), std::string::npos) << state.servers[0].why;
    EXPECT_EQ(testing::describe(state).find("very-secret"), std::string::npos);
    EXPECT_EQ(peer.received().find("very-secret"), std::string::npos) << "the password as it is";
    EXPECT_EQ(peer.received().find("root:"), std::string::npos) << "a file of this host";
    monitor.stop();
    peer.stop();
    io.run_for(test::hang_limit);
  }
  EXPECT_EQ(open_descriptors(), before);
}

// Else a server that insists on TLS, and was slow once, would never be asked for it again.
TEST(MonitorTlsPeer, ATlsHandshakeThatTookTooLongIsTriedAgain) {
  ::signal(SIGPIPE, SIG_IGN);
  asio::io_context io;
  const Script script{"turns plain logins away", greeting(true), {packet(2, "\xff\x15\x04#28000Access denied"s)}};
  BadPeer peer(io, script);
  MonitorOptions options;
  options.user = "sluice";
  options.password = "very-secret";
  options.interval_ms = 50;
  options.connect_timeout_ms = test::scaled_ms(100);  // ample for the plain login that comes first
  options.servers = {testing::tcp_server(peer.port())};
  Monitor monitor(io, options, [](const ClusterState&) {});
  monitor.start();
  const auto end = std::chrono::steady_clock::now() + test::hang_limit;
  const auto tried_again = [&] {
    const auto& state = monitor.state();
    return peer.tls_requests() >= 2 && !state.servers.empty() &&
           state.servers[0].why.find("Access denied") != std::string::npos;
  };
  while (!tried_again() && io.run_one_until(end) != 0) {
  }
  EXPECT_TRUE(tried_again()) << peer.tls_requests() << "\n" << testing::describe(monitor.state());
  monitor.stop();
  peer.stop();
  io.run_for(test::hang_limit);
}

INSTANTIATE_TEST_SUITE_P(Scripts, BadPeerTest, ::testing::ValuesIn(scripts), [](const auto& script) {
  std::string name = script.param.what;
  std::erase_if(name, [](char c) { return c == ','; });
  for (auto& c : name) c = c == ' ' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace sluice::failover
