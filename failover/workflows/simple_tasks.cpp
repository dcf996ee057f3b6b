#include "failover/workflows/simple_tasks.hpp"

#include <utility>

namespace sluice::failover {

void ThawTask::begin() {
  run_statements({set_read_only(kind(), false), release_global_lock()}, "it could not be made writable", [this] {
    place().hold = {};
    ask_facts([this](const ServerFacts& facts) {
      if (facts.read_only) return fail("it is read-only although it was told not to be");
      succeed(facts);
    });
  });
}

void ReadStateTask::begin() {
  ask_facts([this](const ServerFacts& facts) { succeed(facts); });
}

AwaitPositionTask::AwaitPositionTask(TaskPlace place, std::string position)
    : ServerTask(std::move(place)), position_(std::move(position)) {}

void AwaitPositionTask::begin() {
  ask(await_position_query(kind(), position_, left()), "it could not wait for " + position_,
      [this](const Tables& tables) {
        const auto why_not = why_not_reached(kind(), tables);
        if (!why_not.empty()) return fail(why_not + ": " + position_ + " is awaited");
        ask_facts([this](const ServerFacts& facts) { succeed(facts); });
      });
}

void BeginLogFileTask::begin() {
  run_statements({begin_log_file()}, "it could not begin a file of its binary log", [this] { succeed({}); });
}

}  // namespace sluice::failover
