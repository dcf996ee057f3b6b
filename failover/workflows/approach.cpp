#include "failover/workflows/approach.hpp"

#include <algorithm>
#include <utility>

namespace sluice::failover {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

void Approach::start(Done done) {
  done_ = std::move(done);
  deadline_ = Clock::now() + parts_.bound;
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
  const auto left = std::chrono::duration_cast<milliseconds>(deadline_ - Clock::now());
  Action wait;
  wait.act = Act::await_position;
  wait.position = position;
  wait.budget = std::max({left, parts_.enough, milliseconds(1)});
  parts_.candidate->perform(wait, [self = shared_from_this()](const Outcome& outcome) {
    outcome.ok ? self->on_reached() : self->end(outcome.error);
  });
}

void Approach::on_reached() {
  const auto behind = std::chrono::duration_cast<milliseconds>(Clock::now() - asked_);
  if (behind <= parts_.near) return end({});
  if (Clock::now() < deadline_) return ask_leader();
  end(behind <= parts_.enough ? std::string() : "it stays " + std::to_string(behind.count()) + " ms behind");
}

void Approach::end(const std::string& error) { std::exchange(done_, nullptr)(error); }

}  // namespace sluice::failover
