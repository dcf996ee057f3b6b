// The kind of cluster and of trouble that one seed stands for. Every option varies from seed to seed, so that no two
// schedules try the same corner; a fault that is switched off for a seed leaves room for the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "failover/election.hpp"
#include "failover/simulator/dice.hpp"

namespace sluice::failover::simulator {

using Tick = std::uint32_t;  // of tick_ms
constexpr std::uint32_t tick_ms = 10;
constexpr std::uint32_t ms(Tick ticks) { return ticks * tick_ms; }

// A planted bug: the simulated world lies to the code under test in one way. Each must be caught.
enum class Canary : std::uint8_t {
  none,
  fence_does_nothing,      // clients' statements on the lost leader go on, and it is said that they do not
  freeze_does_nothing,     // the old leader stays writable
  relay_log_is_forgotten,  // what was received and not applied is not told
  relay_log_not_applied,   // it is said to be, and is not
  stop_io_is_ignored,      // receives on, and says that it does not
  restart_is_hidden,       // a replica that lost its relay log looks as before
  replicas_look_lost,      // the replicas are said to have lost a leader that they have not
  epoch_is_reused,         // the record and the gate get the epoch that was before
  extra_is_hidden,         // a server that comes back does not tell what only it has
  timeout_is_hidden,       // a leader is said to wait for acknowledgements for ever
  promote_early,           // answered before it was done
};
constexpr std::size_t canaries = 12;
[[nodiscard]] const char* to_string(Canary canary);

struct Swarm {
  std::size_t servers = 3;
  bool mysql = false;
  bool chain = false;                // the last one replicates from the one before it
  std::uint32_t acks = 1;            // semi-synchronous: 0: asynchronous
  std::optional<Tick> acks_timeout;  // after which a leader goes on without them
  Loss loss = Loss::none;
  std::uint32_t write_percent = 30;    // a client writes in this many ticks of a hundred
  std::uint32_t receive_percent = 80;  // a replica looks for more
  std::uint32_t apply_percent = 80;
  std::uint32_t delay_max = 2;  // ticks on the wire
  Tick probe_interval = 20;
  Tick probe_timeout = 20;
  Tick detection_time = 60;
  bool relay_lost_on_restart = true;
  bool restarts_writable = true;    // whatever it was before
  bool direct_writers = false;      // somebody writes to servers without the proxy
  bool lost_packets_arrive = true;  // what was on a wire that was cut arrives when it heals
  std::size_t faults = 8;
  Tick trouble = 1000;  // how long faults begin

  [[nodiscard]] static Swarm from(Dice& dice);
};

struct Fault {
  enum class Kind : std::uint8_t {
    crash,
    hang,
    cut,      // between two; `b` may be the proxy
    isolate,  // one from all
    disk_full,
    stop_sql,
    stop_io,
    slow,  // receives and applies little
    stray_write,
    proxy_restart,
    proxy_disk_full,  // nothing can be recorded
    switchover,
    failover,
    maintenance,
  };
  Tick at = 0;
  Kind kind = Kind::crash;
  std::size_t a = 0;
  std::size_t b = 0;
  Tick lasts = 0;
};

[[nodiscard]] std::string describe(const Fault& fault, std::size_t servers);
// In the order in which they begin.
[[nodiscard]] std::vector<Fault> make_faults(const Swarm& swarm, Dice& dice);

}  // namespace sluice::failover::simulator
