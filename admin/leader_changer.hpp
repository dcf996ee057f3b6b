// Changes the leader of one cluster when an operator asks for it: checks whether it may be done, carries it out, and
// remembers what came of it.
//
// Flow: `LeaderChanger changer(parts, record)`; `changer.carry_out(order, done)`.
// Everything on the control thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "admin/change.hpp"
#include "admin/change_history.hpp"
#include "admin/change_recovery.hpp"
#include "admin/config.hpp"
#include "admin/proxy_gate.hpp"
#include "admin/supervision.hpp"
#include "failover/monitor/monitor.hpp"
#include "failover/workflows/switchover_runner.hpp"
#include "protocol/result.hpp"
#include "proxy/proxy.hpp"

namespace sluice::admin {

// What must outlive the changer.
struct LeaderChangerParts {
  boost::asio::io_context& io;
  const Config& config;
  std::uint32_t cluster = 0;  // index in the configuration
  proxy::Proxy& proxy;
  failover::Monitor& monitor;
  std::function<void(proxy::Event)> on_event;
  ChangeHistory& history;
  std::function<void()> on_over;  // after each change, when its report has been handed on
  std::function<std::uint64_t()> unix_ms;
};

class LeaderChanger {
 public:
  LeaderChanger(LeaderChangerParts parts, std::optional<failover::EpochRecord> record);

  // `done` comes once, not from inside. One order at a time.
  void carry_out(const Order& order, ChangeDone done);
  // The monitor has seen something new.
  void on_state();
  // A probe has ended.
  void observe(std::size_t server, const failover::ServerObservation& seen, failover::TimePoint asked);
  // An operator has said so: it does not take over, and gets no reads.
  [[nodiscard]] bool in_maintenance(std::size_t server) const;
  [[nodiscard]] bool busy() const {
    return busy_ || (recovery_ && recovery_->acting()) || (supervision_ && supervision_->changing());
  }

 private:
  using Clock = std::chrono::steady_clock;

  // What an order needs until it is answered.
  struct UnderWay {
    bool dry_run = false;
    std::size_t leader = 0;
    std::size_t candidate = 0;
    std::string wanted;                         // the server that is to lead; empty: the best
    std::size_t unchecked = 0;                  // servers that have not answered yet
    std::vector<failover::ServerCheck> checks;  // by server
    std::vector<failover::Step> prepared;       // what was done before the workflow
    ChangeDone done;
  };

  void supervise(const std::optional<failover::EpochRecord>& record);
  void supervised_end(const failover::WorkflowEnd& end);
  void recover(failover::EpochRecord record);
  void recovered(ChangeReport report);
  void switch_over();
  void to_supervisor(const Order& order);
  void maintain(const Order& order);
  [[nodiscard]] std::optional<std::size_t> find_server(const std::string& name) const;
  void fail_over(const failover::Command& command);
  void told(const std::string& why_not, std::string what);
  void maintained(const std::string& why_not, const std::string& server, bool on);
  void check_servers();
  void on_checked();
  [[nodiscard]] std::vector<std::string> choose();
  void warm();
  void approach();
  void prepared(const char* what, Clock::time_point begun, const std::string& error);
  [[nodiscard]] bool is_as_before() const;
  void carry_out();
  void note_steps(const std::vector<failover::Step>& steps);
  void on_end(std::string outcome, const std::string& reason, const std::vector<failover::Step>& steps);
  void refuse(std::string why);
  void finish();
  [[nodiscard]] failover::SwitchoverPlan plan() const;
  [[nodiscard]] const ClusterSettings& settings() const { return parts_.config.clusters[parts_.cluster]; }
  [[nodiscard]] const FailoverSettings& bounds() const { return parts_.config.failover; }
  [[nodiscard]] const failover::ClusterState& state() const { return parts_.monitor.state(); }

  LeaderChangerParts parts_;
  std::uint64_t epoch_;  // that holds now
  std::string previous_leader_;
  ProxyGate gate_;
  failover::RecordWriter records_;
  failover::HookRunner hooks_;
  std::vector<std::shared_ptr<failover::ServerActor>> actors_;
  std::shared_ptr<failover::SwitchoverRunner> runner_;  // the last one
  std::unique_ptr<ChangeRecovery> recovery_;            // null: no change had been left unfinished
  std::unique_ptr<Supervision> supervision_;            // null: failover.mode is off
  std::vector<bool> maintenance_;                       // by server, without supervision

  bool busy_ = false;    // with an operator's order
  ChangeReport report_;  // of that order, or of the last one
  UnderWay under_way_;
  std::uint64_t action_ids_ = 1;
};

}  // namespace sluice::admin
