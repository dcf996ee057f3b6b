#include "failover/supervisor.hpp"

#include <algorithm>
#include <cassert>
#include <type_traits>
#include <utility>

#include "failover/eligibility.hpp"

namespace sluice::failover {
namespace {

using std::chrono::milliseconds;

// Ids of one workflow: more than it asks for. An outcome of an earlier one never fits.
constexpr std::uint64_t ids_of_workflow = 100'000;

const char* kind_of(const Switchover&) { return "switchover"; }
const char* kind_of(const Failover&) { return "failover"; }
const char* kind_of(const Rejoin&) { return "rejoin"; }

template <typename T>
constexpr bool is_idle = std::is_same_v<std::decay_t<T>, std::monostate>;

}  // namespace

Supervisor::Supervisor(SupervisorOptions options, RecordedLeader record)
    : options_(std::move(options)),
      epoch_(record.epoch),
      leader_(record.leader),
      deposed_(record.deposed),
      memory_(options_.names),
      limit_(options_.limit),
      own_(ids_of_workflow * ids_of_workflow, options_.failover.answer_grace) {
  if (deposed_) phase_ = Phase::leaderless;
}

Actions Supervisor::step(const Event& event, TimePoint now) {
  now_ = now;
  Actions actions;
  const auto add = [&](const Actions& more) { actions.insert(actions.end(), more.begin(), more.end()); };
  add(give_up_overdue());
  if (const auto* view = std::get_if<ClusterView>(&event)) memory_.take(*view, leader_, now);
  if (const auto* outcome = std::get_if<Outcome>(&event)) add(take(*outcome));
  if (const auto* command = std::get_if<Command>(&event)) add(take(*command));
  if (const auto* lease = std::get_if<LeaseHeld>(&event)) lease_ = lease->held;
  if (lease_) add(think());
  note_asked(actions);
  return actions;
}

void Supervisor::note_asked(const Actions& actions) {
  for (const auto& action : actions) {
    if (action.act == Act::follow) memory_.follows_from_now_on(action.server, now_);
    if (action.act != Act::record && action.act != Act::depose) continue;
    epoch_ = std::max(epoch_, action.epoch);
    last_record_ = action.id;
    record_is_old_ = true;  // until it is answered
  }
}

std::optional<TimePoint> Supervisor::deadline() const {
  auto first = own_.deadline();
  std::visit(
      [&](const auto& workflow) {
        if constexpr (!is_idle<decltype(workflow)>) {
          if (const auto due = workflow.deadline(); due && (!first || *due < *first)) first = due;
        }
      },
      workflow_);
  return first;
}

// ---- Events

Actions Supervisor::take(const Outcome& outcome) {
  if (const auto answered = own_.take(outcome, now_)) {
    const auto& action = answered->action;
    if (!outcome.ok) {
      tell("failed", what_failed(action, options_.names) + ": " + answered->error);
      retry_at_ = now_ + options_.retry_min;
    } else if (action.act == Act::record) {
      record_is_old_ = false;
      if (action.server != leader_) adopted(action);
    } else if (action.server == leader_) {
      released_ = true;
      phase_ = Phase::idle;
    }
    return {};
  }
  Actions actions;
  if (outcome.id == last_record_) record_is_old_ = !outcome.ok;
  std::visit(
      [&](auto& workflow) {
        if constexpr (!is_idle<decltype(workflow)>) actions = workflow.on(outcome, now_);
      },
      workflow_);
  return after(std::move(actions));
}

Actions Supervisor::give_up_overdue() {
  auto actions = own_.give_up_overdue(now_, [&](const Outcome& none) { return take(none); });
  std::visit(
      [&](auto& workflow) {
        if constexpr (!is_idle<decltype(workflow)>) {
          const auto more = workflow.on_deadline(now_);
          actions.insert(actions.end(), more.begin(), more.end());
        }
      },
      workflow_);
  return after(std::move(actions));
}

// ---- Decisions, when no workflow stands in the way

Actions Supervisor::think() {
  if (!memory_.anything_seen() || !own_.empty()) return {};
  if (running() && phase_ != Phase::rejoining) return {};
  if (!leader_) return deposed_ ? retry_leaderless() : Actions{};
  if (auto actions = watch_leader(); !actions.empty()) return actions;
  if (running() || !leader_) return {};
  if (!released_ || takes_no_writes()) return confirm_leader();
  if (record_is_old_ && now_ >= retry_at_) return {ask(Act::record, *leader_, epoch_)};
  return let_back_in();
}

Actions Supervisor::watch_leader() {
  if (!memory_.looked_at(*leader_)) return {};
  const auto findings = analyse(memory_.detection_input(*leader_, options_.detection_time));
  const auto& first = findings.front();
  const bool to_tell = first.decision == Decision::fail_over || memory_.whole_round(*leader_);
  if (first.analysis != last_analysis_ && first.decision != Decision::wait && to_tell) {
    last_analysis_ = first.analysis;
    tell(std::string(to_string(first.analysis)), first.reason);
  }
  for (const auto& finding : findings) {
    if (finding.decision != Decision::repoint) continue;
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      if (memory_.fresh(i) && memory_.replicates_from(i, finding.server)) memory_.standing(i).stray = true;
    }
  }
  if (first.decision != Decision::fail_over || now_ < retry_at_) return {};
  std::string why_not = options_.automatic ? limit_.what_forbids(now_) : "failover is manual";
  if (!why_not.empty()) {
    tell("not failing over", first.reason + "; but " + why_not);
    return {};
  }
  return start_failover(*leader_, first.reason, options_.failover);
}

