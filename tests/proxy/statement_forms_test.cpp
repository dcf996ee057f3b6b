// The two small readers of statement texts: KILL, and questions about the statement before.
#include <gtest/gtest.h>

#include "proxy/diagnostics_statement.hpp"
#include "proxy/kill_statement.hpp"

namespace sluice::proxy {
namespace {

TEST(KillStatement, Numbers) {
  for (const char* text : {"KILL 5", "kill 5", " KILL\t5 ; ", "KILL CONNECTION 5", "KILL HARD 5",
                           "KILL SOFT CONNECTION 5", "KILL 0005", "KILL QUERY 5", "KILL SOFT query 5;"}) {
    const auto target = parse_kill(text);
    ASSERT_TRUE(target.has_value()) << text;
    EXPECT_EQ(target->id, 5U) << text;
    const std::string_view words(text);
    EXPECT_EQ(target->query_only, words.find("QUERY") != words.npos || words.find("query") != words.npos) << text;
  }
  EXPECT_EQ(parse_kill("KILL 0")->id, 0U);
  EXPECT_EQ(parse_kill("KILL 99999999999999999999999")->id, ~std::uint64_t{0});
}

TEST(KillStatement, OtherForms) {
  for (const char* text :
       {"", "KILL", "KILL USER bob5", "KILL USER 'bob5'", "KILL 5 5", "KILL CONNECTION_ID()", "KILL -5", "KILL 5.5",
        "KILL @x", "KILL 5 /* 6 */", "KILL QUERY", "KILL QUERY ID 5", "KILLER 5", "SELECT 5"}) {
    EXPECT_FALSE(parse_kill(text).has_value()) << text;
  }
}

TEST(DiagnosticsStatement, OnlyThat) {
  for (const char* text : {"SELECT ROW_COUNT()", "select found_rows() ;", "SELECT ROW_COUNT() AS n, FOUND_ROWS()",
                           "SELECT @@warning_count", "SELECT @@session.error_count", "SELECT ROW_COUNT ( )"}) {
    EXPECT_TRUE(asks_only_diagnostics(text)) << text;
  }
  for (const char* text :
       {"", "SELECT ROW_COUNT(), NEXTVAL(s)", "SELECT FOUND_ROWS(), NEXT VALUE FOR s",
        "INSERT INTO t VALUES (ROW_COUNT())", "SELECT ROW_COUNT() FROM t", "SELECT f(ROW_COUNT())",
        "SELECT ROW_COUNT() INTO @x", "SELECT s.ROW_COUNT()", "SELECT ROW_COUNT() -- x", "SELECT ROW_COUNT()+1"}) {
    EXPECT_FALSE(asks_only_diagnostics(text)) << text;
  }
  EXPECT_FALSE(asks_only_diagnostics("SELECT " + std::string(600, ' ') + "ROW_COUNT()"));
}

}  // namespace
}  // namespace sluice::proxy
