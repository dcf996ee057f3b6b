#include "failover/simulator/world.hpp"

#include <algorithm>

namespace sluice::failover::simulator {
namespace {

bool of_proxy(Act act) {
  return act == Act::hold || act == Act::cut || act == Act::release || act == Act::record || act == Act::depose ||
         act == Act::run_hook;
}

// What an earlier process of the proxy asked for is answered to nobody.
constexpr std::uint64_t ids_of_process = std::uint64_t{1} << 44U;

Tick ticks(std::chrono::milliseconds time) { return static_cast<Tick>((time.count() + tick_ms - 1) / tick_ms); }

}  // namespace

World::World(const Swarm& swarm, std::uint64_t seed, Canary canary)
    : swarm_(swarm),
      dice_(seed),
      canary_(canary),
      servers_(swarm.servers),
      checker_(swarm.loss),
      wires_(swarm.servers),
      connection_(swarm.servers, 0),
      record_{1, 0, std::nullopt},
      probing_(swarm.servers, false),
      hidden_instance_(swarm.servers, 1) {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    connection_[i] = ++connections_;
    if (i == 0) continue;
    servers_[i].source = swarm.chain && i + 1 == servers_.size() ? i - 1 : 0;
  }
  servers_[0].access = Access::writable;
  for (std::uint32_t id = 0; id < 3; ++id) {
    transactions_.push_back({0, id + 1, true, false});
    for (auto& server : servers_) server.append(id, transactions_);
  }
  known_.servers.resize(servers_.size());
}

void World::tick() {
  ++now_;
  end_faults();
  for (std::size_t i = 0; i < servers_.size(); ++i) acknowledge(i);
  const auto first = dice_.below(static_cast<std::uint32_t>(servers_.size()));
  for (std::size_t n = 0; n < servers_.size(); ++n) {
    const auto i = (first + n) % servers_.size();
    move_packets(i);
    if (!servers_[i].runs()) continue;
    take_up(i);
    replicate(i);
  }
  write_as_clients();
  look_at_waiting();
  give_up_overdue();
  if (!probes_run_ && (now_ >= next_probes_ || suspect_)) begin_probes();
  if (probes_run_) end_probes();
}

// ---- Actions

void World::perform(const Actions& actions) {
  for (auto action : actions) {
    action.id += process_ * ids_of_process;
    pending_.push_back({action, now_ + ticks(action.budget), false});
    if (of_proxy(action.act)) {
      on_proxy(action);
      continue;
    }
    Message message;
    message.arrives = now_ + delay();
    message.action = action;
    wires_[action.server].push_back(message);
  }
}

void World::on_proxy(const Action& action) {
  // It may be on disk all the same.
  const bool fails = record_fails_ && (action.act == Act::record || action.act == Act::depose);
  if (action.act == Act::record || action.act == Act::depose) record_is_old_ = fails;
  if (fails) answer(action, false, "disk full");
  if (fails && dice_.percent(50)) return;
  switch (action.act) {
    case Act::hold:
      gate_.reset();
      pending_.back().waits = true;
      return;
    case Act::cut:
      if (canary_ != Canary::fence_does_nothing) connection_[action.server] = ++connections_;
      break;
    case Act::record:
      record_ = {action.epoch, action.server, std::nullopt};
      break;
    case Act::depose:
      record_ = {action.epoch, std::nullopt, action.server};
      break;
    case Act::release:
      gate_ = led_last_ = action.server;
      gate_epoch_ = action.epoch - (canary_ == Canary::epoch_is_reused && action.epoch > 1 ? 1 : 0);
      checker_.released(now_, action.server, gate_epoch_, servers_, transactions_);
      break;
    default:
      break;
  }
  answer(action, true);
}

void World::move_packets(std::size_t i) {
  if (cut(proxy(), i)) return;
  for (auto& message : wires_[i]) {
    if (message.there || message.arrives > now_) continue;
    message.there = true;
    if (servers_[i].up) continue;
    if (message.is_write)
      suspect_ = true;
    else
      answer(message.action, false, "connection refused");
  }
  if (!servers_[i].up) std::erase_if(wires_[i], [](const Message& message) { return message.there; });
}

void World::take_up(std::size_t i) {
  auto& wire = wires_[i];
  for (auto left = dice_.between(1, 3); left > 0 && !wire.empty() && wire.front().there; --left) {
    const auto message = wire.front();
    wire.pop_front();
    if (message.is_write)
      execute_write(i, message.connection, message.epoch);
    else
      begin(i, message.action);
  }
}

