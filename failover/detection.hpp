// Is the leader dead? What the witnesses say of each server, joined to an analysis with its reason. Pure.
//
// Flow: `for (const auto& finding : analyse(input))`, the leader's first; `finding.decision` is what is to be done, and
// `finding.reason` tells it to the operator. The kinds are those that orchestrator's users know.
//
// Three witnesses: the monitor's own probes, the workers' data path, and the replicas' view of their source. A leader
// that still answers anybody is not dead. In particular, none of these alone is a dead leader:
//
//   the probes fail, but a replica still receives, or clients still get answers      only this proxy can't see it
//   it answers, but refuses the monitor (password, too many connections)             it speaks: it lives
//   it answers probes, but clients get no answers                                    a lock, a full disk, its threads
//   the replicas' SQL threads have stopped                                           that is their own trouble
//   nobody answers at all                                                            this proxy may be the one cut off
//
//   dead at once           its port refuses, and no replica that answers is connected to it any more
//   after detection_time   it is silent, and no replica that answers has received anything for as long; or its port
//                          refuses, and no replica can tell
//   never                  a replica is connected, and can't tell how long it has received nothing: without a heartbeat
//                          it looks the same when nothing is written
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failover/topology.hpp"

namespace sluice::failover {

// What a replica says of one channel.
struct ChannelView {
  std::size_t source = 0;  // a server of this cluster
  IoThread io = IoThread::connected;
  bool sql_running = true;
  std::optional<std::chrono::milliseconds> quiet_for;  // since anything, or a heartbeat, was received; nullopt: unknown
  std::chrono::milliseconds heartbeat{0};              // sent so often if nothing is written; 0: not known
  std::optional<std::uint64_t> lag_ms;
};

// What the workers saw of a server: while its probes are answered, within the last detection time; else since the first
// probe that was not.
struct DataPathView {
  std::uint32_t refused = 0;   // connections that were refused
  std::uint32_t reset = 0;     // connections that broke
  std::uint32_t silent = 0;    // statements that wait for an answer longer than that
  std::uint32_t answered = 0;  // answers
};

// A semi-synchronous leader.
struct SemiSyncView {
  std::uint32_t wanted = 0;                  // acknowledgements it waits for; 0: none
  std::uint32_t replicas = 0;                // that could give one
  std::uint32_t waiting = 0;                 // sessions that wait
  std::chrono::milliseconds waiting_for{0};  // the longest, or since when some do
};

struct Witness {
  std::string name;
  Probe probe = Probe::none;
  std::chrono::milliseconds lost_for{0};  // since the last probe that was answered
  std::string error;                      // of the last probe
  bool maintenance = false;
  DataPathView data;
  std::vector<ChannelView> channels;  // from its last answer, which is not older than the leader's last one
  SemiSyncView semi_sync;
};

struct DetectionInput {
  std::vector<Witness> servers;
  std::optional<std::size_t> leader;
  // failover.detection_time_ms. Three seconds: a server that swaps, or a switch that learns a new path, is silent for
  // one or two; a client's own timeout is seldom below five.
  std::chrono::milliseconds detection_time{3000};
  std::uint64_t lag_max_ms = 10'000;  // a replica further behind is called lagging
};

enum class Analysis : std::uint8_t {
  no_problem,
  no_leader,
  dead_leader,
  dead_leader_and_some_replicas,
  dead_leader_and_replicas,
  dead_leader_without_replicas,
  unreachable_leader,
  unreachable_leader_with_lagging_replicas,
  leader_turns_monitor_away,
  leader_hung_for_clients,
  leader_without_replicas,
  locked_semi_sync_leader_hypothesis,  // for less than the detection time
  locked_semi_sync_leader,
  all_replicas_dead,
  all_replicas_not_replicating,
  all_replicas_not_replicating_or_dead,
  sql_threads_stopped,
  some_replicas_not_replicating,
  dead_intermediate_leader,
  dead_intermediate_leader_and_some_replicas,
  dead_intermediate_leader_and_replicas,
  unreachable_intermediate_leader,
};

[[nodiscard]] std::string_view to_string(Analysis analysis);

enum class Decision : std::uint8_t {
  nothing,
  wait,       // more is to be known
  report,     // an operator ought to know; nothing is done
  fail_over,  // `server` leads no more
  repoint,    // the replicas of `server` follow the leader
};

[[nodiscard]] std::string_view to_string(Decision decision);

struct Finding {
  Analysis analysis = Analysis::no_problem;
  Decision decision = Decision::nothing;
  std::size_t server = 0;
  std::string reason;
};

// The leader's finding first, then one for each intermediate leader that is in trouble. Never empty.
[[nodiscard]] std::vector<Finding> analyse(const DetectionInput& input);

}  // namespace sluice::failover
