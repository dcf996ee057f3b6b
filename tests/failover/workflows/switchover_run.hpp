// A whole switchover on a cluster of real servers, with clients that write through a gate of the test.
//
// Flow: `SwitchoverRun run(cluster); auto end = run.switch_over(plan);` … `run.stop_clients()`.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "failover/workflows/direct_gate.hpp"
#include "failover/workflows/gate_clients.hpp"
#include "failover/workflows/switchover_runner.hpp"
#include "failover/workflows/workflow_run.hpp"
#include "support/temp_folder.hpp"

namespace sluice::failover::testing {

struct SwitchoverEnd {
  Switchover::State state = Switchover::State::running;
  std::string reason;
  std::vector<Switchover::Step> steps;

  [[nodiscard]] std::string text() const {
    std::string all = reason;
    for (const auto& step : steps)
      all +=
          "\n  " + step.what + ": " + (step.ok ? "ok" : step.error) + ", " + std::to_string(step.took.count()) + " us";
    return all;
  }
};

class SwitchoverRun {
 public:
  using Watch = std::function<void(const Action&, const Outcome&)>;

  explicit SwitchoverRun(test::TestCluster& cluster) : cluster_(cluster), workflow_(cluster), gate_(io(), 0) {
    cluster.root(0).exec("CREATE TABLE app.w (id BIGINT PRIMARY KEY, server INT) ENGINE=InnoDB");
    cluster->await_replicated();
  }
  ~SwitchoverRun() { stop_clients(); }
  SwitchoverRun(const SwitchoverRun&) = delete;
  SwitchoverRun& operator=(const SwitchoverRun&) = delete;

  [[nodiscard]] SwitchoverPlan plan(std::size_t leader, std::size_t candidate, std::uint64_t epoch) const {
    SwitchoverPlan plan;
    for (std::size_t i = 0; i < cluster_->size(); ++i) {
      plan.names.push_back(cluster_->node(i).name());
      if (i != leader && i != candidate) plan.others.push_back(i);
    }
    plan.leader = leader;
    plan.candidate = candidate;
    plan.epoch = epoch;
    plan.drain_max = plan.stall_max = plan.step_max = plan.hook_max = ample;
    return plan;
  }

  // `shorten`: is shown each action before it is handed out, and may give it a budget that passes.
  SwitchoverEnd switch_over(const SwitchoverPlan& plan, const Watch& watch = {},
                            const std::function<void(Action&)>& shorten = {}) {
    std::optional<SwitchoverEnd> end;
    const SwitchoverParts parts{"main", "", workflow_.actors(), gate_, records_, hooks_};
    const auto runner = std::make_shared<SwitchoverRunner>(io(), parts, plan);
    runner->on_outcome = watch;
    runner->on_action = shorten;
    runner->start([&](auto state, const auto& reason, const auto& steps) { end = {state, reason, steps}; });
    workflow_.run_until("the end of the switchover", [&] { return end.has_value(); });
    return end.value_or(SwitchoverEnd{});
  }

  void start_clients(unsigned count) { clients_.start(count); }
  void stop_clients() { clients_.stop(); }
  void await_writes(std::size_t more) { clients_.await_writes(more); }
  [[nodiscard]] std::set<std::uint64_t> wrote() { return clients_.wrote(); }
  [[nodiscard]] std::vector<std::string> client_errors() { return clients_.errors(); }

  [[nodiscard]] std::set<std::uint64_t> rows(std::size_t server) { return cluster_.ids(server, "w"); }
  [[nodiscard]] std::string checksum(std::size_t server) { return cluster_.checksum(server, "w"); }
  [[nodiscard]] EpochRecordRead record() const { return read_epoch_record(record_path(), "main"); }
  [[nodiscard]] std::filesystem::path record_path() const { return epoch_record_path(folder_.path(), "main"); }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }

  boost::asio::io_context& io() { return workflow_.io(); }
  DirectGate& gate() { return gate_; }
  WorkflowRun& workflow() { return workflow_; }

 private:
  test::TestCluster& cluster_;
  WorkflowRun workflow_;
  test::TempFolder folder_{"record"};
  DirectGate gate_;
  RecordWriter records_{io(), record_path()};
  HookRunner hooks_{io()};
  GateClients clients_{cluster_, gate_};
};

}  // namespace sluice::failover::testing
