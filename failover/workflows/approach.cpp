#include "failover/workflows/approach.hpp"

#include <algorithm>
#include <utility>

namespace sluice::failover {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

milliseconds near_after(milliseconds passed, const ApproachParts& parts) {
  const auto most = std::max(parts.near, parts.enough);
  if (passed >= parts.bound) return most;
  const double share = static_cast<double>(passed.count()) / static_cast<double>(parts.bound.count());
  return parts.near + milliseconds(static_cast<std::int64_t>(share * share * double((most - parts.near).count())));
}

void Approach::start(Done done) {
  done_ = std::move(done);
  begun_ = Clock::now();
  begin_log_file();
}

// One that can't does not become the leader.
void Approach::begin_log_file() {
  parts_.candidate->begin_log_file(parts_.answer_max, [self = shared_from_this()](const Outcome& outcome) {
    outcome.ok ? self->ask_leader() : self->end(outcome.error);
  });
}

void Approach::ask_leader() {
  Action ask;
  ask.act = Act::read_state;
  ask.budget = parts_.answer_max;
  asked_ = Clock::now();
  parts_.leader->perform(ask, [self = shared_from_this()](const Outcome& outcome) {
    outcome.ok ? self->await(outcome.position) : self->end("that one: " + outcome.error);
  });
}

// What takes longer than `enough` at the end is too far behind, whatever it may have been before.
void Approach::await(const std::string& position) {
  const auto left = std::chrono::duration_cast<milliseconds>(begun_ + parts_.bound - Clock::now());
  Action wait;
  wait.act = Act::await_position;
  wait.position = position;
  wait.budget = std::max({left, parts_.enough, milliseconds(1)});
  parts_.candidate->perform(wait, [self = shared_from_this()](const Outcome& outcome) {
    outcome.ok ? self->on_reached() : self->end(outcome.error);
  });
}

void Approach::on_reached() {
  const auto now = Clock::now();
  const auto passed = std::chrono::duration_cast<milliseconds>(now - begun_);
  const auto behind = std::chrono::duration_cast<milliseconds>(now - asked_);
  if (behind <= near_after(passed, parts_)) return end({});
  if (passed < parts_.bound) return ask_leader();
  end("it stays " + std::to_string(behind.count()) + " ms behind");
}

void Approach::end(const std::string& error) { std::exchange(done_, nullptr)(error); }

}  // namespace sluice::failover
