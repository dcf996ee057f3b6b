// failover/switchover.hpp against two servers, a gate and a record that fail in every way at every step: whatever
// happens, no two servers take writes, and who leads at the end is what was said.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "failover/fault_explorer.hpp"
#include "failover/fault_trial.hpp"
#include "failover/switchover.hpp"

namespace sluice::failover {
namespace {

using State = Switchover::State;
using Explorer = testing::FaultExplorer<Switchover>;

constexpr std::size_t leader = 0;
constexpr std::size_t candidate = 1;
constexpr std::size_t other = 2;

SwitchoverPlan make_plan() {
  SwitchoverPlan plan;
  plan.names = {"db1", "db2", "db3"};
  plan.candidate = candidate;
  plan.others = {other};
  plan.epoch = 8;
  plan.hook_before = "/etc/before";
  plan.hook_after = "/etc/after";
  return plan;
}

// The servers as they are. Whoever takes writes gets one before anybody looks again.
class World : public testing::FaultWorld {
 public:
  explicit World(const SwitchoverPlan& plan) : stall_max_(plan.stall_max) {}

  void asked(const Action& action, TimePoint now) override {
    if (action.act == Act::hold) held_at_ = now;
    if (action.act == Act::promote) {
      EXPECT_LT(now, held_at_ + stall_max_);
    }
  }

  Outcome take_effect(const Action& action) override {
    Outcome outcome;
    outcome.id = action.id;
    outcome.ok = true;
    switch (action.act) {
      case Act::hold:
        gate_ = std::nullopt;
        break;
      case Act::release:
        gate_ = action.server;
        check_release(action);
        break;
      case Act::record:
        recorded_ = {action.epoch, action.server};
        break;
      case Act::freeze:
        writable_.erase(action.server);
        outcome.position = position_of(action.server);
        break;
      case Act::thaw:
        writable_.insert(action.server);
        break;
      case Act::await_position:
        caught_up_to_ = std::max(caught_up_to_, std::stoi(action.position.substr(action.position.rfind('-') + 1)));
        break;
      case Act::promote:
        EXPECT_EQ(caught_up_to_, leader_at_) << "promoted without all that was written";
        writable_.insert(action.server);
        break;
      case Act::follow:
        writable_.erase(action.server);
        if (action.server == candidate) {
          EXPECT_EQ(candidate_own_, 0) << "a server with transactions of its own follows";
        }
        break;
      default:
        break;
    }
    EXPECT_LE(writable_.size(), 1U) << "two servers take writes";
    write();
    return outcome;
  }

  void check_end(const Switchover& switchover) const {
    switch (switchover.state()) {
      case State::refused:
        EXPECT_EQ(switchover.steps().size(), 1U) << "something was touched";
        EXPECT_EQ(recorded_, (Record{7, leader}));
        [[fallthrough]];
      case State::rolled_back:
        EXPECT_EQ(gate_, leader);
        EXPECT_EQ(writable_, (std::set<std::size_t>{leader}));
        break;
      case State::done:
        EXPECT_EQ(gate_, candidate);
        EXPECT_EQ(writable_, (std::set<std::size_t>{candidate}));
        EXPECT_EQ(recorded_, (Record{8, candidate}));
        break;
      case State::stuck:
        EXPECT_LE(writable_.size(), 1U);
        break;
      case State::running:
        break;
    }
  }

 private:
  using Record = std::pair<std::uint64_t, std::size_t>;

  void check_release(const Action& action) {
    EXPECT_TRUE(writable_.contains(action.server)) << "clients are sent to a server that takes no writes";
    const auto [it, is_new] = led_.emplace(action.epoch, action.server);
    EXPECT_EQ(it->second, action.server) << "two servers under one epoch";
    EXPECT_GE(action.epoch, recorded_.first) << "an epoch that is over";
    if (action.epoch == recorded_.first) {
      EXPECT_EQ(action.server, recorded_.second) << "not what was recorded";
    }
    if (action.server == candidate) {
      EXPECT_EQ(action.epoch, recorded_.first) << "it leads before that is recorded";
    }
  }

  void write() {
    if (writable_.contains(leader)) ++leader_at_;
    if (writable_.contains(candidate)) ++candidate_own_;
  }

  [[nodiscard]] std::string position_of(std::size_t server) const {
    auto text = "0-1-" + std::to_string(server == leader ? leader_at_ : caught_up_to_);
    if (server == candidate && candidate_own_ > 0) text += ",1-2-" + std::to_string(candidate_own_);
    return text;
  }

  std::chrono::milliseconds stall_max_;
  TimePoint held_at_;
  std::set<std::size_t> writable_{leader};
  std::optional<std::size_t> gate_ = leader;  // where it lets clients through to
  Record recorded_{7, leader};
  std::map<std::uint64_t, std::size_t> led_{{7, leader}};
  int leader_at_ = 100;
  int caught_up_to_ = 98;
  int candidate_own_ = 0;
};

Explorer::End run(const testing::Faults& faults) {
  const auto plan = make_plan();
  World world(plan);
  const testing::FaultTrial<Switchover> trial(plan, world, faults);
  world.check_end(trial.workflow());
  return {trial.workflow().state(), trial.actions()};
}

TEST(SwitchoverFaults, NeverTwoWritersAndAlwaysATrueEnd) {
  Explorer explorer;
  explorer.explore(run, std::numeric_limits<std::size_t>::max());
  EXPECT_GT(explorer.runs(), 2'000);
  for (const auto state : {State::done, State::refused, State::rolled_back, State::stuck})
    EXPECT_GE(explorer.ends(state), 5) << static_cast<int>(state);
}

// Who leads after one fault, by the step at which it happens: a single fault never leaves the cluster without a leader,
// unless it is the gate that does not open.
TEST(SwitchoverFaults, OneFaultLeavesALeader) {
  const std::vector<State> expected = {State::refused,      // the hook before
                                       State::rolled_back,  // hold
                                       State::rolled_back,  // freeze
                                       State::rolled_back,  // await_position
                                       State::rolled_back,  // record
                                       State::rolled_back,  // promote
                                       State::stuck,        // release
                                       State::done,         // cut
                                       State::done,         // follow, the other replica
                                       State::done,         // follow, the old leader
                                       State::done};        // the hook after
  Explorer::check_single_faults(run, expected);
}

}  // namespace
}  // namespace sluice::failover
