// What keeps a server from taking over, in words for the operator. Pure. The rules are listed in election.hpp.
//
// Flow: `Eligibility e(input, holdings, errant);` then `e.what_bars(i)` and, to catch up from,
// `e.what_bars_as_source(i)`.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "failover/election.hpp"

namespace sluice::failover {

// "10.11", "5.6": servers of one release replicate from each other in both directions.
[[nodiscard]] std::uint32_t release_of(const ElectionServer& server);
// A set for people: not longer than a line or two.
[[nodiscard]] std::string shown(const protocol::GtidSet& set);
[[nodiscard]] std::string transactions(std::uint64_t count);

class Eligibility {
 public:
  // All must outlive it.
  Eligibility(const ElectionInput& input, const std::vector<protocol::GtidSet>& holdings,
              const std::vector<protocol::GtidSet>& errant);

  // Why server i can't lead, in words that follow its name; empty: it can.
  [[nodiscard]] const std::string& what_bars(std::size_t i) const { return bars_[i]; }
  // Why a winner can't catch up from server i; empty: it can.
  [[nodiscard]] std::string what_bars_as_source(std::size_t i) const;

 private:
  [[nodiscard]] std::string what_bars_alone(std::size_t i) const;
  [[nodiscard]] std::string what_bars_identity(const ElectionServer& server) const;
  [[nodiscard]] std::string what_bars_log(std::size_t i) const;
  [[nodiscard]] std::string what_bars_replication(std::size_t i) const;
  [[nodiscard]] bool applied_all(std::size_t i) const;
  [[nodiscard]] bool follows_leader(std::size_t i) const;

  const ElectionInput& input_;
  const std::vector<protocol::GtidSet>& holdings_;
  const std::vector<protocol::GtidSet>& errant_;
  const ElectionServer* leader_ = nullptr;
  std::vector<std::string> bars_;
};

}  // namespace sluice::failover