// It was started anew and came back read-only, or a freeze that an earlier process gave up got through after all. In
// manual mode somebody may have done it by hand.
bool Supervisor::takes_no_writes() const {
  const auto& leader = memory_.standing(*leader_);
  if (!memory_.fresh(*leader_) || memory_.view(*leader_).writable || leader.maintenance) return false;
  return memory_.started_anew(*leader_) || options_.automatic;
}

// At the start, when the gate could not be opened, or when the leader takes no writes: who is on record leads. If it
// does not take writes, a workflow of an earlier process has ended halfway: that is what a failover puts in order.
Actions Supervisor::confirm_leader() {
  if (now_ < retry_at_ || !memory_.answers(*leader_)) return {};
  if (memory_.view(*leader_).writable) return {ask(Act::release, *leader_, epoch_)};
  return start_failover(*leader_, name(*leader_) + " is on record as the leader, but takes no writes",
                        plan_to_restore(*leader_));
}

// It is not lost, so there is time for it to be frozen. In manual mode nobody else takes over for it.
FailoverPlan Supervisor::plan_to_restore(std::size_t leader) const {
  auto plan = options_.failover;
  plan.reinstate = options_.automatic ? Reinstate::preferred : Reinstate::only;
  if (memory_.answers(leader)) plan.freeze_max = plan.step_max;
  return plan;
}

Actions Supervisor::retry_leaderless() {
  const bool back = memory_.answers(*deposed_) && !deposed_answered_;
  deposed_answered_ = memory_.answers(*deposed_);
  if (now_ < retry_at_ && !back) return {};
  if (!memory_.anybody_answers()) return {};
  return start_failover(*deposed_, back ? name(*deposed_) + " answers again" : "nobody leads",
                        restoring_ ? plan_to_restore(*deposed_) : options_.failover);
}

Actions Supervisor::let_back_in() {
  std::optional<std::size_t> next;
  for (std::size_t i = 0; i < memory_.size(); ++i) {
    auto& server = memory_.standing(i);
    if (i == *leader_ || !memory_.answers(i)) continue;
    if (memory_.fresh(i) && memory_.view(i).writable) server.fenced = server.stray = true;
    if (memory_.fresh(i) && !memory_.follows(i, *leader_)) server.stray = true;
    if (memory_.fresh(i) && memory_.follows(i, *leader_)) look_for_errant(i);
    const bool may_come_back =
        server.stray && server.left_out.empty() && !server.maintenance && memory_.answers(*leader_);
    if (now_ < server.retry_at || !(server.fenced || may_come_back)) continue;
    if (!next || (server.fenced && !memory_.standing(*next).fenced)) next = i;
  }
  return next ? start_rejoin(*next) : Actions{};
}

