// Makes the supervisor's ClusterView of what the monitor's probes find, one after the other. Pure.
//
// Flow: `keeper.take(server, observation, asked)` for every probe that has ended (MonitorOptions::on_observation); then
// `keeper.view(now)`, nullopt until every server has been asked once.
//
// What a single probe doesn't tell is told by the difference to the one before:
//
//   received nothing since        the channel's traffic is what it was: no event, no heartbeat, no new connection
//   how long a session waits      at most since the last probe that saw none wait, at least since the first that saw
//   some acknowledged                  a leader with commits that were not, since the last probe, waits for nobody as
//   yet
//
// All times are the caller's steady clock. In doubt a replica has heard from its source a moment ago, and a leader is
// about to give up to wait.
//
// Sources: MySQL 5.6 Reference Manual, "Semisynchronous Replication Interface", "CHANGE MASTER TO"
// (MASTER_HEARTBEAT_PERIOD).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "failover/cluster_memory.hpp"
#include "failover/source_graph.hpp"
#include "failover/topology.hpp"

namespace sluice::failover {

// What the configuration says of a server.
struct ConfiguredServer {
  std::string name;  // "127.0.0.1:21001", as its replicas' channels name it
  bool ignored = false;
  int preference = 0;
};

class ViewKeeper {
 public:
  explicit ViewKeeper(std::vector<ConfiguredServer> servers);

  // A probe that began at `asked` has ended. Those of one server come in the order in which they were asked.
  void take(std::size_t server, const ServerObservation& seen, TimePoint asked);
  // What the workers saw of it: DataPathView says of which time.
  void data_path(std::size_t server, const DataPathView& data);
  // One ServerView for each server, in the order of the configuration.
  [[nodiscard]] std::optional<ClusterView> view(TimePoint now) const;

 private:
  struct Heard {
    TimePoint by;           // something had been received by then, as far as is known
    bool compared = false;  // with an earlier probe
  };
  // Of a leader's sessions that wait for acknowledgements.
  struct Waiting {
    std::optional<TimePoint> began_after;  // the longest of those that wait now; nullopt: not known
    std::optional<TimePoint> seen_since;   // nullopt: none waits
    // As of the probe whose waiting sessions are to be seen released next.
    TimePoint watched_from;
    SemiSyncObservation watched;
    bool unacknowledged = false;  // some commits since the last probe
  };
  struct Notes {
    std::optional<TimePoint> probed;
    Probe probe = Probe::none;
    std::string error;
    std::optional<TimePoint> answered;
    std::uint64_t runs = 0;
    std::vector<Heard> heard;  // by channel
    Waiting waiting;
    DataPathView data;
  };

  [[nodiscard]] std::vector<Heard> compare_traffic(std::size_t server, const ServerObservation& seen,
                                                   TimePoint asked) const;
  [[nodiscard]] Waiting compare_waiting(std::size_t server, const ServerObservation& seen, TimePoint asked) const;
  void fill_channels(std::size_t server, const SourceGraph& graph, ServerView& view) const;
  void fill_acknowledgements(std::size_t server, ServerView& view) const;

  std::vector<ConfiguredServer> configured_;
  std::vector<std::string> names_;
  std::vector<Notes> notes_;
  std::vector<ServerObservation> answers_;  // the last one of each
};

}  // namespace sluice::failover
