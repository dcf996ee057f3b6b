#include "failover/rejoin.hpp"

#include <cassert>
#include <utility>

#include "failover/eligibility.hpp"

namespace sluice::failover {

using protocol::GtidSet;

Rejoin::Rejoin(RejoinPlan plan) : plan_(std::move(plan)), pending_(plan_.first_id, plan_.answer_grace) {
  assert(plan_.server < plan_.names.size() && plan_.leader < plan_.names.size() && plan_.server != plan_.leader);
}

Actions Rejoin::start(TimePoint now) {
  now_ = now;
  return ask(Act::freeze, plan_.server);
}

Actions Rejoin::on(const Outcome& outcome, TimePoint now) {
  const auto answered = pending_.take(outcome, now);
  if (!answered) return {};
  now_ = now;
  steps_.push_back(answered->step(describe(answered->action, plan_.names)));
  if (!answered->ok) return end(State::failed, what_failed(answered->action, plan_.names) + ": " + answered->error);
  return next(answered->action, outcome);
}

Actions Rejoin::on_deadline(TimePoint now) {
  return pending_.give_up_overdue(now, [&](const Outcome& none) { return on(none, now); });
}

Actions Rejoin::next(const Action& action, const Outcome& outcome) {
  const auto& server = plan_.names[plan_.server];
  switch (action.act) {
    case Act::freeze:
      frozen_ = true;
      if (plan_.only_freeze) return end(State::done, server + " is frozen, and otherwise left as it is");
      return ask(Act::stop_io, plan_.server);
    case Act::stop_io: {
      const auto executed = GtidSet::parse(outcome.executed);
      const auto received = GtidSet::parse(outcome.received);
      if (executed && received) has_ = executed->plus(*received);
      return ask(Act::read_state, plan_.leader);
    }
    case Act::read_state:
      return compare(outcome);
    case Act::follow:
      return end(State::done, server + " follows " + plan_.names[plan_.leader]);
    default:
      break;
  }
  assert(false && "nothing is awaited");
  return {};
}

Actions Rejoin::compare(const Outcome& of_leader) {
  const auto& server = plan_.names[plan_.server];
  const auto& leader = plan_.names[plan_.leader];
  const auto log = GtidSet::parse(of_leader.executed);
  if (!has_ || !log) {
    const auto& silent = has_ ? leader : server;
    return end(State::left_out, silent + " does not tell which GTIDs it has: nobody knows whether they fit together");
  }
  if (has_->empty() && !log->empty())
    return end(State::left_out, server + " has executed no GTID: nobody knows what is on it");
  extra_ = has_->with_history(*log).minus(*log);
  if (!extra_.empty())
    return end(State::left_out, server + " has transactions that " + leader + " lacks: " + shown(extra_));
  return ask(Act::follow, plan_.server);
}

Actions Rejoin::ask(Act act, std::size_t server) {
  Action action;
  action.act = act;
  action.server = server;
  action.source = act == Act::follow ? plan_.leader : 0;
  action.budget = plan_.step_max;
  return {pending_.ask(std::move(action), now_)};
}

Actions Rejoin::end(State state, std::string reason) {
  state_ = state;
  reason_ = std::move(reason);
  return {};
}

std::string_view to_string(Rejoin::State state) {
  using State = Rejoin::State;
  switch (state) {
    case State::running:
      return "running";
    case State::done:
      return "done";
    case State::left_out:
      return "left out";
    case State::failed:
      return "failed";
  }
  return "?";
}

}  // namespace sluice::failover
