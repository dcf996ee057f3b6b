#include "failover/failover.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "failover/eligibility.hpp"
#include "failover/errant.hpp"

namespace sluice::failover {
namespace {

using protocol::GtidSet;
using std::chrono::milliseconds;

template <typename T>
bool has(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

Failover::Failover(FailoverPlan plan)
    : plan_(std::move(plan)),
      input_(plan_.known),
      pending_(plan_.first_id, plan_.answer_grace),
      epoch_(plan_.epoch),
      stopped_(input_.servers.size(), false),
      repointed_(input_.servers.size(), false) {
  assert(input_.leader && *input_.leader < input_.servers.size() && !input_.planned && epoch_ > 0);
  for (const auto& server : input_.servers) names_.push_back(server.name);
  input_.leader_set_final = false;
}

Actions Failover::start(TimePoint now) {
  assert(stage_ == Stage::ready);
  now_ = now;
  if (plan_.hook_before.empty()) return fence();
  Action hook = make(Act::run_hook, lost(), plan_.hook_max);
  hook.hook = plan_.hook_before;
  hook.source = plan_.known.wanted.value_or(lost());
  return enter(Stage::hook_before, std::move(hook));
}

Actions Failover::on(const Outcome& outcome, TimePoint now) {
  const auto answered = pending_.take(outcome, now);
  if (!answered) return {};
  now_ = now;
  steps_.push_back(answered->step(describe(answered->action)));
  if (answered->ok)
    note(answered->action, outcome);
  else
    note_failure(answered->action, answered->error);
  return pending_.empty() ? next() : Actions{};
}

Actions Failover::on_deadline(TimePoint now) {
  return pending_.give_up_overdue(now, [&](const Outcome& none) { return on(none, now); });
}

std::optional<std::size_t> Failover::leader() const {
  if (state_ == State::done || state_ == State::reinstated || state_ == State::stuck) return target_;
  return std::nullopt;
}

// ---- What an action came to

void Failover::note(const Action& action, const Outcome& outcome) {
  switch (action.act) {
    case Act::freeze:
      std::erase(unfrozen_, action.server);
      note_state(action.server, outcome);
      if (action.server == lost()) input_.leader_set_final = input_.servers[lost()].executed.has_value();
      break;
    case Act::read_state:
      note_state(action.server, outcome);
      break;
    case Act::stop_io:
      note_state(action.server, outcome);
      input_.servers[action.server].io_running = false;
      stopped_[action.server] = true;
      break;
    case Act::apply_relay_log: {
      const auto before = holdings(input_)[action.server];
      note_state(action.server, outcome);
      if (!holdings(input_)[action.server].contains(before))
        note_failure(action, "it has not all that it had received");
      note_own_writes(action, before);
      if (action.server == source_) source_position_ = outcome.position;
      break;
    }
    case Act::await_position: {
      const auto before = holdings(input_)[action.server];
      auto& executed = input_.servers[action.server].executed;
      executed = before.plus(holdings(input_)[*source_]).plus(GtidSet::parse(outcome.executed).value_or(GtidSet()));
      note_own_writes(action, before);
      break;
    }
    case Act::promote:
      if (!outcome.position.empty()) headline_ = ", from " + outcome.position + " on";
      break;
    case Act::follow:
      std::erase(unfrozen_, action.server);
      input_.servers[action.server].sources = {action.source};
      stopped_[action.server] = false;
      break;
    case Act::start_io:
      stopped_[action.server] = false;
      break;
    default:
      break;
  }
}

// Written by a super user since it was compared: promoted, it would give it to all.
void Failover::note_own_writes(const Action& action, const GtidSet& before) {
  const auto& server = input_.servers[action.server];
  auto own = holdings(input_)[action.server].minus(before).written_by(server.server_id, server.server_uuid);
  if (source_ && action.server != *source_) own = own.minus(holdings(input_)[*source_]);
  if (!own.empty()) note_failure(action, "it has written transactions of its own: " + shown(own));
}

void Failover::note_state(std::size_t i, const Outcome& outcome) {
  auto& server = input_.servers[i];
  server.reachable = true;
  server.executed = GtidSet::parse(outcome.executed);
  server.received = GtidSet::parse(outcome.received);
  if (outcome.writable) {
    server.left_out = "takes writes although it does not lead";
    if (!has(unfrozen_, i)) unfrozen_.push_back(i);
  }
  const auto known = plan_.known.servers[i].instance;
  server.restarted = server.restarted || (known != 0 && outcome.instance != 0 && outcome.instance != known);
}

void Failover::note_failure(const Action& action, const std::string& error) {
  const std::string what = what_failed(action, names_) + ": " + error;
  const bool leader_freeze = stage_ == Stage::fence && action.act == Act::freeze;
  switch (stage_) {
    case Stage::stop_io:
    case Stage::stop_others:
      input_.servers[action.server].reachable = false;
      notes_.push_back(what);
      return;
    case Stage::repoint:
      if (action.act == Act::follow || action.act == Act::start_io) strays_.push_back(action.server);
      notes_.push_back(what);
      return;
    case Stage::give_up:
    case Stage::hook_after:
      notes_.push_back(what);
      return;
    default:
      break;
  }
  if (action.act == Act::freeze && !has(unfrozen_, action.server)) unfrozen_.push_back(action.server);
  if (action.act == Act::freeze && action.server == lost()) {
    input_.servers[lost()].reachable = false;
    input_.leader_set_final = false;
  }
  if (leader_freeze) {
    notes_.push_back(what);
    return;
  }
  if (failure_.empty()) failure_ = what;
  if (!failed_server_) failed_server_ = action.server;
}

Actions Failover::next() {
  switch (stage_) {
    case Stage::hook_before:
      return failure_.empty() ? fence() : end(State::refused, failure_ + "; nothing was touched");
    case Stage::fence:
      return failure_.empty() ? fenced() : give_up(failure_);
    case Stage::stop_io:
      return decide();
    case Stage::apply:
      if (!failure_.empty()) return leave_out_and_retry();
      return source_ ? follow_source() : record();
    case Stage::follow_source:
      return failure_.empty() ? await_source() : leave_out_and_retry();
    case Stage::await_source:
      return failure_.empty() ? record() : leave_out_and_retry();
    case Stage::record:
      return failure_.empty() ? promote() : give_up(failure_);
    case Stage::promote:
      return failure_.empty() ? release() : demote();
    case Stage::demote:
      return leave_out_and_retry();
    case Stage::release:
      if (failure_.empty()) return stop_others();
      return end(State::stuck, headline_ + "; but " + failure_, "Clients are held: restart sluice");
    case Stage::stop_others:
      return repoint();
    case Stage::repoint:
      return hook_after();
    case Stage::give_up:
      return end(State::failed, headline_);
    case Stage::hook_after:
      return finish();
    case Stage::ready:
    case Stage::over:
      break;
  }
  assert(false && "nothing is awaited");
  return {};
}

// ---- Forward

Actions Failover::fence() {
  Action depose = make(Act::depose, lost(), plan_.fence_max);
  depose.epoch = epoch_;
  Actions actions = enter(Stage::fence, std::move(depose));
  actions.push_back(ask(make(Act::hold, lost(), plan_.fence_max)));
  actions.push_back(ask(make(Act::cut, lost(), plan_.fence_max)));
  actions.push_back(ask(make(Act::freeze, lost(), plan_.freeze_max)));
  return actions;
}

Actions Failover::fenced() {
  cut_off_at_ = plan_.cut_off_at.value_or(now_);
  if (plan_.acks_until && input_.leader_acks > 0 && *cut_off_at_ >= *plan_.acks_until) {
    input_.leader_acks = 0;
    notes_.push_back(name(lost()) + " may have given up to wait for acknowledgements before it was cut off");
  }
  return stop_io();
}

// All of them, whatever was heard of them before: one that is believed to be gone may have what nobody else has. Those
// in maintenance or left out are only read: after the fence nothing new is acknowledged through this proxy.
Actions Failover::stop_io() {
  stage_ = Stage::stop_io;
  Actions actions;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto& server = input_.servers[i];
    const auto act = server.maintenance || !plan_.known.servers[i].left_out.empty() ? Act::read_state : Act::stop_io;
    if (i != lost()) actions.push_back(ask(make(act, i, plan_.stop_io_max)));
  }
  return actions.empty() ? decide() : actions;
}

Actions Failover::decide() {
  ++attempts_;
  election_ = elect(input_);
  const bool only_lost = plan_.reinstate == Reinstate::only;
  if (only_lost || plan_.reinstate == Reinstate::preferred || !election_.proven || !election_.winner) {
    const auto why_not = why_not_reinstated();
    if (why_not.empty()) {
      target_ = lost();
      source_.reset();
      may_lose_.clear();
      return record();
    }
    if (only_lost) return give_up(why_not + "; another takes over if an operator asks for that");
    if (!election_.winner) {
      const auto& loss = election_.may_lose;
      return give_up(election_.reason + (loss.empty() ? "" : "; that may lose " + loss) + "; " + why_not);
    }
  }
  target_ = *election_.winner;
  source_ = election_.most_advanced;
  may_lose_ = election_.may_lose;
  return apply();
}

// Both before the winner is pointed at its source: that throws its own relay log away.
Actions Failover::apply() {
  Actions actions = enter(Stage::apply, make(Act::apply_relay_log, target_, plan_.apply_max));
  if (source_) actions.push_back(ask(make(Act::apply_relay_log, *source_, plan_.apply_max)));
  return actions;
}

Actions Failover::follow_source() {
  repointed_[target_] = true;
  return enter(Stage::follow_source, make_follow(target_, *source_));
}

Actions Failover::await_source() {
  Action action = make(Act::await_position, target_, plan_.apply_max);
  action.position = source_position_;
  return enter(Stage::await_source, std::move(action));
}

Actions Failover::record() {
  if (epoch_used_) ++epoch_;
  epoch_used_ = true;
  Action action = make(Act::record, target_, plan_.step_max);
  action.epoch = epoch_;
  return enter(Stage::record, std::move(action));
}

Actions Failover::promote() {
  tried_to_promote_ = true;
  headline_.clear();
  return enter(Stage::promote, make(Act::promote, target_, plan_.step_max));
}

// It may be writable or become so. What failed stays the reason.
Actions Failover::demote() {
  stage_ = Stage::demote;
  return {ask(make(Act::freeze, target_, plan_.step_max))};
}

Actions Failover::leave_out_and_retry() {
  assert(failed_server_);
  notes_.push_back(failure_);
  auto& server = input_.servers[*failed_server_];
  const bool gives = failed_server_ != source_ && !has(unfrozen_, *failed_server_);
  (gives ? server.barred : server.left_out) = "failed at what it was asked to do: " + failure_;
  failure_.clear();
  failed_server_.reset();
  if (attempts_ > names_.size()) return give_up("no server could be promoted");
  return stop_io();
}

Actions Failover::release() {
  headline_ = name(target_) + (target_ == lost() ? " leads again under epoch " : " leads under epoch ") +
              std::to_string(epoch_) + headline_;
  Action action = make(Act::release, target_, plan_.step_max);
  action.epoch = epoch_;
  return enter(Stage::release, std::move(action));
}

// Applying may have taken long: a replica that was started anew meanwhile receives again, perhaps from the lost leader.
Actions Failover::stop_others() {
  stage_ = Stage::stop_others;
  Actions actions;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (i != target_ && i != lost() && stopped_[i]) actions.push_back(ask(make(Act::stop_io, i, plan_.stop_io_max)));
  }
  return actions.empty() ? repoint() : actions;
}

// The lost leader is not among them: it is frozen and compared first, by whoever rejoins it.
Actions Failover::repoint() {
  stage_ = Stage::repoint;
  if (target_ != lost()) strays_.push_back(lost());
  Actions actions;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (i == target_ || i == lost()) continue;
    const auto& server = input_.servers[i];
    const bool apart = server.maintenance || !server.left_out.empty();
    if (!server.reachable || !stopped_[i] || apart || !lacks_nothing_of(i)) {
      strays_.push_back(i);
    } else if (keeps_source(i)) {
      actions.push_back(ask(make(Act::start_io, i, plan_.step_max)));
    } else {
      actions.push_back(ask(make_follow(i, target_)));
    }
  }
  return actions.empty() ? hook_after() : actions;
}

