// The unplanned change of leader, step by step: the leader is lost, another one takes over. Pure: actions go out,
// outcomes come in.
//
//   hook → fence: the epoch is recorded, the gate closed, what is open on the lost leader ended, and the leader frozen
//   if it can be reached → every other server stops to receive and tells what it has → election → the winner and its
//   source apply what they received → the winner catches up from its source → record → promote → release
//   → the others are stopped and compared once more → they follow the new leader → hook
//
// A leader that gives up to wait for acknowledgements after a time must be cut off before that, or they prove nothing.
//
// Nothing is promoted unless the deposed leader is on record and cut off: from then on nothing that it does is
// acknowledged through this proxy, whether it is dead, hung or on the other side of a partition. Whether the freeze
// succeeded decides something else: a leader that was frozen told all that it will ever have.
//
//   what failed                                 what follows
//   the hook before                             refused: nothing was touched
//   depose, hold, cut                           failed: the gate stays closed
//   freeze                                      nothing: the leader is in `unfrozen()`
//   stop_io                                     that server counts as one that does not answer
//   one that is not to does take writes         it is left out, in `unfrozen()`
//   no winner, or one that is not proven        if the lost leader is frozen and has all that the others have, it leads
//                                               again: record, promote, release. Else failed
//   apply_relay_log, follow, await_position     the server that failed is not to lead, or to be caught up from; states
//                                               are read again, election
//   record                                      failed
//   promote                                     freeze that server; it is not to lead, and if that failed left out and
//                                               in `unfrozen()`; states are read again, election, the next epoch
//   release                                     stuck: it leads, the gate is closed
//   what comes after the release                reported; the server is in `strays()`
//
// A failed one tells the servers to receive again, so that one which comes back late finds them listening, and can be
// tried again with a new plan. The gate stays closed, and the record says that nobody leads.
//
// "Failed" is an outcome that is not ok as well as none in time, as in switchover.hpp, and the same is asked of whoever
// acts: what was given up must not take effect after a later action on the same server was answered.
//
// Flow: `Failover f(plan); act(f.start(now));` then for each outcome `act(f.on(outcome, now))`, and at `deadline()`
// `act(f.on_deadline(now))`, until `state() != State::running`.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failover/action.hpp"
#include "failover/election.hpp"
#include "failover/pending_actions.hpp"

