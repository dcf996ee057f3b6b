// Decides for one cluster: who leads, when another takes over, who is let back in. Pure: events go in, actions come
// out; it runs one workflow at a time (switchover.hpp, failover.hpp, rejoin.hpp) and keeps the reasons.
//
//   starting      the record tells who leads; the gate is closed until that is confirmed
//   idle          somebody leads; the witnesses are looked at, and servers that strayed are let back in
//   switching     a planned change
//   failing over  an unplanned one; also one that is tried again
//   rejoining     one server comes back. Given up at once if the leader is lost meanwhile
//   leaderless    the last failover found nobody: tried again when the lost leader answers, and at intervals
//
// What holds at all times:
//   - a server that does not lead and may take writes is frozen before anything else is done with it, as soon as it
//     can be reached, in maintenance as well;
//   - a failover begins only if detection.hpp says dead, in automatic mode, within the limits, or if an operator
//   insists;
//   - a server with transactions that the leader lacks is left out until an operator has dealt with them, or another
//     leads;
//   - nothing that was seen of a server before the last action on it was answered counts.
//
// Several proxies: `step()` acts only while `LeaseHeld` was the last word about the lease (DESIGN.md); without one it
// watches. Alone, the record's file stands for the lease.
//
// Code: supervisor.cpp (events, decisions, workflows), supervisor_commands.cpp (what an operator asks for).
//
// Flow: `Supervisor s(options, record); act(s.step(event, now));` for each event, and `Tick` at `deadline()`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "failover/action.hpp"
#include "failover/cluster_memory.hpp"
#include "failover/detection.hpp"
#include "failover/failover.hpp"
#include "failover/failover_limit.hpp"
#include "failover/rejoin.hpp"
#include "failover/switchover.hpp"

namespace sluice::failover {

// What is on disk: who leads under this epoch, or who was deposed under it.
struct RecordedLeader {
  std::uint64_t epoch = 0;
  std::optional<std::size_t> leader;
  std::optional<std::size_t> deposed;
};

struct Command {
  enum class What : std::uint8_t {
    adopt,       // `server` is found to lead, there is no record: it is made one
    switchover,  // to `server`
    failover,    // the leader is given up although it may live; to `server`, or the best one
    rejoin,      // `server` was dealt with: it may come back
    maintenance_on,
    maintenance_off,
    automatic,
    manual,
    reset_limit,  // the operator has looked at it
  };
  What what = What::adopt;
  std::optional<std::size_t> server;
  Loss loss = Loss::none;              // failover: at least this policy
  bool although_leader_lives = false;  // failover: the leader answers, and is given up nevertheless
};

struct Tick {};
struct LeaseHeld {
  bool held = true;
};

using Event = std::variant<Tick, ClusterView, Outcome, Command, LeaseHeld>;

struct SupervisorOptions {
  std::vector<std::string> names;
  bool automatic = true;
  std::chrono::milliseconds detection_time{3000};
  FailoverLimitOptions limit;
  FailoverPlan failover;                      // its policy (`known.loss`), hooks and budgets; the rest is filled in
  SwitchoverPlan switchover;                  // its hooks and budgets
  std::chrono::milliseconds retry_min{1000};  // between two tries of the same thing; doubled each time, up to
  std::chrono::milliseconds retry_max{30'000};
};

struct HistoryEntry {
  TimePoint at;
  std::string what;  // "failover", "rejoin", "refused"
  std::string reason;
};

// A workflow that is over.
struct WorkflowEnd {
  std::string what;                   // "switchover", "failover", "rejoin"
  std::string outcome;                // "done", "rolled back", "refused", …
  std::size_t server = 0;             // who led when it began; rejoin: who came back
  std::optional<std::size_t> leader;  // who leads now
  std::uint64_t epoch = 0;
  std::string reason;
  std::vector<Step> steps;
  TimePoint began;
};

class Supervisor {
 public:
  enum class Phase : std::uint8_t { starting, idle, switching, failing_over, rejoining, leaderless };

  Supervisor(SupervisorOptions options, RecordedLeader record);

