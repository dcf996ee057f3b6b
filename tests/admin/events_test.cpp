#include "admin/events.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sluice::admin {
namespace {

TEST(EventLog, KeepsTheLastOnesAndNumbersAll) {
  EventLog log(3);
  for (int i = 1; i <= 5; ++i) log.add(1000 + i, {proxy::Severity::info, "k", std::to_string(i)});
  const auto all = log.all();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all.front().number, 3U);
  EXPECT_EQ(all.back().event.text, "5");
  EXPECT_EQ(all.back().time_ms, 1005U);
}

TEST(EventLog, GivesWhatCameAfter) {
  EventLog log(3);
  for (int i = 1; i <= 5; ++i) log.add(0, {proxy::Severity::info, "k", std::to_string(i)});
  EXPECT_EQ(log.after(5).size(), 0U);
  ASSERT_EQ(log.after(4).size(), 1U);
  EXPECT_EQ(log.after(4)[0].event.text, "5");
  EXPECT_EQ(log.after(1).front().number, 3U) << "2 was pushed out";
}

TEST(EventLog, BoundsTheText) {
  EventLog log(1);
  log.add(0, {proxy::Severity::error, "k", std::string(100'000, 'x')});
  EXPECT_EQ(log.all()[0].event.text.size(), EventLog::text_max);
}

}  // namespace
}  // namespace sluice::admin
