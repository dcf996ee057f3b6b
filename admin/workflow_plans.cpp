#include "admin/workflow_plans.hpp"

#include <chrono>
#include <utility>

namespace sluice::admin {

using std::chrono::milliseconds;

namespace {

template <class Plan>
Plan with_common(Plan plan, const FailoverSettings& bounds) {
  plan.hook_before = bounds.hook_before;
  plan.hook_after = bounds.hook_after;
  plan.step_max = milliseconds(bounds.switchover_step_max_ms);
  plan.hook_max = milliseconds(bounds.hook_max_ms);
  plan.answer_grace = milliseconds(bounds.answer_grace_ms);
  return plan;
}

}  // namespace

failover::FailoverPlan failover_plan(const FailoverSettings& bounds) {
  failover::FailoverPlan plan;
  plan.known.loss = bounds.loss;
  plan.known.loss_max = bounds.loss_max;
  plan.fence_max = milliseconds(bounds.fence_max_ms);
  plan.freeze_max = milliseconds(bounds.freeze_max_ms);
  plan.stop_io_max = milliseconds(bounds.stop_io_max_ms);
  plan.apply_max = milliseconds(bounds.apply_max_ms);
  return with_common(std::move(plan), bounds);
}

failover::SwitchoverPlan switchover_plan(const FailoverSettings& bounds) {
  failover::SwitchoverPlan plan;
  plan.drain_max = milliseconds(bounds.switchover_drain_max_ms);
  plan.stall_max = milliseconds(bounds.switchover_stall_max_ms);
  return with_common(std::move(plan), bounds);
}

}  // namespace sluice::admin
