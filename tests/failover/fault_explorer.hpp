// All runs of a workflow with up to so many faults: each one is run again with a fault at the first step after those
// that it names, at the second, …
//
// Flow: `FaultExplorer<Switchover> explorer; explorer.explore(run, faults_max);` and `explorer.runs()`, `ends(state)`,
// of all that were explored. `run` makes one trial (fault_trial.hpp) and tells how it ended. A run in which something
// failed is the last one, and named.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <vector>

#include "failover/fault_trial.hpp"

namespace sluice::failover::testing {

template <typename Workflow>
class FaultExplorer {
 public:
  using State = typename Workflow::State;
  struct End {
    State state;
    std::size_t actions;  // asked for until then
  };
  using Run = std::function<End(const Faults&)>;

  void explore(const Run& run, std::size_t faults_max, const Faults& given = {}) {
    if (::testing::Test::HasFailure()) return;
    const auto end = run(given);
    ++runs_;
    ++ends_[end.state];
    if (::testing::Test::HasFailure()) ADD_FAILURE() << "the run '" << to_text(given) << "'";
    if (faults_max == 0) return;
    for (auto step = given.size(); step < end.actions; ++step) {
      for (const auto fault : faults) explore(run, faults_max - 1, with_fault(given, step, fault));
    }
  }

  // `expected`: how it ends after any one fault, by the step at which it happens.
  static void check_single_faults(const Run& run, const std::vector<State>& expected) {
    ASSERT_EQ(run({}).actions, expected.size());
    for (std::size_t step = 0; step < expected.size(); ++step) {
      for (const auto fault : faults) {
        const auto given = with_fault({}, step, fault);
        EXPECT_EQ(run(given).state, expected[step]) << to_text(given);
      }
    }
  }

  [[nodiscard]] int runs() const { return runs_; }
  [[nodiscard]] int ends(State state) const { return ends_.contains(state) ? ends_.at(state) : 0; }

 private:
  std::map<State, int> ends_;
  int runs_ = 0;
};

}  // namespace sluice::failover::testing
