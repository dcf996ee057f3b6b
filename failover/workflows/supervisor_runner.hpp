// Carries a Supervisor out for one cluster of real servers: gives it what was seen and asked, with the time, hands its
// actions to whoever does them, and what came of them back to it. It decides nothing.
//
// Flow: `recorded_leader(record, names)`; `auto runner = make_shared<SupervisorRunner>(io, parts, options, record)`;
// `runner->take(view)` for each ClusterView, `runner->command(…)` for what operators ask. `stop()`: nothing is asked
// for or called any more; what was asked for may still happen. Everything on the io_context's thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "failover/supervisor.hpp"
#include "failover/workflows/action_dispatcher.hpp"

namespace sluice::failover {

struct SupervisedParts {
  std::string cluster;
  DispatchParts dispatch;
  // Its phase, when it is another; each new entry of its history, in order; each workflow that has ended. They come in
  // this order, and may call command(). Each may be empty.
  std::function<void(Supervisor::Phase)> on_phase;
  std::function<void(const HistoryEntry&)> on_history;
  std::function<void(const WorkflowEnd&)> on_end;
};

// The record in the numbers of these servers. nullopt: it names one that is not among them (`why`), and who leads can't
// be told from it.
[[nodiscard]] std::optional<RecordedLeader> recorded_leader(const std::optional<EpochRecord>& record,
                                                            const std::vector<std::string>& names, std::string& why);

class SupervisorRunner : public std::enable_shared_from_this<SupervisorRunner> {
 public:
  // `record` must be one that recorded_leader() understands.
  SupervisorRunner(boost::asio::io_context& io, SupervisedParts parts, SupervisorOptions options,
                   const std::optional<EpochRecord>& record);
  ~SupervisorRunner();
  SupervisorRunner(const SupervisorRunner&) = delete;
  SupervisorRunner& operator=(const SupervisorRunner&) = delete;

  void take(const ClusterView& view) { step(view); }
  void command(const Command& command) { step(command); }
  void stop();
  [[nodiscard]] const Supervisor& supervisor() const { return supervisor_; }
  // The outcome of each action before the supervisor hears of it, for whoever wants to watch.
  std::function<void(const Action&, const Outcome&)> on_outcome;

 private:
  void step(const Event& event);
  void dispatch(const Action& action);
  void write(const Action& action);
  void run_hook(const Action& action);
  void await_deadline();
  void tell();

  SupervisedParts parts_;
  std::vector<std::string> names_;
  Supervisor supervisor_;
  EpochRecord record_;  // what was written last, or is being written
  std::unique_ptr<ActionDispatcher> dispatcher_;
  boost::asio::steady_timer deadline_;
  Supervisor::Phase phase_told_ = Supervisor::Phase::starting;
  std::uint64_t told_ = 0;
  std::uint64_t ends_told_ = 0;
  bool stopped_ = false;
};

}  // namespace sluice::failover
