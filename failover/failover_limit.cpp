#include "failover/failover_limit.hpp"

#include <algorithm>

namespace sluice::failover {

using std::chrono::seconds;

std::string FailoverLimit::what_forbids(TimePoint now) const {
  const auto recent =
      std::count_if(done_.begin(), done_.end(), [&](TimePoint at) { return now < at + options_.window; });
  if (static_cast<std::size_t>(recent) >= options_.failovers_max)
    return "there were " + std::to_string(recent) + " failovers within " + std::to_string(options_.window.count()) +
           " s (failover.limit)";
  if (done_.empty() || now >= done_.back() + options_.interval_min) return {};
  const auto left = std::chrono::ceil<seconds>(done_.back() + options_.interval_min - now);
  return "the last failover is less than " + std::to_string(options_.interval_min.count()) +
         " s ago (failover.interval_min_ms), " + std::to_string(left.count()) + " s more";
}

void FailoverLimit::note(TimePoint now) {
  done_.push_back(now);
  if (done_.size() > options_.failovers_max) done_.pop_front();
}

}  // namespace sluice::failover
