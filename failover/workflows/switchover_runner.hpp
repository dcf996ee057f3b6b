// Carries a Switchover out: hands its actions to the servers' actors, the record, the hooks and the proxy's gate, and
// what came of them back to it, with the time. It decides nothing.
//
// Flow: `auto runner = make_shared<SwitchoverRunner>(io, parts, plan); runner->start(on_end);` `on_end` is called once,
// from the io_context. `stop()`: nothing is called any more; what was asked for may still happen.
//
// Before the first step the record on disk says that a change has begun, and after the last one that it is over; a
// sluice that is started in between finds what it was. After an end that leaves nobody in the lead it stays in there.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "failover/switchover.hpp"
#include "failover/workflows/action_dispatcher.hpp"

namespace sluice::failover {

// All of them outlive the runner.
struct SwitchoverParts {
  std::string cluster;
  std::string previous_leader;                       // as the record has it; for a change that ends where it began
  std::vector<std::shared_ptr<ServerActor>> actors;  // one for each server of the plan, in its order
  Gate& gate;
  RecordWriter& records;
  HookRunner& hooks;
};

class SwitchoverRunner : public std::enable_shared_from_this<SwitchoverRunner> {
 public:
  using OnEnd = std::function<void(Switchover::State state, const std::string& reason,
                                   const std::vector<Switchover::Step>& steps)>;

  SwitchoverRunner(boost::asio::io_context& io, SwitchoverParts parts, SwitchoverPlan plan);
  ~SwitchoverRunner();
  SwitchoverRunner(const SwitchoverRunner&) = delete;
  SwitchoverRunner& operator=(const SwitchoverRunner&) = delete;

  void start(OnEnd on_end);
  void stop();
  // The outcome of each action as it comes in, for whoever wants to watch.
  std::function<void(const Action&, const Outcome&)> on_outcome;
  // All steps so far, whenever one has ended.
  std::function<void(const std::vector<Switchover::Step>&)> on_step;
  // Each action before it is handed out; its budget may be made shorter. For tests.
  std::function<void(Action&)> on_action;

 private:
  void act(const Actions& actions);
  void dispatch(const Action& action);
  void take(const Action& action, const Outcome& outcome);
  void run_hook(const Action& action);
  void await_deadline();
  void end_if_over();
  void end(Switchover::State state, const std::string& reason);
  [[nodiscard]] EpochRecord record_of(std::uint64_t epoch, std::size_t leader) const;

  boost::asio::io_context& io_;
  SwitchoverParts parts_;
  std::unique_ptr<ActionDispatcher> dispatcher_;
  SwitchoverPlan plan_;
  Switchover switchover_;
  boost::asio::steady_timer deadline_;
  OnEnd on_end_;
  LeaderChange change_;
  EpochRecord leads_;  // who leads as far as the workflow has told the gate
  bool ending_ = false;
};

}  // namespace sluice::failover
