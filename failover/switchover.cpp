#include "failover/switchover.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "failover/position.hpp"

namespace sluice::failover {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t ranges_shown = 8;

std::string in_ms(milliseconds time) { return std::to_string(time.count()) + " ms"; }

}  // namespace

Switchover::Switchover(SwitchoverPlan plan) : plan_(std::move(plan)), pending_(plan_.first_id, plan_.answer_grace) {
  assert(plan_.leader < plan_.names.size() && plan_.candidate < plan_.names.size());
  assert(plan_.leader != plan_.candidate && plan_.epoch > 0 && plan_.stall_max > milliseconds(0));
  for (const auto other : plan_.others) {
    assert(other < plan_.names.size() && other != plan_.leader && other != plan_.candidate);
    static_cast<void>(other);
  }
}

Actions Switchover::start(TimePoint now) {
  assert(stage_ == Stage::ready);
  now_ = now;
  if (plan_.hook_before.empty()) return hold();
  return enter(Stage::hook_before, make_hook(plan_.hook_before, false));
}

Actions Switchover::on(const Outcome& outcome, TimePoint now) {
  const auto answered = pending_.take(outcome, now);
  if (!answered) return {};
  now_ = now;
  steps_.push_back(answered->step(describe(answered->action)));
  return answered->ok ? on_ok(answered->action, outcome) : on_failure(answered->action, answered->error);
}

Actions Switchover::on_deadline(TimePoint now) {
  return pending_.give_up_overdue(now, [&](const Outcome& none) { return on(none, now); });
}

Actions Switchover::on_ok(const Action& action, const Outcome& outcome) {
  switch (stage_) {
    case Stage::hook_before:
      return hold();
    case Stage::hold:
      return freeze();
    case Stage::freeze:
      frozen_with_ = protocol::GtidSet::parse(outcome.executed).value_or(protocol::GtidSet());
      return catch_up(outcome.position);
    case Stage::catch_up:
      return compare(protocol::GtidSet::parse(outcome.executed).value_or(protocol::GtidSet()));
    case Stage::record:
      return promote();
    case Stage::promote:
      return release(outcome.position);
    case Stage::release:
      return repoint();
    case Stage::repoint:
      return after_repoint(action);
    case Stage::undo_promote:
      if (outcome.position.empty() || !position_contains(frozen_at_, outcome.position)) strayed_to_ = outcome.position;
      return undo_record();
    case Stage::undo_record:
      return undo_freeze();
    case Stage::undo_freeze:
      return undo_hold();
    case Stage::undo_hold:
      return undo_repoint();
    case Stage::undo_repoint:
      return hook_after();
    case Stage::hook_after:
      return finish();
    case Stage::ready:
    case Stage::over:
      break;
  }
  assert(false && "nothing is awaited");
  return {};
}

Actions Switchover::on_failure(const Action& action, const std::string& error) {
  const std::string what = what_failed(action) + ": " + error;
  switch (stage_) {
    case Stage::hook_before:
      return end(State::refused, what + "; nothing was touched");
    case Stage::hold:
    case Stage::freeze:
    case Stage::catch_up:
    case Stage::record:
    case Stage::promote:
      return roll_back(what);
    case Stage::release:
    case Stage::undo_hold:
      return end(State::stuck, headline_ + "; but " + what, "Clients are held: restart sluice");
    case Stage::repoint:
      notes_.push_back(what);
      return after_repoint(action);
    case Stage::undo_promote:
      return end(State::stuck, "nobody leads: " + cause_ + "; " + what,
                 leader() + " stays frozen because " + candidate() + " may be writable: make sure that " + candidate() +
                     " is read-only, then make " + leader() + " writable");
    case Stage::undo_record:
      notes_.push_back(what);
      return undo_freeze();
    case Stage::undo_freeze:
      return end(State::stuck, "nobody leads: " + cause_ + "; " + what,
                 candidate() + " does not lead: make " + leader() + " writable, or fail over if it is gone");
    case Stage::undo_repoint:
      notes_.push_back(what);
      return hook_after();
    case Stage::hook_after:
      notes_.push_back(what);
      return finish();
    case Stage::ready:
    case Stage::over:
      break;
  }
  assert(false && "nothing is awaited");
  return {};
}

// ---- Forward

Actions Switchover::hold() {
  stall_end_ = now_ + plan_.stall_max;
  Action hold = make(Act::hold, plan_.leader);
  hold.settle = true;
  return enter_stalled(Stage::hold, std::move(hold), plan_.drain_max);
}

Actions Switchover::freeze() { return enter_stalled(Stage::freeze, make(Act::freeze, plan_.leader), plan_.stall_max); }

Actions Switchover::catch_up(const std::string& position) {
  if (position.empty())
    return roll_back(leader() + " told no position when it was frozen: nothing would prove that " + candidate() +
                     " has everything");
  frozen_at_ = position;
  Action action = make(Act::await_position, plan_.candidate);
  action.position = position;
  return enter_stalled(Stage::catch_up, std::move(action), plan_.stall_max);
}

// Written by a super user since the checks: promoted, the candidate would give it to all.
Actions Switchover::compare(const protocol::GtidSet& candidates) {
  const auto extra = candidates.with_history(frozen_with_).minus(frozen_with_);
  if (frozen_with_.empty() || extra.empty()) return record();
  return roll_back(candidate() + " has transactions that " + leader() + " lacks: " + extra.to_string(ranges_shown));
}

Actions Switchover::record() {
  Action action = make(Act::record, plan_.candidate);
  action.epoch = plan_.epoch;
  return enter_stalled(Stage::record, std::move(action), plan_.stall_max);
}

