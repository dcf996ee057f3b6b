// What the proxy's monitor sees of the simulated servers: the part of World that asks.
#include <algorithm>

#include "failover/simulator/world.hpp"

namespace sluice::failover::simulator {

using std::chrono::milliseconds;

void World::begin_probes() {
  probes_run_ = true;
  suspect_ = false;
  probes_began_ = now_;
  std::fill(probing_.begin(), probing_.end(), true);
}

void World::end_probes() {
  const bool timed_out = now_ >= probes_began_ + swarm_.probe_timeout;
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    if (!probing_[i]) continue;
    const bool gets_through = !cut(proxy(), i) && (!servers_[i].up || servers_[i].runs());
    if (gets_through ? !dice_.percent(60) : !timed_out) continue;
    probing_[i] = false;
    probe(i);
  }
}

void World::probe(std::size_t i) {
  const auto& server = servers_[i];
  auto& view = known_.servers[i];
  const auto began = TimePoint(std::chrono::hours(1)) + milliseconds(ms(probes_began_));
  view.probed = began;
  view.witness.name = "s" + std::to_string(i);
  if (cut(proxy(), i) || server.hung) {
    view.witness.probe = Probe::silent;
    return;
  }
  if (!server.up) {
    view.witness.probe = Probe::refused;
    return;
  }
  view.witness.probe = Probe::answered;
  view.seen = began;
  view.writable = server.access == Access::writable;
  note_semi_sync(server, view);
  auto& known = view.known;
  known.flavour = swarm_.mysql ? Flavour::mysql : Flavour::mariadb;
  known.version = swarm_.mysql ? 50624 : 101119;
  known.server_id = static_cast<std::uint32_t>(i + 1);
  known.server_uuid = swarm_.mysql ? uuid_of(i) : std::string();
  known.executed = protocol::GtidSet::parse(server.executed(swarm_.mysql));
  known.received = protocol::GtidSet::parse(server.received(swarm_.mysql, transactions_));
  known.binary_log = known.logs_replicated = true;
  known.io_running = server.source && server.io_on;
  known.sql_running = server.source && server.sql_on;
  known.semi_sync = swarm_.acks > 0 && server.source.has_value();
  known.disk_full = server.disk_full;
  known.instance = canary_ == Canary::restart_is_hidden ? 1 : server.instance;
  known.sources.clear();
  view.witness.channels.clear();
  if (!server.source) return;
  known.sources.push_back(*server.source);
  ChannelView channel;
  channel.source = *server.source;
  channel.io = !server.io_on ? IoThread::stopped : server.connected ? IoThread::connected : IoThread::connecting;
  if (canary_ == Canary::replicas_look_lost) channel.io = IoThread::connecting;
  channel.sql_running = server.sql_on;
  channel.heartbeat = milliseconds(5 * tick_ms);
  channel.quiet_for = milliseconds(ms(now_ - server.heard_at));
  view.witness.channels.push_back(channel);
}

// `view.seen` is when the probe began: what waits now may have begun before or after that.
void World::note_semi_sync(const Server& server, ServerView& view) const {
  const bool hides = canary_ == Canary::timeout_is_hidden;
  view.acks = server.waits_no_more && !hides ? 0 : swarm_.acks;
  view.acks_for.reset();
  if (!swarm_.acks_timeout || hides) return;
  const Tick began = server.waiting.empty() ? now_ : server.waiting.front().since;
  const auto left = milliseconds(ms(began + *swarm_.acks_timeout)) - milliseconds(ms(probes_began_));
  view.acks_for = std::max(left - milliseconds(tick_ms), milliseconds(0));
}

std::optional<ClusterView> World::view() {
  if (!probes_run_ || std::find(probing_.begin(), probing_.end(), true) != probing_.end()) return std::nullopt;
  probes_run_ = false;
  next_probes_ = probes_began_ + swarm_.probe_interval;
  for (auto& view : known_.servers) {
    view.witness.lost_for = std::chrono::duration_cast<milliseconds>(time() - view.seen);
    if (view.seen == TimePoint{}) view.witness.lost_for = milliseconds(0);
  }
  return known_;
}

}  // namespace sluice::failover::simulator