Actions Failover::hook_after() {
  if (plan_.hook_after.empty()) return finish();
  Action hook = make(Act::run_hook, target_, plan_.hook_max);
  hook.hook = plan_.hook_after;
  hook.after = true;
  hook.source = lost();
  return enter(Stage::hook_after, std::move(hook));
}

Actions Failover::finish() {
  if (target_ == lost())
    return end(State::reinstated, headline_ + (election_.winner ? std::string() : ": " + election_.reason));
  std::string reason = headline_ + ": " + election_.reason;
  if (!may_lose_.empty()) reason += ". What may be lost: " + may_lose_;
  return end(State::done, std::move(reason));
}

Actions Failover::give_up(std::string why) {
  stage_ = Stage::give_up;
  headline_ = "nobody leads: " + std::move(why);
  failure_.clear();
  failed_server_.reset();
  may_lose_ = election_.winner ? std::string() : election_.may_lose;
  Actions actions;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (stopped_[i]) actions.push_back(ask(make(Act::start_io, i, plan_.step_max)));
  }
  return actions.empty() ? next() : actions;
}

Actions Failover::end(State state, std::string reason, const std::string& advice) {
  stage_ = Stage::over;
  state_ = state;
  reason_ = std::move(reason);
  for (const auto& note : notes_) reason_ += "; but " + note;
  if (!advice.empty()) reason_ += ". " + advice;
  return {};
}

