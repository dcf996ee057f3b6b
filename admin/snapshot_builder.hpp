// Makes what the workers route by: the configuration's clusters and accounts, joined with what the monitors saw and
// with the numeric addresses of the servers. Pure.
//
// Flow: `auto next = build_snapshot({config, states, addresses, previous.get()});` at each change, then `publish`.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "admin/config.hpp"
#include "failover/topology.hpp"
#include "proxy/snapshot.hpp"

namespace sluice::admin {

// Per cluster and server, in the configuration's order. nullopt: the name is not resolved (yet).
using ServerAddresses = std::vector<std::vector<std::optional<io::Endpoint>>>;

struct SnapshotInput {
  const Config& config;
  const std::vector<failover::ClusterState>& states;  // one per cluster; servers may be empty: nothing is known yet
  const ServerAddresses& addresses;
  const proxy::Snapshot* previous = nullptr;  // what was last known of a leader's version is kept while there is none
};

[[nodiscard]] proxy::SnapshotPtr build_snapshot(const SnapshotInput& input);

// "5.5.5-10.11.6-MariaDB-log" is 101106, "5.6.24" is 50624; 0: not a version. MariaDB before 11 puts "5.5.5-" in front
// for old replicas' sake.
[[nodiscard]] std::uint32_t version_number(std::string_view version);

}  // namespace sluice::admin
