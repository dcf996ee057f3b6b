// Replication positions as GTID sets: whether one server has everything that another has. Pure.
// MariaDB: "0-1-100,2-5-7", one last transaction per domain (knowledge base, "Global Transaction ID").
// MySQL: "uuid:1-5:7,uuid2:3", sets of intervals (reference manual, "GTID Format and Storage").
#pragma once

#include <string_view>

namespace sluice::failover {

// Everything in `wanted` is in `have`. False if either can't be read: in doubt it is not there. An empty `wanted` is
// contained in anything, an empty `have` contains only that.
[[nodiscard]] bool position_contains(std::string_view have, std::string_view wanted);

}  // namespace sluice::failover
