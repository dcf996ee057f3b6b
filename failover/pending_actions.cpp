#include "failover/pending_actions.hpp"

#include <algorithm>
#include <utility>

namespace sluice::failover {

Action PendingActions::ask(Action action, TimePoint now) {
  action.id = next_id_++;
  asked_.push_back({action, now, now + action.budget + grace_});
  return action;
}

std::optional<PendingActions::Answered> PendingActions::take(const Outcome& outcome, TimePoint now) {
  const auto it =
      std::find_if(asked_.begin(), asked_.end(), [&](const Asked& asked) { return asked.action.id == outcome.id; });
  if (it == asked_.end()) return std::nullopt;
  Answered answered;
  answered.action = std::move(it->action);
  answered.ok = outcome.ok;
  if (!outcome.ok) answered.error = outcome.error.empty() ? "it failed" : outcome.error;
  answered.took = std::chrono::duration_cast<std::chrono::microseconds>(now - it->at);
  asked_.erase(it);
  return answered;
}

Actions PendingActions::give_up_overdue(TimePoint now, const TakeOutcome& take_outcome) {
  Actions actions;
  for (const auto& none : overdue(now)) {
    const auto more = take_outcome(none);
    actions.insert(actions.end(), more.begin(), more.end());
  }
  return actions;
}

std::vector<Outcome> PendingActions::overdue(TimePoint now) const {
  std::vector<Outcome> outcomes;
  for (const auto& asked : asked_) {
    if (asked.due > now) continue;
    Outcome none;
    none.id = asked.action.id;
    none.error = "no answer within " + std::to_string(asked.action.budget.count()) + " ms";
    outcomes.push_back(std::move(none));
  }
  return outcomes;
}

std::optional<TimePoint> PendingActions::deadline() const {
  std::optional<TimePoint> first;
  for (const auto& asked : asked_) {
    if (!first || asked.due < *first) first = asked.due;
  }
  return first;
}

}  // namespace sluice::failover
