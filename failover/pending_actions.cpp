#include "failover/pending_actions.hpp"

#include <algorithm>
#include <utility>

namespace sluice::failover {

Action PendingActions::ask(Action action, TimePoint now) {
  action.id = next_id_++;
  asked_.push_back({action, now, now + action.budget + grace_});
  return action;
}

std::optional<PendingActions::Asked> PendingActions::take(std::uint64_t id) {
  const auto it = std::find_if(asked_.begin(), asked_.end(), [&](const Asked& asked) { return asked.action.id == id; });
  if (it == asked_.end()) return std::nullopt;
  std::optional<Asked> asked = std::move(*it);
  asked_.erase(it);
  return asked;
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
