#include "failover/cluster_memory.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace sluice::failover {

using protocol::GtidSet;

ClusterMemory::ClusterMemory(std::vector<std::string> names) : names_(std::move(names)), notes_(names_.size()) {}

void ClusterMemory::take(const ClusterView& view, std::optional<std::size_t> leader, TimePoint now) {
  assert(view.servers.size() == notes_.size());
  view_ = view;
  if (leader) note_acknowledgements(*leader);
  for (std::size_t i = 0; i < notes_.size(); ++i) {
    note_restart(i, leader, now);
    note_replication(i, leader);
  }
}

void ClusterMemory::new_leader(std::size_t leader, TimePoint now) {
  led_since_ = settled_ = now;
  acks_ = 0;
  acks_from_ = {};
  acks_until_.reset();
  for (auto& notes : notes_) {
    auto& standing = notes.standing;
    notes.stopped = false;
    standing.stray = standing.stray || !standing.left_out.empty();
    standing.left_out.clear();
    standing.errant = false;
    standing.retry_at = now;
    standing.retry_after = std::chrono::milliseconds(0);
  }
  notes_[leader].standing.fenced = notes_[leader].standing.stray = false;
}

void ClusterMemory::led_before(std::size_t leader) {
  led_since_ = {};
  if (!view_.servers.empty()) note_acknowledgements(leader);
}

void ClusterMemory::forget_relay_log(std::size_t server, TimePoint now) {
  auto& notes = notes_[server];
  notes.restarted = true;
  notes.restart_seen = now;
  notes.catches_up_to.reset();
}

// It may acknowledge at once, before a probe has seen it replicate.
void ClusterMemory::follows_from_now_on(std::size_t server, TimePoint now) {
  forget_relay_log(server, now);
  notes_[server].semi_sync = true;
}

// ---- What a view tells

void ClusterMemory::note_acknowledgements(std::size_t leader) {
  const auto& seen = view_.servers[leader];
  if (!answers(leader) || seen.seen <= led_since_) return;
  acks_until_.reset();
  if (seen.acks_for) acks_until_ = seen.seen + *seen.acks_for;
  if (seen.acks == acks_) return;
  acks_ = seen.known.executed ? seen.acks : 0;
  acks_from_ = seen.known.executed.value_or(GtidSet());
}

void ClusterMemory::note_restart(std::size_t i, std::optional<std::size_t> leader, TimePoint now) {
  auto& notes = notes_[i];
  const auto& seen = view_.servers[i];
  if (!answers(i) || seen.known.instance == 0) return;
  const bool another = notes.instance != 0 && notes.instance != seen.known.instance;
  if (another || notes.runs != seen.runs) forget_relay_log(i, now);
  notes.instance = seen.known.instance;
  notes.runs = seen.runs;
  if (i == leader && seen.writable && fresh(i)) notes.restarted = false;
  if (!notes.restarted || !leader || i == leader) return;
  const auto& led = view_.servers[*leader];
  if (!notes.catches_up_to && answers(*leader) && led.seen > notes.restart_seen)
    notes.catches_up_to = led.known.executed;
  const auto& received = seen.known.received;
  const auto& executed = seen.known.executed;
  if (notes.catches_up_to && received && executed && received->plus(*executed).contains(*notes.catches_up_to))
    notes.restarted = false;
}

void ClusterMemory::note_replication(std::size_t i, std::optional<std::size_t> leader) {
  auto& notes = notes_[i];
  const auto& seen = view_.servers[i];
  const auto& channels = seen.witness.channels;
  notes.semi_sync = notes.semi_sync || seen.known.semi_sync;
  if (!leader || !fresh(i) || !answers(*leader)) return;
  // Only the IO thread is stopped: that is how a failover or a rejoin leaves it that ended with an earlier process. Who
  // stops replication by hand stops both, or says that it is maintenance.
  const auto half_stopped = [](const ChannelView& channel) {
    return channel.io == IoThread::stopped && channel.sql_running;
  };
  const auto stopped = [](const ChannelView& channel) {
    return channel.io == IoThread::stopped || !channel.sql_running;
  };
  if (std::any_of(channels.begin(), channels.end(), half_stopped)) notes.standing.stray = true;
  notes.stopped = std::any_of(channels.begin(), channels.end(), stopped);
}

