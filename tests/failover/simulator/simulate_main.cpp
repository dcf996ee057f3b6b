// sluice_simulate: runs schedules of the failover simulator from consecutive seeds.
//
//   sluice_simulate --seed 1 --schedules 100000          stops at the first breach, shrinks it and tells how to see it
//   sluice_simulate --seed 4711 --faults 0,3 --trace     one schedule, with all that happens
//   sluice_simulate --canary fence_does_nothing            with a planted bug: must end with a breach
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "failover/simulator/simulation.hpp"

namespace {

using namespace sluice::failover::simulator;

struct Arguments {
  std::uint64_t seed = 1;
  std::uint64_t schedules = 1;
  SimulationOptions options;
};

[[noreturn]] void usage() {
  std::fprintf(stderr, "usage: sluice_simulate [--seed N] [--schedules N] [--canary NAME] [--faults N,N] [--trace]\n");
  std::exit(2);
}

Canary parse_canary(const std::string& name) {
  for (std::size_t i = 0; i < canaries; ++i) {
    if (name == to_string(static_cast<Canary>(i))) return static_cast<Canary>(i);
  }
  usage();
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--trace") {
      arguments.options.trace = true;
      continue;
    }
    if (i + 1 == argc) usage();
    const std::string value = argv[++i];
    if (option == "--seed")
      arguments.seed = std::strtoull(value.c_str(), nullptr, 10);
    else if (option == "--schedules")
      arguments.schedules = std::strtoull(value.c_str(), nullptr, 10);
    else if (option == "--canary")
      arguments.options.canary = parse_canary(value);
    else if (option == "--faults") {
      arguments.options.only_faults.emplace();
      std::istringstream list(value);
      for (std::string number; std::getline(list, number, ',');)
        arguments.options.only_faults->push_back(std::strtoull(number.c_str(), nullptr, 10));
    } else
      usage();
  }
  return arguments;
}

std::string replay(std::uint64_t seed, const SimulationOptions& options) {
  std::string text = "sluice_simulate --seed " + std::to_string(seed);
  if (options.canary != Canary::none) text += std::string(" --canary ") + to_string(options.canary);
  if (!options.only_faults) return text + " --trace";
  text += " --faults ";
  for (std::size_t i = 0; i < options.only_faults->size(); ++i)
    text += (i == 0 ? "" : ",") + std::to_string((*options.only_faults)[i]);
  return text + " --trace";
}

}  // namespace

int main(int argc, char** argv) {
  const auto arguments = parse(argc, argv);
  const auto began = std::chrono::steady_clock::now();
  std::uint64_t failovers = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t switchovers = 0;
  for (std::uint64_t n = 0; n < arguments.schedules; ++n) {
    const auto seed = arguments.seed + n;
    const auto result = simulate(seed, arguments.options);
    failovers += result.failovers;
    switchovers += result.switchovers;
    acknowledged += result.acknowledged;
    std::printf("%s", result.trace.c_str());
    if (!result.breach) continue;
    std::printf("seed %llu, schedule %llu: %s\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(n + 1), result.breach->c_str());
    const auto less = shrink(seed, arguments.options);
    std::printf("%zu of %zu faults are enough: %s\n", less.only_faults->size(), result.faults,
                replay(seed, less).c_str());
    return 1;
  }
  const auto took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  std::printf(
      "%llu schedules, no breach: %llu failovers, %llu switchovers asked for, %llu acknowledged writes; %.1f s\n",
      static_cast<unsigned long long>(arguments.schedules), static_cast<unsigned long long>(failovers),
      static_cast<unsigned long long>(switchovers), static_cast<unsigned long long>(acknowledged), took);
  return 0;
}
