#include "failover/view_keeper.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace sluice::failover {
namespace {

using std::chrono::milliseconds;

TimePoint at(int ms) { return TimePoint(std::chrono::hours(1)) + milliseconds(ms); }

ServerObservation answer(std::uint32_t id) {
  ServerObservation seen;
  seen.reachable = true;
  seen.probe = Probe::answered;
  seen.flavour = Flavour::mariadb;
  seen.version = "5.5.5-10.11.19-MariaDB-log";
  seen.server_id = id;
  seen.binary_log = seen.logs_replicated = true;
  seen.executed = "0-1-9";
  seen.instance = 100 + id;
  return seen;
}

ReplicationChannel channel_from(std::uint32_t source) {
  ReplicationChannel channel;
  channel.source_host = "db" + std::to_string(source);
  channel.source_port = 3306;
  channel.source_server_id = source;
  channel.io_running = channel.sql_running = true;
  channel.traffic = {IoThread::connected, "0-1-9", "binlog.000001:325", 12, milliseconds(500)};
  return channel;
}

ServerObservation replica(std::uint32_t id, std::uint32_t source = 1) {
  auto seen = answer(id);
  seen.read_only = true;
  seen.channels = {channel_from(source)};
  return seen;
}

ServerObservation lost(ServerObservation seen, Probe how) {
  seen.reachable = false;
  seen.probe = how;
  seen.error = "why";
  return seen;
}

// db1 leads, db2 and db3 follow; all were asked once, at 0.
ViewKeeper three_servers() {
  ViewKeeper keeper({{"db1:3306", false, 0}, {"db2:3306", true, 0}, {"db3:3306", false, 7}});
  keeper.take(0, answer(1), at(0));
  keeper.take(1, replica(2), at(0));
  keeper.take(2, replica(3), at(0));
  return keeper;
}

ServerView view_of(const ViewKeeper& keeper, std::size_t server, int now_ms = 0) {
  return keeper.view(at(now_ms)).value().servers.at(server);
}

TEST(ViewKeeper, ShowsNothingUntilAllWereAsked) {
  ViewKeeper keeper({{"db1:3306", false, 0}, {"db2:3306", false, 0}});
  EXPECT_FALSE(keeper.view(at(0)));
  keeper.take(0, answer(1), at(0));
  EXPECT_FALSE(keeper.view(at(1)));
  keeper.take(1, lost({}, Probe::silent), at(1));
  const auto view = keeper.view(at(9));
  ASSERT_TRUE(view);
  ASSERT_EQ(view->servers.size(), 2U);
  EXPECT_EQ(view->servers[1].witness.probe, Probe::silent);
  EXPECT_EQ(view->servers[1].probed, at(1));
  EXPECT_EQ(view->servers[1].seen, TimePoint{}) << "never";
  EXPECT_EQ(view->servers[1].witness.lost_for.count(), 0);
  EXPECT_FALSE(view->servers[1].known.executed) << "not known";
  EXPECT_FALSE(view->servers[1].known.received);
  EXPECT_FALSE(view->servers[1].writable);
}

TEST(ViewKeeper, KeepsWhatIsKnownOfAServerThatIsLost) {
  auto keeper = three_servers();
  keeper.take(0, lost(answer(1), Probe::refused), at(500));
  const auto leader = view_of(keeper, 0, 700);
  EXPECT_EQ(leader.witness.probe, Probe::refused);
  EXPECT_EQ(leader.witness.error, "why");
  EXPECT_EQ(leader.witness.lost_for, milliseconds(700));
  EXPECT_EQ(leader.seen, at(0));
  EXPECT_EQ(leader.probed, at(500));
  EXPECT_FALSE(leader.known.reachable);
  EXPECT_TRUE(leader.writable);
  EXPECT_EQ(leader.known.instance, 101U);
  EXPECT_EQ(leader.known.executed, protocol::GtidSet::parse("0-1-9"));
  auto half_read = lost(answer(1), Probe::turned_away);
  half_read.executed = "0-1-1";
  keeper.take(0, half_read, at(800));
  EXPECT_EQ(view_of(keeper, 0).known.executed, protocol::GtidSet::parse("0-1-9")) << "of the last answer";
  keeper.take(0, answer(1), at(900));
  EXPECT_EQ(view_of(keeper, 0, 950).witness.lost_for, milliseconds(50));
}

TEST(ViewKeeper, SeesAServerThatWasStartedAnewWithinASecond) {
  auto keeper = three_servers();
  auto seen = answer(1);
  seen.semi_sync.clients_ever = 40;
  keeper.take(0, seen, at(500));
  EXPECT_EQ(view_of(keeper, 0).runs, 0U) << "it only counts on";
  keeper.take(0, lost(answer(1), Probe::refused), at(600));
  seen.semi_sync.clients_ever = 3;
  keeper.take(0, seen, at(700));
  EXPECT_EQ(view_of(keeper, 0).runs, 1U);
  ++seen.instance;
  seen.semi_sync.clients_ever = 50;
  keeper.take(0, seen, at(9000));
  EXPECT_EQ(view_of(keeper, 0).runs, 2U);
}

TEST(ViewKeeper, TellsWhatAnElectionWantsToKnow) {
  auto keeper = three_servers();
  auto seen = replica(3);
  seen.semi_sync.follows = true;
  seen.channels[0].delay_s = 30;
  seen.channels[0].sql_running = false;
  seen.channels[0].lag_ms = 4000;
  seen.channels[0].filters = "Replicate_Do_DB=shop";
  keeper.take(2, seen, at(100));
  const auto third = view_of(keeper, 2);
  const auto& known = third.known;
  EXPECT_EQ(known.name, "db3:3306");
  EXPECT_TRUE(known.reachable);
  EXPECT_EQ(known.flavour, Flavour::mariadb);
  EXPECT_EQ(known.version, 101119U);
  EXPECT_EQ(known.server_id, 3U);
  EXPECT_TRUE(known.binary_log && known.logs_replicated && known.semi_sync && known.io_running);
  EXPECT_FALSE(known.sql_running);
  EXPECT_EQ(known.received, protocol::GtidSet::parse("0-1-9"));
  EXPECT_EQ(known.delay_s, 30U);
  EXPECT_EQ(known.filters, "Replicate_Do_DB=shop");
  EXPECT_EQ(known.sources, (std::vector<std::size_t>{0}));
  EXPECT_EQ(known.instance, 103U);
  EXPECT_EQ(known.preference, 7);
  EXPECT_FALSE(known.ignored);
  EXPECT_TRUE(view_of(keeper, 1).known.ignored);
  EXPECT_FALSE(third.writable);
  ASSERT_EQ(third.witness.channels.size(), 1U);
  EXPECT_EQ(third.witness.channels[0].source, 0U);
  EXPECT_EQ(third.witness.channels[0].lag_ms, 4000U);
  EXPECT_FALSE(third.witness.channels[0].sql_running);
  const auto leader = view_of(keeper, 0);
  EXPECT_TRUE(leader.writable);
  EXPECT_EQ(leader.known.received, protocol::GtidSet()) << "a server without channels has received nothing";
  EXPECT_FALSE(leader.known.io_running);
}

TEST(ViewKeeper, JoinsTheChannelsOfTheClusterAndLeavesTheOthersOut) {
  auto keeper = three_servers();
  auto seen = replica(3);
  seen.channels.push_back(channel_from(2));
  seen.channels[1].traffic.gtids = "0-2-4";
  seen.channels[1].io_running = false;
  seen.channels.push_back(channel_from(99));
  seen.channels[2].traffic.gtids = "7-99-4";
  seen.channels[2].sql_running = false;
  keeper.take(2, seen, at(100));
  auto known = view_of(keeper, 2).known;
  EXPECT_EQ(known.sources, (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(known.received, protocol::GtidSet::parse("0-1-9,0-2-4"));
  EXPECT_FALSE(known.io_running) << "one of two";
  EXPECT_TRUE(known.sql_running) << "the one from outside doesn't count";
  EXPECT_EQ(view_of(keeper, 2).witness.channels.size(), 2U);
  seen.channels[0].traffic.gtids.reset();
  keeper.take(2, seen, at(200));
  EXPECT_FALSE(view_of(keeper, 2).known.received) << "one of them doesn't tell";
}

struct QuietCase {
  const char* what;
  std::function<void(ReplicationChannel&)> change;  // at 500 ms, from one probe to the next
  std::optional<int> quiet_ms;                      // at 500 ms
  std::optional<int> later_ms;                      // at 900 ms, when nothing more has changed
};

// Each probe takes 10 ms.
TEST(ViewKeeper, TellsForHowLongAReplicaHasReceivedNothing) {
  const QuietCase cases[] = {
      {"nothing", [](auto&) {}, 490, 890},
      {"a heartbeat", [](auto& c) { c.traffic.heartbeats = 13; }, 0, 390},
      {"an event", [](auto& c) { c.traffic.log_position = "binlog.000001:326"; }, 0, 390},
      {"a transaction", [](auto& c) { c.traffic.gtids = "0-1-10"; }, 0, 390},
      {"it lost its source", [](auto& c) { c.traffic.io = IoThread::connecting; }, 490, 890},
      {"no heartbeats", [](auto& c) { c.traffic.heartbeat_period = milliseconds(0); }, std::nullopt, std::nullopt},
      {"another source", [](auto& c) { c.source_port = 3307; }, std::nullopt, 390},
  };
  for (const auto& it : cases) {
    ViewKeeper keeper({{"db1:3306", false, 0}, {"db2:3306", false, 0}});
    keeper.take(0, answer(1), at(0));
    auto seen = replica(2);
    seen.probe_us = 10'000;
    const auto quiet_at = [&](int ms) -> std::optional<int> {
      keeper.take(1, seen, at(ms));
      const auto told = view_of(keeper, 1, 5000).witness.channels.at(0).quiet_for;
      return told ? std::optional(static_cast<int>(told->count())) : std::nullopt;
    };
    EXPECT_EQ(quiet_at(0), std::nullopt) << it.what;
    it.change(seen.channels[0]);
    EXPECT_EQ(quiet_at(500), it.quiet_ms) << it.what;
    EXPECT_EQ(quiet_at(900), it.later_ms) << it.what;
  }
}

TEST(ViewKeeper, CountsANewConnectionAsSomethingHeard) {
  auto keeper = three_servers();
  auto seen = replica(2);
  seen.channels[0].traffic.io = IoThread::connecting;
  keeper.take(1, seen, at(100));
  seen.channels[0].traffic.io = IoThread::connected;
  keeper.take(1, seen, at(200));
  EXPECT_EQ(view_of(keeper, 1).witness.channels.at(0).quiet_for, milliseconds(0));
}

TEST(ViewKeeper, ShowsWhatTheWorkersSaw) {
  auto keeper = three_servers();
  keeper.data_path(0, {1, 2, 3, 4});
  EXPECT_EQ(view_of(keeper, 0).witness.data.silent, 3U);
  EXPECT_EQ(view_of(keeper, 1).witness.data.silent, 0U);
}

// ---- Acknowledgements

ServerObservation waiting_leader(std::uint32_t sessions = 0) {
  auto seen = answer(1);
  seen.semi_sync.leads = seen.semi_sync.waits = seen.semi_sync.waits_without_replicas = true;
  seen.semi_sync.wanted = 2;
  seen.semi_sync.replicas = 3;
  seen.semi_sync.sessions = sessions;
  seen.semi_sync.timeout = milliseconds(1000);
  return seen;
}

struct AcksCase {
  const char* what;
  std::function<void(SemiSyncObservation&)> change;
  std::uint32_t acks;
  std::uint32_t wanted;  // by the witness
};

TEST(ViewKeeper, CountsOnAcknowledgementsOnlyWhileTheLeaderInsistsOnThem) {
  const AcksCase cases[] = {
      {"it waits", [](auto&) {}, 2, 2},
      {"switched off", [](auto& s) { s.leads = false; }, 0, 0},
      {"given up", [](auto& s) { s.waits = false; }, 0, 0},
      {"not without replicas", [](auto& s) { s.waits_without_replicas = false; }, 0, 2},
  };
  for (const auto& it : cases) {
    auto keeper = three_servers();
    auto seen = waiting_leader();
    it.change(seen.semi_sync);
    keeper.take(0, seen, at(100));
    const auto leader = view_of(keeper, 0);
    EXPECT_EQ(leader.acks, it.acks) << it.what;
    EXPECT_EQ(leader.acks_for, it.acks > 0 ? std::optional(milliseconds(1000)) : std::nullopt) << it.what;
    EXPECT_EQ(leader.witness.semi_sync.wanted, it.wanted) << it.what;
  }
}

struct WaitingStep {
  int at_ms;
  std::uint32_t sessions;
  int acks_for_ms;
  int waiting_for_ms;
};

TEST(ViewKeeper, ReckonsWithTheSessionThatMayHaveWaitedLongest) {
  const WaitingStep steps[] = {
      {100, 2, 0, 0},     // it may have waited for any time
      {200, 0, 1000, 0},  //
      {600, 2, 600, 0},   // since 200 at the earliest, since 600 at the latest
      {900, 1, 300, 300}, {1300, 1, 0, 700}, {1400, 0, 1000, 0}, {1500, 5, 900, 0},
  };
  ViewKeeper keeper({{"db1:3306", false, 0}});
  for (const auto& it : steps) {
    keeper.take(0, waiting_leader(it.sessions), at(it.at_ms));
    const auto leader = view_of(keeper, 0, 5000);
    EXPECT_EQ(leader.acks_for, milliseconds(it.acks_for_ms)) << it.at_ms;
    EXPECT_EQ(leader.witness.semi_sync.waiting, it.sessions) << it.at_ms;
    EXPECT_EQ(leader.witness.semi_sync.waiting_for, milliseconds(it.waiting_for_ms)) << it.at_ms;
    EXPECT_EQ(leader.witness.semi_sync.replicas, 3U);
  }
  auto restarted = waiting_leader(1);
  restarted.instance = 7;
  keeper.take(0, restarted, at(1600));
  EXPECT_EQ(view_of(keeper, 0).acks_for, milliseconds(0)) << "what was seen of the run before says nothing";
}

struct BusyStep {
  int at_ms;
  std::uint64_t acknowledged;
  std::uint64_t clients_ever;
  int acks_for_ms;
};

// 44 clients are connected, and 256 threads of the server's own are reckoned with.
TEST(ViewKeeper, KnowsThatSessionsOfABusyLeaderWereReleased) {
  const BusyStep steps[] = {
      {0, 1000, 50, 0},      // not known
      {100, 1300, 50, 0},    // 300 commits: each of 300 sessions may have had one
      {200, 1301, 50, 800},  // one had two: who waited at 0 waits no more
      {300, 1602, 50, 900},  // nor who waited at 200
      {400, 1903, 51, 800},  // one more client since 300: 301 commits are one each
      {500, 1904, 51, 800},  // who waited at 300 does not
      {600, 1904, 51, 700},  // nothing moves
      {700, 5, 51, 600},     // FLUSH STATUS
      {1500, 1904, 51, 0},
  };
  ViewKeeper keeper({{"db1:3306", false, 0}});
  for (const auto& it : steps) {
    auto seen = waiting_leader(3);
    seen.semi_sync.acknowledged = it.acknowledged;
    seen.semi_sync.clients = 44;
    seen.semi_sync.clients_ever = it.clients_ever;
    keeper.take(0, seen, at(it.at_ms));
    EXPECT_EQ(view_of(keeper, 0).acks_for, milliseconds(it.acks_for_ms)) << it.at_ms;
  }
}

TEST(ViewKeeper, TakesALeaderThatLeftCommitsUnacknowledgedForOneThatBeginsAnew) {
  ViewKeeper keeper({{"db1:3306", false, 0}});
  auto seen = waiting_leader();
  seen.semi_sync.unacknowledged = 5;
  const auto acks_at = [&](int ms) {
    keeper.take(0, seen, at(ms));
    return view_of(keeper, 0).acks;
  };
  EXPECT_EQ(acks_at(0), 2U) << "what was before the first probe is in its executed set";
  seen.semi_sync.unacknowledged = 6;
  EXPECT_EQ(acks_at(500), 0U) << "it had given up in between";
  EXPECT_EQ(acks_at(1000), 2U);
  seen.semi_sync.unacknowledged = 0;
  seen.instance = 7;
  EXPECT_EQ(acks_at(1500), 2U) << "another run counts from 0";
}

}  // namespace
}  // namespace sluice::failover
