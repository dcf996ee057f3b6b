// Ends a change of leader that was under way when sluice ended last time: failover/unfinished_change.hpp decides, this
// does it, and tries again when the cluster has changed or a step has failed.
//
// Flow: `on_state()` with each state of the cluster, until `over()`. Then `epoch()` holds. Everything on the control
// thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/change.hpp"
#include "failover/topology.hpp"
#include "failover/unfinished_change.hpp"
#include "failover/workflows/epoch_record_file.hpp"
#include "failover/workflows/server_actor.hpp"

namespace sluice::admin {

struct ChangeRecoveryParts {
  boost::asio::io_context& io;
  const std::vector<std::shared_ptr<failover::ServerActor>>& actors;
  failover::RecordWriter& records;
  std::function<const failover::ClusterState&()> state;
  std::function<void(const std::string& reason)> on_waiting;  // when it is another reason than before
  std::function<void(const ChangeReport& report)> on_over;    // once
  std::chrono::milliseconds step_max{5000};
};

class ChangeRecovery {
 public:
  // `record.change` must be set.
  ChangeRecovery(ChangeRecoveryParts parts, failover::EpochRecord record);

  void on_state();
  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] bool acting() const { return acting_; }
  [[nodiscard]] const failover::EpochRecord& record() const { return record_; }

 private:
  using Then = std::function<void()>;

  void begin(failover::Settlement settlement);
  void write(Then then);
  void thaw();
  void follow_next();
  void end();
  void fail(const std::string& reason);
  void wait(const std::string& reason);
  [[nodiscard]] failover::Action make(failover::Act act, std::size_t server) const;
  [[nodiscard]] const std::string& name(std::size_t server) const { return parts_.state().servers[server].name; }
  void note(std::string what, bool ok, std::string error);

  ChangeRecoveryParts parts_;
  failover::EpochRecord record_;
  boost::asio::steady_timer retry_;
  failover::Settlement settlement_;
  std::string told_;
  ChangeReport report_;
  std::chrono::steady_clock::time_point step_began_;
  bool acting_ = false;
  bool over_ = false;
};

}  // namespace sluice::admin
