// The planned change of leader, step by step. Pure: actions go out, outcomes come in.
//
//   hook → hold → freeze the leader → the candidate catches up → record the epoch → promote → release
//   → cut what is left on the old leader, the other replicas follow the new one → the old leader follows it → hook
//
// Until the promotion is asked for, any failure and the end of the stall budget roll back what was asked for so far:
// the record, the freeze, the gate. After that there is no simple way back: if the promotion fails, or nobody says how
// it went, the candidate is frozen first; only when that is certain is the old leader thawed. If it is not, nobody
// leads and the operator is called. What fails after the release (a replica that can't follow) does not undo the
// switchover: it is reported.
//
//   what failed                                   what follows, in this order
//   the hook before                               refused
//   hold                                          release the old leader, under the epoch that holds
//   freeze, await_position; the candidate turns   thaw the old leader; release it, under the epoch that holds
//   out to have transactions of its own
//   record                                        record the old leader under epoch + 1; thaw it; release it under that
//   promote                                       freeze the candidate; record, thaw, release as above; the candidate
//                                                 follows the old leader again, unless it has transactions of its own
//   release; in a rollback: freeze, thaw          stuck
//   cut, follow, the hook after;                  reported in `reason()`
//   in a rollback: record, follow
//
// "Failed" is an outcome that is not ok as well as none in time: an action that was given up may or may not have taken
// effect, and an outcome that comes later is ignored. Whoever acts must see to it that an action which was given up
// can't take effect any more after a later action on the same server (or on the gate, or on the record) was answered: a
// promotion that arrives after the freeze that undoes it would make two servers writable.
//
// Flow: `Switchover s(plan); act(s.start(now));` then for each outcome `act(s.on(outcome, now))`, and at `deadline()`
// `act(s.on_deadline(now))`, until `state() != State::running`. `steps()` is the history with its timings.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failover/action.hpp"
#include "failover/pending_actions.hpp"
#include "protocol/gtid_set.hpp"

namespace sluice::failover {

struct SwitchoverPlan {
  std::vector<std::string> names;  // of all servers of the cluster
  std::size_t leader = 0;
  std::size_t candidate = 0;
  std::vector<std::size_t> others;  // that are to follow the candidate, the old leader left out
  std::uint64_t epoch = 0;          // the next one: epoch - 1 holds now. A rollback may take epoch + 1.
  std::uint64_t first_id = 1;       // of its actions: a late outcome of an earlier workflow must not fit
  std::string hook_before;          // empty: none. If it fails nothing is done.
  std::string hook_after;           // told who leads, also after a rollback; its failure is reported
  std::chrono::milliseconds drain_max{1000};
  std::chrono::milliseconds stall_max{3000};  // from the closing of the gate to the promotion
  std::chrono::milliseconds step_max{5000};   // each step after that, and each of a rollback
  std::chrono::milliseconds hook_max{30'000};
  std::chrono::milliseconds answer_grace{100};  // an outcome is waited for so much longer than its action's budget
};

class Switchover {
 public:
  enum class State : std::uint8_t {
    running,
    done,
    refused,      // a hook said no; nothing was touched
    rolled_back,  // the old leader leads
    stuck,        // nobody leads, or the gate is closed: `reason()` says what an operator must do
  };

  using Step = failover::Step;

  explicit Switchover(SwitchoverPlan plan);

  [[nodiscard]] Actions start(TimePoint now);
  // An outcome of an action that is not, or no longer, waited for gives nothing and changes nothing.
  [[nodiscard]] Actions on(const Outcome& outcome, TimePoint now);
  // Gives up what is overdue at `now`; nothing if nothing is.
  [[nodiscard]] Actions on_deadline(TimePoint now);
  // When the next answer is overdue; nullopt: none is awaited.
  [[nodiscard]] std::optional<TimePoint> deadline() const { return pending_.deadline(); }

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }  // in words, for every end
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }

 private:
  // In the order in which they are reached: roll_back() compares.
  enum class Stage : std::uint8_t {
    ready,
    hook_before,
    hold,
    freeze,
    catch_up,
    record,
    promote,
    release,
    repoint,
    undo_promote,
    undo_record,
    undo_freeze,
    undo_hold,
    undo_repoint,
    hook_after,
    over,
  };

  Actions on_ok(const Action& action, const Outcome& outcome);
  Actions on_failure(const Action& action, const std::string& error);

  Actions hold();
  Actions freeze();
  Actions catch_up(const std::string& position);
  Actions compare(const protocol::GtidSet& candidates);
  Actions record();
  Actions promote();
  Actions release(const std::string& position);
  Actions repoint();
  Actions after_repoint(const Action& action);
  Actions roll_back(std::string why);
  Actions undo_record();
  Actions undo_freeze();
  Actions undo_hold();
  Actions undo_repoint();
  Actions hook_after();
  Actions finish();
  Actions end(State state, std::string reason, const std::string& advice = {});

  // One action, with which a stage begins.
  Actions enter(Stage stage, Action action);
  // The same as long as the stall budget lasts; the action gets what is left of it, at most `at_most`.
  Actions enter_stalled(Stage stage, Action action, std::chrono::milliseconds at_most);
  Action ask(Action action);
  [[nodiscard]] Action make(Act act, std::size_t server) const;
  [[nodiscard]] Action make_follow(std::size_t server, std::size_t source) const;
  [[nodiscard]] Action make_hook(const std::string& hook, bool after) const;
  [[nodiscard]] bool undoing() const { return undone_from_ != Stage::over; }
  [[nodiscard]] std::string stall_is_over() const;
  [[nodiscard]] std::string describe(const Action& action) const;
  [[nodiscard]] std::string what_failed(const Action& action) const;
  [[nodiscard]] const std::string& name(std::size_t server) const { return plan_.names[server]; }
  [[nodiscard]] const std::string& leader() const { return name(plan_.leader); }
  [[nodiscard]] const std::string& candidate() const { return name(plan_.candidate); }

  SwitchoverPlan plan_;
  PendingActions pending_;
  Stage stage_ = Stage::ready;
  State state_ = State::running;
  TimePoint now_;
  TimePoint stall_end_;
  std::string frozen_at_;                  // what the candidate must have
  protocol::GtidSet frozen_with_;          // and what it may have; empty: not told
  Stage undone_from_ = Stage::over;        // the stage in which it was decided to roll back; over: it was not
  std::string cause_;                      // and why
  std::optional<std::string> strayed_to_;  // where a failed candidate was found, if it may have written something
  std::string headline_;                   // who leads
  std::vector<std::string> notes_;         // what failed and changed nothing
  std::string reason_;
  std::vector<Step> steps_;
};

// For people: "running", "done", "refused", "rolled back", "stuck".
[[nodiscard]] std::string_view to_string(Switchover::State state);

}  // namespace sluice::failover
