// A switchover on real servers whose leader or candidate is killed, hangs, or loses sluice's connections after each
// step in turn: it ends as the table in failover/switchover.hpp says, at no time two servers take writes, and what was
// acknowledged is on all servers when they are together again.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <set>
#include <string>
#include <tuple>

#include "failover/workflows/switchover_run.hpp"
#include "failover/workflows/writable_sampler.hpp"

namespace sluice::failover {
namespace {

using namespace std::chrono_literals;
using State = Switchover::State;
using testing::SwitchoverRun;

constexpr std::size_t leader = 0;
constexpr std::size_t candidate = 1;

enum class Fault { kill, hang, cut };
std::string to_text(Fault fault) { return fault == Fault::kill ? "kill" : fault == Fault::hang ? "hang" : "cut"; }

// What may come of a fault after this step.
std::set<State> expected(Act after, std::size_t victim, Fault fault) {
  if (fault == Fault::cut) return {State::done};  // connections are made anew
  switch (after) {
    case Act::hold:  // it can neither be frozen nor thawed; the candidate does not catch up
      return {victim == leader ? State::stuck : State::rolled_back};
    case Act::freeze:  // the candidate may have it all by then; else the old leader can't be thawed
      return victim == leader ? std::set{State::done, State::stuck} : std::set{State::rolled_back};
    case Act::await_position:  // the candidate may be writable or not: nobody can tell
      return {victim == leader ? State::done : State::stuck};
    default:  // what comes later does not undo it
      return {State::done};
  }
}

class SwitchoverFaultsTest : public ::testing::TestWithParam<std::tuple<test::Flavour, Act, Fault>> {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }

  void strike(std::size_t victim, Fault fault) {
    if (fault == Fault::kill) cluster()->node(victim).kill();
    if (fault == Fault::hang) cluster()->node(victim).hang();
    if (fault == Fault::cut) cut(victim);
  }
  void cut(std::size_t victim) {
    auto root = cluster().root(victim);
    for (const auto& row : root.query("SELECT ID FROM information_schema.PROCESSLIST WHERE USER = '" +
                                      std::string(demo::manager_user) + "'")) {
      try {
        root.exec("KILL " + row[0].value_or("0"));
      } catch (const demo::SqlError&) {  // it has ended by itself
      }
    }
  }

  void run_with(std::size_t victim) {
    const auto [flavour, after, fault] = GetParam();
    SCOPED_TRACE(to_text(fault) + " " + cluster()->node(victim).name() + " after " + std::string(to_string(after)));
    SwitchoverRun run(cluster());
    run.start_clients(2);
    run.await_writes(10);
    testing::WritableSampler sampler(cluster(), leader, candidate);
    bool struck = false;
    const auto strike_once = [&](const Action& action, const Outcome& outcome) {
      if (struck || action.act != after) return;
      EXPECT_TRUE(outcome.ok) << outcome.error;
      struck = true;
      strike(victim, fault);
    };
    // Time has to pass only for what the victim does not answer, and what can't come true without it.
    const auto shorten = [&](Action& action) {
      const bool in_vain = action.server == victim || action.act == Act::await_position ||
                           (action.act == Act::follow && action.source == victim);
      if (struck && fault != Fault::cut && in_vain) action.budget = std::min(action.budget, test::scaled(300ms));
    };
    const auto end = run.switch_over(run.plan(leader, candidate, 8), strike_once, shorten);
    sampler.stop();
    EXPECT_GT(sampler.looks(), 0U);
    EXPECT_EQ(sampler.both(), 0U) << "two servers took writes\n" << end.text();
    EXPECT_TRUE(expected(after, victim, fault).contains(end.state)) << static_cast<int>(end.state) << "\n"
                                                                    << end.text();
    check_record(run, end);
    heal(run, end);
  }

  void check_record(SwitchoverRun& run, const testing::SwitchoverEnd& end) {
    const auto read = run.record();
    ASSERT_TRUE(read.record) << read.error;
    const auto& record = *read.record;
    EXPECT_EQ(record.change.has_value(), end.state == State::stuck);
    if (end.state == State::stuck) return;
    EXPECT_EQ(run.gate().leader(), end.state == State::done ? candidate : leader);
    EXPECT_TRUE(run.gate().is_open());
    EXPECT_EQ(record.leader, cluster()->node(run.gate().leader()).name());
    EXPECT_EQ(run.gate().calls().back().starts_with("cut"), end.state == State::done);
  }

