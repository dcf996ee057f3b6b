#include "failover/monitor/monitor.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "failover/freshness.hpp"
#include "failover/monitor/server_probe.hpp"

namespace sluice::failover {

class Monitor::Impl {
 public:
  using Clock = ServerProbe::Clock;

  Impl(boost::asio::io_context& io, MonitorOptions options, OnState on_state)
      : on_state_(std::move(on_state)),
        on_fresh_(options.on_fresh),
        on_observation_(options.on_observation),
        judge_(options.judge),
        observations_(options.servers.size()),
        seen_(options.servers.size(), false) {
    judge_.set_aside.resize(options.servers.size());
    state_.cluster = options.cluster;
    state_.last_leader = options.last_leader;
    state_.reason = "the servers are being asked for the first time";
    for (std::size_t i = 0; i < options.servers.size(); ++i) {
      names_.push_back(options.servers[i].name);
      state_.servers.emplace_back().name = names_.back();
      state_.servers.back().why = "not asked yet";
      probes_.push_back(std::make_shared<ServerProbe>(
          io, options.servers[i], options,
          [this, i](const ServerObservation& seen, Clock::time_point asked) { on_result(i, seen, asked); }));
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

  void pause() { paused_ = true; }
  void lead(std::size_t server, std::string reason) {
    look_from_ = Clock::now();
    state_ = with_leader(std::move(state_), server, std::move(reason));
    on_state_(state_);
  }
  void lead_none(std::string reason) {
    state_ = without_leader(std::move(state_), std::move(reason));
    on_state_(state_);
  }
  void appoint(std::optional<std::size_t> server, std::string reason) {
    judge_.recorded = true;
    judge_.leader = server;
    server ? lead(*server, std::move(reason)) : lead_none(std::move(reason));
  }
  void set_aside(std::size_t server, const std::string& why) {
    if (std::exchange(judge_.set_aside[server], why) == why) return;
    if (why.empty()) return probes_[server]->probe_soon();
    state_ = without_reads(std::move(state_), server, why);
    on_state_(state_);
  }
  void resume(std::function<void()> judged) {
    paused_ = false;
    on_judged_ = std::move(judged);
    look_from_ = Clock::now();
    std::fill(seen_.begin(), seen_.end(), false);
    for (const auto& probe : probes_) probe->probe_soon();
  }

 private:
  void on_result(std::size_t server, const ServerObservation& seen, Clock::time_point asked) {
    const bool leader_lost = state_.leader == server && observations_[server].reachable && !seen.reachable;
    observations_[server] = seen;
    if (leader_lost) look_around(server);
    if (on_observation_) on_observation_(server, seen, asked);
    // A position of before it led says nothing of what has been acknowledged by its predecessor.
    if (asked < look_from_) return;
    if (paused_) return note_freshness(server, seen);
    seen_[server] = true;
    if (!std::all_of(seen_.begin(), seen_.end(), [](bool one) { return one; })) return;
    const bool first = !judged_;
    judged_ = true;
    auto next = judge(state_, names_, observations_, judge_);
    const bool changed = first || !same_to_see(state_, next);
    // A change of leadership is a change on more than one server: look at the others before their turn.
    if (!first && next.leader != state_.leader) look_around(server);
    state_ = std::move(next);
    note_freshness(server, seen);
    if (changed) on_state_(state_);
    if (const auto judged = std::exchange(on_judged_, nullptr)) judged();
  }

  void look_around(std::size_t from) {
    for (std::size_t i = 0; i < probes_.size(); ++i) {
      if (i != from) probes_[i]->probe_soon();
    }
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
  std::function<void(std::size_t, const ServerObservation&, Clock::time_point)> on_observation_;
  Freshness freshness_;
  JudgeOptions judge_;
  std::vector<std::string> names_;
  std::vector<ServerObservation> observations_;
  std::vector<bool> seen_;  // by index: has been probed once
  bool judged_ = false;
  bool paused_ = false;
  std::function<void()> on_judged_;                         // once
  Clock::time_point look_from_ = Clock::time_point::min();  // what was asked before says nothing any more
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
void Monitor::pause() { impl_->pause(); }
void Monitor::lead(std::size_t server, std::string reason) { impl_->lead(server, std::move(reason)); }
void Monitor::lead_none(std::string reason) { impl_->lead_none(std::move(reason)); }
void Monitor::appoint(std::size_t server, std::string reason) { impl_->appoint(server, std::move(reason)); }
void Monitor::appoint_none(std::string reason) { impl_->appoint(std::nullopt, std::move(reason)); }
void Monitor::set_aside(std::size_t server, const std::string& why) { impl_->set_aside(server, why); }
void Monitor::resume(std::function<void()> judged) { impl_->resume(std::move(judged)); }

}  // namespace sluice::failover
