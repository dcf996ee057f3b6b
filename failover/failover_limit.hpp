// How often the leader may be changed without an operator: flapping costs more than a leader that is away. Pure.
//
// Flow: `if (auto why = limit.what_forbids(now); why.empty()) …`; `limit.note(now)` when another one was promoted;
// `limit.reset()` when an operator has looked at it.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <string>

#include "failover/action.hpp"

namespace sluice::failover {

struct FailoverLimitOptions {
  std::size_t failovers_max = 5;          // failover.limit: so many within `window`; then an operator has to look
  std::chrono::seconds window{3600};      // failover.limit_window_ms
  std::chrono::seconds interval_min{60};  // failover.interval_min_ms: between one and the next
};

class FailoverLimit {
 public:
  explicit FailoverLimit(FailoverLimitOptions options) : options_(options) {}

  // Empty: nothing does.
  [[nodiscard]] std::string what_forbids(TimePoint now) const;
  void note(TimePoint now);
  void reset() { done_.clear(); }

 private:
  FailoverLimitOptions options_;
  std::deque<TimePoint> done_;  // at most `failovers_max`
};

}  // namespace sluice::failover