// ---- What is known

bool ClusterMemory::answers(std::size_t i) const { return view_.servers[i].witness.probe == Probe::answered; }

bool ClusterMemory::fresh(std::size_t i) const { return answers(i) && view_.servers[i].seen > settled_; }

bool ClusterMemory::whole_round(std::size_t leader) const {
  for (std::size_t i = 0; i < notes_.size(); ++i) {
    if (answers(i) && view_.servers[i].seen < view_.servers[leader].seen) return false;
  }
  return true;
}

bool ClusterMemory::anybody_answers() const {
  return std::any_of(view_.servers.begin(), view_.servers.end(),
                     [](const ServerView& seen) { return seen.witness.probe == Probe::answered; });
}

bool ClusterMemory::replicates_from(std::size_t server, std::size_t source) const {
  const auto& sources = view_.servers[server].known.sources;
  return std::find(sources.begin(), sources.end(), source) != sources.end();
}

bool ClusterMemory::follows(std::size_t server, std::size_t leader) const {
  std::vector<bool> seen(notes_.size(), false);
  std::vector<std::size_t> open = {server};
  while (!open.empty()) {
    const auto at = open.back();
    open.pop_back();
    for (const auto source : view_.servers[at].known.sources) {
      if (source == leader) return true;
      if (!seen[source]) open.push_back(source);
      seen[source] = true;
    }
  }
  return false;
}

std::optional<GtidSet> ClusterMemory::errant(std::size_t server, std::size_t leader) const {
  const auto& led = view_.servers[leader].known;
  const auto& executed = view_.servers[server].known.executed;
  if (!executed || !led.executed || !answers(leader)) return std::nullopt;
  // Both may still apply what they had received from another: the leader has to be asked last.
  if (view_.servers[leader].seen < view_.servers[server].seen) return std::nullopt;
  // What the leader wrote may be there before it was seen on the leader.
  const auto extra = executed->with_history(*led.executed).minus(*led.executed);
  return extra.minus(extra.written_by(led.server_id, led.server_uuid));
}

ElectionInput ClusterMemory::election_input(std::size_t leader) const {
  ElectionInput input;
  input.leader = leader;
  input.leader_acks = acks_;
  input.leader_acks_from = acks_from_;
  for (std::size_t i = 0; i < notes_.size(); ++i) {
    const auto& notes = notes_[i];
    auto known = view_.servers[i].known;
    known.name = names_[i];
    known.reachable = answers(i);
    known.maintenance = notes.standing.maintenance;
    known.left_out = notes.standing.left_out;
    if (notes.standing.fenced && i != leader && known.left_out.empty()) known.left_out = "may take writes of its own";
    known.stopped_before_loss = notes.stopped;
    known.restarted = notes.restarted;
    known.semi_sync = notes.semi_sync || view_.servers[i].seen == TimePoint{};
    if (notes.instance != 0) known.instance = notes.instance;
    input.servers.push_back(std::move(known));
  }
  return input;
}

// A replica that was asked before the leader answered last tells nothing of its loss: it counts as connected.
DetectionInput ClusterMemory::detection_input(std::size_t leader, std::chrono::milliseconds detection_time) const {
  DetectionInput input;
  input.leader = leader;
  input.detection_time = detection_time;
  for (std::size_t i = 0; i < notes_.size(); ++i) {
    auto witness = view_.servers[i].witness;
    witness.name = names_[i];
    witness.maintenance = notes_[i].standing.maintenance;
    if (view_.servers[i].seen < view_.servers[leader].seen) {
      for (auto& channel : witness.channels) {
        channel.io = IoThread::connected;
        channel.quiet_for.reset();
      }
    }
    input.servers.push_back(std::move(witness));
  }
  return input;
}

}  // namespace sluice::failover
