#include "failover/monitor/monitor.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "failover/freshness.hpp"
#include "failover/monitor/server_probe.hpp"

namespace sluice::failover {

class Monitor::Impl {
 public:
  Impl(boost::asio::io_context& io, MonitorOptions options, OnState on_state)
      : on_state_(std::move(on_state)),
        on_fresh_(options.on_fresh),
        judge_(options.judge),
        observations_(options.servers.size()),
        seen_(options.servers.size(), false) {
    state_.cluster = options.cluster;
    state_.reason = "the servers are being asked for the first time";
    for (std::size_t i = 0; i < options.servers.size(); ++i) {
      names_.push_back(options.servers[i].name);
      state_.servers.emplace_back().name = names_.back();
      state_.servers.back().why = "not asked yet";
      probes_.push_back(std::make_shared<ServerProbe>(
          io, options.servers[i], options, [this, i](const ServerObservation& seen) { on_result(i, seen); }));
    }
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void start() {
    for (const auto& probe : probes_) probe->start();
  }
  void stop() {
    for (const auto& probe : probes_) probe->stop();
  }
  void probe_soon(std::size_t server) {
    if (server < probes_.size()) probes_[server]->probe_soon();
  }
  [[nodiscard]] const ClusterState& state() const { return state_; }

 private:
  void on_result(std::size_t server, const ServerObservation& seen) {
    observations_[server] = seen;
    seen_[server] = true;
    if (!std::all_of(seen_.begin(), seen_.end(), [](bool one) { return one; })) return;
    const bool first = !judged_;
    judged_ = true;
    auto next = judge(state_, names_, observations_, judge_);
    const bool changed = first || !same_to_see(state_, next);
    // A change of leadership is a change on more than one server: look at the others before their turn.
    const bool look_around = !first && next.leader != state_.leader;
    state_ = std::move(next);
    for (std::size_t i = 0; look_around && i < probes_.size(); ++i) {
      if (i != server) probes_[i]->probe_soon();
    }
    note_freshness(server, seen);
    if (changed) on_state_(state_);
  }

  void note_freshness(std::size_t server, const ServerObservation& seen) {
    if (!on_fresh_ || !seen.reachable) return;
    if (state_.leader == server) {
      const auto now = std::chrono::steady_clock::now().time_since_epoch() - std::chrono::microseconds(seen.probe_us);
      const auto asked = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
      freshness_.note_leader(server, seen.position, static_cast<std::uint64_t>(asked));
    } else if (const auto until = freshness_.note_replica(seen.position)) {
      on_fresh_(server, *until);
    }
  }

  OnState on_state_;
  std::function<void(std::size_t, std::uint64_t)> on_fresh_;
  Freshness freshness_;
  JudgeOptions judge_;
  std::vector<std::string> names_;
  std::vector<ServerObservation> observations_;
  std::vector<bool> seen_;  // by index: has been probed once
  bool judged_ = false;
  ClusterState state_;
  std::vector<std::shared_ptr<ServerProbe>> probes_;
};

Monitor::Monitor(boost::asio::io_context& io, MonitorOptions options, OnState on_state)
    : impl_(std::make_unique<Impl>(io, std::move(options), std::move(on_state))) {}
Monitor::~Monitor() = default;

void Monitor::start() { impl_->start(); }
void Monitor::stop() { impl_->stop(); }
void Monitor::probe_soon(std::size_t server) { impl_->probe_soon(server); }
const ClusterState& Monitor::state() const { return impl_->state(); }

}  // namespace sluice::failover
