// One schedule from one seed: the real supervisor, its workflows and its election against a simulated world. First
// trouble, in which nothing must break; then everything is healed, and the cluster must come back to one leader whom
// all others follow.
//
// Flow: `const auto result = simulate(seed, options);` `result.breach` tells what was broken; `shrink(seed, options)`
// leaves only the faults that it takes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "failover/simulator/swarm.hpp"

namespace sluice::failover::simulator {

struct SimulationOptions {
  Canary canary = Canary::none;
  std::optional<std::vector<std::size_t>> only_faults;  // of those that the seed makes, by number
  bool trace = false;
};

struct SimulationResult {
  std::optional<std::string> breach;  // with its time
  std::size_t faults = 0;             // that the seed makes
  std::uint64_t releases = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t failovers = 0;
  std::uint64_t switchovers = 0;
  std::string trace;  // if asked for: the options, and all that happened
};

[[nodiscard]] SimulationResult simulate(std::uint64_t seed, const SimulationOptions& options);

// The options of a failing schedule, with as few faults as it takes to fail.
[[nodiscard]] SimulationOptions shrink(std::uint64_t seed, SimulationOptions options);

}  // namespace sluice::failover::simulator