// It goes on replicating, but it never leads, and gets no reads. What the leader wrote may be there before it was seen
// on the leader.
void Supervisor::look_for_errant(std::size_t i) {
  auto& server = memory_.standing(i);
  const auto extra = memory_.errant(i, *leader_);
  if (!extra) return;
  if (extra->empty() != server.errant) return;
  server.errant = !extra->empty();
  server.left_out = extra->empty() ? std::string() : "has transactions that are not from the leader: " + shown(*extra);
  tell("errant", name(i) + (extra->empty() ? " has no errant transactions any more" : " " + server.left_out));
}

// ---- Workflows

Actions Supervisor::start_failover(std::size_t lost, const std::string& why, FailoverPlan plan) {
  tell("failover", name(lost) + " is given up: " + why);
  auto known = memory_.election_input(lost);
  known.loss = plan.known.loss;
  known.loss_max = plan.known.loss_max;
  known.wanted = plan.known.wanted;
  plan.known = std::move(known);
  plan.acks_until = memory_.acks_until();
  plan.cut_off_at = cut_off_at_;
  plan.epoch = epoch_ + 1;
  plan.first_id = next_id_;
  next_id_ += ids_of_workflow;
  restoring_ = plan.reinstate == Reinstate::preferred || plan.reinstate == Reinstate::only;
  was_released_ = released_;
  released_ = false;
  leader_.reset();
  deposed_ = lost;
  about_ = lost;
  began_ = now_;
  deposed_answered_ = memory_.answers(lost);
  phase_ = Phase::failing_over;
  Failover failover(std::move(plan));
  auto actions = failover.start(now_);
  workflow_ = std::move(failover);
  return after(std::move(actions));
}

Actions Supervisor::start_switchover(std::size_t candidate) {
  auto plan = options_.switchover;
  plan.names = options_.names;
  plan.leader = *leader_;
  plan.candidate = wanted_ = candidate;
  plan.others.clear();
  for (std::size_t i = 0; i < memory_.size(); ++i) {
    const bool concerned = memory_.replicates_from(i, *leader_) || memory_.replicates_from(i, candidate);
    if (i != *leader_ && i != candidate && concerned && memory_.answers(i) && !memory_.standing(i).maintenance &&
        memory_.standing(i).left_out.empty())
      plan.others.push_back(i);
  }
  plan.epoch = epoch_ + 1;
  plan.first_id = next_id_;
  next_id_ += ids_of_workflow;
  phase_ = Phase::switching;
  about_ = *leader_;
  began_ = now_;
  Switchover switchover(std::move(plan));
  auto actions = switchover.start(now_);
  workflow_ = std::move(switchover);
  return after(std::move(actions));
}

Actions Supervisor::start_rejoin(std::size_t server) {
  RejoinPlan plan;
  plan.names = options_.names;
  plan.server = server;
  plan.leader = *leader_;
  plan.only_freeze = memory_.standing(server).maintenance || !memory_.standing(server).left_out.empty();
  plan.first_id = next_id_;
  plan.step_max = options_.failover.step_max;
  plan.answer_grace = options_.failover.answer_grace;
  next_id_ += ids_of_workflow;
  phase_ = Phase::rejoining;
  about_ = server;
  began_ = now_;
  Rejoin rejoin(std::move(plan));
  auto actions = rejoin.start(now_);
  workflow_ = std::move(rejoin);
  return after(std::move(actions));
}

Actions Supervisor::after(Actions actions) {
  std::visit(
      [&](const auto& workflow) {
        if constexpr (!is_idle<decltype(workflow)>) {
          using State = typename std::decay_t<decltype(workflow)>::State;
          if (workflow.state() == State::running) return;
          const auto over = std::move(workflow_);
          workflow_ = std::monostate{};
          memory_.settle(now_);
          const auto& one = std::get<std::decay_t<decltype(workflow)>>(over);
          ended(one);
          keep_end({kind_of(one), std::string(to_string(one.state())), about_, leader_, epoch_, one.reason(),
                    one.steps(), began_});
        }
      },
      workflow_);
  return actions;
}