  // All servers run again and follow whoever leads: each has what was acknowledged.
  void heal(SwitchoverRun& run, const testing::SwitchoverEnd& end) {
    for (std::size_t i = 0; i < cluster()->size(); ++i) {
      if (cluster()->node(i).running()) cluster()->node(i).resume();
    }
    run.stop_clients();
    cluster()->up();
    cluster()->await_replicated();
    if (end.state != State::stuck) {
      EXPECT_EQ(cluster()->leader_index(), run.gate().leader());
    }
    const auto rows = run.rows(cluster()->leader_index());
    for (const auto id : run.wrote()) EXPECT_TRUE(rows.contains(id)) << "lost: " << id << "\n" << end.text();
    for (std::size_t i = 0; i < cluster()->size(); ++i) {
      EXPECT_EQ(run.checksum(i), run.checksum(0)) << i << "\n" << end.text();
      EXPECT_EQ(run.workflow().position(i), run.workflow().position(0)) << i << "\n" << end.text();
    }
  }

  test::TestCluster& cluster() { return cluster_; }

 private:
  test::TestCluster& cluster_ = test::shared_cluster(std::get<0>(GetParam()));
};

std::string case_name(const ::testing::TestParamInfo<std::tuple<test::Flavour, Act, Fault>>& info) {
  const auto& [flavour, after, fault] = info.param;
  return std::string(demo::to_string(flavour)) + "_" + std::string(to_string(after)) + "_" + to_text(fault);
}

TEST_P(SwitchoverFaultsTest, OfTheLeader) { run_with(leader); }
TEST_P(SwitchoverFaultsTest, OfTheCandidate) { run_with(candidate); }

INSTANTIATE_TEST_SUITE_P(EachStep, SwitchoverFaultsTest,
                         ::testing::Combine(::testing::Values(test::Flavour::mariadb, test::Flavour::mysql56),
                                            ::testing::Values(Act::hold, Act::freeze, Act::await_position, Act::promote,
                                                              Act::release),
                                            ::testing::Values(Fault::kill, Fault::hang, Fault::cut)),
                         case_name);

// Promotions that fail while the candidate goes on answering.
class FailedPromotionTest : public ::testing::TestWithParam<test::Flavour> {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }
  test::TestCluster& cluster_ = test::shared_cluster(GetParam());
};

TEST_P(FailedPromotionTest, IsUndone) {
  SwitchoverRun run(cluster_);
  run.start_clients(2);
  run.await_writes(10);
  auto obstacle = cluster_.root(candidate);
  obstacle.exec("SET SESSION sql_log_bin = 0");
  const std::string account = "'" + std::string(demo::manager_user) + "'@'%'";
  // MariaDB refuses to change the semi-synchronous role. MySQL can't forget its source as long as that table is locked,
  // and is given up over it.
  const bool mariadb = GetParam() == test::Flavour::mariadb;
  const auto block = [&](const Action& action, const Outcome&) {
    if (action.act == Act::record && action.server == candidate)
      obstacle.exec(mariadb ? "REVOKE REPLICATION MASTER ADMIN ON *.* FROM " + account
                            : "LOCK TABLES mysql.slave_master_info WRITE");
    if (action.act == Act::promote) obstacle.exec("UNLOCK TABLES");
  };
  testing::WritableSampler sampler(cluster_, leader, candidate);
  const auto shorten = [&](Action& action) {
    if (action.act == Act::promote && !mariadb) action.budget = test::scaled(700ms);
  };
  const auto end = run.switch_over(run.plan(leader, candidate, 8), block, shorten);
  sampler.stop();
  if (mariadb) obstacle.exec("GRANT REPLICATION MASTER ADMIN ON *.* TO " + account);
  EXPECT_EQ(sampler.both(), 0U) << end.text();
  EXPECT_EQ(end.state, State::rolled_back) << end.text();
  EXPECT_EQ(run.gate().calls().back(), "release 0 under 9");
  EXPECT_EQ(run.record().record, (EpochRecord{"main", 9, "db1", "", {}}));
  EXPECT_FALSE(run.workflow().read_only(leader));
  EXPECT_TRUE(run.workflow().read_only(candidate));
  run.await_writes(10);
  run.stop_clients();
  EXPECT_TRUE(run.client_errors().empty());
  run.workflow().must(run.workflow().make_follow(candidate, leader));
  cluster_->await_replicated();
  EXPECT_EQ(run.rows(candidate), run.wrote());
}

INSTANTIATE_TEST_SUITE_P(Servers, FailedPromotionTest,
                         ::testing::Values(test::Flavour::mariadb, test::Flavour::mysql56),
                         [](const auto& flavour) { return std::string(demo::to_string(flavour.param)); });

}  // namespace
}  // namespace sluice::failover
