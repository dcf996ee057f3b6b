// The actions that a workflow has asked for and not heard of, and when each is given up. Pure.
//
// Flow: `actions.push_back(pending.ask(action, now))`; for an outcome `pending.take(outcome, now)`, nullopt if nobody
// waits for it; at `deadline()`, `pending.give_up_overdue(now, take_outcome)`.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
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
  struct Answered {
    Action action;
    bool ok = false;
    std::string error;  // of one that is not ok: never empty
    std::chrono::microseconds took{0};

    [[nodiscard]] Step step(std::string what) const { return {std::move(what), ok, error, took}; }
  };
  using TakeOutcome = std::function<Actions(const Outcome&)>;

  // `grace`: an outcome is waited for so much longer than its action's budget.
  PendingActions(std::uint64_t first_id, std::chrono::milliseconds grace) : next_id_(first_id), grace_(grace) {}

  // Gives the action its id.
  Action ask(Action action, TimePoint now);
  std::optional<Answered> take(const Outcome& outcome, TimePoint now);
  // Hands in an outcome for each that had none in time; the actions that follow from them.
  Actions give_up_overdue(TimePoint now, const TakeOutcome& take_outcome);

  [[nodiscard]] bool empty() const { return asked_.empty(); }
  [[nodiscard]] std::optional<TimePoint> deadline() const;
  [[nodiscard]] std::uint64_t next_id() const { return next_id_; }

 private:
  struct Asked {
    Action action;
    TimePoint at;
    TimePoint due;
  };

  [[nodiscard]] std::vector<Outcome> overdue(TimePoint now) const;

  std::uint64_t next_id_;
  std::chrono::milliseconds grace_;
  std::vector<Asked> asked_;  // bounded: a few for each server
};

}  // namespace sluice::failover
