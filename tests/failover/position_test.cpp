#include "failover/position.hpp"

#include <gtest/gtest.h>

namespace sluice::failover {
namespace {

constexpr const char* a = "3E11FA47-71CA-11E1-9E33-C80AA9429562";
constexpr const char* b = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

struct Case {
  const char* name;
  std::string have;
  std::string wanted;
  bool contains;
};

TEST(Position, ContainsExactlyWhatIsThere) {
  const std::string lower_a = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
  const Case cases[] = {
      {"nothing wanted", "0-1-5", "", true},
      {"nothing there", "", "0-1-5", false},
      {"both nothing", "", "", true},
      {"the same", "0-1-5", "0-1-5", true},
      {"ahead, written by another server", "0-2-6", "0-1-5", true},
      {"behind by one", "0-1-4", "0-1-5", false},
      {"a domain is missing", "0-1-5", "0-1-5,1-1-1", false},
      {"a domain more", "0-1-5,1-1-1", "1-1-1", true},
      {"domains in another order", "2-1-9,0-1-5", "0-1-5,2-1-9", true},
      {"numbers, not text: 10 is after 9", "0-1-10", "0-1-9", true},
      {"mysql, the same", std::string(a) + ":1-5", std::string(a) + ":1-5", true},
      {"mysql, letter case", lower_a + ":1-5", std::string(a) + ":1-5", true},
      {"mysql, a gap", std::string(a) + ":1-3:5-9", std::string(a) + ":1-5", false},
      {"mysql, intervals that touch", std::string(a) + ":1-3:4-9", std::string(a) + ":2-8", true},
      {"mysql, a single one", std::string(a) + ":1-3:7", std::string(a) + ":7", true},
      {"mysql, one source of two", std::string(a) + ":1-3", std::string(a) + ":1-3," + b + ":1", false},
      {"mysql, as the server breaks lines", std::string(a) + ":1-3,\n" + b + ":1-2", std::string(b) + ":1-2", true},
      {"mixed kinds", "0-1-5", std::string(a) + ":1-3", false},
      {"text that is none, there", "garbage", "0-1-5", false},
      {"text that is none, wanted", "0-1-5", "garbage", false},
      {"cut short", "0-1-", "0-1-5", false},
      {"backwards interval", std::string(a) + ":5-1", std::string(a) + ":1", false},
      {"number too long", "0-1-99999999999999999999999", "0-1-5", false},
      {"uuid without intervals", std::string(a) + ":", std::string(a) + ":1", false},
  };
  for (const Case& c : cases) EXPECT_EQ(position_contains(c.have, c.wanted), c.contains) << c.name;
}

}  // namespace
}  // namespace sluice::failover
