// One simulated server: its log, its relay log, its channel, and how it takes actions. Nothing is real but the order.
//
// Flow: the world calls `receive()`, `apply()` and `acknowledge()` each tick; an actor calls what an action does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "failover/simulator/swarm.hpp"

namespace sluice::failover::simulator {

constexpr std::size_t servers_max = 5;

struct Transaction {
  std::size_t writer = 0;
  std::uint32_t number = 0;   // as its writer numbered it
  bool acknowledged = false;  // its client was told
  bool errant = false;        // written where nobody should have
};
using Transactions = std::vector<Transaction>;  // by id

enum class Access : std::uint8_t { writable, read_only, frozen };  // read_only: super users still write

// A client's commit that waits for acknowledgements.
struct Waiting {
  std::array<bool, servers_max> acknowledged_by{};
  std::uint32_t transaction = 0;
  std::uint32_t connection = 0;  // 0: not through the proxy
  std::uint64_t epoch = 0;
  Tick since = 0;
};

struct Server {
  bool up = true;
  bool hung = false;
  bool disk_full = false;
  bool slow = false;
  std::uint64_t instance = 1;
  Access access = Access::read_only;
  std::vector<std::uint32_t> log;                        // executed
  std::vector<std::uint32_t> relay;                      // received and not executed
  std::array<std::uint32_t, servers_max> last_number{};  // by writer, of the log
  std::optional<std::size_t> source;
  bool io_on = true;
  bool sql_on = true;
  bool connected = true;
  Tick grew_at = 0;      // the last time that something was received or written
  Tick received_at = 0;  // received
  Tick io_started_at = 0;
  Tick closed_at = 0;  // to writes, or started anew
  Tick heard_at = 0;   // the last time that anything came from its source
  std::vector<Waiting> waiting;
  bool waits_no_more = false;  // for acknowledgements: the timeout was over

  [[nodiscard]] bool runs() const { return up && !hung; }
  [[nodiscard]] std::size_t length() const { return log.size() + relay.size(); }
  [[nodiscard]] std::optional<std::uint32_t> last_received() const;
  [[nodiscard]] bool has(std::uint32_t transaction) const;
  void append(std::uint32_t transaction, const Transactions& all);
  // The new transaction's number, as this flavour counts.
  [[nodiscard]] std::uint32_t next_number(std::size_t self, bool mysql, const Transactions& all) const;
  // What is in the log of `source` and in neither log nor relay log here; false: it has what the source lacks.
  [[nodiscard]] bool fits(const Server& of) const;

  void follow(std::size_t from);
  void crash(bool relay_is_lost);
  [[nodiscard]] std::string executed(bool mysql) const;
  [[nodiscard]] std::string received(bool mysql, const Transactions& all) const;
};

[[nodiscard]] std::string uuid_of(std::size_t server);

}  // namespace sluice::failover::simulator
