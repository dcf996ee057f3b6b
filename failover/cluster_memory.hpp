// What the supervisor remembers of its servers beside what the last probes say. Pure.
//
// Flow: `memory.take(view, leader, now)` for each view, `settle()` when a workflow has ended, `new_leader()` when it
// changed who leads; then `election_input()` and `detection_input()` are what is known for a decision.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "failover/action.hpp"
#include "failover/detection.hpp"
#include "failover/election.hpp"

namespace sluice::failover {

// What the last probe of one server found, and what is known of it from before if it found nothing.
struct ServerView {
  TimePoint probed;  // when the last probe that has ended was sent
  TimePoint seen;    // the last one that was answered
  Witness witness;
  ElectionServer known;
  bool writable = false;
  std::uint64_t runs = 0;  // how often it was seen to have been started anew, within one second as well
  // As a leader: it waits for so many acknowledgements of every transaction. 0: for none, or it has given up to wait.
  std::uint32_t acks = 0;
  // It goes on waiting at least for so long after `seen`: rpl_semi_sync_master_timeout, less what the longest of the
  // sessions that wait now has waited. nullopt: for ever.
  std::optional<std::chrono::milliseconds> acks_for;
};

struct ClusterView {
  std::vector<ServerView> servers;  // in the order of the configuration
};

// How a server stands to its cluster.
struct Standing {
  bool fenced = false;  // may take writes although it does not lead
  bool stray = false;   // to be rejoined
  bool maintenance = false;
  std::string left_out;  // why; empty: it is not
  bool errant = false;   // that is why, but it goes on replicating
  TimePoint retry_at;
  std::chrono::milliseconds retry_after{0};
};

class ClusterMemory {
 public:
  explicit ClusterMemory(std::vector<std::string> names);

  void take(const ClusterView& view, std::optional<std::size_t> leader, TimePoint now);
  // A workflow has ended: what was seen before is old.
  void settle(TimePoint now) { settled_ = now; }
  void new_leader(std::size_t leader, TimePoint now);
  // It was found leading: what was seen of it before it was put on record counts.
  void led_before(std::size_t leader);
  // It is pointed at a source, or was started anew: what it had received, acknowledged and not applied is gone. It
  // counts again when it has all that the leader had later than that.
  void forget_relay_log(std::size_t server, TimePoint now);
  void follows_from_now_on(std::size_t server, TimePoint now);

  [[nodiscard]] Standing& standing(std::size_t server) { return notes_[server].standing; }
  [[nodiscard]] const Standing& standing(std::size_t server) const { return notes_[server].standing; }
  [[nodiscard]] const ClusterView& view() const { return view_; }
  [[nodiscard]] const ServerView& view(std::size_t server) const { return view_.servers[server]; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] std::size_t size() const { return notes_.size(); }

  [[nodiscard]] bool anything_seen() const { return !view_.servers.empty(); }
  [[nodiscard]] bool anybody_answers() const;
  [[nodiscard]] bool answers(std::size_t server) const;
  // It answered, and was asked after the last workflow ended.
  [[nodiscard]] bool fresh(std::size_t server) const;
  // The leader was probed since it leads.
  [[nodiscard]] bool looked_at(std::size_t leader) const { return view_.servers[leader].probed > led_since_; }
  // Every server that answers was asked after the leader: what they say of it is not older than what it says itself.
  [[nodiscard]] bool whole_round(std::size_t leader) const;
  // Its channels lead to the leader, directly or over others; whether they run is another question.
  [[nodiscard]] bool follows(std::size_t server, std::size_t leader) const;
  [[nodiscard]] bool replicates_from(std::size_t server, std::size_t source) const;
  [[nodiscard]] bool started_anew(std::size_t server) const { return notes_[server].restarted; }
  // What it has executed that is neither on the leader nor from it; nullopt: can't be told.
  [[nodiscard]] std::optional<protocol::GtidSet> errant(std::size_t server, std::size_t leader) const;

  // Until when the leader is known to wait for acknowledgements; nullopt: for ever.
  [[nodiscard]] std::optional<TimePoint> acks_until() const { return acks_until_; }
  [[nodiscard]] ElectionInput election_input(std::size_t leader) const;
  [[nodiscard]] DetectionInput detection_input(std::size_t leader, std::chrono::milliseconds detection_time) const;

 private:
  struct Notes {
    Standing standing;
    bool stopped = false;    // replication was stopped by hand or by an error while the leader lived
    bool semi_sync = false;  // may have acknowledged something: it once could
    std::uint64_t instance = 0;
    std::uint64_t runs = 0;
    bool restarted = false;  // its relay log may be gone, and it has not received it again
    TimePoint restart_seen;
    std::optional<protocol::GtidSet> catches_up_to;
  };

  void note_acknowledgements(std::size_t leader);
  void note_restart(std::size_t server, std::optional<std::size_t> leader, TimePoint now);
  void note_replication(std::size_t server, std::optional<std::size_t> leader);

  std::vector<std::string> names_;
  std::vector<Notes> notes_;
  ClusterView view_;
  TimePoint led_since_;
  TimePoint settled_;
  std::uint32_t acks_ = 0;  // the leader waits for so many, since it had what is in
  protocol::GtidSet acks_from_;
  std::optional<TimePoint> acks_until_;
};

}  // namespace sluice::failover