namespace sluice::failover {

// May the lost leader lead again?
enum class Reinstate : std::uint8_t {
  never,
  last_resort,  // if nobody else can without a loss
  preferred,    // if it can: it may not be lost at all
  only,         // it, or nobody: another one takes over only if an operator asks for that
};

struct FailoverPlan {
  // What is known when it begins: unplanned, `leader` is the lost one. What servers tell on the way replaces it.
  ElectionInput known;
  // Until then the leader waits for `known.leader_acks`; later it may acknowledge without. nullopt: it always waits.
  std::optional<TimePoint> acks_until;
  std::optional<TimePoint> cut_off_at;  // an earlier try had cut it off, and nothing was let through since
  std::uint64_t epoch = 0;              // the next one; each further promotion that is tried takes one more
  std::uint64_t first_id = 1;           // of its actions
  std::string hook_before;              // empty: none. If it fails nothing is done.
  std::string hook_after;               // told who leads; its failure is reported
  Reinstate reinstate = Reinstate::last_resort;
  std::chrono::milliseconds fence_max{1000};
  std::chrono::milliseconds freeze_max{200};   // of a leader that is probably gone
  std::chrono::milliseconds stop_io_max{500};  // a server that does not answer in time is not waited for
  std::chrono::milliseconds apply_max{60'000};
  std::chrono::milliseconds step_max{5000};
  std::chrono::milliseconds hook_max{30'000};
  std::chrono::milliseconds answer_grace{100};
};

class Failover {
 public:
  enum class State : std::uint8_t {
    running,
    done,        // another one leads
    reinstated,  // the lost leader leads again
    refused,     // a hook said no; nothing was touched
    failed,      // nobody leads; it can be tried again
    stuck,       // `leader()` was promoted, but the gate is closed
  };

  explicit Failover(FailoverPlan plan);

  [[nodiscard]] Actions start(TimePoint now);
  // An outcome of an action that is not, or no longer, waited for gives nothing and changes nothing.
  [[nodiscard]] Actions on(const Outcome& outcome, TimePoint now);
  [[nodiscard]] Actions on_deadline(TimePoint now);
  [[nodiscard]] std::optional<TimePoint> deadline() const { return pending_.deadline(); }

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }  // in words, for every end
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  [[nodiscard]] const Election& election() const { return election_; }  // the last one
  [[nodiscard]] const std::string& may_lose() const { return may_lose_; }
  [[nodiscard]] std::optional<std::size_t> leader() const;           // who leads at the end
  [[nodiscard]] std::uint64_t last_epoch() const { return epoch_; }  // the last one that may be on record
  [[nodiscard]] std::uint64_t next_id() const { return pending_.next_id(); }
  [[nodiscard]] bool tried_to_promote() const { return tried_to_promote_; }
  [[nodiscard]] std::optional<TimePoint> cut_off_at() const { return cut_off_at_; }
  // Servers that may take writes although they don't lead: to be frozen before anything else.
  [[nodiscard]] const std::vector<std::size_t>& unfrozen() const { return unfrozen_; }
  // Servers that do not follow the leader at the end and have to be looked at: rejoin.hpp.
  [[nodiscard]] const std::vector<std::size_t>& strays() const { return strays_; }

 private:
  enum class Stage : std::uint8_t {
    ready,
    hook_before,
    fence,
    stop_io,
    apply,
    follow_source,
    await_source,
    record,
    promote,
    demote,
    release,
    stop_others,
    repoint,
    give_up,
    hook_after,
    over,
  };

  void note(const Action& action, const Outcome& outcome);
  void note_own_writes(const Action& action, const protocol::GtidSet& before);
  void note_state(std::size_t server, const Outcome& outcome);
  void note_failure(const Action& action, const std::string& error);
  Actions next();

  Actions fence();
  Actions fenced();
  Actions stop_io();
  Actions decide();
  Actions apply();
  Actions follow_source();
  Actions await_source();
  Actions record();
  Actions promote();
  Actions demote();
  Actions leave_out_and_retry();
  Actions release();
  Actions stop_others();
  Actions repoint();
  Actions give_up(std::string why);
  Actions hook_after();
  Actions finish();
  Actions end(State state, std::string reason, const std::string& advice = {});

  [[nodiscard]] std::string why_not_reinstated() const;
  [[nodiscard]] bool lacks_nothing_of(std::size_t server) const;
  [[nodiscard]] bool keeps_source(std::size_t server) const;
  Actions enter(Stage stage, Action action);
  Action ask(Action action);
  [[nodiscard]] Action make(Act act, std::size_t server, std::chrono::milliseconds budget) const;
  [[nodiscard]] Action make_follow(std::size_t server, std::size_t source) const;
  [[nodiscard]] std::string describe(const Action& action) const;
  [[nodiscard]] std::size_t lost() const { return *input_.leader; }
  [[nodiscard]] const std::string& name(std::size_t server) const { return names_[server]; }

  FailoverPlan plan_;
  std::vector<std::string> names_;
  ElectionInput input_;  // as the servers told it on the way
  PendingActions pending_;
  Stage stage_ = Stage::ready;
  State state_ = State::running;
  TimePoint now_;
  std::uint64_t epoch_;
  bool epoch_used_ = false;  // a promotion was tried under it
  bool tried_to_promote_ = false;
  Election election_;
  std::size_t target_ = 0;             // who is to lead
  std::optional<std::size_t> source_;  // it catches up from this one first
  std::string source_position_;
  std::vector<bool> stopped_;    // told to receive no more, and it did
  std::vector<bool> repointed_;  // to catch up from another, or nobody knows
  std::optional<TimePoint> cut_off_at_;
  std::string failure_;  // what failed in this stage so that it can't go on
  std::optional<std::size_t> failed_server_;
  std::size_t attempts_ = 0;  // elections held: bounded by the number of servers
  std::string may_lose_;
  std::vector<std::size_t> unfrozen_;
  std::vector<std::size_t> strays_;
  std::string headline_;
  std::vector<std::string> notes_;  // what failed on the way
  std::string reason_;
  std::vector<Step> steps_;
};

// For people: "running", "done", "reinstated", "refused", "failed", "stuck".
[[nodiscard]] std::string_view to_string(Failover::State state);

}  // namespace sluice::failover
