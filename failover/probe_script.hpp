// What a probe asks a server, and what the answers say. Pure: statements out, result tables in.
//
// Flow: connect; `ServerKind kind = ServerKind::from_version(text)`; send `kind.probe_statements()` as one query; then
// `read_probe(kind, tables, observation)`.
//
// Sources: MariaDB Knowledge Base, "SHOW REPLICA STATUS", "Global Transaction ID"; MySQL 5.6 and 8.4 Reference Manual,
// "SHOW SLAVE STATUS Statement", "SHOW REPLICA STATUS Statement", "Replication and Binary Logging Options",
// "Semisynchronous Replication", "Server Status Variables".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "failover/topology.hpp"

namespace sluice::failover {

struct ResultTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;  // nullopt: NULL
};

struct ServerKind {
  Flavour flavour = Flavour::unknown;
  std::uint32_t number = 0;  // 101119 for 10.11.19, 50624 for 5.6.24; 0: no version could be read

  // From the version text, with or without the "5.5.5-" that MariaDB 10 puts in front for old replicas.
  [[nodiscard]] static ServerKind from_version(std::string_view version);
  // The text as the server's greeting has it, from the driver's, which leaves "5.5.5-" out.
  [[nodiscard]] std::string greeting_version(std::string_view driver_version) const;
  // Three statements in one text: names with values, variables, replication channels. In this order: a transaction that
  // is executed before the leader was seen to wait for acknowledgements may have none.
  [[nodiscard]] std::string probe_statements() const;
  // The privilege that the last statement needs.
  [[nodiscard]] std::string_view privilege() const;
};

// Of a SELECT: when the server was started, in seconds since 1970 by its own clock: another number for each run. Exact,
// because both sides of the difference come from the statement's start.
[[nodiscard]] std::string instance_expression(const ServerKind& kind);

// Fills all that a probe asks for. False: the tables are not what was asked for; `observation`
// may then be filled in part.
[[nodiscard]] bool read_probe(const ServerKind& kind, const std::vector<ResultTable>& tables,
                              ServerObservation& observation);

}  // namespace sluice::failover