void World::begin(std::size_t i, const Action& action) {
  auto& server = servers_[i];
  const auto it = std::find_if(pending_.begin(), pending_.end(),
                               [&](const Pending& pending) { return pending.action.id == action.id; });
  if (server.disk_full && action.act != Act::freeze && action.act != Act::read_state && action.act != Act::stop_io) {
    answer(action, false, "disk full");
    return;
  }
  switch (action.act) {
    case Act::freeze:
      freeze(server);
      break;
    case Act::thaw:
      server.access = Access::writable;
      break;
    case Act::promote:
      if (canary_ == Canary::promote_early) {
        answer(action, true);
        return;
      }
      server.source.reset();
      server.relay.clear();
      server.access = Access::writable;
      break;
    case Act::stop_io:
      if (canary_ != Canary::stop_io_is_ignored) server.io_on = false;
      break;
    case Act::start_io:
      server.io_on = server.source.has_value();
      break;
    case Act::follow:
      if (server.access == Access::writable) freeze(server);
      server.access = Access::read_only;
      // One that was given up may come when all is different: what it brings about is looked at in the end.
      if (it != pending_.end()) checker_.follows(now_, i, action.source, servers_, transactions_);
      server.follow(action.source);
      if (it != pending_.end()) it->waits = true;
      return;
    case Act::apply_relay_log:
    case Act::await_position:
      if (it != pending_.end()) it->waits = true;
      return;
    default:
      break;
  }
  answer(action, true);
}

// Sessions that wait for an acknowledgement are killed: their transactions stay, and their clients never hear of them.
void World::freeze(Server& server) {
  if (canary_ == Canary::freeze_does_nothing) return;
  server.access = Access::frozen;
  server.closed_at = now_;
  server.waiting.clear();
}

bool World::came_true(const Action& action) const {
  const auto& server = servers_[action.server];
  switch (action.act) {
    case Act::hold:
      return !open_on(action.server) || canary_ == Canary::fence_does_nothing;
    case Act::follow:
      return server.runs() && server.connected;
    case Act::apply_relay_log:
      return server.runs() && (server.relay.empty() || canary_ == Canary::relay_log_not_applied);
    case Act::await_position: {
      const auto have = protocol::GtidSet::parse(server.executed(swarm_.mysql));
      return server.runs() && have->contains(*protocol::GtidSet::parse(action.position));
    }
    default:
      return false;
  }
}

void World::look_at_waiting() {
  for (std::size_t n = 0; n < pending_.size();) {
    if (!pending_[n].waits || !came_true(pending_[n].action)) {
      ++n;
      continue;
    }
    const auto action = pending_[n].action;
    answer(action, true);  // takes it off
  }
}

void World::give_up_overdue() {
  for (std::size_t n = 0; n < pending_.size();) {
    if (pending_[n].due > now_) {
      ++n;
      continue;
    }
    const auto action = pending_[n].action;
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(n));
    Outcome outcome;
    outcome.id = action.id;
    outcome.error = "timed out";
    answers_.push_back({now_, outcome});
  }
}

void World::answer(const Action& action, bool ok, const std::string& error) {
  const auto it = std::find_if(pending_.begin(), pending_.end(),
                               [&](const Pending& pending) { return pending.action.id == action.id; });
  if (it == pending_.end()) return;
  // An answer that can't get through is lost; the budget says so.
  if (!of_proxy(action.act) && cut(proxy(), action.server)) {
    it->waits = false;
    return;
  }
  Outcome outcome;
  outcome.id = action.id;
  outcome.ok = ok;
  outcome.error = error;
  if (ok && !of_proxy(action.act)) add_state(action, outcome);
  answers_.push_back({now_ + (of_proxy(action.act) ? 0 : delay()), outcome});
  pending_.erase(it);
}

void World::add_state(const Action& action, Outcome& outcome) const {
  const auto& server = servers_[action.server];
  const bool hides = canary_ == Canary::extra_is_hidden && action.act == Act::stop_io && server.source == std::nullopt;
  outcome.executed = (hides ? servers_[led_last_] : server).executed(swarm_.mysql);
  outcome.received = canary_ == Canary::relay_log_is_forgotten || hides ? outcome.executed
                                                                        : server.received(swarm_.mysql, transactions_);
  outcome.position = outcome.executed;
  outcome.writable = server.access == Access::writable && (action.act == Act::stop_io || action.act == Act::read_state);
  outcome.instance = canary_ == Canary::restart_is_hidden ? 1 : server.instance;
}

std::vector<Outcome> World::outcomes() {
  std::vector<Outcome> arrived;
  for (auto& answer : answers_) {
    if (answer.at > now_) continue;
    answer.outcome.id -= process_ * ids_of_process;
    arrived.push_back(answer.outcome);
  }
  std::erase_if(answers_, [&](const Answer& answer) { return answer.at <= now_; });
  return arrived;
}

// ---- Clients and replication

bool World::open_on(std::size_t i) const {
  const auto open = [&](std::uint32_t connection) { return connection == connection_[i]; };
  return std::any_of(wires_[i].begin(), wires_[i].end(),
                     [&](const Message& message) { return message.is_write && open(message.connection); }) ||
         std::any_of(servers_[i].waiting.begin(), servers_[i].waiting.end(),
                     [&](const Waiting& waiting) { return open(waiting.connection); });
}

