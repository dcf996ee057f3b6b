// failover/failover.hpp against testdata/failover.txt: each case is what is known when a leader is lost, and what
// happens, one event per line that begins with ">"; below it everything that the workflow said to it. The notation is
// told at the top of the file.
//
// SLUICE_REWRITE_TESTDATA=1 in the environment writes the file anew from what the workflow says; then read the
// difference. The servers' side, with every step failing in turn, is in failover_faults_test.cpp.
#include "failover/failover.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <sstream>
#include <stdexcept>

#include "failover/election_notation.hpp"
#include "failover/golden_file.hpp"
#include "failover/notation_words.hpp"

namespace sluice::failover {
namespace {

using std::chrono::milliseconds;
using testing::shortened;
using testing::spelled;
using testing::value_of;

FailoverPlan parse_plan(const std::vector<std::string>& lines) {
  FailoverPlan plan;
  plan.epoch = 8;
  std::istringstream words(lines.at(0));
  std::string known;
  for (std::string word; words >> word;) {
    const auto value = value_of(word);
    if (word.starts_with("before="))
      plan.hook_before = value;
    else if (word.starts_with("after="))
      plan.hook_after = value;
    else if (word.starts_with("first_id="))
      plan.first_id = std::stoull(value);
    else if (word.starts_with("acks_until="))
      plan.acks_until = TimePoint{} + milliseconds(std::stoi(value));
    else if (word == "no_way_back")
      plan.reinstate = Reinstate::never;
    else if (word == "preferred")
      plan.reinstate = Reinstate::preferred;
    else if (word == "only_lost")
      plan.reinstate = Reinstate::only;
    else
      known += word + " ";
  }
  auto rest = lines;
  rest[0] = known;
  plan.known = testing::parse_election(rest);
  return plan;
}

class Trace {
 public:
  explicit Trace(const std::vector<std::string>& lines) : plan_(parse_plan(lines)), failover_(plan_) {
    for (const auto& server : plan_.known.servers) names_.push_back(server.name);
  }

  std::string event(const std::string& line) {
    const bool was_over = failover_.state() != Failover::State::running;
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    if (verb.starts_with("+")) {
      now_ += milliseconds(std::stoi(verb.substr(1)));
      words >> verb;
    }
    std::string text;
    for (const auto& action : react(verb, words)) text += describe_asked(action);
    if (text.empty()) text = "  nothing\n";
    if (failover_.state() != Failover::State::running && !was_over) text += ending();
    return shortened(text);
  }

 private:
  [[nodiscard]] std::string describe_asked(const Action& action) const {
    std::string text = "  #" + std::to_string(action.id) + " " + describe(action, names_);
    if (!action.position.empty()) text += " at " + action.position;
    return text + ", within " + std::to_string(action.budget.count()) + " ms\n";
  }

  Actions react(const std::string& verb, std::istringstream& words) {
    if (verb == "start") return failover_.start(now_);
    if (verb == "overdue") {
      if (!failover_.deadline()) throw std::invalid_argument("nothing is awaited");
      now_ = *failover_.deadline();
      return failover_.on_deadline(now_);
    }
    const bool ok = verb == "ok";
    if (!ok && verb != "fail") throw std::invalid_argument("no event: " + verb);
    Actions all;
    if (!ok) {
      Outcome outcome;
      words >> outcome.id >> std::ws;
      std::getline(words, outcome.error);
      return failover_.on(outcome, now_);
    }
    std::string ids;
    words >> ids;
    std::string executed;
    std::string relay;
    bool writable = false;
    for (std::string word; words >> word;) {
      writable = writable || word == "writable";
      if (word != "writable") (word.starts_with("relay=") ? relay : executed) = word;
    }
    std::istringstream list(ids);
    for (std::string id; std::getline(list, id, ',');) {
      Outcome outcome;
      outcome.id = std::stoull(id);
      outcome.ok = true;
      outcome.writable = writable;
      outcome.position = outcome.executed = spelled(executed);
      outcome.received = relay.empty() ? outcome.executed : spelled(relay.substr(6));
      const auto more = failover_.on(outcome, now_);
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }

  std::string list(const char* what, const std::vector<std::size_t>& servers) {
    std::string text;
    for (const auto server : servers) text += " " + names_[server];
    return text.empty() ? text : std::string("  ") + what + ":" + text + "\n";
  }

  std::string ending() {
    std::string text = std::string(to_string(failover_.state())) + ": " + failover_.reason() + "\n";
    text += list("may still take writes", failover_.unfrozen()) + list("to be rejoined", failover_.strays());
    for (const auto& step : failover_.steps()) {
      text += "  " + std::to_string(step.took.count() / 1000) + " ms  " + step.what;
      text += step.ok ? "\n" : "  FAILED: " + step.error + "\n";
    }
    if (failover_.deadline()) text += "  but an answer is awaited\n";
    return text;
  }

  FailoverPlan plan_;
  Failover failover_;
  std::vector<std::string> names_;
  TimePoint now_{};
};

// The file with everything that the workflow said replaced by what it says now.
std::string replay(std::istream& in) {
  std::string out;
  std::optional<Trace> trace;
  std::vector<std::string> known;
  for (std::string line; std::getline(in, line);) {
    const bool given = line.starts_with("| ");
    const bool event = line.starts_with("> ");
    if (given) known.push_back(line.substr(2));
    if (given || event || line.empty() || line.starts_with("case ") || line.starts_with("#")) out += line + "\n";
    if (!event) continue;
    if (!known.empty()) trace.emplace(known);
    known.clear();
    out += trace.value().event(line.substr(2));
  }
  return out;
}

TEST(Failover, MatchesTheGoldenFile) { match_golden_file("failover.txt", replay); }

}  // namespace
}  // namespace sluice::failover
