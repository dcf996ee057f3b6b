#include "failover/detection.hpp"

#include <algorithm>
#include <cassert>

namespace sluice::failover {
namespace {

using std::chrono::milliseconds;

std::string in_ms(milliseconds time) { return std::to_string(time.count()) + " ms"; }

std::string counted(std::size_t count, const char* what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// The replicas of one server, sorted by what they are good for as witnesses.
struct Replicas {
  std::vector<std::string> all;
  std::vector<std::string> answering;
  std::vector<std::string> receiving;    // connected, and nothing speaks against it
  std::vector<std::string> quiet;        // connected, but the heartbeat stays out
  std::vector<std::string> connecting;   // they lost it
  std::vector<std::string> io_stopped;   // can't tell
  std::vector<std::string> sql_stopped;  // of those whose IO thread runs
  std::vector<std::string> lagging;
  [[nodiscard]] bool some_lost() const { return answering.size() < all.size(); }
  [[nodiscard]] std::size_t witnesses() const { return answering.size() - io_stopped.size(); }
};

std::string join(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " and " : ", ";
    text += names[i];
  }
  return text;
}

class Detection {
 public:
  explicit Detection(const DetectionInput& input) : input_(input) {}

  [[nodiscard]] std::vector<Finding> run() const {
    std::vector<Finding> findings;
    if (!input_.leader) {
      findings.push_back({Analysis::no_leader, Decision::nothing, 0, "no leader is known"});
    } else {
      findings.push_back(of_leader(*input_.leader));
    }
    for (std::size_t i = 0; i < input_.servers.size(); ++i) {
      if (i != input_.leader) of_intermediate(i, findings);
    }
    return findings;
  }

 private:
  [[nodiscard]] static bool speaks(const Witness& server) {
    return server.probe == Probe::answered || server.probe == Probe::turned_away;
  }

  [[nodiscard]] Replicas replicas_of(std::size_t source) const {
    Replicas replicas;
    for (const auto& server : input_.servers) {
      for (const auto& channel : server.channels) {
        if (channel.source == source) note(server, channel, replicas);
      }
    }
    return replicas;
  }

  void note(const Witness& server, const ChannelView& channel, Replicas& replicas) const {
    replicas.all.push_back(server.name);
    if (server.probe != Probe::answered) return;
    replicas.answering.push_back(server.name);
    if (channel.lag_ms && *channel.lag_ms > input_.lag_max_ms) replicas.lagging.push_back(server.name);
    if (channel.io == IoThread::stopped) {
      replicas.io_stopped.push_back(server.name);
      return;
    }
    if (!channel.sql_running) replicas.sql_stopped.push_back(server.name);
    const bool quiet = channel.quiet_for && channel.heartbeat > milliseconds(0) &&
                       *channel.quiet_for >= std::max(input_.detection_time, 2 * channel.heartbeat);
    auto& kind = channel.io == IoThread::connecting ? replicas.connecting : quiet ? replicas.quiet : replicas.receiving;
    kind.push_back(server.name);
  }

  // ---- The leader

  [[nodiscard]] Finding of_leader(std::size_t i) const {
    const auto& server = input_.servers[i];
    const auto replicas = replicas_of(i);
    Finding finding = speaks(server) ? of_living(server, replicas) : of_lost(server, replicas);
    finding.server = i;
    if (server.maintenance && finding.decision == Decision::fail_over) {
      finding.decision = Decision::report;
      finding.reason += "; it is in maintenance: an operator decides";
    }
    return finding;
  }

  [[nodiscard]] Finding of_living(const Witness& server, const Replicas& replicas) const {
    const auto& name = server.name;
    const auto report = [&](Analysis analysis, const std::string& reason) {
      return Finding{analysis, Decision::report, 0, reason};
    };
    if (server.probe == Probe::turned_away)
      return report(Analysis::leader_turns_monitor_away,
                    name + " answers, but turns the monitor away: " + server.error);
    if (const auto& semi = server.semi_sync; semi.wanted > semi.replicas && semi.waiting > 0) {
      const auto reason = name + " waits for " + counted(semi.wanted, "acknowledgement") + ", but only " +
                          counted(semi.replicas, "replica") + " could give one; " + counted(semi.waiting, "session") +
                          " wait, for " + in_ms(semi.waiting_for);
      return semi.waiting_for < input_.detection_time
                 ? Finding{Analysis::locked_semi_sync_leader_hypothesis, Decision::wait, 0, reason}
                 : report(Analysis::locked_semi_sync_leader, reason);
    }
    if (server.data.silent > 0 && server.data.answered == 0)
      return report(Analysis::leader_hung_for_clients,
                    name + " answers the monitor, but " + counted(server.data.silent, "statement") +
                        " of clients got no answer for " + in_ms(input_.detection_time));
    return of_replicas(name, replicas);
  }

