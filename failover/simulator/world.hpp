// The simulated servers, the network between them and the proxy, the gate with its clients, and whoever performs what
// the supervisor asks for. Time goes by in ticks.
//
// Flow: each tick `world.tick()`; then `world.outcomes()` and `world.view()` are what the supervisor hears, and
// `world.perform(actions)` what it asks for. `world.inflict(fault)` and `world.heal()` are the trouble.
//
// What is assumed, as switchover.hpp asks for: the actions on one server take effect in the order in which they were
// asked for, also when they were given up; those that were on the way to a server that dies are gone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "failover/simulator/checker.hpp"
#include "failover/simulator/dice.hpp"
#include "failover/simulator/server.hpp"
#include "failover/simulator/swarm.hpp"
#include "failover/supervisor.hpp"

namespace sluice::failover::simulator {

class World {
 public:
  World(const Swarm& swarm, std::uint64_t seed, Canary canary);

  void tick();
  void perform(const Actions& actions);
  [[nodiscard]] std::vector<Outcome> outcomes();
  [[nodiscard]] std::optional<ClusterView> view();

  void inflict(const Fault& fault);
  void heal();
  void quiet() { clients_write_ = false; }
  // The proxy dies: its connections end, what it awaits never comes. What the record holds stays.
  RecordedLeader restart_proxy();

  [[nodiscard]] Tick now() const { return now_; }
  [[nodiscard]] TimePoint time() const {
    return TimePoint(std::chrono::hours(1)) + std::chrono::milliseconds(ms(now_));
  }
  [[nodiscard]] const std::vector<Server>& servers() const { return servers_; }
  [[nodiscard]] const Transactions& transactions() const { return transactions_; }
  [[nodiscard]] std::optional<std::size_t> gate() const { return gate_; }
  [[nodiscard]] bool hears_leader(std::size_t leader) const;  // a replica does which the proxy can ask
  [[nodiscard]] bool cut(std::size_t a, std::size_t b) const { return cuts_[a][b] > now_; }
  Checker& checker() { return checker_; }

 private:
  struct Message {  // on its way to a server, or there and not taken up
    Tick arrives = 0;
    bool there = false;
    bool is_write = false;
    Action action;
    std::uint32_t connection = 0;  // of a client's write
    std::uint64_t epoch = 0;
  };
  struct Pending {  // an action that was not answered
    Action action;
    Tick due = 0;
    bool waits = false;  // it has begun, and waits for something to come true
  };
  struct Answer {
    Tick at = 0;
    Outcome outcome;
  };

  void end_faults();
  void move_packets(std::size_t server);
  void take_up(std::size_t server);
  void begin(std::size_t server, const Action& action);
  void execute_write(std::size_t server, std::uint32_t connection, std::uint64_t epoch);
  void replicate(std::size_t replica);
  void acknowledge(std::size_t server);
  void note_timeout(std::size_t server);
  void write_as_clients();
  void look_at_waiting();
  void give_up_overdue();
  void on_proxy(const Action& action);
  [[nodiscard]] bool came_true(const Action& action) const;
  void freeze(Server& server);
  void answer(const Action& action, bool ok, const std::string& error = {});
  void add_state(const Action& action, Outcome& outcome) const;
  [[nodiscard]] bool is_about_to_lead(std::size_t server) const;
  void lose_packets(std::size_t server);
  void crash(std::size_t server);
  void start(std::size_t server);

  void begin_probes();
  void end_probes();
  void probe(std::size_t server);
  void note_semi_sync(const Server& server, ServerView& view) const;
  [[nodiscard]] bool open_on(std::size_t server) const;
  Tick delay() { return 1 + dice_.below(swarm_.delay_max + 1); }
  [[nodiscard]] std::size_t proxy() const { return servers_.size(); }

  Swarm swarm_;
  Dice dice_;
  Canary canary_;
  Tick now_ = 0;
  std::vector<Server> servers_;
  Transactions transactions_;
  Checker checker_;
  std::array<std::array<Tick, servers_max + 1>, servers_max + 1> cuts_{};  // until when
  std::vector<Fault> ends_;                                                // faults that last, with `at` as their end
  std::vector<std::deque<Message>> wires_;                                 // to each server
  std::vector<Pending> pending_;
  std::vector<Answer> answers_;
  bool clients_write_ = true;
  // The gate.
  std::optional<std::size_t> gate_;
  std::uint64_t gate_epoch_ = 0;
  std::size_t led_last_ = 0;               // who was released last
  std::vector<std::uint32_t> connection_;  // those to a server that are open; another number after a cut
  std::uint32_t connections_ = 0;
  std::uint64_t process_ = 0;  // restarts of the proxy
  RecordedLeader record_;
  bool record_fails_ = false;
  bool record_is_old_ = false;
  // The monitor.
  ClusterView known_;
  std::vector<bool> probing_;
  Tick probes_began_ = 0;
  bool probes_run_ = false;
  Tick next_probes_ = 0;
  bool suspect_ = false;
  std::vector<std::uint64_t> hidden_instance_;
};

}  // namespace sluice::failover::simulator
