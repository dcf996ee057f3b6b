// One server comes back to its cluster, whatever it was before: read-only first, then compared, then it follows. Pure.
//
//   freeze → stop_io → read the leader's state → follow, or left out
//
//   what it has                          what follows
//   all of it is on the leader           it follows the leader
//   more than that                       it is left out, frozen; `extra()` names the transactions. Nothing is thrown
//                                        away here: an operator saves, flashes back or reseeds
//   it does not tell, or nothing at all  it is left out
//
// A step that fails ends it: `failed`, to be tried again. It is frozen then, or is still not known to be.
//
// Flow: as Failover: `start()`, `on()`, `on_deadline()` until `state() != State::running`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failover/action.hpp"
#include "failover/pending_actions.hpp"
#include "protocol/gtid_set.hpp"

namespace sluice::failover {

struct RejoinPlan {
  std::vector<std::string> names;
  std::size_t server = 0;
  std::size_t leader = 0;
  bool only_freeze = false;  // in maintenance, or left out: it is kept from writes, the rest is the operator's
  std::uint64_t first_id = 1;
  std::chrono::milliseconds step_max{5000};
  std::chrono::milliseconds answer_grace{100};
};

class Rejoin {
 public:
  enum class State : std::uint8_t { running, done, left_out, failed };

  explicit Rejoin(RejoinPlan plan);

  [[nodiscard]] Actions start(TimePoint now);
  [[nodiscard]] Actions on(const Outcome& outcome, TimePoint now);
  [[nodiscard]] Actions on_deadline(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const { return pending_.deadline(); }

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  [[nodiscard]] bool frozen() const { return frozen_; }
  [[nodiscard]] const protocol::GtidSet& extra() const { return extra_; }
  [[nodiscard]] std::size_t server() const { return plan_.server; }

 private:
  Actions next(const Action& action, const Outcome& outcome);
  Actions compare(const Outcome& of_leader);
  Actions ask(Act act, std::size_t server);
  Actions end(State state, std::string reason);

  RejoinPlan plan_;
  PendingActions pending_;
  TimePoint now_;
  State state_ = State::running;
  bool frozen_ = false;
  std::optional<protocol::GtidSet> has_;
  protocol::GtidSet extra_;
  std::string reason_;
  std::vector<Step> steps_;
};

// For people: "running", "done", "left out", "failed".
[[nodiscard]] std::string_view to_string(Rejoin::State state);

}  // namespace sluice::failover
