#include "proxy/handshake_charset.hpp"

#include <gtest/gtest.h>

namespace sluice::proxy {
namespace {

using Row = std::vector<std::optional<std::string>>;

TEST(HandshakeCharset, IsReadFromTheServersAnswer) {
  const auto charset = charset_of_row({"utf8mb4", "latin1", "utf8mb4_unicode_520_ci"});
  ASSERT_NE(charset, nullptr);
  EXPECT_EQ(*charset, (HandshakeCharset{"'utf8mb4'", "'latin1'", "'utf8mb4_unicode_520_ci'"}));
  const auto unconverted = charset_of_row({"binary", std::nullopt, "binary"});
  ASSERT_NE(unconverted, nullptr);
  EXPECT_EQ(*unconverted, (HandshakeCharset{"'binary'", "NULL", "'binary'"}));
}

TEST(HandshakeCharset, WhatIsNoNameIsNotSaid) {
  const std::string long_name(65, 'a');
  for (const Row& row : {Row{}, Row{"utf8", "utf8"}, Row{"utf8", "utf8", "utf8_bin", "x"}, Row{std::nullopt, "a", "b"},
                         Row{"a", "b", std::nullopt}, Row{"", "a", "b"}, Row{"a", "", "b"}, Row{"a", "b", ""},
                         Row{"a'", "b", "c"}, Row{"a", "b c", "c"}, Row{"a", "b", "c\\"}, Row{"a", "b", "\xc3\xa9"},
                         Row{std::string("a\0", 2), "b", "c"}, Row{long_name, "b", "c"}}) {
    EXPECT_EQ(charset_of_row(row), nullptr) << testing::PrintToString(row);
  }
}

TEST(HandshakeCharset, IsKnownByCollationUntilForgotten) {
  HandshakeCharsets known;
  const auto one = charset_of_row({"latin1", "latin1", "latin1_swedish_ci"});
  const auto two = charset_of_row({"utf8", "utf8", "utf8_general_ci"});
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
