// Everything that an operator may look at, gathered at one moment; and the interface that gathers it. The SQL port, the
// metrics page and the tests all see the process through it.
//
// Flow: `source.gather([](std::shared_ptr<const AdminState> state) { … })`; the callback comes on the control thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/change.hpp"
#include "admin/config_listing.hpp"
#include "admin/events.hpp"
#include "failover/topology.hpp"
#include "proxy/report.hpp"

namespace sluice::admin {

struct ProcessInfo {
  std::string version;
  std::int64_t pid = 0;
  std::string io;
  std::string io_reason;
  std::uint32_t workers = 0;
  std::string listening;  // comma separated
  std::string config;
  std::string state;             // "running", "draining"
  std::uint64_t started_ms = 0;  // since 1970, UTC
  std::uint64_t uptime_ms = 0;
};

struct AdminState {
  ProcessInfo process;
  proxy::Report report;
  std::vector<failover::ClusterState> clusters;
  std::vector<std::vector<bool>> maintenance;  // of each cluster, by server; empty: none is
  std::vector<LoggedEvent> events;
  std::vector<ChangeReport> changes;  // oldest first
  std::vector<Setting> settings;
};

class StateSource {
 public:
  using Gathered = std::function<void(std::shared_ptr<const AdminState>)>;
  virtual ~StateSource() = default;

  // `done` is called once, on the control thread, never from inside `gather`.
  virtual void gather(Gathered done) = 0;
  virtual void kill(std::uint32_t session) = 0;
  virtual void shutdown() = 0;  // drain, then exit
  // What an operator asks for; `done` is called once, on the control thread, when it is over (`outcome` and `reason`
  // say how), never from inside `carry_out`.
  virtual void carry_out(Order order, ChangeDone done) = 0;
};

}  // namespace sluice::admin
