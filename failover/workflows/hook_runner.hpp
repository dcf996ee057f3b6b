// Runs an operator's executable around a change of leader, bounded in time and in what it may print.
//
// Flow: `HookRunner hooks(io); hooks.run(call, budget, done);` `done` is called once, from the io_context. Destroying
// the runner ends what runs and calls nothing.
//
// The executable gets no arguments but those given, no descriptor of ours, nothing on its standard input, default
// signals, a process group of its own, and our environment with the SLUICE_… variables. It is over when the process
// ends; what it has started in the background goes on. At the end of the budget its whole group is killed. It runs as
// the account of sluice.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sluice::failover {

struct HookCall {
  std::string executable;  // a path: PATH is not searched
  std::vector<std::string> arguments;
  std::string cluster;      // SLUICE_CLUSTER
  std::string old_leader;   // SLUICE_OLD_LEADER
  std::string new_leader;   // SLUICE_NEW_LEADER
  std::uint64_t epoch = 0;  // SLUICE_EPOCH
  std::string phase;        // SLUICE_PHASE: "before" or "after"
};

struct HookResult {
  std::string error;   // why it failed: it could not be run, its exit code or signal, out of time; empty: exit code 0
  std::string output;  // the end of what it printed, at most hook_output_max bytes
};

inline constexpr std::size_t hook_output_max = 4096;

class HookRunner {
 public:
  using Done = std::function<void(const HookResult& result)>;

  explicit HookRunner(boost::asio::io_context& io);
  ~HookRunner();
  HookRunner(const HookRunner&) = delete;
  HookRunner& operator=(const HookRunner&) = delete;

  // One at a time: one that still runs is ended, and answered so.
  void run(const HookCall& call, std::chrono::milliseconds budget, Done done);

 private:
  class Process;

  boost::asio::io_context& io_;
  std::shared_ptr<Process> process_;  // the last one
};

}  // namespace sluice::failover
