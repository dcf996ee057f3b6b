// elect() against losses that happened: a leader wrote, replicas received, some servers went, and what was acknowledged
// is known to the test, not to the election. Both GTID kinds, from seeds.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "failover/election.hpp"
#include "failover/election_notation.hpp"
#include "failover/sound_server.hpp"

namespace sluice::failover {
namespace {

using protocol::GtidSet;

// The set of everything up to a number that server 0 wrote, and, if asked for, one that `errant` wrote by itself.
GtidSet set(bool mysql, std::uint64_t last, std::size_t errant = 0) {
  const auto name = [&](std::size_t server) {
    return mysql ? std::string(1, static_cast<char>('a' + server)) + ":1-" : "0-" + std::to_string(server + 1) + "-";
  };
  std::string text = last > 0 ? name(0) + std::to_string(last) : std::string();
  if (errant > 0) text += (text.empty() ? "" : ",") + name(errant) + std::to_string(last + 1);
  return GtidSet::parse(testing::spelled(text)).value_or(GtidSet());
}

struct World {
  ElectionInput input;
  std::vector<std::uint64_t> received;  // how far each server is; 0: the leader
  std::vector<bool> errant;
  std::uint64_t acknowledged = 0;
};

class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}
  std::uint64_t up_to(std::uint64_t last) { return random_() % (last + 1); }
  bool one_in(std::uint64_t n) { return random_() % n == 0; }

 private:
  std::mt19937 random_;
};

ElectionServer make_server(Dice& dice, bool mysql, std::size_t i) {
  auto server = testing::sound_server(i, mysql ? Flavour::mysql : Flavour::mariadb);
  server.io_running = false;  // stopped, before the election
  server.reachable = !dice.one_in(4);
  server.binary_log = !dice.one_in(12);
  server.logs_replicated = !dice.one_in(12);
  server.sql_running = !dice.one_in(12);
  server.stopped_before_loss = dice.one_in(12);
  server.ignored = dice.one_in(12);
  server.maintenance = dice.one_in(12);
  server.disk_full = dice.one_in(12);
  server.delay_s = dice.one_in(12) ? 60 : 0;
  server.semi_sync = !dice.one_in(4);
  server.preference = static_cast<int>(dice.up_to(2));
  if (i > 0) server.sources = {0};
  return server;
}

World make_world(unsigned seed) {
  Dice dice(seed);
  World world;
  auto& input = world.input;
  const bool mysql = dice.one_in(2);
  const auto written = 1 + dice.up_to(40);
  const auto read = dice.up_to(written);  // how far the leader was when it was asked last
  std::vector<std::uint64_t> acknowledging;
  for (std::size_t i = 0; i < 2 + dice.up_to(3); ++i) {
    input.servers.push_back(make_server(dice, mysql, i));
    auto& server = input.servers.back();
    world.received.push_back(i == 0 ? read : dice.up_to(written));
    world.errant.push_back(i > 0 && dice.one_in(8));
    const auto last = world.received.back();
    server.executed = set(mysql, i == 0 ? read : dice.up_to(last));
    server.received = set(mysql, last, world.errant.back() ? i : 0);
    if (i > 0 && server.semi_sync) acknowledging.push_back(last);
  }
  input.leader = 0;
  input.leader_set_final = read == written;
  input.leader_acks = static_cast<std::uint32_t>(dice.up_to(2));
  if (dice.one_in(2)) input.leader_unseen = written - read;
  input.loss = static_cast<Loss>(dice.up_to(2));
  input.loss_max = dice.up_to(20);
  world.acknowledged = written;
  if (input.leader_acks > 0) {
    std::sort(acknowledging.begin(), acknowledging.end(), std::greater<>());
    world.acknowledged = acknowledging.size() < input.leader_acks ? 0 : acknowledging[input.leader_acks - 1];
  }
  return world;
}

struct Tally {
  unsigned proven = 0;
  unsigned lost = 0;
  unsigned refused = 0;
  unsigned caught_up = 0;
};

void check(const World& world, Tally& tally) {
  const auto& input = world.input;
  const auto election = elect(input);
  ASSERT_FALSE(election.reason.empty());
  for (const auto& verdict : election.servers) ASSERT_FALSE(verdict.reason.empty());
  if (!election.winner) {
    ++tally.refused;
    ASSERT_FALSE(election.most_advanced);
    const bool any =
        std::any_of(election.servers.begin(), election.servers.end(), [](const auto& v) { return v.eligible; });
    ASSERT_FALSE(any && (election.proven || input.loss == Loss::any)) << election.reason;
    return;
  }
  const auto winner = *election.winner;
  const auto from = election.most_advanced.value_or(winner);
  for (const auto server : {winner, from}) {
    ASSERT_NE(server, input.leader);
    ASSERT_TRUE(input.servers[server].reachable);
    ASSERT_FALSE(world.errant[server]) << election.reason;
  }
  ASSERT_TRUE(election.servers[winner].eligible);
  if (election.most_advanced) {
    ASSERT_GT(world.received[from], world.received[winner]);
  }
  if (election.most_advanced) ++tally.caught_up;

  const auto reached = world.received[from];
  const auto lost = world.acknowledged > reached ? world.acknowledged - reached : 0;
  ASSERT_EQ(election.proven, election.may_lose.empty());
  if (election.proven) {
    ASSERT_EQ(lost, 0U) << election.reason;
  }
  if (input.loss == Loss::none) {
    ASSERT_TRUE(election.proven);
  }
  if (input.loss == Loss::bounded && !election.proven) {
    ASSERT_LE(lost, input.loss_max) << election.may_lose;
  }
  tally.proven += election.proven ? 1 : 0;
  tally.lost += lost > 0 ? 1 : 0;
}

TEST(Elect, NeverLosesMoreThanItSays) {
  Tally tally;
  for (unsigned seed = 0; seed < 20'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    check(make_world(seed), tally);
    if (HasFatalFailure()) return;
  }
  // The worlds are of every sort.
  EXPECT_GT(tally.proven, 500U);
  EXPECT_GT(tally.lost, 500U);
  EXPECT_GT(tally.refused, 500U);
  EXPECT_GT(tally.caught_up, 500U);
}

}  // namespace
}  // namespace sluice::failover
