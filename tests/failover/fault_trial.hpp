// A workflow run to its end against servers, a gate and a record of which each action may fail in its own way.
//
// Each action of a run gets a `Fault`; a run is the list of them, in the order in which the workflow asks.
//
// Flow: `World world; FaultTrial<Switchover> trial(plan, world, {Fault::none, Fault::lied});` runs it, and checks what
// holds for every workflow; then `world` and `trial.workflow()` tell whether it said what is the case.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "failover/action.hpp"

namespace sluice::failover::testing {

enum class Fault : char {
  none = '.',
  refused = 'r',      // nothing happens, and it is said
  lied = 'l',         // it happens, and a failure is told
  silent = 's',       // nothing happens, nothing is said
  silent_done = 'd',  // it happens, nothing is said
  silent_late = 'L',  // it happens when it has been given up, before the next action on the same place; nothing is said
};
constexpr std::array faults = {Fault::refused, Fault::lied, Fault::silent, Fault::silent_done, Fault::silent_late};
using Faults = std::vector<Fault>;

inline std::string to_text(const Faults& run) {
  std::string text;
  for (const auto fault : run) text += static_cast<char>(fault);
  return text;
}

// `run`, then nothing until `step`, and there this one.
inline Faults with_fault(Faults run, std::size_t step, Fault fault) {
  run.resize(step, Fault::none);
  run.push_back(fault);
  return run;
}

// Everything that a workflow acts on, as it is.
class FaultWorld {
 public:
  virtual ~FaultWorld() = default;
  // Whoever is to do it can be reached.
  [[nodiscard]] virtual bool answers(const Action& /*action*/) const { return true; }
  virtual void asked(const Action& /*action*/, TimePoint /*now*/) {}
  // What the action does, and the outcome that tells of it.
  virtual Outcome take_effect(const Action& action) = 0;
};

template <typename Workflow>
class FaultTrial {
 public:
  template <typename Plan>
  FaultTrial(const Plan& plan, FaultWorld& world, Faults faults_of_run)
      : first_id_(plan.first_id),
        grace_(plan.answer_grace),
        faults_(std::move(faults_of_run)),
        workflow_(plan),
        world_(world) {
    take(workflow_.start(now_));
    while (running() && (!to_do_.empty() || workflow_.deadline())) {
      if (to_do_.empty())
        give_up();
      else
        do_next();
    }
    for (const auto& action : silent_) happen_late(action);
    check_end();
  }

  [[nodiscard]] const Workflow& workflow() const { return workflow_; }
  [[nodiscard]] std::size_t actions() const { return asked_.size(); }

 private:
  struct Asked {
    Action action;
    TimePoint due;
  };
  static constexpr std::size_t actions_max = 100;

  static Outcome answer(const Action& action, bool ok) {
    Outcome outcome;
    outcome.id = action.id;
    outcome.ok = ok;
    return outcome;
  }

  // Actions on one place come one after the other: a server, the gate, the record, hooks.
  static std::pair<Act, std::size_t> place_of(const Action& action) {
    switch (action.act) {
      case Act::hold:
      case Act::cut:
      case Act::release:
        return {Act::hold, 0};
      case Act::record:
      case Act::depose:
        return {Act::record, 0};
      case Act::run_hook:
        return {Act::run_hook, 0};
      default:
        return {Act::freeze, action.server};
    }
  }

  [[nodiscard]] bool running() const { return workflow_.state() == Workflow::State::running; }

  [[nodiscard]] Fault fault_of(const Action& action) const {
    const auto index = action.id - first_id_;
    const auto fault = index < faults_.size() ? faults_[index] : Fault::none;
    return fault == Fault::none && !world_.answers(action) ? Fault::refused : fault;
  }

  void take(const Actions& actions) {
    for (const auto& action : actions) {
      EXPECT_GT(action.budget, std::chrono::milliseconds(0));
      EXPECT_EQ(action.id, first_id_ + asked_.size());
      asked_.push_back({action, now_ + action.budget + grace_});
      to_do_.push_back(action);
      world_.asked(action, now_);
    }
    EXPECT_LT(asked_.size(), actions_max) << "it goes on for ever";
  }

  void do_next() {
    const Action action = to_do_.front();
    to_do_.erase(to_do_.begin());
    now_ += std::chrono::milliseconds(1);
    catch_up_late(action);
    const auto fault = fault_of(action);
    const bool happens = fault == Fault::none || fault == Fault::lied || fault == Fault::silent_done;
    auto outcome = happens && world_.answers(action) ? world_.take_effect(action) : answer(action, false);
    if (fault != Fault::none) outcome.ok = false;
    if (fault == Fault::none || fault == Fault::refused || fault == Fault::lied)
      take(workflow_.on(outcome, now_));
    else
      silent_.push_back(action);
  }

  // What was given up at this place comes to its end before anything else is done there.
  void catch_up_late(const Action& next) {
    for (auto it = silent_.begin(); it != silent_.end();) {
      if (place_of(*it) != place_of(next)) {
        ++it;
        continue;
      }
      happen_late(*it);
      it = silent_.erase(it);
    }
  }

  void happen_late(const Action& action) {
    if (fault_of(action) == Fault::silent_late && world_.answers(action)) world_.take_effect(action);
  }

  void give_up() {
    now_ = *workflow_.deadline();
    const auto actions = workflow_.on_deadline(now_);
    check_late_outcomes();
    take(actions);
  }

  // Everything that was given up is answered after all, and it counts no more.
  void check_late_outcomes() {
    const auto state = workflow_.state();
    const auto steps = workflow_.steps().size();
    for (const auto& action : silent_) {
      if (asked_[action.id - first_id_].due > now_) continue;
      auto late = answer(action, true);
      late.position = "0-1-100";
      EXPECT_TRUE(workflow_.on(late, now_).empty()) << "an outcome that came too late counts";
    }
    EXPECT_EQ(workflow_.state(), state);
    EXPECT_EQ(workflow_.steps().size(), steps);
  }

  void check_end() {
    EXPECT_FALSE(running()) << "it never ends";
    EXPECT_FALSE(workflow_.deadline()) << "an answer is awaited after the end";
    EXPECT_EQ(workflow_.steps().size(), asked_.size()) << "an action is neither answered nor given up";
    EXPECT_FALSE(workflow_.reason().empty());
    for (const auto& asked : asked_) EXPECT_TRUE(workflow_.on(answer(asked.action, true), now_).empty());
    EXPECT_TRUE(workflow_.on_deadline(now_ + std::chrono::hours(1)).empty());
  }

  const std::uint64_t first_id_;
  const std::chrono::milliseconds grace_;
  const Faults faults_;
  Workflow workflow_;
  FaultWorld& world_;
  TimePoint now_;
  std::vector<Asked> asked_;
  Actions to_do_;
  Actions silent_;  // not answered; nothing else was done at their place yet
};

}  // namespace sluice::failover::testing