// ---- Decisions

// Empty: the lost leader leads again. It was frozen, and has all that the others have but errant transactions.
std::string Failover::why_not_reinstated() const {
  const auto& server = input_.servers[lost()];
  if (plan_.reinstate == Reinstate::never) return name(lost()) + " is not to lead again";
  if (!input_.leader_set_final) return name(lost()) + " does not answer";
  if (!server.left_out.empty() || !server.barred.empty()) return name(lost()) + " " + server.left_out + server.barred;
  if (server.maintenance) return name(lost()) + " is in maintenance";
  const auto held = holdings(input_);
  const auto errant = find_errant(input_, held);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto beyond = held[i].minus(errant[i]).minus(held[lost()]);
    if (!beyond.empty()) return name(lost()) + " lacks " + shown(beyond) + ", which " + name(i) + " has";
  }
  return {};
}

// Following the new leader throws nothing away that it does not have.
bool Failover::lacks_nothing_of(std::size_t server) const {
  const auto held = holdings(input_);
  return input_.servers[server].executed && input_.servers[server].received && held[target_].contains(held[server]);
}

// A replica of a replica stays one, if its source is one of those that were or are pointed at the leader.
bool Failover::keeps_source(std::size_t i) const {
  if (repointed_[i]) return false;
  const auto& sources = input_.servers[i].sources;
  const auto goes_on = [&](std::size_t source) {
    if (source == target_ || source == lost()) return target_ == lost() && source == target_;
    return has(input_.servers[source].sources, lost()) && stopped_[source] && lacks_nothing_of(source);
  };
  return !sources.empty() && std::all_of(sources.begin(), sources.end(), goes_on);
}

// ---- Actions

Actions Failover::enter(Stage stage, Action action) {
  assert(pending_.empty());
  stage_ = stage;
  return {ask(std::move(action))};
}

Action Failover::ask(Action action) { return pending_.ask(std::move(action), now_); }

Action Failover::make(Act act, std::size_t server, milliseconds budget) const {
  Action action;
  action.act = act;
  action.server = server;
  action.budget = budget;
  return action;
}

Action Failover::make_follow(std::size_t server, std::size_t source) const {
  Action action = make(Act::follow, server, plan_.step_max);
  action.source = source;
  return action;
}

std::string Failover::describe(const Action& action) const {
  const bool back = stage_ == Stage::demote || stage_ == Stage::give_up;
  return (back ? "roll back: " : "") + failover::describe(action, names_);
}

std::string_view to_string(Failover::State state) {
  using State = Failover::State;
  switch (state) {
    case State::running:
      return "running";
    case State::done:
      return "done";
    case State::reinstated:
      return "reinstated";
    case State::refused:
      return "refused";
    case State::failed:
      return "failed";
    case State::stuck:
      return "stuck";
  }
  return "?";
}

}  // namespace sluice::failover
