// failover/switchover.hpp against two servers, a gate and a record that fail in every way at every step: whatever
// happens, no two servers take writes, and who leads at the end is what was said.
//
// Each action of a run gets a `Fault`; a run is the list of them. `explore()` makes all runs there are: each one is run
// again with a fault at the first step after those that it names, at the second, …
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "failover/switchover.hpp"

namespace sluice::failover {
namespace {

using std::chrono::milliseconds;
using State = Switchover::State;

constexpr std::size_t leader = 0;
constexpr std::size_t candidate = 1;
constexpr std::size_t other = 2;

enum class Fault : char {
  none = '.',
  refused = 'r',      // nothing happens, and it is said
  lied = 'l',         // it happens, and a failure is told
  silent = 's',       // nothing happens, nothing is said
  silent_done = 'd',  // it happens, nothing is said
  silent_late =
      'L',  // it happens when it has been given up, before the next action on the same server; nothing is said
};
constexpr std::array faults = {Fault::refused, Fault::lied, Fault::silent, Fault::silent_done, Fault::silent_late};
using Faults = std::vector<Fault>;

std::string to_text(const Faults& run) {
  std::string text;
  for (const auto fault : run) text += static_cast<char>(fault);
  return text;
}

Outcome answer(const Action& action, bool ok, const std::string& position = {}) {
  Outcome outcome;
  outcome.id = action.id;
  outcome.ok = ok;
  outcome.position = position;
  return outcome;
}

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
class World {
 public:
  // What the action does, and the outcome that tells of it.
  Outcome take_effect(const Action& action) {
    Outcome outcome = answer(action, true);
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

  void check_end(State state) const {
    switch (state) {
      case State::refused:
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
        ADD_FAILURE() << "it never ends";
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

  std::set<std::size_t> writable_{leader};
  std::optional<std::size_t> gate_ = leader;  // where it lets clients through to
  Record recorded_{7, leader};
  std::map<std::uint64_t, std::size_t> led_{{7, leader}};
  int leader_at_ = 100;
  int caught_up_to_ = 98;
  int candidate_own_ = 0;
};

class Trial {
 public:
  explicit Trial(const Faults& faults_of_run) : faults_(faults_of_run), switchover_(plan_) {
    take(switchover_.start(now_));
    while (switchover_.state() == State::running && (!to_do_.empty() || switchover_.deadline())) {
      if (to_do_.empty())
        give_up();
      else
        do_next();
    }
    for (const auto& action : silent_) {
      if (fault_of(action) == Fault::silent_late) world_.take_effect(action);
    }
    check_end();
  }

  [[nodiscard]] State state() const { return switchover_.state(); }
  [[nodiscard]] std::size_t actions() const { return asked_.size(); }

 private:
  [[nodiscard]] Fault fault_of(const Action& action) const {
    const auto index = action.id - plan_.first_id;
    return index < faults_.size() ? faults_[index] : Fault::none;
  }

  [[nodiscard]] bool overdue(const Action& action) const {
    return asked_at_[action.id - plan_.first_id] + action.budget + plan_.answer_grace <= now_;
  }

  void take(const Actions& actions) {
    for (const auto& action : actions) {
      EXPECT_GT(action.budget, milliseconds(0));
      EXPECT_EQ(action.id, plan_.first_id + asked_.size());
      asked_.push_back(action);
      asked_at_.push_back(now_);
      to_do_.push_back(action);
      if (action.act == Act::hold) held_at_ = now_;
      if (action.act == Act::promote) {
        EXPECT_LT(now_, held_at_ + plan_.stall_max);
      }
    }
  }

  void do_next() {
    const Action action = to_do_.front();
    to_do_.erase(to_do_.begin());
    now_ += milliseconds(1);
    catch_up_late(action);
    const auto fault = fault_of(action);
    const bool happens = fault == Fault::none || fault == Fault::lied || fault == Fault::silent_done;
    auto outcome = happens ? world_.take_effect(action) : answer(action, false);
    if (fault != Fault::none) outcome.ok = false;
    if (fault == Fault::none || fault == Fault::refused || fault == Fault::lied)
      take(switchover_.on(outcome, now_));
    else
      silent_.push_back(action);
  }

  // What was given up on this server comes to its end before anything else is done there.
  void catch_up_late(const Action& next) {
    for (auto it = silent_.begin(); it != silent_.end();) {
      const bool same_place = place_of(*it) == place_of(next);
      if (!same_place) {
        ++it;
        continue;
      }
      if (fault_of(*it) == Fault::silent_late) world_.take_effect(*it);
      it = silent_.erase(it);
    }
  }

  // Actions on one place come one after the other: a server, the gate, the record, the connections to be cut, hooks.
  static std::pair<Act, std::size_t> place_of(const Action& action) {
    switch (action.act) {
      case Act::hold:
      case Act::release:
        return {Act::hold, 0};
      case Act::record:
      case Act::cut:
      case Act::run_hook:
        return {action.act, 0};
      default:
        return {Act::freeze, action.server};
    }
  }

  void give_up() {
    now_ = *switchover_.deadline();
    const auto actions = switchover_.on_deadline(now_);
    EXPECT_EQ(late_outcomes(), 0U) << "an outcome that came too late counts";
    take(actions);
  }

  // Everything that was given up is answered after all: how many actions that gives.
  std::size_t late_outcomes() {
    std::size_t count = 0;
    const auto state = switchover_.state();
    const auto steps = switchover_.steps().size();
    for (const auto& action : silent_) {
      if (overdue(action)) count += switchover_.on(answer(action, true, "0-1-100"), now_).size();
    }
    EXPECT_EQ(switchover_.state(), state);
    EXPECT_EQ(switchover_.steps().size(), steps);
    return count;
  }

  void check_end() {
    world_.check_end(switchover_.state());
    EXPECT_FALSE(switchover_.deadline()) << "an answer is awaited after the end";
    EXPECT_EQ(switchover_.steps().size(), asked_.size()) << "an action is neither answered nor given up";
    EXPECT_FALSE(switchover_.reason().empty());
    if (switchover_.state() == State::refused) {
      EXPECT_EQ(asked_.size(), 1U) << "something was touched";
    }
    for (const auto& action : asked_) EXPECT_TRUE(switchover_.on(answer(action, true), now_).empty());
    EXPECT_TRUE(switchover_.on_deadline(now_ + std::chrono::hours(1)).empty());
  }

  const SwitchoverPlan plan_ = make_plan();
  const Faults faults_;
  Switchover switchover_;
  World world_;
  TimePoint now_;
  TimePoint held_at_;
  Actions asked_;
  std::vector<TimePoint> asked_at_;
  Actions to_do_;
  Actions silent_;  // not answered; nothing else was done on their servers yet
};

struct Tally {
  std::map<State, int> ends;
  int runs = 0;
};

void explore(const Faults& run, Tally& tally) {
  const Trial trial(run);
  ++tally.runs;
  ++tally.ends[trial.state()];
  if (::testing::Test::HasFailure()) {
    ADD_FAILURE() << "the run '" << to_text(run) << "'";
    return;
  }
  for (auto step = run.size(); step < trial.actions(); ++step) {
    for (const auto fault : faults) {
      Faults next = run;
      next.resize(step, Fault::none);
      next.push_back(fault);
      explore(next, tally);
      if (::testing::Test::HasFailure()) return;
    }
  }
}

TEST(SwitchoverFaults, NeverTwoWritersAndAlwaysATrueEnd) {
  Tally tally;
  explore({}, tally);
  EXPECT_GT(tally.runs, 2'000);
  for (const auto state : {State::done, State::refused, State::rolled_back, State::stuck})
    EXPECT_GE(tally.ends[state], 5) << static_cast<int>(state);
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
  ASSERT_EQ(Trial({}).actions(), expected.size());
  for (std::size_t step = 0; step < expected.size(); ++step) {
    for (const auto fault : faults) {
      Faults run(step, Fault::none);
      run.push_back(fault);
      EXPECT_EQ(Trial(run).state(), expected[step]) << to_text(run);
    }
  }
}

}  // namespace
}  // namespace sluice::failover
