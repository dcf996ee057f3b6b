// The bounds and hooks of a change of leader, as the configuration has them. Who takes part in it, and under which
// epoch, is added by whoever carries it out.
#pragma once

#include "admin/config.hpp"
#include "failover/failover.hpp"
#include "failover/switchover.hpp"

namespace sluice::admin {

[[nodiscard]] failover::FailoverPlan failover_plan(const FailoverSettings& bounds);
[[nodiscard]] failover::SwitchoverPlan switchover_plan(const FailoverSettings& bounds);

}  // namespace sluice::admin
