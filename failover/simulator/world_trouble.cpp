// Faults and their ends: the part of World that breaks and heals.
#include <algorithm>

#include "failover/simulator/world.hpp"

namespace sluice::failover::simulator {

void World::inflict(const Fault& fault) {
  using Kind = Fault::Kind;
  auto& server = servers_[fault.a];
  const auto until = now_ + fault.lasts;
  bool lasts = true;
  switch (fault.kind) {
    case Kind::crash:
      crash(fault.a);
      break;
    case Kind::hang:
      server.hung = server.up;
      break;
    case Kind::cut:
      cuts_[fault.a][fault.b] = cuts_[fault.b][fault.a] = std::max(cuts_[fault.a][fault.b], until);
      if (fault.b == proxy()) lose_packets(fault.a);
      lasts = false;
      break;
    case Kind::isolate:
      for (std::size_t i = 0; i <= proxy(); ++i)
        cuts_[fault.a][i] = cuts_[i][fault.a] = std::max(cuts_[fault.a][i], until);
      lose_packets(fault.a);
      lasts = false;
      break;
    case Kind::disk_full:
      server.disk_full = true;
      break;
    case Kind::proxy_disk_full:
      record_fails_ = true;
      break;
    case Kind::stop_sql:
      server.sql_on = false;
      break;
    case Kind::stop_io:
      server.io_on = server.connected = false;
      break;
    case Kind::slow:
      server.slow = true;
      break;
    case Kind::stray_write:
      lasts = false;
      if (!server.runs() || server.access == Access::frozen || gate_ == fault.a || server.disk_full) break;
      if (is_about_to_lead(fault.a)) break;
      transactions_.push_back({fault.a, server.next_number(fault.a, swarm_.mysql, transactions_), false,
                               led_last_ != fault.a && record_.leader != fault.a});
      server.append(static_cast<std::uint32_t>(transactions_.size() - 1), transactions_);
      server.grew_at = now_;
      break;
    default:
      lasts = false;  // the simulation's own
      break;
  }
  if (!lasts) return;
  Fault end = fault;
  end.at = until;
  ends_.push_back(end);
}

// Between the last look at what it has and its promotion a super user's write stays unseen: nothing can prevent that.
bool World::is_about_to_lead(std::size_t i) const {
  return !answers_.empty() || std::any_of(pending_.begin(), pending_.end(), [&](const Pending& pending) {
    const auto act = pending.action.act;
    return pending.action.server == i && (act == Act::record || act == Act::promote || act == Act::release);
  });
}

void World::end_faults() {
  using Kind = Fault::Kind;
  for (const auto& fault : ends_) {
    if (fault.at > now_) continue;
    auto& server = servers_[fault.a];
    switch (fault.kind) {
      case Kind::crash:
        start(fault.a);
        break;
      case Kind::hang:
        server.hung = false;
        break;
      case Kind::disk_full:
        server.disk_full = false;
        break;
      case Kind::proxy_disk_full:
        record_fails_ = false;
        break;
      case Kind::stop_sql:
      case Kind::stop_io:
        server.sql_on = true;
        server.io_on = server.source.has_value();
        server.io_started_at = now_;
        break;
      default:
        server.slow = false;
        break;
    }
  }
  std::erase_if(ends_, [&](const Fault& fault) { return fault.at <= now_; });
}

void World::heal() {
  for (auto& row : cuts_) row.fill(0);
  for (auto& fault : ends_) fault.at = now_;
  end_faults();
}

// What is on a wire that is cut arrives when it heals, or never.
void World::lose_packets(std::size_t i) {
  if (swarm_.lost_packets_arrive) return;
  std::erase_if(wires_[i], [](const Message& message) { return !message.there; });
}

void World::crash(std::size_t i) {
  if (!servers_[i].up) return;
  servers_[i].crash(swarm_.relay_lost_on_restart);
  for (auto& message : wires_[i]) {
    if (!message.is_write) answer(message.action, false, "the connection was lost");
  }
  wires_[i].clear();
  for (std::size_t n = pending_.size(); n-- > 0;) {
    if (pending_[n].waits && pending_[n].action.server == i && pending_[n].action.act != Act::hold)
      answer(Action(pending_[n].action), false, "the connection was lost");
  }
  connection_[i] = ++connections_;
  suspect_ = suspect_ || (gate_ == i && !cut(proxy(), i));
}

void World::start(std::size_t i) {
  auto& server = servers_[i];
  if (server.up) return;
  server.up = true;
  server.access = swarm_.restarts_writable ? Access::writable : Access::read_only;
  server.io_on = server.sql_on = true;
  server.heard_at = 0;
  server.closed_at = server.io_started_at = now_;
}

RecordedLeader World::restart_proxy() {
  ++process_;
  // A leader that goes on although that could not be recorded: the next process counts from what is on record.
  if (record_is_old_) checker_.forget_epochs();
  gate_.reset();
  pending_.clear();
  answers_.clear();
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    connection_[i] = ++connections_;
    std::erase_if(wires_[i], [](const Message& message) { return !message.there; });
  }
  probes_run_ = false;
  known_ = {};
  known_.servers.resize(servers_.size());
  next_probes_ = now_ + 1;
  return record_;
}

}  // namespace sluice::failover::simulator
