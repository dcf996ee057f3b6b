// failover/switchover.hpp against testdata/switchover.txt: each case is a plan and what happens, one event per line
// that begins with ">", and below it everything that the workflow said to it. The notation is told at the top of the
// file.
//
// SLUICE_REWRITE_TESTDATA=1 in the environment writes the file anew from what the workflow says; then read the
// difference. The servers' side, with every step failing in turn, is in switchover_faults_test.cpp.
#include "failover/switchover.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <sstream>
#include <stdexcept>

#include "failover/golden_file.hpp"
#include "failover/notation_words.hpp"

namespace sluice::failover {
namespace {

using std::chrono::milliseconds;

const TimePoint begin{};

SwitchoverPlan parse_plan(std::istringstream words) {
  SwitchoverPlan plan;
  plan.names = {"db1", "db2", "db3"};
  plan.candidate = 1;
  plan.others = {2};
  plan.epoch = 8;
  for (std::string word; words >> word;) {
    const auto value = testing::value_of(word);
    if (word.starts_with("before=")) plan.hook_before = value;
    if (word.starts_with("after=")) plan.hook_after = value;
    if (word.starts_with("drain=")) plan.drain_max = milliseconds(std::stoi(value));
    if (word.starts_with("stall=")) plan.stall_max = milliseconds(std::stoi(value));
    if (word.starts_with("first_id=")) plan.first_id = std::stoull(value);
    if (word == "alone") plan.others.clear();
  }
  return plan;
}

std::string describe(const Action& action, const SwitchoverPlan& plan) {
  std::string text = "  #" + std::to_string(action.id) + " " + std::string(to_string(action.act));
  text += " " + plan.names[action.server];
  if (action.act == Act::follow) text += " -> " + plan.names[action.source];
  if (!action.position.empty()) text += " at " + action.position;
  if (action.epoch != 0) text += " epoch " + std::to_string(action.epoch);
  if (!action.hook.empty()) text += " " + action.hook;
  return text + ", within " + std::to_string(action.budget.count()) + " ms\n";
}

class Trace {
 public:
  explicit Trace(const std::string& plan) : plan_(parse_plan(std::istringstream(plan))), switchover_(plan_) {}

  std::string event(const std::string& line) {
    const bool was_over = switchover_.state() != Switchover::State::running;
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb.starts_with("+")) {
      now_ += milliseconds(std::stoi(verb.substr(1)));
      words >> verb;
    }
    std::string text;
    for (const auto& action : react(verb, words)) text += describe(action, plan_);
    if (text.empty()) text = "  nothing\n";
    if (switchover_.state() != Switchover::State::running && !was_over) text += ending();
    return text;
  }

 private:
  Actions react(const std::string& verb, std::istringstream& words) {
    if (verb == "start") return switchover_.start(now_);
    if (verb == "look") return switchover_.on_deadline(now_);
    if (verb == "overdue") {
      if (!switchover_.deadline()) throw std::invalid_argument("nothing is awaited");
      now_ = *switchover_.deadline();
      return switchover_.on_deadline(now_);
    }
    Outcome outcome;
    outcome.ok = verb == "ok";
    if (!outcome.ok && verb != "fail") throw std::invalid_argument("no event: " + verb);
    words >> outcome.id >> std::ws;
    std::getline(words, outcome.ok ? outcome.position : outcome.error);
    return switchover_.on(outcome, now_);
  }

  std::string ending() {
    std::string text = std::string(to_string(switchover_.state())) + ": " + switchover_.reason() + "\n";
    for (const auto& step : switchover_.steps()) {
      text += "  " + std::to_string(step.took.count() / 1000) + " ms  " + step.what;
      text += step.ok ? "\n" : "  FAILED: " + step.error + "\n";
    }
    if (switchover_.deadline()) text += "  but an answer is awaited\n";
    return text;
  }

  SwitchoverPlan plan_;
  Switchover switchover_;
  TimePoint now_ = begin;
};

// The file with everything that the workflow said replaced by what it says now.
std::string replay(std::istream& in) {
  std::string out;
  std::optional<Trace> trace;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("plan")) trace.emplace(line.substr(4));
    const bool kept = line.empty() || line.starts_with("case ") || line.starts_with("#") || line.starts_with("plan") ||
                      line.starts_with("> ");
    if (kept) out += line + "\n";
    if (line.starts_with("> ")) out += trace.value().event(line.substr(2));
  }
  return out;
}

TEST(Switchover, MatchesTheGoldenFile) { match_golden_file("switchover.txt", replay); }

// The candidate tells what it has executed when it has caught up: more than the leader was frozen with is its own.
TEST(Switchover, ACandidateThatHasWrittenSinceTheChecksIsNotPromoted) {
  const auto ask_after_catching_up = [](const std::string& candidates) {
    Switchover switchover(parse_plan(std::istringstream("alone")));
    Outcome outcome;
    outcome.ok = true;
    outcome.position = outcome.executed = "0-1-100";
    for (outcome.id = switchover.start(begin).at(0).id; outcome.id < 3;)
      outcome.id = switchover.on(outcome, begin).at(0).id;
    outcome.executed = candidates;
    return switchover.on(outcome, begin).at(0).act;
  };
  EXPECT_EQ(ask_after_catching_up("0-1-100"), Act::record);
  EXPECT_EQ(ask_after_catching_up(""), Act::record);  // not told: its position has to do
  EXPECT_EQ(ask_after_catching_up("0-1-100,0-2-101"), Act::thaw);
}

}  // namespace
}  // namespace sluice::failover
