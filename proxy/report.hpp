// What the workers tell the control thread: rows for the admin tables, counters, events. Plain values, copied.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::proxy {

// Counters of one worker. The names are the metric names (without the sluice_ prefix and _total suffix).
struct Counters {
  std::uint64_t clients_accepted = 0;
  std::uint64_t clients_refused = 0;     // clients_max
  std::uint64_t clients_shed = 0;        // took no results while the worker's memory was short
  std::uint64_t logins_failed = 0;       // error 1045
  std::uint64_t handshakes_dropped = 0;  // garbage, or too slow
  std::uint64_t statements_leader = 0;
  std::uint64_t statements_replica = 0;
  std::uint64_t statements_held = 0;          // for want of a server, or by a closed gate
  std::uint64_t statements_held_by_gate = 0;  // of them
  std::uint64_t gates_closed = 0;             // times, all clusters together
  std::uint64_t hold_timeouts = 0;
  std::uint64_t pool_waits = 0;
  std::uint64_t pool_wait_timeouts = 0;
  std::uint64_t backends_opened = 0;
  std::uint64_t backends_lost = 0;
  std::uint64_t backend_logins_failed = 0;
  std::uint64_t state_switches = 0;      // session state applied before a statement
  std::uint64_t reprepares = 0;          // a statement prepared again on another connection
  std::uint64_t read_only_refusals = 0;  // writes held again: the leader had become read-only before we knew
  std::uint64_t reads_redone = 0;        // on the leader: a replica refused to write what read as a read
  std::uint64_t retries = 0;             // reads sent again after a server was lost
  std::uint64_t outcome_unknown = 0;     // writes in flight when a server was lost
  std::uint64_t transactions_lost = 0;   // open transactions when a server was lost
  std::uint64_t server_kills = 0;  // KILLs sent to servers: clients that vanished from a running statement, KILL QUERY
  std::uint64_t server_kills_skipped = 0;  // not sent: limits.server_kills_max were on their way
  std::uint64_t protocol_errors = 0;       // malformed packets of clients after login
  std::uint64_t bytes_from_clients = 0;
  std::uint64_t bytes_to_clients = 0;
};

// Name and value of each counter, in order; `fn(std::string_view, std::uint64_t)`.
template <class Fn>
void for_each_counter(const Counters& c, Fn&& fn) {
  fn("clients_accepted", c.clients_accepted);
  fn("clients_refused", c.clients_refused);
  fn("clients_shed", c.clients_shed);
  fn("logins_failed", c.logins_failed);
  fn("handshakes_dropped", c.handshakes_dropped);
  fn("statements_leader", c.statements_leader);
  fn("statements_replica", c.statements_replica);
  fn("statements_held", c.statements_held);
  fn("statements_held_by_gate", c.statements_held_by_gate);
  fn("gates_closed", c.gates_closed);
  fn("hold_timeouts", c.hold_timeouts);
  fn("pool_waits", c.pool_waits);
  fn("pool_wait_timeouts", c.pool_wait_timeouts);
  fn("backends_opened", c.backends_opened);
  fn("backends_lost", c.backends_lost);
  fn("backend_logins_failed", c.backend_logins_failed);
  fn("state_switches", c.state_switches);
  fn("reprepares", c.reprepares);
  fn("read_only_refusals", c.read_only_refusals);
  fn("reads_redone", c.reads_redone);
  fn("retries", c.retries);
  fn("outcome_unknown", c.outcome_unknown);
  fn("transactions_lost", c.transactions_lost);
  fn("server_kills", c.server_kills);
  fn("server_kills_skipped", c.server_kills_skipped);
  fn("protocol_errors", c.protocol_errors);
  fn("bytes_from_clients", c.bytes_from_clients);
  fn("bytes_to_clients", c.bytes_to_clients);
}

inline Counters& operator+=(Counters& sum, const Counters& part) {
  static_assert(sizeof(Counters) % sizeof(std::uint64_t) == 0);
  const auto bytes = std::bit_cast<std::array<std::uint64_t, sizeof(Counters) / sizeof(std::uint64_t)>>(part);
  auto total = std::bit_cast<std::array<std::uint64_t, sizeof(Counters) / sizeof(std::uint64_t)>>(sum);
  for (std::size_t i = 0; i < bytes.size(); ++i) total[i] += bytes[i];
  sum = std::bit_cast<Counters>(total);
  return sum;
}

struct SessionRow {
  std::uint32_t id = 0;  // connection id that the client sees
  std::uint32_t worker = 0;
  std::string client;  // "127.0.0.1:51234", "unix"
  std::string user;
  std::string cluster;
  std::string schema;
  std::string state;   // "idle", "login", "waiting for a server connection", "holding", "running", …
  std::string server;  // the server it is tied to or running on; empty: none
  std::string pin;     // why it keeps that connection; empty: it does not
  bool in_transaction = false;
  bool tls = false;
  std::uint64_t statements = 0;
  std::uint64_t queued_bytes = 0;  // results that the client has not taken yet
  std::uint64_t connected_ms = 0;
};

struct PoolRow {
  std::uint32_t worker = 0;
  std::string cluster;
  std::string server;
  std::string user;
  std::uint32_t connecting = 0;
  std::uint32_t idle = 0;
  std::uint32_t busy = 0;     // a session is tied to it, or runs a statement on it
  std::uint32_t kept = 0;     // by the session that had it last, until another needs it: what it left is there
  std::uint32_t waiting = 0;  // statements that wait for a connection
  std::uint32_t limit = 0;
  std::uint64_t statements = 0;
};

enum class GateState : std::uint8_t { open, opening, settling, closed };

// A cluster's gate, over all workers.
struct GateRow {
  std::string cluster;
  GateState state = GateState::open;
  std::uint64_t waiting = 0;    // statements that wait, for the gate or for a leader
  std::uint64_t open = 0;       // closed: sessions that still have something open on the leader
  std::uint64_t closed_ms = 0;  // for so long
};

struct Report {
  Counters counters;                  // summed over the workers
  std::uint64_t hold_longest_ms = 0;  // that a statement has waited at a closed gate
  std::vector<GateRow> gates;         // by cluster
  std::vector<SessionRow> sessions;
  std::vector<PoolRow> pools;
  std::size_t buffer_bytes = 0;
  std::size_t clients = 0;
};

enum class Severity : std::uint8_t { info, warning, error };

// Something that an operator may want to read later. Never holds a password.
struct Event {
  Severity severity = Severity::info;
  std::string kind;  // "backend_lost", "login_failed", "leader_changed", …
  std::string text;
};

}  // namespace sluice::proxy
