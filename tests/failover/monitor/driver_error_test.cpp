#include "failover/monitor/driver_error.hpp"

#include <gtest/gtest.h>

namespace sluice::failover {
namespace {

struct ExplainCase {
  unsigned code;
  const char* version;
  const char* part;
};

TEST(Explain, NamesTheRemedy) {
  const ExplainCase cases[] = {
      {1045, "", "account needs REPLICATION CLIENT (MySQL) or SLAVE MONITOR"},
      {1045, "5.6.24", "GRANT REPLICATION CLIENT ON *.* TO 'mon'@'…'"},
      {1227, "10.11.6-MariaDB", "GRANT SLAVE MONITOR ON *.* TO 'mon'@'…'"},
      {1227, "10.4.6-MariaDB", "GRANT REPLICATION CLIENT ON *.*"},
      {1130, "", "create it for this host"},
      {1129, "", "FLUSH HOSTS"},
      {1040, "", "max_connections"},
  };
  for (const auto& it : cases) {
    const auto text = explain({it.code, "told", false}, ServerKind::from_version(it.version), "mon");
    EXPECT_TRUE(text.starts_with("told (" + std::to_string(it.code) + "): ")) << text;
    EXPECT_NE(text.find(it.part), std::string::npos) << text;
  }
  EXPECT_EQ(explain({2013, "lost", false}, {}, "mon"), "lost (2013)");
  EXPECT_EQ(explain({0, "no answer within 5 ms", true}, {}, "mon"), "no answer within 5 ms");
}

TEST(Explain, KeepsControlCharactersOut) {
  EXPECT_EQ(explain({9, "a\nb\x1b[2Jc\x7f", false}, {}, ""), "a b [2Jc  (9)");
}

TEST(IsConnectionLost, AsksForASecondTryOnlyWhereItCanHelp) {
  for (const unsigned code : {2006U, 2013U, 1053U, 1158U, 1927U, 4031U})
    EXPECT_TRUE(is_connection_lost({code, "", false})) << code;
  for (const unsigned code : {2002U, 1045U, 1227U, 1040U, 0U})
    EXPECT_FALSE(is_connection_lost({code, "", false})) << code;
  EXPECT_FALSE(is_connection_lost({2013, "", true}));
}

TEST(IsTooLate, IsOurBoundOrThatOfTheDriversTlsHandshake) {
  EXPECT_TRUE(is_too_late({0, "no connection within 5 ms", true}));
  EXPECT_TRUE(is_too_late({2026, "TLS/SSL error: Connection timed out (110)", false}));
  EXPECT_FALSE(is_too_late({2026, "TLS/SSL error: wrong version number", false}));
  EXPECT_FALSE(is_too_late({2003, "Can't connect to server on '10.0.0.1' (110)", false}));
  EXPECT_FALSE(is_too_late({1045, "Access denied (110)", false}));
}

}  // namespace
}  // namespace sluice::failover
