// Keeps the leader of one cluster by a record: what the monitor sees goes to the supervisor (failover/supervisor.hpp),
// what that decides is done, and the router and the operators are told.
//
// Flow: `Supervision s(parts, record)`; `observe()` for each probe that has ended, `on_state()` for each judgement. The
// first leader that is seen without a record is put on record. Everything on the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/config.hpp"
#include "failover/monitor/monitor.hpp"
#include "failover/view_keeper.hpp"
#include "failover/workflows/supervisor_runner.hpp"
#include "proxy/report.hpp"

namespace sluice::admin {

// What must outlive it.
struct SupervisionParts {
  boost::asio::io_context& io;
  const ClusterSettings& cluster;
  const FailoverSettings& failover;
  failover::DispatchParts dispatch;
  failover::Monitor& monitor;
  std::function<void(proxy::Event)> on_event;
  std::function<void(const failover::WorkflowEnd&)> on_end;
};

class Supervision {
 public:
  // `record` must be one that recorded_leader() understands.
  Supervision(SupervisionParts parts, const std::optional<failover::EpochRecord>& record);
  ~Supervision();
  Supervision(const Supervision&) = delete;
  Supervision& operator=(const Supervision&) = delete;

  void observe(std::size_t server, const failover::ServerObservation& seen, failover::TimePoint asked);
  void on_state(const failover::ClusterState& state);
  // Empty: it is taken; on_end tells of what has an end. Else why it is not.
  [[nodiscard]] std::string order(const failover::Command& command);
  // The leader is being changed.
  [[nodiscard]] bool changing() const;
  [[nodiscard]] bool in_maintenance(std::size_t server) const { return supervisor().in_maintenance(server); }
  [[nodiscard]] const failover::Supervisor& supervisor() const { return runner_->supervisor(); }

 private:
  void on_phase(failover::Supervisor::Phase phase);
  void tell(const failover::HistoryEntry& entry);
  void look_closer();
  void set_aside();

  SupervisionParts parts_;
  failover::ViewKeeper keeper_;
  std::shared_ptr<failover::SupervisorRunner> runner_;
  bool paused_ = false;  // the monitor
};

}  // namespace sluice::admin
