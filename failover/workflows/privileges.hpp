// What an account has to be allowed to change leaders, and what of it is missing. Pure.
//
// Flow: `auto missing = missing_privileges(kind, table)`, of the answer to `SHOW GRANTS`, which every account may ask.
//
// Sources: MariaDB Knowledge Base, "GRANT" (which statement needs what; SUPER was split in 10.5, and lost what it was
// split into in 10.11); MySQL 8.0 Reference Manual, "SHOW GRANTS".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "failover/probe_script.hpp"
#include "failover/topology.hpp"

namespace sluice::failover {

// Everything that the workflows say and ask.
[[nodiscard]] std::vector<std::string_view> privileges_to_act(const ServerKind& kind);
// Of those, what these grants don't give on all schemas.
[[nodiscard]] std::vector<std::string_view> missing_privileges(const ServerKind& kind, const ResultTable& grants);

// "RELOAD, SUPER"
[[nodiscard]] std::string listed(const std::vector<std::string_view>& privileges);

}  // namespace sluice::failover