  [[nodiscard]] Finding of_replicas(const std::string& name, const Replicas& replicas) const {
    const auto all = replicas.all.size();
    const auto without_io = replicas.io_stopped.size() + replicas.connecting.size();
    const auto dead = all - replicas.answering.size();
    std::vector<std::string> stopped = replicas.io_stopped;
    stopped.insert(stopped.end(), replicas.connecting.begin(), replicas.connecting.end());
    stopped.insert(stopped.end(), replicas.sql_stopped.begin(), replicas.sql_stopped.end());
    std::sort(stopped.begin(), stopped.end());
    stopped.erase(std::unique(stopped.begin(), stopped.end()), stopped.end());
    const auto report = [&](Analysis analysis, const std::string& reason) {
      return Finding{analysis, Decision::report, 0, name + " is fine, but " + reason};
    };
    if (all == 0) {
      if (input_.servers.size() == 1) return {Analysis::no_problem, Decision::nothing, 0, name + " is fine"};
      return report(Analysis::leader_without_replicas, "nobody replicates from it: nobody could take over");
    }
    if (dead == all) return report(Analysis::all_replicas_dead, "none of its replicas answers");
    if (without_io == 0 && !replicas.sql_stopped.empty() && replicas.sql_stopped.size() == replicas.answering.size())
      return report(Analysis::sql_threads_stopped,
                    "its replicas apply nothing: the SQL thread of " + join(replicas.sql_stopped) + " is stopped");
    if (stopped.size() == all) return report(Analysis::all_replicas_not_replicating, "no replica replicates");
    if (stopped.size() + dead == all)
      return report(Analysis::all_replicas_not_replicating_or_dead,
                    "no replica replicates; " + std::to_string(dead) + " of them do not answer");
    if (!stopped.empty())
      return report(Analysis::some_replicas_not_replicating,
                    join(stopped) + (stopped.size() == 1 ? " does" : " do") + " not replicate");
    return {Analysis::no_problem, Decision::nothing, 0, name + " is fine"};
  }

  [[nodiscard]] Finding of_lost(const Witness& server, const Replicas& replicas) const {
    const auto what = how_lost(server);
    if (server.probe == Probe::none)
      return {Analysis::no_problem, Decision::wait, 0, server.name + " was not asked yet"};
    if (server.data.answered > 0)
      return {Analysis::unreachable_leader, Decision::wait, 0, what + ", but its clients still get answers"};
    if (replicas.all.empty())
      return {Analysis::dead_leader_without_replicas, Decision::report, 0,
              what + ", and nobody replicates from it: nobody can take over"};
    if (replicas.answering.empty())
      return {Analysis::dead_leader_and_replicas, Decision::wait, 0,
              what + ", and none of its replicas answers: this proxy may be the one that is cut off"};
    if (!replicas.receiving.empty()) {
      const auto reason = what + ", but " + join(replicas.receiving) + " still " +
                          (replicas.receiving.size() == 1 ? "is" : "are") + " connected to it";
      if (replicas.lagging.empty()) return {Analysis::unreachable_leader, Decision::wait, 0, reason};
      return {Analysis::unreachable_leader_with_lagging_replicas, Decision::wait, 0,
              reason + "; " + join(replicas.lagging) + " is far behind"};
    }
    if (auto why = why_not_yet(server, replicas); !why.empty())
      return {Analysis::unreachable_leader, Decision::wait, 0, what + ", " + why};
    const auto analysis = replicas.some_lost() ? Analysis::dead_leader_and_some_replicas : Analysis::dead_leader;
    return {analysis, Decision::fail_over, 0, what + ", and " + what_replicas_say(replicas)};
  }

  // No replica contradicts. Empty: it is dead.
  [[nodiscard]] std::string why_not_yet(const Witness& server, const Replicas& replicas) const {
    const bool refused = server.probe == Probe::refused;
    if (replicas.witnesses() == 0 && !refused)
      return "but no replica that answers was receiving from it: nobody can tell whether it lives";
    if (refused && replicas.witnesses() > 0 && replicas.quiet.empty()) return {};
    if (server.lost_for >= input_.detection_time) return {};
    return "it is waited for " + in_ms(input_.detection_time - server.lost_for) + " more";
  }

  [[nodiscard]] static std::string how_lost(const Witness& server) {
    std::string text = server.name;
    text += server.probe == Probe::refused ? " refuses connections" : " has been silent for " + in_ms(server.lost_for);
    if (server.data.refused + server.data.reset > 0)
      text += ", as " + counted(server.data.refused + server.data.reset, "connection") + " of clients found";
    return text;
  }

