// The actions that a workflow has asked for and not heard of, and when each is given up. Pure.
//
// Flow: `actions.push_back(pending.ask(action, now))`; for an outcome `pending.take(outcome.id)`, nullopt if nobody
// waits for it; at `deadline()`, `overdue(now)` are those to be given up, each by `take()`.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "failover/action.hpp"

namespace sluice::failover {

// What an action came to, for the history.
struct Step {
  std::string what;  // "hold db1", "roll back: thaw db1"
  bool ok = false;
  std::string error;
  std::chrono::microseconds took{0};
};

class PendingActions {
 public:
  struct Asked {
    Action action;
    TimePoint at;
    TimePoint due;
  };

  // `grace`: an outcome is waited for so much longer than its action's budget.
  PendingActions(std::uint64_t first_id, std::chrono::milliseconds grace) : next_id_(first_id), grace_(grace) {}

  // Gives the action its id.
  Action ask(Action action, TimePoint now);
  std::optional<Asked> take(std::uint64_t id);

  [[nodiscard]] bool empty() const { return asked_.empty(); }
  [[nodiscard]] std::vector<Outcome> overdue(TimePoint now) const;  // the outcomes that stand for those that never came
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  [[nodiscard]] std::uint64_t next_id() const { return next_id_; }

 private:
  std::uint64_t next_id_;
  std::chrono::milliseconds grace_;
  std::vector<Asked> asked_;  // bounded: a few for each server
};

}  // namespace sluice::failover
