#include "admin/leader_changer.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "admin/cluster_access.hpp"
#include "admin/printable.hpp"
#include "admin/state_dir.hpp"
#include "admin/workflow_plans.hpp"
#include "failover/precheck.hpp"
#include "failover/workflows/approach.hpp"

namespace sluice::admin {
namespace {

using failover::Switchover;
using std::chrono::milliseconds;

// More than one change asks for; the next one's begin behind them, so that a late answer fits none.
constexpr std::uint64_t action_ids_per_change = 1'000;

failover::PrecheckOptions precheck_options(const ClusterSettings& cluster, const FailoverSettings& bounds,
                                           const LeaderChanger& changer) {
  failover::PrecheckOptions options;
  for (std::size_t i = 0; i < cluster.servers.size(); ++i) {
    if (changer.in_maintenance(i)) options.maintenance.push_back(cluster.servers[i].to_string());
  }
  options.lag_max_ms = bounds.switchover_lag_max_ms;
  options.transaction_max_ms = bounds.switchover_transaction_max_ms;
  for (const io::Endpoint& server : cluster.preferred) options.preferred.push_back(server.to_string());
  return options;
}

std::string no_such_server(const std::string& name) {
  return "there is no server '" + printable(name) + "' in the cluster: SELECT server FROM servers";
}

std::string join(const std::vector<std::string>& sentences) {
  std::string text;
  for (const auto& sentence : sentences) text += (text.empty() ? "" : "; ") + sentence;
  return text;
}

}  // namespace

LeaderChanger::LeaderChanger(LeaderChangerParts parts, std::optional<failover::EpochRecord> record)
    : parts_(std::move(parts)),
      epoch_(record ? record->epoch : 1),
      previous_leader_(record ? record->previous_leader : std::string()),
      gate_(parts_.io, parts_.proxy, parts_.cluster,
            [this](std::size_t server, std::uint64_t epoch) {
              epoch_ = epoch;
              const auto reason = "made the leader under epoch " + std::to_string(epoch);
              supervision_ ? parts_.monitor.appoint(server, reason) : parts_.monitor.lead(server, reason);
            }),
      records_(parts_.io, failover::epoch_record_path(parts_.config.proxy.state_dir, settings().name)),
      hooks_(parts_.io),
      maintenance_(settings().servers.size(), false) {
  for (std::size_t own = 0; own < settings().servers.size(); ++own) {
    actors_.push_back(
        std::make_shared<failover::ServerActor>(parts_.io, actor_options(parts_.config, settings(), own)));
  }
  if (bounds().mode != FailoverMode::off) {
    supervise(record);
  } else if (record && record->change) {
    recover(std::move(*record));
  }
}

void LeaderChanger::supervise(const std::optional<failover::EpochRecord>& record) {
  supervision_ = std::make_unique<Supervision>(
      SupervisionParts{.io = parts_.io,
                       .cluster = settings(),
                       .failover = bounds(),
                       .dispatch = {actors_, gate_, records_, hooks_},
                       .monitor = parts_.monitor,
                       .on_event = parts_.on_event,
                       .on_end = [this](const failover::WorkflowEnd& end) { supervised_end(end); }},
      record);
}

void LeaderChanger::observe(std::size_t server, const failover::ServerObservation& seen, failover::TimePoint asked) {
  if (supervision_) supervision_->observe(server, seen, asked);
}

void LeaderChanger::supervised_end(const failover::WorkflowEnd& end) {
  epoch_ = end.epoch;
  if (busy_ && end.what == report_.kind && report_.outcome == "running") {
    report_.epoch = end.epoch;
    if (end.what == "failover") {
      report_.from = state().servers[end.server].name;
      report_.to = end.leader ? state().servers[*end.leader].name : std::string();
    }
    return on_end(end.outcome, end.reason, end.steps);
  }
  ChangeReport report;
  report.number = parts_.history.next_number();
  report.cluster = settings().name;
  report.kind = end.what;
  report.from = state().servers[end.server].name;
  if (end.leader) report.to = state().servers[*end.leader].name;
  report.epoch = end.epoch;
  report.outcome = end.outcome;
  report.reason = end.reason;
  report.steps = end.steps;
  const auto took = std::chrono::steady_clock::now() - end.began;
  report.took_ms = static_cast<std::uint64_t>(std::chrono::duration_cast<milliseconds>(took).count());
  report.begun_ms = parts_.unix_ms() - report.took_ms;
  parts_.history.note(report);
  parts_.on_over();
}

void LeaderChanger::on_state() {
  for (const auto& actor : actors_) {
    for (std::size_t i = 0; i < state().servers.size(); ++i) actor->learn(i, state().servers[i].seen.server_id);
  }
  if (supervision_) supervision_->on_state(state());
  if (recovery_) recovery_->on_state();
}

void LeaderChanger::recover(failover::EpochRecord record) {
  parts_.on_event({proxy::Severity::warning, "change_unfinished",
                   "cluster " + record.cluster + ": sluice ended while it changed the leader from " +
                       record.change->from + " to " + record.change->to + " (since " + record.change->since + ")"});
  ChangeRecoveryParts parts{
      .io = parts_.io,
      .actors = actors_,
      .records = records_,
      .state = [this]() -> const failover::ClusterState& { return state(); },
      .on_waiting =
          [this](const std::string& reason) {
            parts_.on_event({proxy::Severity::warning, "change_unfinished",
                             "cluster " + settings().name + ": it can't be ended yet: " + reason});
          },
      .on_over = [this](const ChangeReport& report) { recovered(report); },
      .step_max = milliseconds(bounds().switchover_step_max_ms)};
  recovery_ = std::make_unique<ChangeRecovery>(std::move(parts), std::move(record));
}

void LeaderChanger::recovered(ChangeReport report) {
  epoch_ = recovery_->record().epoch;
  previous_leader_ = recovery_->record().previous_leader;
  report.number = parts_.history.next_number();
  report.begun_ms = parts_.unix_ms();
  parts_.history.note(report);
  parts_.on_event({proxy::Severity::info, "change_settled", "cluster " + report.cluster + ": " + report.reason});
  parts_.on_over();
}

void LeaderChanger::carry_out(const Order& order, ChangeDone done) {
  if (busy_ || (recovery_ && !recovery_->over())) {
    ChangeReport refused = report_;
    refused.kind = kind_of(order.what);
    refused.outcome = "refused";
    refused.reason =
        busy_ ? "another order is being carried out: " + report_.kind + " from " + report_.from + " to " + report_.to
              : "a change of leader that sluice was ended in is not settled yet: see the events";
    boost::asio::post(parts_.io, [done = std::move(done), refused] { done(refused); });
    return;
  }
  busy_ = true;
  under_way_ = {};
  under_way_.dry_run = order.dry_run;
  under_way_.wanted = order.server;
  under_way_.done = std::move(done);
  report_ = {};
  report_.number = parts_.history.next_number();
  report_.begun_ms = parts_.unix_ms();
  report_.cluster = settings().name;
  report_.kind = order.dry_run ? "dry run" : kind_of(order.what);
  report_.to = order.server;
  report_.epoch = epoch_;
  if (state().leader) report_.from = state().servers[*state().leader].name;
  if (order.what == Order::What::switchover) return switch_over();
  const bool maintenance = order.what == Order::What::maintenance_on || order.what == Order::What::maintenance_off;
  maintenance && !supervision_ ? maintain(order) : to_supervisor(order);
}

std::optional<std::size_t> LeaderChanger::find_server(const std::string& name) const {
  const auto& servers = settings().servers;
  for (std::size_t i = 0; i < servers.size(); ++i) {
    if (servers[i].to_string() == name) return i;
  }
  return std::nullopt;
}

bool LeaderChanger::in_maintenance(std::size_t server) const {
  return supervision_ ? supervision_->in_maintenance(server) : maintenance_[server];
}

void LeaderChanger::maintain(const Order& order) {
  const auto server = find_server(order.server);
  if (!server) return refuse(no_such_server(order.server));
  const bool on = order.what == Order::What::maintenance_on;
  if (on && state().leader == server)
    return refuse(order.server + " leads: make another server the leader first (SWITCHOVER)");
  maintenance_[*server] = on;
  parts_.monitor.set_aside(*server, on ? "in maintenance" : "");
  maintained({}, order.server, on);
}

void LeaderChanger::maintained(const std::string& why_not, const std::string& server, bool on) {
  told(why_not, server + (on ? " is in maintenance until it is taken out or sluice ends" : " is not in maintenance"));
}

void LeaderChanger::switch_over() {
  if (settings().manager_user.empty())
    return refuse(
        "cluster " + settings().name +
        " has no manager account, so sluice only routes: write manager = { user = …, password_file = … } in its "
        "[[cluster]]");
  check_servers();
}

// What needs to know who leads by a record.
void LeaderChanger::to_supervisor(const Order& order) {
  if (!supervision_)
    return refuse("failover.mode is \"off\": sluice makes planned changes only; set it to \"manual\" or \"automatic\"");
  failover::Command command;
  command.loss = order.loss;
  command.although_leader_lives = order.although_leader_lives;
  command.server = find_server(order.server);
  if (!order.server.empty() && !command.server) return refuse(no_such_server(order.server));
  using What = failover::Command::What;
  switch (order.what) {
    case Order::What::rejoin:
      command.what = What::rejoin;
      return told(supervision_->order(command), order.server + " is let back in as soon as it answers");
    case Order::What::maintenance_on:
      command.what = What::maintenance_on;
      return maintained(supervision_->order(command), order.server, true);
    case Order::What::maintenance_off:
      command.what = What::maintenance_off;
      return maintained(supervision_->order(command), order.server, false);
    default:
      command.what = What::failover;
      return fail_over(command);
  }
}

void LeaderChanger::fail_over(const failover::Command& command) {
  if (const auto error = make_state_dir(parts_.config)) return refuse(*error);
  parts_.history.note(report_);
  const auto why_not = supervision_->order(command);
  if (!why_not.empty()) refuse(why_not);
}

// An order that needs no time.
void LeaderChanger::told(const std::string& why_not, std::string what) {
  if (!why_not.empty()) return refuse(why_not);
  report_.outcome = "done";
  report_.reason = std::move(what);
  boost::asio::post(parts_.io, [this] { finish(); });
}

// What only the servers themselves can tell, found out before clients wait: whether the account may do what it will
// have to, on every server that answers, and what is open there.
void LeaderChanger::check_servers() {
  under_way_.checks.resize(actors_.size());
  under_way_.unchecked = 1;
  for (std::size_t i = 0; i < actors_.size(); ++i) {
    if (!state().servers[i].seen.reachable) continue;
    ++under_way_.unchecked;
    actors_[i]->check(milliseconds(bounds().switchover_step_max_ms), [this, i](const failover::ServerCheck& check) {
      under_way_.checks[i] = check;
      if (--under_way_.unchecked == 0) on_checked();
    });
  }
  if (--under_way_.unchecked == 0) on_checked();
}

void LeaderChanger::on_checked() {
  const auto refusals = choose();
  if (!refusals.empty()) return refuse(join(refusals));
  report_.from = state().servers[under_way_.leader].name;
  report_.to = state().servers[under_way_.candidate].name;
  if (under_way_.dry_run)
    return told({}, "nothing speaks against it: " + report_.to + " would take over from " + report_.from +
                        "; nothing was changed");
  warm();
}

// From whom to whom; else everything that speaks against it.
std::vector<std::string> LeaderChanger::choose() {
  failover::ClusterState seen = state();
  std::vector<std::string> refusals;
  for (std::size_t i = 0; i < seen.servers.size(); ++i) {
    const auto& check = under_way_.checks[i];
    seen.servers[i].seen.oldest_transaction_ms = check.oldest_transaction_ms;
    if (!check.why_not.empty()) refusals.push_back(seen.servers[i].name + ": " + check.why_not);
  }
  const auto found = failover::precheck(seen, under_way_.wanted, precheck_options(settings(), bounds(), *this));
  if (!found.candidate) {
    refusals.insert(refusals.begin(), found.refusals.begin(), found.refusals.end());
  } else {
    under_way_.leader = *seen.leader;
    under_way_.candidate = *found.candidate;
  }
  return refusals;
}

// While everything still flows: whoever waits at the gate does not wait for connections, too. Without them the change
// is only a little slower.
void LeaderChanger::warm() {
  const auto begun = Clock::now();
  gate_.warm(under_way_.leader, under_way_.candidate, milliseconds(bounds().switchover_step_max_ms),
             [this, begun](const std::string& error) {
               prepared("warm", begun, error);
               is_as_before() ? approach() : refuse("the leader changed while connections were opened");
             });
}

void LeaderChanger::approach() {
  const auto begun = Clock::now();
  failover::ApproachParts parts{.leader = actors_[under_way_.leader],
                                .candidate = actors_[under_way_.candidate],
                                .bound = milliseconds(bounds().switchover_approach_max_ms),
                                // The other half is for all else that clients wait for.
                                .enough = milliseconds(bounds().switchover_stall_max_ms) / 2,
                                .answer_max = milliseconds(bounds().switchover_step_max_ms)};
  std::make_shared<failover::Approach>(std::move(parts))->start([this, begun](const std::string& error) {
    prepared("approach", begun, error);
    if (!error.empty()) return refuse(report_.to + " does not come near " + report_.from + ": " + error);
    is_as_before() ? carry_out() : refuse("the leader changed while " + report_.to + " was waited for");
  });
}

void LeaderChanger::prepared(const char* what, Clock::time_point begun, const std::string& error) {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun);
  under_way_.prepared.push_back({std::string(what) + " " + report_.to, error.empty(), error, took});
  note_steps({});
  parts_.history.note(report_);  // whoever watches sees it at once
}

