#include "admin/supervision.hpp"

#include <utility>

#include "admin/workflow_plans.hpp"

namespace sluice::admin {
namespace {

using failover::Command;
using failover::Supervisor;
using std::chrono::milliseconds;

std::vector<failover::ConfiguredServer> configured(const ClusterSettings& cluster) {
  std::vector<failover::ConfiguredServer> servers;
  for (const io::Endpoint& server : cluster.servers) {
    failover::ConfiguredServer one;
    one.name = server.to_string();
    for (std::size_t i = 0; i < cluster.preferred.size(); ++i) {
      if (cluster.preferred[i] == server) one.preference = static_cast<int>(cluster.preferred.size() - i);
    }
    servers.push_back(std::move(one));
  }
  return servers;
}

failover::SupervisorOptions supervisor_options(const ClusterSettings& cluster, const FailoverSettings& bounds) {
  failover::SupervisorOptions options;
  for (const io::Endpoint& server : cluster.servers) options.names.push_back(server.to_string());
  options.automatic = bounds.mode == FailoverMode::automatic;
  options.detection_time = milliseconds(bounds.detection_time_ms);
  options.limit.failovers_max = bounds.limit;
  options.limit.window = std::chrono::duration_cast<std::chrono::seconds>(milliseconds(bounds.limit_window_ms));
  options.limit.interval_min = std::chrono::duration_cast<std::chrono::seconds>(milliseconds(bounds.interval_min_ms));
  options.failover = failover_plan(bounds);
  options.switchover = switchover_plan(bounds);
  options.retry_min = milliseconds(bounds.retry_min_ms);
  options.retry_max = milliseconds(bounds.retry_max_ms);
  return options;
}

}  // namespace

Supervision::Supervision(SupervisionParts parts, const std::optional<failover::EpochRecord>& record)
    : parts_(std::move(parts)), keeper_(configured(parts_.cluster)) {
  failover::SupervisedParts supervised{
      .cluster = parts_.cluster.name,
      .dispatch = parts_.dispatch,
      .on_phase = [this](Supervisor::Phase phase) { on_phase(phase); },
      .on_history = [this](const failover::HistoryEntry& entry) { tell(entry); },
      .on_end =
          [this](const failover::WorkflowEnd& end) {
            // A server that was only to be frozen would keep its lock, and everyone who waits for it, for ever.
            if (end.what == "rejoin") parts_.dispatch.actors[end.server]->unlock();
            parts_.on_end(end);
          },
  };
  runner_ = std::make_shared<failover::SupervisorRunner>(parts_.io, std::move(supervised),
                                                         supervisor_options(parts_.cluster, parts_.failover), record);
  // By the record somebody leads, or nobody: no judgement of what is seen says otherwise until that is confirmed.
  if (record) parts_.monitor.appoint_none("sluice has not confirmed yet who leads");
}

Supervision::~Supervision() { runner_->stop(); }

void Supervision::observe(std::size_t server, const failover::ServerObservation& seen, failover::TimePoint asked) {
  keeper_.take(server, seen, asked);
  if (const auto view = keeper_.view(std::chrono::steady_clock::now())) runner_->take(*view);
  const auto leader = supervisor().leader();
  if (leader == server && !seen.reachable) look_closer();
  set_aside();
}

// Who is left alone on purpose, or has transactions of its own, answers nobody, even while it replicates.
void Supervision::set_aside() {
  for (std::size_t i = 0; i < parts_.cluster.servers.size(); ++i) {
    const auto& left_out = supervisor().left_out(i);
    parts_.monitor.set_aside(i, supervisor().in_maintenance(i) ? "in maintenance" : left_out);
  }
}

// A replica notices a moment after us that the leader is gone, and its next turn is half a second away.
void Supervision::look_closer() {
  if (changing()) return;
  for (std::size_t i = 0; i < parts_.cluster.servers.size(); ++i) parts_.monitor.probe_soon(i);
}

void Supervision::on_state(const failover::ClusterState& state) {
  const auto& known = supervisor();
  if (!state.leader || known.leader() || known.phase() != Supervisor::Phase::starting) return;
  runner_->command({.what = Command::What::adopt, .server = state.leader, .loss = failover::Loss::none});
}

std::string Supervision::order(const failover::Command& command) {
  runner_->command(command);
  set_aside();
  return supervisor().refusal();
}

bool Supervision::changing() const {
  const auto phase = supervisor().phase();
  return phase == Supervisor::Phase::switching || phase == Supervisor::Phase::failing_over;
}

// What is seen half-way is not judged. Afterwards it is the supervisor that has told who leads: ProxyGate.
void Supervision::on_phase(Supervisor::Phase phase) {
  if (changing()) {
    paused_ = true;
    return parts_.monitor.pause();
  }
  if (phase == Supervisor::Phase::leaderless) parts_.monitor.appoint_none(supervisor().history().back().reason);
  if (std::exchange(paused_, false)) parts_.monitor.resume({});
}

void Supervision::tell(const failover::HistoryEntry& entry) {
  const bool bad = entry.what == "failover" || entry.what == "failed" || entry.what == "not failing over" ||
                   entry.what.find("leader") != std::string::npos;
  parts_.on_event({bad ? proxy::Severity::warning : proxy::Severity::info, "supervisor",
                   "cluster " + parts_.cluster.name + ": " + entry.what + ": " + entry.reason});
}

}  // namespace sluice::admin