void World::write_as_clients() {
  if (!clients_write_) return;
  if (gate_ && dice_.percent(swarm_.write_percent)) {
    Message message;
    message.arrives = now_ + delay();
    message.is_write = true;
    message.connection = connection_[*gate_];
    message.epoch = gate_epoch_;
    wires_[*gate_].push_back(message);
  }
  if (swarm_.direct_writers && dice_.percent(5)) {
    const auto i = dice_.below(static_cast<std::uint32_t>(servers_.size()));
    if (servers_[i].runs() && servers_[i].access == Access::writable) execute_write(i, 0, 0);
  }
}

// A connection that was cut is noticed by a server that runs, but what is in its buffers may be executed all the same.
void World::execute_write(std::size_t i, std::uint32_t connection, std::uint64_t epoch) {
  auto& server = servers_[i];
  const bool open = connection == 0 || connection == connection_[i];
  if ((!open && dice_.percent(50)) || server.access != Access::writable || server.disk_full) return;
  const auto id = static_cast<std::uint32_t>(transactions_.size());
  transactions_.push_back({i, server.next_number(i, swarm_.mysql, transactions_), false, false});
  server.append(id, transactions_);
  server.grew_at = now_;
  server.waiting.push_back({{}, id, connection, epoch, now_});
  if (connection != 0 && open) checker_.wrote(now_, i, epoch);
}

void World::replicate(std::size_t i) {
  auto& server = servers_[i];
  if (!server.source || server.disk_full) {
    server.connected = server.connected && server.source.has_value();
    return;
  }
  const auto& source = servers_[*server.source];
  const bool reaches = !cut(i, *server.source);
  if (!server.io_on || (reaches && !source.up)) server.connected = false;
  if (server.io_on && reaches && source.runs()) {
    const bool fits = server.fits(source);
    server.connected = fits;
    if (fits) server.heard_at = now_;
    const auto chance = server.slow ? swarm_.receive_percent / 8 : swarm_.receive_percent;
    if (fits && dice_.percent(chance)) {
      const auto upto = std::min<std::size_t>(source.log.size(), server.length() + 1 + dice_.below(4));
      if (server.length() < upto) server.grew_at = server.received_at = now_;
      for (auto n = server.length(); n < upto; ++n) server.relay.push_back(source.log[n]);
    }
  }
  if (!server.sql_on || server.relay.empty()) return;
  if (!dice_.percent(server.slow ? swarm_.apply_percent / 8 : swarm_.apply_percent)) return;
  const auto count = std::min<std::size_t>(server.relay.size(), 1 + dice_.below(4));
  for (std::size_t n = 0; n < count; ++n) server.append(server.relay[n], transactions_);
  server.relay.erase(server.relay.begin(), server.relay.begin() + static_cast<std::ptrdiff_t>(count));
}

// A replica acknowledges what it has received, as long as it is connected. The client hears of it if it still can.
void World::acknowledge(std::size_t i) {
  auto& server = servers_[i];
  if (!server.up || server.waiting.empty()) return;
  const auto enough = [](const Waiting& waiting, std::uint32_t wanted) {
    const auto& acks = waiting.acknowledged_by;
    return std::count(acks.begin(), acks.end(), true) >= std::ptrdiff_t{wanted};
  };
  for (auto& waiting : server.waiting) {
    for (std::size_t r = 0; r < servers_.size(); ++r) {
      const auto& replica = servers_[r];
      const bool linked = replica.runs() && replica.source == i && replica.connected && replica.io_on && !cut(i, r);
      if (linked && replica.has(waiting.transaction)) waiting.acknowledged_by.at(r) = true;
    }
    if (!enough(waiting, swarm_.acks)) break;
  }
  if (server.hung) return;
  note_timeout(i);
  const auto wanted = server.waits_no_more ? 0 : swarm_.acks;
  std::size_t done = 0;
  for (; done < server.waiting.size() && enough(server.waiting[done], wanted); ++done) {
    const auto& waiting = server.waiting[done];
    const bool open = waiting.connection == connection_[i];
    if (!open || cut(proxy(), i)) continue;
    transactions_[waiting.transaction].acknowledged = true;
    checker_.acknowledged(now_, i, waiting.epoch);
  }
  server.waiting.erase(server.waiting.begin(), server.waiting.begin() + static_cast<std::ptrdiff_t>(done));
}

// As rpl_semi_sync_master_timeout: the leader goes on without acknowledgements until enough replicas have all it has.
void World::note_timeout(std::size_t i) {
  auto& server = servers_[i];
  if (!swarm_.acks_timeout || swarm_.acks == 0) return;
  if (!server.waiting.empty() && server.waiting.front().since + *swarm_.acks_timeout <= now_)
    server.waits_no_more = true;
  if (!server.waits_no_more || !server.waiting.empty()) return;
  std::uint32_t caught_up = 0;
  for (const auto& replica : servers_) {
    if (replica.runs() && replica.source == i && replica.connected && replica.length() == server.log.size())
      ++caught_up;
  }
  server.waits_no_more = caught_up < swarm_.acks;
}

bool World::hears_leader(std::size_t leader) const {
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    const auto& server = servers_[i];
    if (server.runs() && server.source == leader && server.connected && server.io_on && server.heard_at == now_ &&
        !cut(i, proxy()))
      return true;
  }
  return false;
}

}  // namespace sluice::failover::simulator
