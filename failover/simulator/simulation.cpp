#include "failover/simulator/simulation.hpp"

#include <algorithm>
#include <numeric>

#include "failover/simulator/world.hpp"
#include "failover/supervisor.hpp"

namespace sluice::failover::simulator {
namespace {

using std::chrono::milliseconds;

constexpr Tick clients_go_on = 100;  // after everything was healed
constexpr Tick converges_within = 3000;

SupervisorOptions make_options(const Swarm& swarm) {
  SupervisorOptions options;
  for (std::size_t i = 0; i < swarm.servers; ++i) options.names.push_back("s" + std::to_string(i));
  options.detection_time = milliseconds(ms(swarm.detection_time));
  options.limit = {1000, std::chrono::seconds(1), std::chrono::seconds(0)};
  options.retry_min = milliseconds(200);
  options.retry_max = milliseconds(1000);
  auto& failover = options.failover;
  failover.known.loss = swarm.loss;
  failover.fence_max = milliseconds(300);
  failover.freeze_max = milliseconds(100);
  failover.stop_io_max = milliseconds(200);
  failover.apply_max = milliseconds(1000);
  failover.step_max = milliseconds(400);
  auto& switchover = options.switchover;
  switchover.drain_max = milliseconds(300);
  switchover.stall_max = milliseconds(800);
  switchover.step_max = milliseconds(400);
  return options;
}

class Simulation {
 public:
  Simulation(std::uint64_t seed, const SimulationOptions& options)
      : options_(options),
        dice_(seed),
        swarm_(Swarm::from(dice_)),
        faults_(make_faults(swarm_, dice_)),
        world_(swarm_, dice_.next(), options.canary),
        supervisor_(make_options(swarm_), {1, 0, std::nullopt}) {
    result_.faults = faults_.size();
    if (options_.trace) describe_swarm();
  }

  SimulationResult run() {
    std::size_t next = 0;
    const Tick heals_at = swarm_.trouble + 200;
    while (!world_.checker().breached() && world_.now() < heals_at) {
      for (; next < faults_.size() && faults_[next].at <= world_.now(); ++next) {
        if (is_kept(next)) inflict(faults_[next]);
      }
      tick();
    }
    if (!world_.checker().breached()) converge();
    result_.releases = world_.checker().releases();
    for (const auto& transaction : world_.transactions()) result_.acknowledged += transaction.acknowledged ? 1 : 0;
    if (world_.checker().breached()) {
      result_.breach = std::to_string(ms(world_.checker().breached_at())) + " ms: " + *world_.checker().breached();
      note("BREACH " + *result_.breach);
    }
    return result_;
  }

 private:
  [[nodiscard]] bool is_kept(std::size_t fault) const {
    const auto& only = options_.only_faults;
    return !only || std::find(only->begin(), only->end(), fault) != only->end();
  }

  void tick() {
    world_.tick();
    const auto leader = supervisor_.leader();
    heard_for_ = leader && world_.hears_leader(*leader) ? heard_for_ + 1 : 0;
    for (const auto& outcome : world_.outcomes()) {
      if (options_.trace && !outcome.ok) note("  #" + std::to_string(outcome.id) + " fails: " + outcome.error);
      if (options_.trace && outcome.ok)
        note("  #" + std::to_string(outcome.id) + " ok " + outcome.executed +
             (outcome.received == outcome.executed ? "" : " received " + outcome.received));
      step(outcome);
    }
    if (auto view = world_.view()) step(std::move(*view));
    if (const auto due = supervisor_.deadline(); due && *due <= world_.time()) step(failover::Tick{});
  }

  void step(const Event& event) {
    const auto actions = supervisor_.step(event, world_.time());
    for (const auto& action : actions) note("  #" + std::to_string(action.id) + " " + describe(action, names()));
    for (const auto& action : actions) {
      if (action.act == Act::depose) check_cause(action.server);
    }
    world_.perform(actions);
    note_history();
  }

  // A failover that nobody asked for takes a leader that is dead, or that no replica hears.
  void check_cause(std::size_t leader) {
    ++result_.failovers;
    const auto& server = world_.servers()[leader];
    const auto& told = supervisor_.history();
    const bool detected = std::any_of(
        told.end() - std::min<std::ptrdiff_t>(2, std::ssize(told)), told.end(), [](const HistoryEntry& entry) {
          return entry.what == "failover" && (entry.reason.find("silent for") != std::string::npos ||
                                              entry.reason.find("refuses") != std::string::npos);
        });
    if (detected && server.runs() && world_.hears_leader(leader) &&
        heard_for_ > swarm_.detection_time + swarm_.probe_interval + swarm_.probe_timeout)
      world_.checker().breach(world_.now(), "s" + std::to_string(leader) + " is given up, but it lives and is heard");
  }

  // At the end: what was lost under a policy that allows it has been said, before or when its server came back.
  void check_report() {
    if (world_.checker().owes_report() && !loss_told_)
      world_.checker().breach(world_.now(), "something acknowledged is lost, and nobody is told");
  }

