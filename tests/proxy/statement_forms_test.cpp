// The two small readers of statement texts: KILL, and questions about the statement before.
#include <gtest/gtest.h>

#include "proxy/diagnostics_statement.hpp"
#include "proxy/kill_statement.hpp"

namespace sluice::proxy {
namespace {

using Target = KillStatement::Target;

TEST(KillStatement, Numbers) {
  for (const char* text : {"KILL 5", "kill 5", " KILL\t5 ; ", "KILL CONNECTION 5", "KILL HARD 5", "KILL 5 /* 6 */",
                           "KILL SOFT CONNECTION 5", "KILL 0005", "KILL QUERY 5", "KILL SOFT query 5;"}) {
    const auto kill = parse_kill(text, {});
    ASSERT_EQ(kill.target, Target::id) << text;
    EXPECT_EQ(kill.id, 5U) << text;
    const std::string_view words(text);
    EXPECT_EQ(kill.query_only, words.find("QUERY") != words.npos || words.find("query") != words.npos) << text;
    EXPECT_EQ(kill.soft, words.find("SOFT") != words.npos) << text;
  }
  EXPECT_EQ(parse_kill("KILL 0", {}).id, 0U);
  EXPECT_EQ(parse_kill("KILL 99999999999999999999999", {}).id, ~std::uint64_t{0});
  EXPECT_EQ(parse_kill("KILL SOFT QUERY 5", {}).with_id(7), "KILL SOFT QUERY 7");
  EXPECT_EQ(parse_kill("KILL HARD CONNECTION 5", {}).with_id(7), "KILL 7");
}

TEST(KillStatement, Expressions) {
  for (const char* text : {"5 5", "CONNECTION_ID()", "-5", "5.5", "@x", "QUERY - 5", "((5) + 1)", "0x5"}) {
    const std::string sql = std::string("KILL /* it */ CONNECTION ") + text + " ; ";
    const auto kill = parse_kill(sql, {});
    EXPECT_EQ(kill.target, Target::expression) << text;
    EXPECT_EQ(kill.expression, text);
  }
  EXPECT_EQ(parse_kill("/*!50000 KILL @x */", {}).expression, "@x");
  EXPECT_EQ(parse_kill("KILL (SELECT 5)", {}).target, Target::expression);
  EXPECT_EQ(parse_kill("KILL (SELECT 5)", {}).expression, "") << "is refused";
}

TEST(KillStatement, WhatTheServerKnows) {
  for (const char* text :
       {"", "KILL", "KILL USER bob5", "KILL USER 'bob5'", "KILL QUERY", "KILL QUERY ID 5", "KILL QUERY USER bob",
        "KILL 'x", "KILL 1) AS SIGNED), (SELECT 2", "KILL (1", "KILLER 5", "SELECT 5"}) {
    EXPECT_EQ(parse_kill(text, {}).target, Target::other) << text;
  }
  // MySQL knows neither.
  EXPECT_EQ(parse_kill("KILL USER 5", {.mariadb = false}).expression, "USER 5");
  EXPECT_EQ(parse_kill("KILL SOFT 5", {.mariadb = false}).expression, "SOFT 5");
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