void Supervisor::ended(const Switchover& switchover) {
  using State = Switchover::State;
  const auto old = *leader_;
  tell("switchover", switchover.reason());
  switch (switchover.state()) {
    case State::done:
      new_leader(wanted_, epoch_);
      phase_ = Phase::idle;
      released_ = true;
      return;
    case State::stuck:
      leader_.reset();
      deposed_ = old;
      released_ = false;
      memory_.standing(wanted_).fenced = memory_.standing(wanted_).stray = true;
      phase_ = Phase::leaderless;
      deposed_answered_ = memory_.answers(old);
      retry_at_ = now_;
      break;
    default:
      phase_ = Phase::idle;
      break;
  }
}

void Supervisor::ended(const Failover& failover) {
  using State = Failover::State;
  tell("failover", failover.reason());
  const auto lost = *deposed_;
  for (const auto i : failover.unfrozen()) memory_.standing(i).fenced = memory_.standing(i).stray = true;
  switch (failover.state()) {
    case State::refused:
      leader_ = lost;
      deposed_.reset();
      released_ = was_released_;
      phase_ = Phase::idle;
      retry_at_ = now_ + options_.retry_max;
      memory_.standing(lost).fenced = false;
      return;
    case State::failed:
      cut_off_at_ = failover.cut_off_at();
      phase_ = Phase::leaderless;
      retry_after_ = std::clamp(2 * retry_after_, options_.retry_min, options_.retry_max);
      retry_at_ = now_ + retry_after_;
      return;
    default:
      break;
  }
  for (const auto i : failover.strays()) memory_.standing(i).stray = true;
  new_leader(*failover.leader(), failover.last_epoch());
  released_ = failover.state() != State::stuck;
  phase_ = Phase::idle;
  if (failover.state() != State::reinstated) limit_.note(now_);
}

void Supervisor::ended(const Rejoin& rejoin) {
  auto& server = memory_.standing(rejoin.server());
  phase_ = Phase::idle;
  tell("rejoin", rejoin.reason());
  if (rejoin.frozen()) server.fenced = false;
  switch (rejoin.state()) {
    case Rejoin::State::done:
      server.stray = server.maintenance || !server.left_out.empty();
      server.retry_after = milliseconds(0);
      break;
    case Rejoin::State::left_out:
      server.left_out = rejoin.reason();
      server.errant = false;
      server.stray = false;
      break;
    default:
      server.retry_after = std::clamp(2 * server.retry_after, options_.retry_min, options_.retry_max);
      server.retry_at = now_ + server.retry_after;
      break;
  }
}

void Supervisor::new_leader(std::size_t leader, std::uint64_t epoch) {
  leader_ = leader;
  deposed_.reset();
  cut_off_at_.reset();
  epoch_ = epoch;
  retry_after_ = milliseconds(0);
  retry_at_ = now_;
  last_analysis_ = Analysis::no_problem;
  memory_.new_leader(leader, now_);
}

// ---- Small things

Action Supervisor::ask(Act act, std::size_t server, std::uint64_t epoch) {
  Action action;
  action.act = act;
  action.server = server;
  action.epoch = epoch;
  action.budget = options_.failover.step_max;
  return own_.ask(std::move(action), now_);
}

void Supervisor::keep_end(WorkflowEnd end) {
  ++ended_;
  ends_.push_back(std::move(end));
  if (ends_.size() > ends_max) ends_.pop_front();
}

void Supervisor::tell(const std::string& what, const std::string& reason) {
  if (!history_.empty() && history_.back().what == what && history_.back().reason == reason) return;
  ++told_;
  history_.push_back({now_, what, reason});
  if (history_.size() > history_max) history_.pop_front();
}

std::string_view to_string(Supervisor::Phase phase) {
  switch (phase) {
    case Supervisor::Phase::starting:
      return "starting";
    case Supervisor::Phase::idle:
      return "idle";
    case Supervisor::Phase::switching:
      return "switching over";
    case Supervisor::Phase::failing_over:
      return "failing over";
    case Supervisor::Phase::rejoining:
      return "rejoining";
    case Supervisor::Phase::leaderless:
      return "leaderless";
  }
  return "?";
}

}  // namespace sluice::failover
