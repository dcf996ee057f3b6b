#include "failover/workflows/switchover_runner.hpp"

#include <cassert>
#include <utility>

#include "failover/monitor/utc_time.hpp"

namespace sluice::failover {
namespace {

using Clock = std::chrono::steady_clock;
using State = Switchover::State;

}  // namespace

SwitchoverRunner::SwitchoverRunner(boost::asio::io_context& io, SwitchoverParts parts, SwitchoverPlan plan)
    : io_(io), parts_(std::move(parts)), plan_(std::move(plan)), switchover_(plan_), deadline_(io) {
  assert(parts_.actors.size() == plan_.names.size());
}

// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a timer does not throw with epoll
SwitchoverRunner::~SwitchoverRunner() { stop(); }

void SwitchoverRunner::stop() {
  on_end_ = nullptr;
  deadline_.cancel();
}

void SwitchoverRunner::start(OnEnd on_end) {
  on_end_ = std::move(on_end);
  dispatcher_ =
      std::make_unique<ActionDispatcher>(io_, DispatchParts{parts_.actors, parts_.gate, parts_.records, parts_.hooks},
                                         [weak = weak_from_this()](const Action& action, const Outcome& outcome) {
                                           if (const auto self = weak.lock()) self->take(action, outcome);
                                         });
  change_ = {plan_.names[plan_.leader], plan_.names[plan_.candidate], utc_now()};
  leads_ = record_of(plan_.epoch - 1, plan_.leader);
  parts_.records.write(leads_, [weak = weak_from_this()](const std::string& error) {
    const auto self = weak.lock();
    if (!self || !self->on_end_) return;
    if (!error.empty()) return self->end(State::refused, error + "; nothing was touched");
    self->act(self->switchover_.start(Clock::now()));
  });
}

void SwitchoverRunner::act(const Actions& actions) {
  for (auto action : actions) {
    if (on_action) on_action(action);
    dispatch(action);
  }
  await_deadline();
  end_if_over();
}

void SwitchoverRunner::dispatch(const Action& action) {
  if (action.act == Act::run_hook) return run_hook(action);
  if (action.act == Act::record) return dispatcher_->write(action, record_of(action.epoch, action.server));
  if (action.act == Act::release) leads_ = record_of(action.epoch, action.server);
  dispatcher_->perform(action);
}

void SwitchoverRunner::take(const Action& action, const Outcome& outcome) {
  if (!on_end_) return;
  if (on_outcome) on_outcome(action, outcome);
  const Actions next = switchover_.on(outcome, Clock::now());
  if (on_step) on_step(switchover_.steps());
  act(next);
}

EpochRecord SwitchoverRunner::record_of(std::uint64_t epoch, std::size_t leader) const {
  const auto& previous = leader == plan_.leader ? parts_.previous_leader : plan_.names[plan_.leader];
  return {parts_.cluster, epoch, plan_.names[leader], previous, change_};
}

void SwitchoverRunner::run_hook(const Action& action) {
  HookCall call;
  call.cluster = parts_.cluster;
  // Of a change that was rolled back, who led before is who leads.
  call.old_leader = plan_.names[plan_.leader];
  call.new_leader = plan_.names[action.after ? action.server : action.source];
  call.epoch = action.after ? leads_.epoch : plan_.epoch;
  dispatcher_->run_hook(action, std::move(call));
}

void SwitchoverRunner::await_deadline() {
  const auto due = switchover_.deadline();
  if (!due) return void(deadline_.cancel());
  deadline_.expires_at(*due);
  deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self && self->on_end_) self->act(self->switchover_.on_deadline(Clock::now()));
  });
}

void SwitchoverRunner::end_if_over() {
  const auto state = switchover_.state();
  if (state == State::running || ending_ || !on_end_) return;
  ending_ = true;
  if (state == State::stuck) return end(state, switchover_.reason());
  leads_.change.reset();
  parts_.records.write(leads_, [self = shared_from_this(), state](const std::string& error) {
    if (!self->on_end_) return;
    const auto note =
        error.empty() ? std::string() : "; but it could not be recorded that the change is over: " + error;
    self->end(state, self->switchover_.reason() + note);
  });
}

void SwitchoverRunner::end(State state, const std::string& reason) {
  deadline_.cancel();
  const auto told = std::exchange(on_end_, nullptr);
  told(state, reason, switchover_.steps());
}

}  // namespace sluice::failover
