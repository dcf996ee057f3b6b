// Changes of leader as an operator asks for them and reads of them afterwards. Values only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "failover/election.hpp"
#include "failover/pending_actions.hpp"

namespace sluice::admin {

struct Order {
  enum class What : std::uint8_t { switchover, failover, rejoin, maintenance_on, maintenance_off };
  What what = What::switchover;
  std::string cluster;  // empty: the only one there is
  std::string server;   // its name. A change of leader: to which; empty: the best candidate
  // Of a failover:
  bool although_leader_lives = false;
  failover::Loss loss = failover::Loss::none;  // it may lose at least so much
  // Of a switchover: it is only told whether it could be done.
  bool dry_run = false;
};

// One change of leader that was tried, whether or not it came about.
struct ChangeReport {
  std::uint64_t number = 0;    // counts up
  std::uint64_t begun_ms = 0;  // since 1970, UTC
  std::string cluster;
  std::string kind;  // "switchover", "failover", "rejoin", "recovery", "maintenance"
  std::string from;
  std::string to;  // empty: none was found
  std::uint64_t epoch = 0;
  std::string outcome = "running";  // "done", "rolled back", "refused", …: to_string() of the workflow's state
  std::string reason;
  std::uint64_t took_ms = 0;
  std::vector<failover::Step> steps;
};

[[nodiscard]] constexpr const char* kind_of(Order::What what) {
  switch (what) {
    case Order::What::switchover:
      return "switchover";
    case Order::What::failover:
      return "failover";
    case Order::What::rejoin:
      return "rejoin";
    default:
      return "maintenance";
  }
}

using ChangeDone = std::function<void(const ChangeReport&)>;

}  // namespace sluice::admin
