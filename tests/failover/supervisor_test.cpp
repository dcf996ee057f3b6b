// failover/supervisor.hpp against testdata/supervisor.txt: each case is a record and what happens, one event per line
// that begins with ">"; below it the actions asked for, what was added to the history, and who leads if that has
// changed. The notation is told at the top of the file.
//
// SLUICE_REWRITE_TESTDATA=1 in the environment writes the file anew from what the supervisor says; then read the
// difference. Against servers that fail in every way it is tried by the simulator: simulator/simulator_test.cpp.
#include "failover/supervisor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include "failover/golden_file.hpp"
#include "failover/notation_words.hpp"
#include "failover/sound_server.hpp"

namespace sluice::failover {
namespace {

using protocol::GtidSet;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::index_of;
using testing::number_in;
using testing::value_of;

// Sets are written with "+" between their parts.
std::string spelled(std::string set) {
  std::replace(set.begin(), set.end(), '+', ',');
  return set;
}

struct Case {
  SupervisorOptions options;
  RecordedLeader record;
};

Case parse_case(const std::string& line) {
  Case result;
  auto& options = result.options;
  options.names = {"A", "B", "C"};
  options.limit.interval_min = seconds(0);
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    const auto value = value_of(word);
    if (word.starts_with("leads=")) result.record = {7, index_of(value), std::nullopt};
    if (word.starts_with("deposed=")) result.record = {7, std::nullopt, index_of(value)};
    if (word == "manual") options.automatic = false;
    if (word == "loss=any") options.failover.known.loss = Loss::any;
    if (word.starts_with("limit=")) options.limit.failovers_max = std::stoul(value);
    if (word.starts_with("interval=")) options.limit.interval_min = seconds(std::stoi(value));
    if (word.starts_with("before=")) options.failover.hook_before = value;
  }
  return result;
}

void parse_flag(const std::string& word, ServerView& view) {
  auto& known = view.known;
  if (word == "w") {
    view.writable = true;
  } else if (word == "refused" || word == "silent") {
    view.witness.probe = word == "silent" ? Probe::silent : Probe::refused;
  } else if (word.front() == '<') {
    ChannelView channel;
    channel.source = index_of(word.substr(1));
    view.witness.channels.push_back(channel);
    known.sources.push_back(channel.source);
  } else if (word == "connecting" || word == "stopped") {
    view.witness.channels.back().io = word == "stopped" ? IoThread::stopped : IoThread::connecting;
  } else if (word == "semi") {
    known.semi_sync = true;
  } else if (word.starts_with("acks=")) {
    view.acks = number_in(word);
  } else if (word.starts_with("instance=")) {
    known.instance = std::stoull(word.substr(9));
  } else if (word.starts_with("relay=")) {
    known.received = GtidSet::parse(spelled(word.substr(6)));
  } else if (word.find('-') != std::string::npos) {
    known.executed = known.received = GtidSet::parse(spelled(word));
  } else {
    throw std::invalid_argument("not known: " + word);
  }
}

class Trace {
 public:
  explicit Trace(const std::string& line) : case_(parse_case(line)), supervisor_(case_.options, case_.record) {
    view_.servers.resize(case_.options.names.size());
    for (std::size_t i = 0; i < view_.servers.size(); ++i)
      view_.servers[i].known = testing::sound_server(i, Flavour::mariadb);
  }

  std::string event(const std::string& line) {
    std::istringstream words(line);
    std::string verb;
    words >> verb;
    now_ += milliseconds(1);
    if (verb.starts_with("+")) {
      now_ += milliseconds(std::stoi(verb.substr(1)) - 1);
      words >> verb;
    }
    std::string text;
    for (const auto& action : react(verb, words)) text += describe_asked(action);
    text += what_was_told() + who_leads();
    return text.empty() ? "  nothing\n" : text;
  }

 private:
  Actions react(const std::string& verb, std::istringstream& words) {
    if (verb == "view") return supervisor_.step(parse_view(words), now_);
    if (verb == "command") return supervisor_.step(parse_command(words), now_);
    if (verb == "lease") {
      std::string held;
      words >> held;
      return supervisor_.step(LeaseHeld{held == "held"}, now_);
    }
    if (verb == "overdue") {
      now_ = supervisor_.deadline().value();
      return supervisor_.step(Tick{}, now_);
    }
    if (verb != "ok" && verb != "fail") throw std::invalid_argument("no event: " + verb);
    return parse_outcomes(verb == "ok", words);
  }

