#include "admin/units.hpp"

#include <gtest/gtest.h>

namespace sluice::admin {
namespace {

TEST(Units, ReadsWholeNumbersWithASuffixOfTheUnit) {
  EXPECT_EQ(parse_quantity("1500", Unit::milliseconds), 1500U);
  EXPECT_EQ(parse_quantity("500ms", Unit::milliseconds), 500U);
  EXPECT_EQ(parse_quantity("10 s", Unit::milliseconds), 10'000U);
  EXPECT_EQ(parse_quantity("5m", Unit::milliseconds), 300'000U);
  EXPECT_EQ(parse_quantity("8h", Unit::milliseconds), 28'800'000U);
  EXPECT_EQ(parse_quantity("256KiB", Unit::bytes), 262'144U);
  EXPECT_EQ(parse_quantity("1GiB", Unit::bytes), 1ULL << 30);
}

TEST(Units, RefusesWhatIsNotExact) {
  for (const char* bad :
       {"", "s", "1.5s", "-1s", "10 apples", "10ss", "18446744073709551615h", "99999999999999999999"}) {
    EXPECT_EQ(parse_quantity(bad, Unit::milliseconds), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_quantity("10s", Unit::bytes), std::nullopt);
  EXPECT_EQ(parse_quantity("10s", Unit::none), std::nullopt);
}

TEST(Units, WritesTheShortestExactForm) {
  EXPECT_EQ(format_quantity(10'000, Unit::milliseconds), "10s");
  EXPECT_EQ(format_quantity(1'500, Unit::milliseconds), "1500ms");
  EXPECT_EQ(format_quantity(262'144, Unit::bytes), "256KiB");
  EXPECT_EQ(format_quantity(1'000, Unit::bytes), "1000");
  EXPECT_EQ(format_quantity(0, Unit::milliseconds), "0");
  EXPECT_EQ(format_quantity(42, Unit::none), "42");
}

}  // namespace
}  // namespace sluice::admin
