// proxy/state/setting_literal: a variable's value as it is said in SET.
#include "proxy/state/setting_literal.hpp"

#include <gtest/gtest.h>

namespace sluice::proxy {
namespace {

TEST(SettingLiteral, NumbersAreBareTextIsQuoted) {
  for (const char* number : {"0", "1", "1000000", "-1", "10.000000", "18446744073709551615"}) {
    EXPECT_EQ(setting_literal(number), number);
  }
  for (const char* text : {"", "STRICT_TRANS_TABLES,ANSI", "+02:00", "-", "1.", ".5", "1.2.3", "--1", "1e5", "-.1", "*",
                           "REPEATABLE-READ", "index_merge=on,mrr=off"}) {
    EXPECT_EQ(setting_literal(text), "'" + std::string(text) + "'");
  }
  EXPECT_EQ(setting_literal(std::nullopt), "NULL");
}

TEST(SettingLiteral, WhatCouldEndTheQuotesOrMeanSomethingElseIsNone) {
  for (const std::string& text :
       {std::string("it's"), std::string("a\\"), std::string("a\"b"), std::string("a`b"), std::string("a\nb"),
        std::string("\xc3\xa4"), std::string("a\0b", 3), std::string("\0001", 2), std::string(4097, 'a')}) {
    EXPECT_EQ(setting_literal(text), std::nullopt) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace sluice::proxy
