#include "admin/change_history.hpp"

#include <gtest/gtest.h>

namespace sluice::admin {
namespace {

ChangeReport report(std::uint64_t number, const std::string& reason) {
  ChangeReport made;
  made.number = number;
  made.reason = reason;
  return made;
}

TEST(ChangeHistory, AReportIsReplacedWhenTheChangeIsOver) {
  ChangeHistory history;
  const auto first = history.next_number();
  const auto second = history.next_number();
  ASSERT_NE(first, second);
  history.note(report(first, "begins"));
  history.note(report(second, "another cluster's"));
  history.note(report(first, "is over"));
  const auto all = history.all();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].reason, "is over");
  EXPECT_EQ(all[1].reason, "another cluster's");
}

TEST(ChangeHistory, ForgetsTheOldest) {
  ChangeHistory history;
  for (std::size_t i = 0; i <= ChangeHistory::reports_max; ++i) history.note(report(history.next_number(), ""));
  const auto all = history.all();
  ASSERT_EQ(all.size(), ChangeHistory::reports_max);
  EXPECT_EQ(all.front().number, 2U);
}

}  // namespace
}  // namespace sluice::admin
