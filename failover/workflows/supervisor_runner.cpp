#include "failover/workflows/supervisor_runner.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace sluice::failover {
namespace {

using Clock = std::chrono::steady_clock;

RecordedLeader understood(const std::optional<EpochRecord>& record, const std::vector<std::string>& names) {
  std::string why;
  const auto found = recorded_leader(record, names, why);
  assert(found);
  return found.value_or(RecordedLeader{});
}

}  // namespace

std::optional<RecordedLeader> recorded_leader(const std::optional<EpochRecord>& record,
                                              const std::vector<std::string>& names, std::string& why) {
  if (!record) return RecordedLeader{};
  const bool deposed = record->leader.empty();
  const auto& name = deposed ? record->previous_leader : record->leader;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    why = "by the record " + name + (deposed ? " was deposed" : " leads") + ", and it is no server of the cluster";
    return std::nullopt;
  }
  RecordedLeader leader;
  leader.epoch = record->epoch;
  (deposed ? leader.deposed : leader.leader) = static_cast<std::size_t>(found - names.begin());
  return leader;
}

SupervisorRunner::SupervisorRunner(boost::asio::io_context& io, SupervisedParts parts, SupervisorOptions options,
                                   const std::optional<EpochRecord>& record)
    : parts_(std::move(parts)),
      names_(options.names),
      supervisor_(std::move(options), understood(record, names_)),
      record_(record.value_or(EpochRecord{})),
      deadline_(io) {
  record_.cluster = parts_.cluster;
  record_.change.reset();
  dispatcher_ =
      std::make_unique<ActionDispatcher>(io, parts_.dispatch, [this](const Action& action, const Outcome& outcome) {
        if (on_outcome) on_outcome(action, outcome);
        step(outcome);
      });
}

// NOLINTNEXTLINE(bugprone-exception-escape): cancelling a timer does not throw with epoll
SupervisorRunner::~SupervisorRunner() { stop(); }

void SupervisorRunner::stop() {
  stopped_ = true;
  deadline_.cancel();
}

void SupervisorRunner::step(const Event& event) {
  if (stopped_) return;
  const auto self = shared_from_this();  // whoever is told may let go of it
  for (const auto& action : supervisor_.step(event, Clock::now())) dispatch(action);
  await_deadline();
  tell();
}

void SupervisorRunner::dispatch(const Action& action) {
  switch (action.act) {
    case Act::record:
    case Act::depose:
      return write(action);
    case Act::run_hook:
      return run_hook(action);
    default:
      return dispatcher_->perform(action);
  }
}

void SupervisorRunner::write(const Action& action) {
  const auto& name = names_[action.server];
  record_.epoch = action.epoch;
  if (action.act == Act::depose) {
    record_.leader.clear();
    record_.previous_leader = name;
  } else {
    if (!record_.leader.empty() && record_.leader != name) record_.previous_leader = record_.leader;
    if (record_.previous_leader == name) record_.previous_leader.clear();
    record_.leader = name;
  }
  dispatcher_->write(action, record_);
}

void SupervisorRunner::run_hook(const Action& action) {
  HookCall call;
  call.cluster = parts_.cluster;
  const auto& other = action.source == action.server ? std::string() : names_[action.source];
  call.old_leader = action.after ? other : names_[action.server];
  call.new_leader = action.after ? names_[action.server] : other;
  call.epoch = supervisor_.epoch() + (action.after ? 0 : 1);
  dispatcher_->run_hook(action, std::move(call));
}

void SupervisorRunner::await_deadline() {
  const auto due = supervisor_.deadline();
  if (!due) return void(deadline_.cancel());
  deadline_.expires_at(*due);
  deadline_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self) self->step(Tick{});
  });
}

// Told one by one, each before the callback: it may ask for something, and so come here again.
void SupervisorRunner::tell() {
  const auto phase = supervisor_.phase();
  if (std::exchange(phase_told_, phase) != phase && parts_.on_phase) parts_.on_phase(phase);
  const auto& history = supervisor_.history();
  while (!stopped_ && told_ < supervisor_.told()) {
    const auto fresh = std::min<std::uint64_t>(supervisor_.told() - told_, history.size());
    told_ = supervisor_.told() - fresh + 1;
    const auto entry = history[history.size() - fresh];
    if (parts_.on_history) parts_.on_history(entry);
  }
  const auto& ends = supervisor_.ends();
  while (!stopped_ && ends_told_ < supervisor_.ends_told()) {
    const auto fresh = std::min<std::uint64_t>(supervisor_.ends_told() - ends_told_, ends.size());
    ends_told_ = supervisor_.ends_told() - fresh + 1;
    const auto end = ends[ends.size() - fresh];
    if (parts_.on_end) parts_.on_end(end);
  }
}

}  // namespace sluice::failover