  [[nodiscard]] Actions step(const Event& event, TimePoint now);
  // When a Tick is due; nullopt: only another event changes anything.
  [[nodiscard]] std::optional<TimePoint> deadline() const;

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] std::optional<std::size_t> leader() const { return leader_; }
  [[nodiscard]] bool released() const { return released_; }  // the gate is open to the leader
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  // Why the last command was not taken; empty: it was.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] bool in_maintenance(std::size_t server) const { return memory_.standing(server).maintenance; }
  [[nodiscard]] const std::string& left_out(std::size_t server) const { return memory_.standing(server).left_out; }
  [[nodiscard]] bool fenced(std::size_t server) const { return memory_.standing(server).fenced; }
  [[nodiscard]] const std::deque<HistoryEntry>& history() const { return history_; }  // oldest first
  static constexpr std::size_t history_max = 200;
  [[nodiscard]] std::uint64_t told() const { return told_; }  // entries since the start, those that are gone included
  [[nodiscard]] const std::deque<WorkflowEnd>& ends() const { return ends_; }  // oldest first
  static constexpr std::size_t ends_max = 50;
  [[nodiscard]] std::uint64_t ends_told() const { return ended_; }  // as told()

 private:
  using Workflow = std::variant<std::monostate, Switchover, Failover, Rejoin>;

  // --- events
  void note_asked(const Actions& actions);
  Actions take(const Outcome& outcome);
  Actions give_up_overdue();

  // --- an operator's commands (supervisor_commands.cpp)
  Actions take(const Command& command);
  Actions adopt(std::size_t server);
  void adopted(const Action& record);
  Actions switch_over(const Command& command);
  Actions fail_over(const Command& command);
  void readmit(std::size_t server);
  void maintain(std::size_t server, bool on);
  Actions refuse(std::string why);

  // --- decisions, when no workflow stands in the way
  Actions think();
  Actions watch_leader();
  Actions confirm_leader();
  [[nodiscard]] FailoverPlan plan_to_restore(std::size_t leader) const;
  Actions retry_leaderless();
  Actions let_back_in();
  void look_for_errant(std::size_t server);

  // --- workflows
  Actions start_failover(std::size_t lost, const std::string& why, FailoverPlan plan);
  Actions start_switchover(std::size_t candidate);
  Actions start_rejoin(std::size_t server);
  Actions after(Actions actions);  // of a workflow; has it ended?
  void ended(const Switchover& switchover);
  void ended(const Failover& failover);
  void ended(const Rejoin& rejoin);
  void keep_end(WorkflowEnd end);
  void new_leader(std::size_t leader, std::uint64_t epoch);

  [[nodiscard]] bool takes_no_writes() const;
  [[nodiscard]] bool running() const { return workflow_.index() != 0; }
  Action ask(Act act, std::size_t server, std::uint64_t epoch);
  void tell(const std::string& what, const std::string& reason);
  [[nodiscard]] const std::string& name(std::size_t server) const { return options_.names[server]; }

  SupervisorOptions options_;
  Phase phase_ = Phase::starting;
  TimePoint now_;
  std::uint64_t epoch_;
  std::optional<std::size_t> leader_;
  std::optional<std::size_t> deposed_;   // while leaderless
  std::optional<TimePoint> cut_off_at_;  // that one, for the first time
  bool released_ = false;
  bool lease_ = true;
  ClusterMemory memory_;
  FailoverLimit limit_;
  Workflow workflow_;
  TimePoint began_;                // the workflow
  std::size_t about_ = 0;          // the server that WorkflowEnd names
  std::size_t wanted_ = 0;         // of a switchover
  std::uint64_t last_record_ = 0;  // the action that was to write the record last
  bool record_is_old_ = false;     // it failed: the record is not what is the case
  bool restoring_ = false;         // the failover that runs, or is tried again, is for a leader that was not lost
  bool was_released_ = false;      // before a failover that a hook may refuse
  PendingActions own_;             // release and record, outside of a workflow
  std::uint64_t next_id_ = 1;
  TimePoint retry_at_;
  std::chrono::milliseconds retry_after_{0};
  bool deposed_answered_ = false;  // when a failover was last tried
  Analysis last_analysis_ = Analysis::no_problem;
  std::string refusal_;
  std::deque<HistoryEntry> history_;
  std::uint64_t told_ = 0;
  std::deque<WorkflowEnd> ends_;
  std::uint64_t ended_ = 0;
};

[[nodiscard]] std::string_view to_string(Supervisor::Phase phase);

}  // namespace sluice::failover