  ClusterView parse_view(std::istringstream& words) {
    for (std::string word; words >> word;) {
      auto& view = view_.servers.at(index_of(word));
      view.probed = now_ - milliseconds(1);
      std::istringstream flags(value_of(word));
      std::string flag;
      std::getline(flags, flag, ',');
      view.witness.probe = Probe::answered;
      if (flag == "up") {
        view.seen = view.probed;
        view.writable = false;
        view.known.sources.clear();
        view.witness.channels.clear();
      } else {
        parse_flag(flag, view);
      }
      while (std::getline(flags, flag, ',')) parse_flag(flag, view);
      view.witness.lost_for = std::chrono::duration_cast<milliseconds>(now_ - view.seen);
    }
    return view_;
  }

  static Command parse_command(std::istringstream& words) {
    Command command;
    std::string what;
    words >> what;
    for (std::string word; words >> word;) {
      if (word == "loss=any")
        command.loss = Loss::any;
      else if (word == "although_leader_lives")
        command.although_leader_lives = true;
      else
        command.server = index_of(word);
    }
    using What = Command::What;
    const std::pair<const char*, What> commands[] = {{"adopt", What::adopt},
                                                     {"switchover", What::switchover},
                                                     {"failover", What::failover},
                                                     {"rejoin", What::rejoin},
                                                     {"maintenance_on", What::maintenance_on},
                                                     {"maintenance_off", What::maintenance_off},
                                                     {"automatic", What::automatic},
                                                     {"manual", What::manual},
                                                     {"reset_limit", What::reset_limit}};
    for (const auto& [name, value] : commands) {
      if (what == name) command.what = value;
    }
    return command;
  }

  Actions parse_outcomes(bool ok, std::istringstream& words) {
    std::string ids;
    words >> ids;
    Outcome outcome;
    outcome.ok = ok;
    if (ok) {
      for (std::string word; words >> word;)
        (word.starts_with("relay=") ? outcome.received : outcome.executed) = spelled(value_of(word));
      if (outcome.received.empty()) outcome.received = outcome.executed;
      outcome.position = outcome.executed;
    } else {
      std::getline(words >> std::ws, outcome.error);
    }
    Actions all;
    std::istringstream list(ids);
    for (std::string id; std::getline(list, id, ',');) {
      if (std::stoul(id) > ids_.size()) return {};  // not asked for: the expected text shows it
      outcome.id = ids_.at(std::stoul(id) - 1);
      const auto more = supervisor_.step(outcome, now_);
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }

  // Numbered through, whatever their ids are.
  std::string describe_asked(const Action& action) {
    ids_.push_back(action.id);
    std::string text = "  #" + std::to_string(ids_.size()) + " " + describe(action, case_.options.names);
    if (!action.position.empty()) text += " at " + action.position;
    return text + "\n";
  }

  std::string what_was_told() {
    std::string text;
    const auto& history = supervisor_.history();
    for (; told_ < history.size(); ++told_) text += "  " + history[told_].what + ": " + history[told_].reason + "\n";
    return text;
  }

  std::string who_leads() {
    const auto leader = supervisor_.leader();
    std::string text = leader ? case_.options.names[*leader] : "nobody";
    text += " leads under epoch " + std::to_string(supervisor_.epoch());
    text += supervisor_.released() ? ", the gate is open; " : ", the gate is closed; ";
    text += to_string(supervisor_.phase());
    if (text == state_) return {};
    state_ = text;
    return "= " + text + "\n";
  }

  Case case_;
  Supervisor supervisor_;
  ClusterView view_;
  TimePoint now_ = TimePoint(std::chrono::hours(1));
  std::vector<std::uint64_t> ids_;
  std::size_t told_ = 0;
  std::string state_;
};

std::string replay(std::istream& in) {
  std::string out;
  std::optional<Trace> trace;
  for (std::string line; std::getline(in, line);) {
    const bool event = line.starts_with("> ");
    if (line.starts_with("cluster")) trace.emplace(line.substr(7));
    if (event || line.empty() || line.starts_with("case ") || line.starts_with("#") || line.starts_with("cluster"))
      out += line + "\n";
    if (event) out += trace.value().event(line.substr(2));
  }
  return out;
}

TEST(Supervisor, MatchesTheGoldenFile) { match_golden_file("supervisor.txt", replay); }

}  // namespace
}  // namespace sluice::failover
