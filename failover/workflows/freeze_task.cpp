#include "failover/workflows/freeze_task.hpp"

#include <algorithm>
#include <utility>

namespace sluice::failover {
namespace {

constexpr std::chrono::milliseconds patience_max{500};
// Between two looks at who keeps the lock waiting.
constexpr std::chrono::milliseconds look_again_after{50};

}  // namespace

FreezeTask::FreezeTask(TaskPlace place, Login login) : ServerTask(std::move(place)), login_(std::move(login)) {}

void FreezeTask::begin() {
  place().hold.frozen_at.clear();
  if (place().hold.locked) return on_locked();
  ask(take_global_lock(), "the lock waits for what runs there (a long statement, ALTER TABLE, LOCK TABLES)",
      [this](const Tables&) {
        place().hold.locked = true;
        on_stop();
        on_locked();
      });
  after(std::min(left() / 3, patience_max), [this] { help(); });
}

// Only while the lock is waited for: once it is there, or the task is over, the helper is closed.
void FreezeTask::help() {
  if (place().hold.locked) return;
  helper_ = std::make_shared<ServerSession>(place().io, login_);
  helper_->open(place().deadline, guarded([this](const std::string& error) {
                  if (error.empty()) end_running();
                }));
}

void FreezeTask::end_running() {
  if (place().hold.locked) return;
  ender_ = std::make_shared<ConnectionEnder>(place().io, helper_);
  ender_->end_all(list_writers(place().session->id()), place().deadline, guarded([this](const std::string& error) {
                    if (error.empty()) after(look_again_after, [this] { end_running(); });
                  }));
}

void FreezeTask::on_stop() {
  if (ender_) ender_->stop();
  if (helper_) helper_->close();
}

void FreezeTask::on_locked() {
  ask(set_read_only(kind(), true), "read_only", [this](const Tables&) { end_writers(); });
}

void FreezeTask::end_writers() {
  ender_ = std::make_shared<ConnectionEnder>(place().io, place().session);
  ender_->end_all(list_writers(place().session->id()), place().deadline, guarded([this](const std::string& error) {
                    if (!error.empty()) return fail("its open transactions could not be ended: " + error);
                    tell_position();
                  }));
}

void FreezeTask::tell_position() {
  ask_facts([this](const ServerFacts& facts) {
    if (!facts.read_only) return fail("it is not read-only although it was told to be");
    place().hold.frozen_at = facts.position;
    place().hold.frozen_executed = facts.executed;
    succeed(facts);
  });
}

}  // namespace sluice::failover