bool LeaderChanger::is_as_before() const {
  return state().leader == under_way_.leader && !(supervision_ && supervision_->changing());
}

void LeaderChanger::carry_out() {
  if (const auto error = make_state_dir(parts_.config)) return refuse(*error);
  report_.epoch = epoch_ + 1;
  parts_.history.note(report_);
  parts_.on_event({proxy::Severity::info, "switchover",
                   "cluster " + report_.cluster + ": from " + report_.from + " to " + report_.to + " begins"});
  if (supervision_) {
    const auto why_not = supervision_->order(
        {.what = failover::Command::What::switchover, .server = under_way_.candidate, .loss = failover::Loss::none});
    return why_not.empty() ? void() : refuse(why_not);
  }
  parts_.monitor.pause();
  runner_ = std::make_shared<failover::SwitchoverRunner>(
      parts_.io, failover::SwitchoverParts{settings().name, previous_leader_, actors_, gate_, records_, hooks_},
      plan());
  action_ids_ += action_ids_per_change;
  runner_->on_step = [this](const std::vector<failover::Step>& steps) {
    note_steps(steps);
    parts_.history.note(report_);
  };
  runner_->start([this](Switchover::State state, const std::string& reason, const std::vector<failover::Step>& steps) {
    if (state == Switchover::State::done) previous_leader_ = report_.from;
    if (state == Switchover::State::stuck) {
      // Clients wait on for a leader, with their bound and its reason, and go on when one is seen.
      epoch_ += 2;  // what may have been recorded
      parts_.monitor.lead_none(reason);
      gate_.open();
    }
    on_end(std::string(to_string(state)), reason, steps);
  });
}

