#include "proxy/state/logon_state.hpp"

#include <gtest/gtest.h>

namespace sluice::proxy {
namespace {

using Row = std::vector<std::optional<std::string>>;

TEST(LogonState, IsReadFromTheServersAnswer) {
  const auto logon = logon_of_row({"utf8mb4", "latin1", "utf8mb4_unicode_520_ci", "1", "0"});
  ASSERT_NE(logon, nullptr);
  EXPECT_EQ(*logon, (LogonState{"'utf8mb4'", "'latin1'", "'utf8mb4_unicode_520_ci'", true, false}));
  const auto unconverted = logon_of_row({"binary", std::nullopt, "binary", "0", "1"});
  ASSERT_NE(unconverted, nullptr);
  EXPECT_EQ(*unconverted, (LogonState{"'binary'", "NULL", "'binary'", false, true}));
}

TEST(LogonState, WhatIsNoNameIsNotSaid) {
  const std::string long_name(65, 'a');
  for (const Row& row : {Row{std::nullopt, "a", "b"}, Row{"a", "b", std::nullopt}, Row{"", "a", "b"}, Row{"a", "", "b"},
                         Row{"a", "b", ""}, Row{"a'", "b", "c"}, Row{"a", "b c", "c"}, Row{"a", "b", "c\\"},
                         Row{"a", "b", "\xc3\xa9"}, Row{std::string("a\0", 2), "b", "c"}, Row{long_name, "b", "c"}}) {
    Row all = row;
    all.emplace_back("1");
    all.emplace_back("1");
    EXPECT_EQ(logon_of_row(all), nullptr) << testing::PrintToString(all);
  }
  for (const Row& row :
       {Row{}, Row{"utf8", "utf8", "utf8_bin", "1"}, Row{"utf8", "utf8", "utf8_bin", "1", "x"},
        Row{"utf8", "utf8", "utf8_bin", "1", "1", "1"}, Row{"utf8", "utf8", "utf8_bin", "2", "1"},
        Row{"utf8", "utf8", "utf8_bin", "", "0"}, Row{"utf8", "utf8", "utf8_bin", "1", std::nullopt}}) {
    EXPECT_EQ(logon_of_row(row), nullptr) << testing::PrintToString(row);
  }
}

TEST(LogonState, IsKnownByCollationUntilForgotten) {
  LogonStates known;
  const auto one = logon_of_row({"latin1", "latin1", "latin1_swedish_ci", "1", "1"});
  const auto two = logon_of_row({"utf8", "utf8", "utf8_general_ci", "1", "1"});
  known.learn(8, one);
  known.learn(33, two);
  EXPECT_EQ(known.find(8), one);
  EXPECT_EQ(known.find(33), two);
  EXPECT_EQ(known.find(45), nullptr);
  known.forget();
  EXPECT_EQ(known.find(8), nullptr);
}

}  // namespace
}  // namespace sluice::proxy
