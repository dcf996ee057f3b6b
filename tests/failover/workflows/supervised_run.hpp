// A supervised cluster of real servers: monitor, supervisor, actors and record as in sluice itself, with clients that
// write through a gate of the test.
//
// Flow: `SupervisedRun run(cluster); run.adopt(0); run.clients().start(4);` then break something, and
// `run.await_leader(1)`. `restart()`: as if sluice had ended and was started again.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "failover/monitor/monitor.hpp"
#include "failover/view_keeper.hpp"
#include "failover/workflows/direct_gate.hpp"
#include "failover/workflows/gate_clients.hpp"
#include "failover/workflows/supervisor_runner.hpp"
#include "failover/workflows/workflow_run.hpp"
#include "support/temp_folder.hpp"

namespace sluice::failover::testing {

class SupervisedRun {
 public:
  static constexpr std::chrono::milliseconds detection_time = test::scaled(std::chrono::milliseconds{1500});

  // A statement of the clients that takes longer than `answer_max` is given up, as an unknown outcome.
  explicit SupervisedRun(test::TestCluster& cluster, std::chrono::seconds answer_max = test::hang_limit)
      : cluster_(cluster),
        workflow_(cluster),
        gate_(io(), 0),
        records_(io(), record_path()),
        clients_(cluster, gate_, answer_max) {
    cluster.root(0).exec("CREATE TABLE app.w (id BIGINT PRIMARY KEY, server INT) ENGINE=InnoDB");
    cluster->await_replicated();
    for (std::size_t i = 0; i < cluster->size(); ++i) {
      const auto& node = cluster->node(i);
      options.names.push_back("127.0.0.1:" + std::to_string(node.port()));
    }
    options.detection_time = detection_time;
    options.limit.interval_min = std::chrono::seconds(0);
    options.failover.step_max = options.failover.apply_max = ample;
    // What a hung server lets pass.
    options.failover.fence_max = options.failover.stop_io_max = test::scaled(2s);
    options.switchover.drain_max = options.switchover.stall_max = options.switchover.step_max = ample;
    options.retry_min = 200ms;
    options.retry_max = 1000ms;
  }
  ~SupervisedRun() {
    clients_.stop();
    stop();
    relent();
  }
  SupervisedRun(const SupervisedRun&) = delete;
  SupervisedRun& operator=(const SupervisedRun&) = delete;

  // The demo's leaders acknowledge alone when no replica is there: then nobody can know what one had acknowledged that
  // is gone. Until the server is started anew.
  void insist(std::size_t server) {
    if (demo::has_semi_sync(cluster_->flavour()))
      cluster_.root(server).exec("SET GLOBAL rpl_semi_sync_master_wait_no_slave = 1");
  }
  void start_node(std::size_t server) {
    cluster_->node(server).start();
    cluster_->node(server).await_ready();
  }

  void start() {
    const auto known = read_epoch_record(record_path(), "main");
    ASSERT_EQ(known.error, "");
    SupervisedParts parts{
        .cluster = "main",
        .dispatch = {workflow_.actors(), gate_, records_, hooks_},
        .on_phase = {},
        .on_history = [this](const HistoryEntry& entry) { told_.push_back(entry.what + ": " + entry.reason); },
        .on_end =
            [this](const WorkflowEnd& end) {
              ends_.push_back(end);
              if (end.what == "rejoin") workflow_.actors()[end.server]->unlock();
            }};
    runner_ = std::make_shared<SupervisorRunner>(io(), std::move(parts), options, known.record);
    keeper_ = std::make_unique<ViewKeeper>(configured());
    MonitorOptions watched;
    watched.cluster = "main";
    for (std::size_t i = 0; i < options.names.size(); ++i)
      watched.servers.push_back({options.names[i], "127.0.0.1", cluster_->node(i).port(), ""});
    watched.user = demo::monitor_user;
    watched.password = cluster_->passwords().monitor;
    watched.interval_ms = 200;
    watched.connect_timeout_ms = watched.probe_timeout_ms = test::scaled_ms(400);
    watched.on_observation = [this](std::size_t server, const ServerObservation& seen, TimePoint asked) {
      keeper_->take(server, seen, asked);
      if (const auto view = keeper_->view(std::chrono::steady_clock::now())) runner_->take(*view);
    };
    monitor_ = std::make_unique<Monitor>(io(), std::move(watched), [](const ClusterState&) {});
    monitor_->start();
  }
  void stop() {
    if (monitor_) monitor_->stop();
    if (runner_) runner_->stop();
    for (const auto& actor : workflow_.actors()) actor->stop();
  }
  void relent() {
    for (std::size_t i = 0; demo::has_semi_sync(cluster_->flavour()) && i < cluster_->size(); ++i) {
      if (cluster_->node(i).running()) cluster_.root(i).exec("SET GLOBAL rpl_semi_sync_master_wait_no_slave = 0");
    }
  }
  void restart() {
    stop();
    monitor_.reset();
    runner_.reset();
    start();
  }