failover::SwitchoverPlan LeaderChanger::plan() const {
  failover::SwitchoverPlan plan = switchover_plan(bounds());
  plan.leader = under_way_.leader;
  plan.candidate = under_way_.candidate;
  for (std::size_t i = 0; i < state().servers.size(); ++i) {
    const auto& server = state().servers[i];
    plan.names.push_back(server.name);
    if (i != under_way_.leader && i != under_way_.candidate && server.seen.reachable) plan.others.push_back(i);
  }
  plan.epoch = epoch_ + 1;
  plan.first_id = action_ids_;
  return plan;
}

void LeaderChanger::on_end(std::string outcome, const std::string& reason, const std::vector<failover::Step>& steps) {
  report_.outcome = std::move(outcome);
  report_.reason = reason;
  note_steps(steps);
  report_.took_ms = parts_.unix_ms() - report_.begun_ms;
  // Whoever asks for the next change, or looks, must not be told what was true before this one.
  parts_.monitor.resume([this] { finish(); });
}

void LeaderChanger::note_steps(const std::vector<failover::Step>& steps) {
  report_.steps = under_way_.prepared;
  report_.steps.insert(report_.steps.end(), steps.begin(), steps.end());
}

void LeaderChanger::refuse(std::string why) {
  report_.outcome = "refused";
  report_.reason = std::move(why);
  report_.took_ms = parts_.unix_ms() - report_.begun_ms;
  boost::asio::post(parts_.io, [this] { finish(); });
}

void LeaderChanger::finish() {
  busy_ = false;
  const auto severity = report_.outcome == "done"    ? proxy::Severity::info
                        : report_.outcome == "stuck" ? proxy::Severity::error
                                                     : proxy::Severity::warning;
  parts_.on_event({severity, report_.kind,
                   "cluster " + report_.cluster + ": " + report_.outcome + " after " + std::to_string(report_.took_ms) +
                       " ms: " + report_.reason});
  const UnderWay over = std::exchange(under_way_, {});
  if (!over.dry_run) parts_.history.note(report_);
  over.done(report_);
  parts_.on_over();
}

}  // namespace sluice::admin