  [[nodiscard]] static std::string what_replicas_say(const Replicas& replicas) {
    std::string text;
    const auto add = [&](const std::vector<std::string>& names, const char* one, const char* many) {
      if (names.empty()) return;
      text += (text.empty() ? "" : "; ") + join(names) + (names.size() == 1 ? one : many);
    };
    add(replicas.connecting, " has lost it", " have lost it");
    add(replicas.quiet, " receives nothing from it", " receive nothing from it");
    if (replicas.witnesses() == 0) text = "no replica was connected to it that could contradict";
    if (replicas.some_lost())
      text += "; " + std::to_string(replicas.all.size() - replicas.answering.size()) + " of " +
              counted(replicas.all.size(), "replica") + " do not answer";
    return text;
  }

  // ---- A replica that others replicate from

  void of_intermediate(std::size_t i, std::vector<Finding>& findings) const {
    const auto& server = input_.servers[i];
    const auto replicas = replicas_of(i);
    if (replicas.all.empty() || speaks(server) || server.probe == Probe::none) return;
    const auto what = how_lost(server);
    if (!replicas.receiving.empty() || server.data.answered > 0) {
      findings.push_back(
          {Analysis::unreachable_intermediate_leader, Decision::wait, i, what + ", but somebody still hears from it"});
    } else if (replicas.answering.empty()) {
      findings.push_back({Analysis::dead_intermediate_leader_and_replicas, Decision::report, i,
                          what + ", and none of its replicas answers"});
    } else if (auto why = why_not_yet(server, replicas); !why.empty()) {
      findings.push_back({Analysis::unreachable_intermediate_leader, Decision::wait, i, what + ", " + why});
    } else {
      const bool leader_speaks = input_.leader && speaks(input_.servers[*input_.leader]);
      const bool act = leader_speaks && !server.maintenance;
      findings.push_back({replicas.some_lost() ? Analysis::dead_intermediate_leader_and_some_replicas
                                               : Analysis::dead_intermediate_leader,
                          act ? Decision::repoint : Decision::wait, i, what + ", and " + what_replicas_say(replicas)});
    }
  }

  const DetectionInput& input_;
};

}  // namespace

std::string_view to_string(Analysis analysis) {
  switch (analysis) {
    case Analysis::no_problem:
      return "no problem";
    case Analysis::no_leader:
      return "no leader";
    case Analysis::dead_leader:
      return "dead leader";
    case Analysis::dead_leader_and_some_replicas:
      return "dead leader and some replicas";
    case Analysis::dead_leader_and_replicas:
      return "dead leader and replicas";
    case Analysis::dead_leader_without_replicas:
      return "dead leader without replicas";
    case Analysis::unreachable_leader:
      return "unreachable leader";
    case Analysis::unreachable_leader_with_lagging_replicas:
      return "unreachable leader with lagging replicas";
    case Analysis::leader_turns_monitor_away:
      return "leader turns monitor away";
    case Analysis::leader_hung_for_clients:
      return "leader hung for clients";
    case Analysis::leader_without_replicas:
      return "leader without replicas";
    case Analysis::locked_semi_sync_leader_hypothesis:
      return "locked semi-sync leader (hypothesis)";
    case Analysis::locked_semi_sync_leader:
      return "locked semi-sync leader";
    case Analysis::all_replicas_dead:
      return "all replicas dead";
    case Analysis::all_replicas_not_replicating:
      return "all replicas not replicating";
    case Analysis::all_replicas_not_replicating_or_dead:
      return "all replicas not replicating or dead";
    case Analysis::sql_threads_stopped:
      return "SQL threads stopped while IO runs";
    case Analysis::some_replicas_not_replicating:
      return "some replicas not replicating";
    case Analysis::dead_intermediate_leader:
      return "dead intermediate leader";
    case Analysis::dead_intermediate_leader_and_some_replicas:
      return "dead intermediate leader and some replicas";
    case Analysis::dead_intermediate_leader_and_replicas:
      return "dead intermediate leader and replicas";
    case Analysis::unreachable_intermediate_leader:
      return "unreachable intermediate leader";
  }
  return "?";
}

std::string_view to_string(Decision decision) {
  switch (decision) {
    case Decision::nothing:
      return "nothing";
    case Decision::wait:
      return "wait";
    case Decision::report:
      return "report";
    case Decision::fail_over:
      return "fail over";
    case Decision::repoint:
      return "repoint";
  }
  return "?";
}

std::vector<Finding> analyse(const DetectionInput& input) {
  assert(!input.leader || *input.leader < input.servers.size());
  return Detection(input).run();
}

}  // namespace sluice::failover
