// What an operator asks of the supervisor: each command is taken, or refused with the reason.
#include <algorithm>
#include <string>
#include <utility>

#include "failover/supervisor.hpp"

namespace sluice::failover {

Actions Supervisor::take(const Command& command) {
  using What = Command::What;
  const bool needs_server = command.what == What::adopt || command.what == What::rejoin ||
                            command.what == What::maintenance_on || command.what == What::maintenance_off;
  refusal_.clear();
  if ((needs_server && !command.server) || (command.server && *command.server >= memory_.size()))
    return refuse("the command names no server of this cluster");
  switch (command.what) {
    case What::adopt:
      return adopt(*command.server);
    case What::switchover:
      return switch_over(command);
    case What::failover:
      return fail_over(command);
    case What::rejoin:
      readmit(*command.server);
      break;
    case What::maintenance_on:
    case What::maintenance_off:
      maintain(*command.server, command.what == What::maintenance_on);
      break;
    case What::automatic:
    case What::manual:
      options_.automatic = command.what == What::automatic;
      break;
    case What::reset_limit:
      limit_.reset();
      break;
  }
  return {};
}

Actions Supervisor::adopt(std::size_t server) {
  if (leader_ || deposed_ || !own_.empty()) return {};
  return {ask(Act::record, server, epoch_ + 1)};
}

// It is on record now.
void Supervisor::adopted(const Action& record) {
  new_leader(record.server, record.epoch);
  memory_.led_before(record.server);
  tell("adopted", name(record.server) + " leads under epoch " + std::to_string(epoch_) + ": it was found leading");
}

Actions Supervisor::switch_over(const Command& command) {
  if (!leader_ || !released_ || phase_ != Phase::idle || !own_.empty() || !lease_ || !memory_.anything_seen())
    return refuse("no switchover now: the cluster is " + std::string(to_string(phase_)));
  if (!memory_.answers(*leader_) || !memory_.view(*leader_).writable)
    return refuse("no switchover now: " + name(*leader_) + " does not answer, or takes no writes");
  auto input = memory_.election_input(*leader_);
  input.planned = true;
  input.wanted = command.server;
  const auto election = elect(input);
  if (!election.winner) return refuse(election.reason);
  return start_switchover(*election.winner);
}

Actions Supervisor::fail_over(const Command& command) {
  const bool can = phase_ == Phase::idle || phase_ == Phase::rejoining || phase_ == Phase::leaderless;
  const auto lost = leader_ ? leader_ : deposed_;
  if (!can || !lost || !lease_ || !memory_.anything_seen())
    return refuse("no failover now: the cluster is " + std::string(to_string(phase_)));
  if (leader_ && memory_.answers(*leader_) && !command.although_leader_lives) {
    return refuse("no failover: " + name(*leader_) +
                  " leads and answers. A switchover takes nothing from its clients; a failover cuts them off, and has "
                  "to be told to do so although the leader lives");
  }
  auto plan = options_.failover;
  plan.known.loss = std::max(plan.known.loss, command.loss);
  plan.known.wanted = command.server;
  return start_failover(*lost, "an operator asked for it", std::move(plan));
}

void Supervisor::readmit(std::size_t i) {
  auto& server = memory_.standing(i);
  server.left_out.clear();
  server.stray = true;
  server.retry_at = now_;
}

void Supervisor::maintain(std::size_t server, bool on) {
  if (std::exchange(memory_.standing(server).maintenance, on) == on) return;
  if (!on) return tell("maintenance", name(server) + " is not in maintenance any more");
  const std::string means = server == leader_
                                ? "if it is lost, an operator decides"
                                : "it never leads, and is left as it is, unless it may take writes beside the leader";
  tell("maintenance", name(server) + " is in maintenance: " + means);
}

Actions Supervisor::refuse(std::string why) {
  refusal_ = std::move(why);
  tell("refused", refusal_);
  return {};
}

}  // namespace sluice::failover
