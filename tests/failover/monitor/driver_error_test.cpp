#include "failover/monitor/driver_error.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "failover/monitor/monitor_run.hpp"
#include "support/time.hpp"

namespace sluice::failover {
namespace {

struct ExplainCase {
  unsigned code;
  const char* version;
  const char* part;
};

TEST(Explain, NamesTheRemedy) {
  const ExplainCase cases[] = {
      {1045, "", "account needs REPLICATION CLIENT (MySQL) or SLAVE MONITOR"},
      {1045, "5.6.24", "GRANT REPLICATION CLIENT ON *.* TO 'mon'@'…'"},
      {1227, "10.11.6-MariaDB", "GRANT SLAVE MONITOR ON *.* TO 'mon'@'…'"},
      {1227, "10.4.6-MariaDB", "GRANT REPLICATION CLIENT ON *.*"},
      {1130, "", "create it for this host"},
      {1129, "", "FLUSH HOSTS"},
      {1040, "", "max_connections"},
  };
  for (const auto& it : cases) {
    const auto text = explain({it.code, "told", false}, ServerKind::from_version(it.version), "mon");
    EXPECT_TRUE(text.starts_with("told (" + std::to_string(it.code) + "): ")) << text;
    EXPECT_NE(text.find(it.part), std::string::npos) << text;
  }
  EXPECT_EQ(explain({2013, "lost", false}, {}, "mon"), "lost (2013)");
  EXPECT_EQ(explain({0, "no answer within 5 ms", true}, {}, "mon"), "no answer within 5 ms");
}

TEST(Explain, KeepsControlCharactersOut) {
  EXPECT_EQ(explain({9, "a\nb\x1b[2Jc\x7f", false}, {}, ""), "a b [2Jc  (9)");
}

TEST(IsConnectionLost, AsksForASecondTryOnlyWhereItCanHelp) {
  for (const unsigned code : {2006U, 2013U, 1053U, 1158U, 1927U, 4031U})
    EXPECT_TRUE(is_connection_lost({code, "", false})) << code;
  for (const unsigned code : {2002U, 1045U, 1227U, 1040U, 0U})
    EXPECT_FALSE(is_connection_lost({code, "", false})) << code;
  EXPECT_FALSE(is_connection_lost({2013, "", true}));
}

TEST(IsRefusal, IsWhatTheServerAnsweredOnAConnectionThatGoesOn) {
  for (const unsigned code : {1045U, 1094U, 1205U, 1999U, 3159U, 4999U})
    EXPECT_TRUE(is_refusal({code, "", false})) << code;
  for (const unsigned code : {0U, 1053U, 1927U, 2000U, 2013U, 2999U, 4031U, 5000U})
    EXPECT_FALSE(is_refusal({code, "", false})) << code;
  EXPECT_FALSE(is_refusal({1205, "", true}));
}

TEST(IsTooLate, IsOurBoundOrThatOfTheDriversTlsHandshake) {
  EXPECT_TRUE(is_too_late({0, "no connection within 5 ms", true}));
  EXPECT_TRUE(is_too_late({2026, "TLS/SSL error: Connection timed out (110)", false}));
  EXPECT_FALSE(is_too_late({2026, "TLS/SSL error: wrong version number", false}));
  EXPECT_FALSE(is_too_late({2003, "Can't connect to server on '10.0.0.1' (110)", false}));
  EXPECT_FALSE(is_too_late({1045, "Access denied (110)", false}));
}

struct ProbeCase {
  DriverError error;
  Probe probe;
};

TEST(ClassifyProbe, TellsAServerThatIsGoneFromOneThatIsSilentOrSpeaks) {
  const ProbeCase cases[] = {
      {{2003, "Can't connect to server on '127.0.0.1' (111)", false}, Probe::refused},
      {{2002, "Can't connect to server on '127.0.0.1' (111 \"Connection refused\")", false}, Probe::refused},
      {{2002, "Can't connect to local server through socket '/tmp/a (1)' (2)", false}, Probe::refused},
      {{2003, "Can't connect to server on '10.0.0.1' (113)", false}, Probe::silent},
      {{2003, "Can't connect to server on '10.0.0.1' (110)", false}, Probe::silent},
      {{2002, "no number", false}, Probe::silent},
      {{2002, "cut off (", false}, Probe::silent},
      {{2003, "(111)", true}, Probe::silent},
      {{0, "no answer within 5 ms", true}, Probe::silent},
      {{2013, "Lost connection to server (111)", false}, Probe::silent},
      {{2006, "Server has gone away", false}, Probe::silent},
      {{1053, "Server shutdown in progress", false}, Probe::silent},
      {{1045, "Access denied", false}, Probe::turned_away},
      {{1040, "Too many connections", false}, Probe::turned_away},
      {{1129, "Host is blocked", false}, Probe::turned_away},
      {{1130, "Host is not allowed", false}, Probe::turned_away},
      {{1227, "you need the SLAVE MONITOR privilege", false}, Probe::turned_away},
      {{2059, "Plugin could not be loaded", false}, Probe::turned_away},
  };
  for (const auto& it : cases) EXPECT_EQ(classify_probe(it.error), it.probe) << it.error.code << " " << it.error.text;
}

// The number in the driver's text is all there is to go by: another driver may write it in another way.
TEST(ClassifyProbe, ReadsTheTextsOfThisDriver) {
  boost::asio::io_context io;
  const boost::asio::ip::tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
  boost::asio::ip::tcp::acceptor silent(io, any);
  boost::asio::ip::tcp::acceptor bound_only(io, any.protocol());
  bound_only.bind(any);
  {
    MonitorOptions options;
    options.connect_timeout_ms = test::never_ms;
    options.servers = {testing::tcp_server(bound_only.local_endpoint().port()),
                       {"no socket", "", 0, "/no/such/socket"}};
    testing::MonitorRun run(options);
    const auto state = run.await("asked", [](const ClusterState& s) { return s.servers[1].seen.probe != Probe::none; });
    EXPECT_EQ(state.servers[0].seen.probe, Probe::refused) << state.servers[0].seen.error;
    EXPECT_EQ(state.servers[1].seen.probe, Probe::refused) << state.servers[1].seen.error;
  }
  MonitorOptions options;
  options.connect_timeout_ms = 100;
  options.servers = {testing::tcp_server(silent.local_endpoint().port())};
  testing::MonitorRun run(options);
  const auto state = run.await("asked", [](const ClusterState& s) { return s.servers[0].seen.probe != Probe::none; });
  EXPECT_EQ(state.servers[0].seen.probe, Probe::silent) << state.servers[0].seen.error;
}

// As over a network, where the refusal comes later than connect(2) returns: a SYN that a full listener dropped is sent
// again after a second, when nobody listens any more.
TEST(ClassifyProbe, KnowsARefusalThatComesLater) {
  namespace asio = boost::asio;
  asio::io_context io;
  asio::ip::tcp::acceptor acceptor(io);
  acceptor.open(asio::ip::tcp::v4());
  acceptor.bind({asio::ip::address_v4::loopback(), 0});
  acceptor.listen(0);
  asio::ip::tcp::socket first(io);
  first.connect(acceptor.local_endpoint());
  MonitorOptions options;
  options.connect_timeout_ms = test::never_ms;
  options.servers = {testing::tcp_server(acceptor.local_endpoint().port())};
  testing::MonitorRun run(options);
  asio::steady_timer later(run.io(), std::chrono::milliseconds(100));
  later.async_wait([&](const boost::system::error_code&) { acceptor.close(); });
  const auto state = run.await("asked", [](const ClusterState& s) { return s.servers[0].seen.probe != Probe::none; });
  EXPECT_EQ(state.servers[0].seen.probe, Probe::refused) << state.servers[0].seen.error;
}

}  // namespace
}  // namespace sluice::failover