  // There is no record yet: `server` is found to lead.
  void adopt(std::size_t server) {
    insist(server);
    start();
    runner_->command({.what = Command::What::adopt, .server = server, .loss = Loss::none});
    await_leader(server);
  }
  [[nodiscard]] bool leads(std::size_t server) const {
    return supervisor().leader() == server && supervisor().released() &&
           supervisor().phase() == Supervisor::Phase::idle;
  }
  void await_leader(std::size_t server) {
    await(options.names[server] + " leads", [&] { return leads(server); });
    await_known(server);
  }
  // What a leader does for its replicas' acknowledgements counts from the first probe on that is sent while it leads.
  void await_known(std::size_t leader) {
    const auto from = std::chrono::steady_clock::now();
    await("it is asked again", [&] { return view() && view()->servers[leader].seen > from; });
  }
  // Nothing is left to be done: one leads, and everyone else follows it, or is left out because it has what the leader
  // lacks. That can be what a leader wrote to its log and nobody acknowledged.
  void await_whole(std::size_t leader) {
    await("all follow " + options.names[leader], [&] {
      const auto now = view();
      if (!leads(leader) || !now) return false;
      for (std::size_t i = 0; i < options.names.size(); ++i) {
        const auto& seen = now->servers[i];
        if (seen.witness.probe != Probe::answered || supervisor().fenced(i)) return false;
        if (i == leader || (!supervisor().left_out(i).empty() && !seen.writable)) continue;
        const auto& channels = seen.witness.channels;
        const bool follows = channels.size() == 1 && channels[0].source == leader &&
                             channels[0].io == IoThread::connected && channels[0].sql_running;
        if (seen.writable || !follows) return false;
      }
      return true;
    });
  }
  void await(const std::string& what, const std::function<bool()>& reached) {
    workflow_.run_until(what, reached);
    if (!reached()) ADD_FAILURE() << told_text() << standings();
  }

  [[nodiscard]] std::set<std::uint64_t> rows(std::size_t server) { return cluster_.ids(server, "w"); }
  [[nodiscard]] std::string checksum(std::size_t server) { return cluster_.checksum(server, "w"); }
  [[nodiscard]] std::filesystem::path record_path() const { return epoch_record_path(folder_.path(), "main"); }
  [[nodiscard]] const std::vector<std::string>& told() const { return told_; }
  [[nodiscard]] std::string told_text() const {
    std::string text;
    for (const auto& line : told_) text += "\n  " + line;
    for (const auto& end : ends_) {
      text += "\n  " + end.what + " " + end.outcome;
      for (const auto& step : end.steps)
        text += "\n    " + step.what + ": " + (step.ok ? "ok" : step.error) + ", " + std::to_string(step.took.count()) +
                " us";
    }
    return text;
  }
  // How each server stands, as the supervisor sees it.
  [[nodiscard]] std::string standings() const {
    const auto seen = view();
    std::string text = "\n  " + std::string(to_string(supervisor().phase())) + ", leader " +
                       std::to_string(supervisor().leader().value_or(99)) + (supervisor().released() ? "" : ", held");
    for (std::size_t i = 0; seen && i < options.names.size(); ++i) {
      const auto& one = seen->servers[i];
      text += "\n  " + options.names[i] + ": probe " + std::to_string(static_cast<int>(one.witness.probe)) +
              (one.writable ? ", writable" : "") + (supervisor().fenced(i) ? ", fenced" : "") +
              (supervisor().left_out(i).empty() ? "" : ", left out: " + supervisor().left_out(i));
      for (const auto& channel : one.witness.channels)
        text += "; from " + options.names[channel.source] + " io " + std::to_string(static_cast<int>(channel.io)) +
                (channel.sql_running ? "" : ", sql stopped");
    }
    return text;
  }
  [[nodiscard]] const std::vector<WorkflowEnd>& ends() const { return ends_; }
  [[nodiscard]] std::optional<ClusterView> view() const { return keeper_->view(std::chrono::steady_clock::now()); }
  [[nodiscard]] const Supervisor& supervisor() const { return runner_->supervisor(); }
  SupervisorRunner& runner() { return *runner_; }
  GateClients& clients() { return clients_; }
  DirectGate& gate() { return gate_; }
  WorkflowRun& workflow() { return workflow_; }
  boost::asio::io_context& io() { return workflow_.io(); }

  SupervisorOptions options;  // before start()

 private:
  [[nodiscard]] std::vector<ConfiguredServer> configured() const {
    std::vector<ConfiguredServer> servers;
    for (const auto& name : options.names) servers.push_back({.name = name, .ignored = false, .preference = 0});
    return servers;
  }

  test::TestCluster& cluster_;
  WorkflowRun workflow_;
  test::TempFolder folder_{"record"};
  DirectGate gate_;
  RecordWriter records_;
  HookRunner hooks_{io()};
  GateClients clients_;
  std::vector<std::string> told_;
  std::vector<WorkflowEnd> ends_;
  std::unique_ptr<ViewKeeper> keeper_;
  std::shared_ptr<SupervisorRunner> runner_;
  std::unique_ptr<Monitor> monitor_;
};

}  // namespace sluice::failover::testing
