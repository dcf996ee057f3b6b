#include "admin/change_recovery.hpp"

#include <cassert>
#include <utility>

namespace sluice::admin {
namespace {

constexpr std::chrono::seconds retry_after{1};

}  // namespace

ChangeRecovery::ChangeRecovery(ChangeRecoveryParts parts, failover::EpochRecord record)
    : parts_(std::move(parts)), record_(std::move(record)), retry_(parts_.io) {
  assert(record_.change);
}

void ChangeRecovery::on_state() {
  if (over_ || acting_) return;
  auto settlement = failover::settle(parts_.state(), record_.change->from, record_.change->to);
  if (!settlement.leader) return wait(settlement.reason);
  begin(std::move(settlement));
}

// The record first, as in the change itself: whoever is made writable leads by it already.
void ChangeRecovery::begin(failover::Settlement settlement) {
  acting_ = true;
  settlement_ = std::move(settlement);
  report_ = {};
  report_.cluster = record_.cluster;
  report_.kind = "recovery";
  report_.from = record_.change->from;
  report_.to = name(*settlement_.leader);
  if (record_.leader != report_.to) {
    ++record_.epoch;
    record_.previous_leader = record_.leader;
    record_.leader = report_.to;
  }
  report_.epoch = record_.epoch;
  write([this] { settlement_.thaw ? thaw() : follow_next(); });
}

void ChangeRecovery::write(Then then) {
  step_began_ = std::chrono::steady_clock::now();
  parts_.records.write(record_, [this, then = std::move(then)](const std::string& error) {
    note("record " + record_.leader + " under epoch " + std::to_string(record_.epoch), error.empty(), error);
    if (!error.empty()) return fail(error);
    then();
  });
}

void ChangeRecovery::thaw() {
  const auto leader = *settlement_.leader;
  step_began_ = std::chrono::steady_clock::now();
  parts_.actors[leader]->perform(make(failover::Act::thaw, leader), [this, leader](const failover::Outcome& outcome) {
    note("thaw " + name(leader), outcome.ok, outcome.error);
    if (!outcome.ok) return fail(name(leader) + " could not be made writable: " + outcome.error);
    follow_next();
  });
}

// One after the other: nobody waits for it. One that can't does not keep the rest from being settled.
void ChangeRecovery::follow_next() {
  if (settlement_.follow.empty()) {
    record_.change.reset();
    return write([this] { end(); });
  }
  const auto server = settlement_.follow.back();
  settlement_.follow.pop_back();
  auto action = make(failover::Act::follow, server);
  action.source = *settlement_.leader;
  step_began_ = std::chrono::steady_clock::now();
  parts_.actors[server]->perform(action, [this, server](const failover::Outcome& outcome) {
    note("follow " + name(server) + " -> " + report_.to, outcome.ok, outcome.error);
    if (!outcome.ok) settlement_.reason += "; but " + name(server) + " does not follow: " + outcome.error;
    follow_next();
  });
}

void ChangeRecovery::end() {
  over_ = true;
  acting_ = false;
  report_.outcome = "done";
  report_.reason = "a change of leader that had not ended: " + settlement_.reason;
  parts_.on_over(report_);
}

void ChangeRecovery::fail(const std::string& reason) {
  acting_ = false;
  wait(reason);
  retry_.expires_after(retry_after);
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (!error) on_state();
  });
}

void ChangeRecovery::wait(const std::string& reason) {
  if (std::exchange(told_, reason) != reason) parts_.on_waiting(reason);
}

failover::Action ChangeRecovery::make(failover::Act act, std::size_t server) const {
  failover::Action action;
  action.act = act;
  action.server = server;
  action.budget = parts_.step_max;
  return action;
}

void ChangeRecovery::note(std::string what, bool ok, std::string error) {
  const auto took = std::chrono::steady_clock::now() - step_began_;
  report_.steps.push_back(
      {std::move(what), ok, std::move(error), std::chrono::duration_cast<std::chrono::microseconds>(took)});
}

}  // namespace sluice::admin