  void inflict(const Fault& fault) {
    using Kind = Fault::Kind;
    note(describe(fault, swarm_.servers));
    Command command;
    command.server = fault.a;
    switch (fault.kind) {
      case Kind::proxy_restart:
        supervisor_ = Supervisor(make_options(swarm_), world_.restart_proxy());
        told_ = 0;
        return;
      case Kind::switchover:
        ++result_.switchovers;
        command.what = Command::What::switchover;
        break;
      case Kind::failover:
        command.what = Command::What::failover;
        command.although_leader_lives = true;
        command.server.reset();
        break;
      case Kind::maintenance:
        command.what = Command::What::maintenance_on;
        maintained_.push_back(fault.a);
        break;
      default:
        world_.inflict(fault);
        return;
    }
    step(command);
  }

  // ---- After the trouble

  void converge() {
    note("everything is healed");
    world_.heal();
    for (const auto server : maintained_) {
      Command command;
      command.what = Command::What::maintenance_off;
      command.server = server;
      step(command);
    }
    std::string why;
    for (Tick n = 0; n < converges_within; ++n) {
      if (n == clients_go_on) world_.quiet();
      tick();
      if (world_.checker().breached()) return;
      if (n > clients_go_on && n % 10 == 0 && (why = what_is_wrong()).empty()) return check_report();
    }
    world_.checker().breach(world_.now(), "does not come back: " + why);
  }

  [[nodiscard]] std::string what_is_wrong() const {
    const auto& servers = world_.servers();
    const auto leader = supervisor_.leader();
    if (!leader || world_.gate() != leader)
      return "nobody leads; it is " + std::string(to_string(supervisor_.phase())) + " " +
             (supervisor_.history().empty() ? std::string() : supervisor_.history().back().reason);
    if (servers[*leader].access != Access::writable) return names()[*leader] + " leads, and takes no writes";
    for (std::size_t i = 0; i < servers.size(); ++i) {
      if (i == leader) continue;
      const auto& server = servers[i];
      const auto& out = supervisor_.left_out(i);
      const bool part = server.length() == 0 || server.fits(servers[*leader]);
      if (!out.empty()) {
        if (server.access == Access::writable) return names()[i] + " is left out, and takes writes";
        if (part) return names()[i] + " is left out, and has nothing that the leader lacks: " + out;
        continue;
      }
      if (server.access == Access::writable) return names()[i] + " is writable beside the leader";
      if (server.log != servers[*leader].log)
        return names()[i] + (part ? " is behind" : " has what the leader lacks") + ", and not left out";
    }
    return {};
  }

  // ---- Words

  [[nodiscard]] std::vector<std::string> names() const { return make_options(swarm_).names; }

  void note_history() {
    const auto& history = supervisor_.history();
    for (; told_ < history.size(); ++told_) {
      const auto& entry = history[told_];
      note(entry.what + ": " + entry.reason);
      const auto says = [&](const char* words) { return entry.reason.find(words) != std::string::npos; };
      loss_told_ = loss_told_ || says("may be lost") || says("has transactions that");
    }
  }

  void note(const std::string& text) {
    if (options_.trace) result_.trace += std::to_string(ms(world_.now())) + " ms  " + text + "\n";
  }

  void describe_swarm() {
    result_.trace +=
        std::to_string(swarm_.servers) + (swarm_.mysql ? " MySQL" : " MariaDB") + " servers" +
        (swarm_.chain ? ", the last in a chain" : "") + ", " + std::to_string(swarm_.acks) + " acknowledgements" +
        (swarm_.acks_timeout ? " for " + std::to_string(ms(*swarm_.acks_timeout)) + " ms" : std::string()) +
        ", loss policy " + (swarm_.loss == Loss::none ? "none" : "any") +
        (swarm_.relay_lost_on_restart ? ", relay logs are lost" : "") +
        (swarm_.restarts_writable ? ", writable when started" : "") +
        (swarm_.direct_writers ? ", direct writers" : "") + "\n";
  }

  const SimulationOptions& options_;
  Dice dice_;
  Swarm swarm_;
  std::vector<Fault> faults_;
  World world_;
  Supervisor supervisor_;
  SimulationResult result_;
  std::vector<std::size_t> maintained_;
  Tick heard_for_ = 0;
  std::size_t told_ = 0;
  bool loss_told_ = false;
};

}  // namespace

SimulationResult simulate(std::uint64_t seed, const SimulationOptions& options) {
  return Simulation(seed, options).run();
}

SimulationOptions shrink(std::uint64_t seed, SimulationOptions options) {
  options.trace = false;
  std::vector<std::size_t> faults(simulate(seed, options).faults);
  std::iota(faults.begin(), faults.end(), std::size_t{0});
  if (options.only_faults) faults = *options.only_faults;
  for (bool shorter = true; shorter;) {
    shorter = false;
    for (std::size_t n = faults.size(); n-- > 0;) {
      auto less = faults;
      less.erase(less.begin() + static_cast<std::ptrdiff_t>(n));
      options.only_faults = less;
      if (!simulate(seed, options).breach) continue;
      faults = std::move(less);
      shorter = true;
    }
  }
  options.only_faults = std::move(faults);
  return options;
}

}  // namespace sluice::failover::simulator
