// The changes of leader since the start, for operators: bounded, the oldest are forgotten.
//
// Flow: `report.number = history.next_number()`; `history.note(report)` when it begins and when it is over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "admin/change.hpp"

namespace sluice::admin {

class ChangeHistory {
 public:
  static constexpr std::size_t reports_max = 1'000;

  [[nodiscard]] std::uint64_t next_number() { return ++last_number_; }
  // Takes the place of the report with its number, if there is one.
  void note(const ChangeReport& report);
  [[nodiscard]] std::vector<ChangeReport> all() const { return {reports_.begin(), reports_.end()}; }

 private:
  std::uint64_t last_number_ = 0;
  std::deque<ChangeReport> reports_;  // oldest first
};

}  // namespace sluice::admin
