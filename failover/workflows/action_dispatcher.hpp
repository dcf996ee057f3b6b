// Hands the actions of a workflow to whoever does them: the servers' actors, the proxy's gate, the record on disk, the
// operator's hooks. Each is answered once, from the io_context, never from inside these functions.
//
// Flow: `ActionDispatcher dispatcher(io, parts, on_outcome);` then one of the calls for each action. When it is
// destroyed nothing is called any more; what was asked for may still happen.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "failover/action.hpp"
#include "failover/workflows/epoch_record_file.hpp"
#include "failover/workflows/gate.hpp"
#include "failover/workflows/hook_runner.hpp"
#include "failover/workflows/server_actor.hpp"

namespace sluice::failover {

// All of them outlive the dispatcher.
struct DispatchParts {
  const std::vector<std::shared_ptr<ServerActor>>& actors;  // one for each server, in the order of the configuration
  Gate& gate;
  RecordWriter& records;
  HookRunner& hooks;
};

class ActionDispatcher {
 public:
  using OnOutcome = std::function<void(const Action&, const Outcome&)>;

  ActionDispatcher(boost::asio::io_context& io, DispatchParts parts, OnOutcome on_outcome);

  // An act of the gate, or of a server.
  void perform(const Action& action);
  // depose, record: what is to be on disk then.
  void write(const Action& action, const EpochRecord& record);
  void run_hook(const Action& action, HookCall call);

 private:
  [[nodiscard]] std::function<void(const std::string&)> outcome_of(const Action& action);

  boost::asio::io_context& io_;
  DispatchParts parts_;
  std::shared_ptr<OnOutcome> on_outcome_;  // gone with the dispatcher
};

}  // namespace sluice::failover
