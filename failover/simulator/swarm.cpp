#include "failover/simulator/swarm.hpp"

#include <algorithm>

namespace sluice::failover::simulator {

const char* to_string(Canary canary) {
  switch (canary) {
    case Canary::none:
      return "none";
    case Canary::fence_does_nothing:
      return "fence_does_nothing";
    case Canary::freeze_does_nothing:
      return "freeze_does_nothing";
    case Canary::relay_log_is_forgotten:
      return "relay_log_is_forgotten";
    case Canary::relay_log_not_applied:
      return "relay_log_not_applied";
    case Canary::stop_io_is_ignored:
      return "stop_io_is_ignored";
    case Canary::restart_is_hidden:
      return "restart_is_hidden";
    case Canary::replicas_look_lost:
      return "replicas_look_lost";
    case Canary::epoch_is_reused:
      return "epoch_is_reused";
    case Canary::extra_is_hidden:
      return "extra_is_hidden";
    case Canary::timeout_is_hidden:
      return "timeout_is_hidden";
    case Canary::promote_early:
      return "promote_early";
  }
  return "?";
}

Swarm Swarm::from(Dice& dice) {
  Swarm swarm;
  swarm.servers = dice.between(2, 5);
  swarm.mysql = dice.percent(40);
  swarm.chain = swarm.servers > 2 && dice.percent(20);
  swarm.acks = dice.percent(70) ? 1 : dice.percent(50) && swarm.servers > 3 ? 2 : 0;
  swarm.loss = dice.percent(75) ? Loss::none : Loss::any;
  swarm.write_percent = dice.between(5, 60);
  swarm.receive_percent = dice.between(20, 100);
  swarm.apply_percent = dice.between(10, 100);
  swarm.delay_max = dice.between(0, 4);
  swarm.probe_interval = dice.between(10, 50);
  swarm.probe_timeout = dice.between(10, 40);
  swarm.detection_time = dice.between(40, 120);
  swarm.relay_lost_on_restart = dice.percent(70);
  swarm.restarts_writable = dice.percent(70);
  swarm.direct_writers = dice.percent(20);
  swarm.lost_packets_arrive = dice.percent(50);
  swarm.faults = dice.between(1, 10);
  swarm.trouble = dice.between(200, 1200);
  if (dice.percent(40)) swarm.acks_timeout = dice.between(20, 400);
  return swarm;
}

std::vector<Fault> make_faults(const Swarm& swarm, Dice& dice) {
  using Kind = Fault::Kind;
  struct Weight {
    Kind kind;
    std::uint32_t weight;
    Tick lasts_max;
  };
  std::vector<Weight> weights = {
      {Kind::crash, 30, 400},      {Kind::hang, 15, 300},           {Kind::cut, 20, 300},
      {Kind::isolate, 12, 300},    {Kind::disk_full, 5, 300},       {Kind::stop_sql, 5, 300},
      {Kind::stop_io, 5, 200},     {Kind::slow, 10, 300},           {Kind::stray_write, 3, 0},
      {Kind::proxy_restart, 6, 0}, {Kind::proxy_disk_full, 3, 200}, {Kind::switchover, 12, 0},
      {Kind::failover, 4, 0},      {Kind::maintenance, 3, 300}};
  std::uint32_t sum = 0;
  for (auto& weight : weights) {
    if (dice.percent(35)) weight.weight = 0;
    sum += weight.weight;
  }
  if (sum == 0) sum = weights.front().weight = 1;
  const auto proxy = static_cast<std::uint32_t>(swarm.servers);
  std::vector<Fault> faults;
  for (std::size_t i = 0; i < swarm.faults; ++i) {
    Fault fault;
    auto at = dice.below(sum);
    const auto it = std::find_if(weights.begin(), weights.end(), [&](const Weight& weight) {
      if (at < weight.weight) return true;
      at -= weight.weight;
      return false;
    });
    fault.kind = it->kind;
    // Often close to the one before: trouble seldom comes alone.
    fault.at = !faults.empty() && dice.percent(40) ? faults.back().at + dice.below(80) : 50 + dice.below(swarm.trouble);
    fault.a = dice.percent(40) ? 0 : dice.below(proxy);
    fault.b = (fault.a + 1 + dice.below(proxy)) % (proxy + 1);
    fault.lasts = it->lasts_max == 0 ? 0 : 1 + dice.below(it->lasts_max);
    faults.push_back(fault);
  }
  std::stable_sort(faults.begin(), faults.end(), [](const Fault& a, const Fault& b) { return a.at < b.at; });
  return faults;
}

std::string describe(const Fault& fault, std::size_t servers) {
  using Kind = Fault::Kind;
  const auto name = [&](std::size_t i) { return i == servers ? std::string("proxy") : "s" + std::to_string(i); };
  const auto text = [&]() -> std::string {
    switch (fault.kind) {
      case Kind::crash:
        return "crash " + name(fault.a);
      case Kind::hang:
        return "hang " + name(fault.a);
      case Kind::cut:
        return "cut " + name(fault.a) + " from " + name(fault.b);
      case Kind::isolate:
        return "isolate " + name(fault.a);
      case Kind::disk_full:
        return "disk full on " + name(fault.a);
      case Kind::stop_sql:
        return "stop the SQL thread of " + name(fault.a);
      case Kind::stop_io:
        return "stop the IO thread of " + name(fault.a);
      case Kind::slow:
        return "slow down " + name(fault.a);
      case Kind::stray_write:
        return "stray write on " + name(fault.a);
      case Kind::proxy_restart:
        return "restart the proxy";
      case Kind::proxy_disk_full:
        return "disk full on the proxy";
      case Kind::switchover:
        return "switchover to " + name(fault.a);
      case Kind::failover:
        return "failover by an operator";
      case Kind::maintenance:
        return "maintenance of " + name(fault.a);
    }
    return "?";
  }();
  return std::to_string(ms(fault.at)) + " ms: " + text +
         (fault.lasts == 0 ? std::string() : ", for " + std::to_string(ms(fault.lasts)) + " ms");
}

}  // namespace sluice::failover::simulator