Actions Switchover::promote() {
  if (now_ >= stall_end_) return roll_back(stall_is_over());
  return enter(Stage::promote, make(Act::promote, plan_.candidate));
}

Actions Switchover::release(const std::string& position) {
  headline_ = candidate() + " leads under epoch " + std::to_string(plan_.epoch) +
              (position.empty() ? std::string() : ", from " + position + " on");
  Action action = make(Act::release, plan_.candidate);
  action.epoch = plan_.epoch;
  return enter(Stage::release, std::move(action));
}

// The other replicas at once: a leader that waits for acknowledgements needs them. The old leader when nothing of ours
// is left there.
Actions Switchover::repoint() {
  Actions actions = enter(Stage::repoint, make(Act::cut, plan_.leader));
  for (const auto other : plan_.others) actions.push_back(ask(make_follow(other, plan_.candidate)));
  return actions;
}

Actions Switchover::after_repoint(const Action& action) {
  if (action.act == Act::cut) return {ask(make_follow(plan_.leader, plan_.candidate))};
  return pending_.empty() ? hook_after() : Actions{};
}

Actions Switchover::hook_after() {
  if (plan_.hook_after.empty()) return finish();
  return enter(Stage::hook_after, make_hook(plan_.hook_after, true));
}

Actions Switchover::finish() { return end(undoing() ? State::rolled_back : State::done, headline_); }

Actions Switchover::end(State state, std::string reason, const std::string& advice) {
  stage_ = Stage::over;
  state_ = state;
  reason_ = std::move(reason);
  for (const auto& note : notes_) reason_ += "; but " + note;
  if (!advice.empty()) reason_ += ". " + advice;
  return {};
}

// ---- Back

Actions Switchover::roll_back(std::string why) {
  undone_from_ = stage_;
  cause_ = std::move(why);
  headline_ = leader() + " goes on leading: " + cause_;
  if (undone_from_ < Stage::promote) return undo_record();
  return enter(Stage::undo_promote, make(Act::freeze, plan_.candidate));
}

Actions Switchover::undo_record() {
  if (undone_from_ < Stage::record) return undo_freeze();
  Action action = make(Act::record, plan_.leader);
  action.epoch = plan_.epoch + 1;
  return enter(Stage::undo_record, std::move(action));
}

Actions Switchover::undo_freeze() {
  if (undone_from_ < Stage::freeze) return undo_hold();
  return enter(Stage::undo_freeze, make(Act::thaw, plan_.leader));
}

Actions Switchover::undo_hold() {
  Action action = make(Act::release, plan_.leader);
  action.epoch = undone_from_ < Stage::record ? plan_.epoch - 1 : plan_.epoch + 1;
  return enter(Stage::undo_hold, std::move(action));
}

// A candidate that was asked to lead may follow nobody any more.
Actions Switchover::undo_repoint() {
  if (undone_from_ < Stage::promote) return hook_after();
  if (!strayed_to_) return enter(Stage::undo_repoint, make_follow(plan_.candidate, plan_.leader));
  notes_.push_back(candidate() + " is left out, it may have transactions of its own: it is at '" + *strayed_to_ +
                   "', " + leader() + " was frozen at '" + frozen_at_ + "'");
  return hook_after();
}

// ---- Actions

Actions Switchover::enter(Stage stage, Action action) {
  assert(pending_.empty());
  stage_ = stage;
  return {ask(std::move(action))};
}

Actions Switchover::enter_stalled(Stage stage, Action action, milliseconds at_most) {
  const auto left = std::chrono::floor<milliseconds>(stall_end_ - now_);
  if (left <= milliseconds(0)) return roll_back(stall_is_over());
  action.budget = std::min(at_most, left);
  return enter(stage, std::move(action));
}

Action Switchover::ask(Action action) { return pending_.ask(std::move(action), now_); }

Action Switchover::make(Act act, std::size_t server) const {
  Action action;
  action.act = act;
  action.server = server;
  action.budget = plan_.step_max;
  return action;
}

Action Switchover::make_follow(std::size_t server, std::size_t source) const {
  Action action = make(Act::follow, server);
  action.source = source;
  return action;
}

Action Switchover::make_hook(const std::string& hook, bool after) const {
  const bool changed = after && !undoing();
  Action action = make(Act::run_hook, changed ? plan_.candidate : plan_.leader);
  action.source = changed ? plan_.leader : plan_.candidate;
  action.hook = hook;
  action.after = after;
  action.budget = plan_.hook_max;
  return action;
}

// ---- Words

std::string Switchover::describe(const Action& action) const {
  const bool back = stage_ >= Stage::undo_promote && stage_ <= Stage::undo_repoint;
  return (back ? "roll back: " : "") + failover::describe(action, plan_.names);
}

std::string Switchover::what_failed(const Action& action) const {
  if (action.act == Act::await_position) return name(action.server) + " did not catch up with " + leader();
  return failover::what_failed(action, plan_.names);
}

std::string Switchover::stall_is_over() const {
  return "clients had waited for " + in_ms(plan_.stall_max) + " (failover.switchover_stall_max_ms)";
}

std::string_view to_string(Switchover::State state) {
  using State = Switchover::State;
  switch (state) {
    case State::running:
      return "running";
    case State::done:
      return "done";
    case State::refused:
      return "refused";
    case State::rolled_back:
      return "rolled back";
    case State::stuck:
      return "stuck";
  }
  return "?";
}

}  // namespace sluice::failover
