// Moments as the record and the status show them.
#pragma once

#include <string>

namespace sluice::failover {

// "2026-01-31 12:00:03 UTC"
[[nodiscard]] std::string utc_now();

}  // namespace sluice::failover
