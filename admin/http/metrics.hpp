// The state as Prometheus text. Pure.
// Source: Prometheus documentation, "Exposition formats", text format.
//
// Flow: `write_metrics(state)` is the body of GET /metrics.
#pragma once

#include <string>

#include "admin/state.hpp"

namespace sluice::admin {

[[nodiscard]] std::string write_metrics(const AdminState& state);

// Every cluster has a leader: statements find a home. Otherwise `why` says which one has none.
struct Readiness {
  bool ready = true;
  std::string why = "ready";
};
[[nodiscard]] Readiness readiness(const AdminState& state);

}  // namespace sluice::admin
