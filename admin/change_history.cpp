#include "admin/change_history.hpp"

#include <algorithm>

namespace sluice::admin {

void ChangeHistory::note(const ChangeReport& report) {
  const auto same = std::ranges::find(reports_, report.number, &ChangeReport::number);
  if (same != reports_.end()) {
    *same = report;
    return;
  }
  reports_.push_back(report);
  if (reports_.size() > reports_max) reports_.pop_front();
}

}  // namespace sluice::admin
